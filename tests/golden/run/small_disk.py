"""Runs a command with a disk of 64 KiB mounted on a folder, and lists what the command leaves there.

    small_disk.py FOLDER COMMAND...

The mount is in a namespace of its own: it needs root or user namespaces (lit.cfg.py asks), and goes with the command.
Exits with the command's status.
"""
import os
import subprocess
import sys

folder, command = sys.argv[1], sys.argv[2:]
os.makedirs(folder, exist_ok=True)
inside = 'mount -t tmpfs -o size=64k none "$0" && { "$@"; status=$?; echo "left behind:" $(ls -A "$0"); exit $status; }'
sys.exit(subprocess.run(["unshare", "-rm", "sh", "-c", inside, folder] + command).returncode)
