"""Ends a training run with a signal after whoever read its console has gone, as `pprun ... | tee log` and Ctrl-C do.

    closed_console.py SAVED METRICS COMMAND...

Prints the exit status, whether the weights were saved, and what the run is called while it runs.
"""
import pathlib
import signal
import subprocess
import sys
import time

saved, metrics, command = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
for left_over in (saved, metrics):
    left_over.unlink(missing_ok=True)
run = subprocess.Popen(command + ["--save", saved, "--metrics", metrics], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       restore_signals=True)
run.stdout.readline()
run.stdout.close()
while (not metrics.exists() or metrics.read_text().count("\n") < 20) and run.poll() is None:
    time.sleep(0.01)
name = pathlib.Path(f"/proc/{run.pid}/comm").read_text().strip() if run.poll() is None else "gone"
run.send_signal(signal.SIGINT)
print("exit status", run.wait(), "saved" if saved.exists() else "lost", "as", name)
