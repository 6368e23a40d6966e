"""Ends a training run with a signal, as Ctrl-C or a batch system does, and compares what it saved with a whole run of as
many steps.

    interrupt.py SIGNAL SCRATCH COMMAND...

SIGNAL is SIGINT or SIGTERM; SCRATCH the beginning of the names of scratch files; COMMAND a pprun command line without --save and --metrics.
Prints what the interrupted run printed, its exit status, and the outcome of the comparison.
"""
import pathlib
import signal
import subprocess
import sys
import time

number, scratch, command = signal.Signals[sys.argv[1]], sys.argv[2], sys.argv[3:]
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
run.send_signal(number)
print(run.communicate()[0], end="")
print("exit status", run.returncode)

subprocess.run(command + ["--save", whole, "--quiet", "--steps", str(steps())], check=True)
same = interrupted.read_bytes() == whole.read_bytes()
print("weights", "equal" if same else "differ from", "those of a run of", steps(), "steps")
