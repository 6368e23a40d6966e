"""Runs a command on one core, whatever the machine has: on_one_core.py COMMAND..."""
import os
import sys

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.execvp(sys.argv[1], sys.argv[1:])
