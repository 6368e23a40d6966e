"""Starts a run of several processes, kills one of its ranks, and waits for the others.

    kill_rank.py RANK SCRATCH COMMAND...

SCRATCH is the beginning of the names of scratch files; COMMAND a pprun command line without --metrics. Prints what the
run printed, its exit status, and how many of its processes are left.
"""
import os
import pathlib
import subprocess
import sys
import time

rank, metrics, command = sys.argv[1], pathlib.Path(sys.argv[2] + ".jsonl"), sys.argv[3:]
metrics.unlink(missing_ok=True)
# Marks the run's processes, whoever their parent is then.
mark = f"PPRUN_TEST_RUN={os.getpid()}.{time.time()}"
name, value = mark.split("=")


def processes():
    """The environments of the run's processes, by id."""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/environ") as file:
                variables = file.read().split("\0")
            with open(f"/proc/{entry}/stat") as file:
                state = file.read().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if mark in variables and state != "Z":
            found[int(entry)] = variables
    return found


def steps():
    return metrics.read_text().count("\n") if metrics.exists() else 0


run = subprocess.Popen(command + ["--metrics", metrics], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       env=dict(os.environ, **{name: value}))
while steps() < 5 and run.poll() is None:
    time.sleep(0.01)
for number, variables in processes().items():
    if f"PPRUN_RANK={rank}" in variables:
        os.kill(number, 9)
print(run.communicate(timeout=60)[0], end="")
status = run.returncode if run.returncode >= 0 else 128 - run.returncode
print(f"exit status {status}, {len(processes())} processes left")
