"""Runs the ranks of a plan on three machines that are network namespaces on one bridge.

    hosts.py HOW SCRATCH COMMAND...

Ranks 0 and 1 are on h0, 2 on h1, 3 on h2, started as torchrun would. h0 calls itself 127.0.1.1, as Debian does; h1 has an
interface more that nobody else reaches; the clock of h2 is a thousand seconds ahead. HOW is `name`: they meet at the name
of h0; `address`: at its IPv6 address, and all machines have the same name; `cut`: as `name`, and after five steps the link
of h2 goes down, without a word to anybody. SCRATCH is the beginning of the names of scratch files; COMMAND a pprun command
line without --metrics. Prints what each rank printed, and its exit status.
"""
import os
import pathlib
import subprocess
import sys
import time

if os.environ.get("PPRUN_TEST_HOSTS") is None:
    os.environ["PPRUN_TEST_HOSTS"] = "inside"
    os.execvp("unshare", ["unshare", "-r", "--net", "--mount", sys.executable] + sys.argv)

how, scratch, command = sys.argv[1], sys.argv[2], sys.argv[3:]
HOST_OF_RANK = [0, 0, 1, 2]


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


class Host:
    """A namespace of its own for names, files and the network; it lives as long as a shell that waits."""

    def __init__(self, number):
        name = "localhost" if how == "address" else f"h{number}"
        names = pathlib.Path(f"{scratch}.h{number}.hosts")
        others = "".join(f"10.77.0.{i + 1} h{i}\n" for i in range(3) if i != number)
        names.write_text(f"127.0.0.1 localhost\n127.0.1.1 h{number}\n{others}")
        self.shell = subprocess.Popen(
            ["unshare", "--net", "--uts", "--mount", "sh", "-c",
             f"hostname {name} && mount --bind {names} /etc/hosts && echo up && read wait"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.shell.stdout.readline()
        self.link = f"to_h{number}"
        run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", str(self.shell.pid))
        run("ip", "link", "set", self.link, "master", "switch", "up")
        self.run("ip", "address", "add", f"10.77.0.{number + 1}/24", "dev", "eth0")
        self.run("ip", "address", "add", f"fd77::{number + 1}/64", "dev", "eth0", "nodad")
        for device in ("lo", "eth0"):
            self.run("ip", "link", "set", device, "up")

    def words(self, *words):
        return ["nsenter", "-t", str(self.shell.pid), "-n", "-u", "-m", *words]

    def run(self, *words):
        run(*self.words(*words))


run("ip", "link", "add", "switch", "type", "bridge")
run("ip", "link", "set", "switch", "up")
hosts = [Host(number) for number in range(3)]
hosts[1].run("ip", "link", "add", "alone", "type", "bridge")
hosts[1].run("ip", "address", "add", "10.99.0.1/24", "dev", "alone")
hosts[1].run("ip", "link", "set", "alone", "up")

metrics = pathlib.Path(scratch + ".jsonl")
metrics.unlink(missing_ok=True)
ranks = []
for rank, host in enumerate(HOST_OF_RANK):
    environment = dict(os.environ, RANK=str(rank), WORLD_SIZE="4", LOCAL_RANK=str(HOST_OF_RANK[:rank].count(host)),
                       LOCAL_WORLD_SIZE=str(HOST_OF_RANK.count(host)), MASTER_PORT="29500", TORCHELASTIC_RUN_ID="none",
                       MASTER_ADDR="fd77::1" if how == "address" else "h0")
    clock = ["unshare", "--time", "--monotonic", "1000"] if host == 2 else []
    ranks.append(subprocess.Popen(hosts[host].words(*clock, *command, "--metrics", metrics), env=environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
if how == "cut":
    while ranks[0].poll() is None and not (metrics.exists() and metrics.read_text().count("\n") >= 5):
        time.sleep(0.01)
    run("ip", "link", "set", hosts[2].link, "down")
for rank, process in enumerate(ranks):
    said = process.communicate(timeout=60)[0]
    print(f"rank {rank}: exit status {process.returncode}")
    print("".join(f"  {line}\n" for line in said.splitlines()), end="")
for host in hosts:
    host.shell.stdin.close()
    host.shell.wait()
