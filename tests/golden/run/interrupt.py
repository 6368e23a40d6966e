"""Interrupts a training run as Ctrl-C does, and compares what it saved with an uninterrupted run of as many steps.

    interrupt.py SCRATCH COMMAND...

SCRATCH is the beginning of the names of scratch files; COMMAND a pprun command line without --save and --metrics.
Prints what the interrupted run printed, its exit status, and the outcome of the comparison.
"""
import pathlib
import signal
import subprocess
import sys
import time

scratch, command = sys.argv[1], sys.argv[2:]
metrics = pathlib.Path(scratch + ".jsonl")
interrupted = pathlib.Path(scratch + ".interrupted.safetensors")
whole = pathlib.Path(scratch + ".whole.safetensors")
for left_over in (metrics, interrupted, whole):
    left_over.unlink(missing_ok=True)


def steps():
    return metrics.read_text().count("\n") if metrics.exists() else 0


run = subprocess.Popen(command + ["--save", interrupted, "--metrics", metrics],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
while steps() < 20 and run.poll() is None:
    time.sleep(0.01)
run.send_signal(signal.SIGINT)
print(run.communicate()[0], end="")
print("exit status", run.returncode)

subprocess.run(command + ["--save", whole, "--quiet", "--steps", str(steps())], check=True)
same = interrupted.read_bytes() == whole.read_bytes()
print("weights", "equal" if same else "differ from", "those of a run of", steps(), "steps")
