#!/usr/bin/env python3
"""Compares pprun with PyTorch on one GPU and prints tables; tests/gpu/bench.sh builds what it needs and calls it.

    python3 tests/gpu/bench.py --pprun build/gpu/runtime/pprun --plans FOLDER [--shapes 124M,774M] [--modes default]

The plans are those of `tests/gpu/make_plans.sh --bench`. Each side takes the batch that is best for it; then both run in turn,
and the ratio is that of the medians. --device cpu with small plans only shows that the program works.
"""
import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SHAPES = {
    "124M": {"depth": 12, "width": 768, "heads": 12},
    "774M": {"depth": 36, "width": 1280, "heads": 20},
    "tiny": {"depth": 6, "width": 64, "heads": 2, "vocabulary": 512, "sequence": 64},
}
# What an update reads and writes of a parameter: value, gradient and two moments in float32, then three of them and the bfloat16.
UPDATE_BYTES = 4 * 4 + 3 * 4 + 2


def flops_of_a_step(shape, batch):
    """Of matrix products and causal attention; the backward pass has twice the forward's."""
    vocabulary, sequence = shape.get("vocabulary", 50304), shape.get("sequence", 1024)
    products = 2 * (12 * shape["width"] ** 2 * shape["depth"] + shape["width"] * vocabulary)
    attention = 4 * (sequence / 2) * shape["width"] * shape["depth"]
    return 3 * (products + attention) * batch * sequence


class Bench:
    def __init__(self, options):
        self.options = options
        self.scratch = tempfile.TemporaryDirectory()

    def run(self, command):
        """The output; None where memory ran out. Anything else that fails ends the program."""
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout
        if "out of memory" in done.stderr or "cannot allocate" in done.stderr:
            return None
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")

    def pprun(self, plan, *flags):
        """Tokens a second of the median step, past the first third."""
        metrics = pathlib.Path(self.scratch.name) / "metrics.jsonl"
        command = [self.options.pprun, self.options.plans / f"{plan}.plan", "--device", self.options.device, "--quiet",
                   "--metrics", metrics, "--steps", self.options.steps, *flags]
        if self.run(command) is None:
            return None
        rates = [json.loads(line)["tokens_per_second"] for line in metrics.read_text().splitlines()]
        return statistics.median(rates[len(rates) // 3:])

    def torch(self, shape, batch, mode):
        command = [sys.executable, HERE / "bench_torch.py", "--device", self.options.device, "--batch", batch, "--steps",
                   self.options.steps]
        for name, value in shape.items():
            command += [f"--{name}", value]
        if mode != "eager":
            command += ["--compile", mode]
        result = json.loads(self.run(command).splitlines()[-1])
        return result.get("tokens_per_second")

    def best(self, batches, measure):
        rates = {batch: measure(batch) for batch in batches}
        for batch, rate in rates.items():
            print(f"    batch {batch:<3} {'out of memory' if rate is None else f'{rate:12,.0f} tokens/s'}", flush=True)
        fitting = {batch: rate for batch, rate in rates.items() if rate is not None}
        return max(fitting, key=fitting.get) if fitting else None

    def batches_of(self, name):
        plans = self.options.plans.glob(f"gpt2_{name}.b*.plan")
        return sorted(int(re.search(r"\.b(\d+)\.plan$", plan.name).group(1)) for plan in plans)

    def compare(self, name, machine):
        shape, sides = SHAPES[name], {}
        batches = self.batches_of(name)
        if not batches:
            raise SystemExit(f"{self.options.plans} has no plans gpt2_{name}.b*.plan")
        print(f"\nGPT-2 {name}: the best batch of each side", flush=True)
        print("  pprun", flush=True)
        sides["pprun"] = (self.best(batches, lambda b: self.pprun(f"gpt2_{name}.b{b}")),
                          lambda b: self.pprun(f"gpt2_{name}.b{b}"))
        for mode in ["eager", *self.options.modes]:
            print(f"  PyTorch {mode}", flush=True)
            measure = lambda b, mode=mode: self.torch(shape, b, mode)  # noqa: E731
            sides[mode] = (self.best(batches, measure), measure)
        rates = {side: [] for side, (batch, _) in sides.items() if batch is not None}
        for _ in range(self.options.rounds):
            for side in rates:
                batch, measure = sides[side]
                rates[side].append(measure(batch))
        print(f"\n  {'':24} batch     tokens/s   ratio to it   of the floor")
        ours = statistics.median(rates["pprun"])
        for side, measured in rates.items():
            rate, batch = statistics.median(measured), sides[side][0]
            floor = self.floor(shape, batch, machine)
            print(f"  {side:24} {batch:5} {rate:12,.0f} {ours / rate:13.3f} {rate / floor:14.1%}", flush=True)
        self.breakdown(f"gpt2_{name}.b{sides['pprun'][0]}")
        return ours / max(statistics.median(measured) for side, measured in rates.items() if side != "pprun")

    def floor(self, shape, batch, machine):
        """Tokens a second if products ran at the measured rate of a large one, and updates at that of a copy."""
        vocabulary = shape.get("vocabulary", 50304)
        parameters = 12 * shape["width"] ** 2 * shape["depth"] + shape["width"] * vocabulary
        seconds = (flops_of_a_step(shape, batch) / machine["flops"] + parameters * UPDATE_BYTES / machine["bandwidth"])
        return batch * shape.get("sequence", 1024) / seconds

    def breakdown(self, plan):
        """Where a step goes, by instruction; and what of it no instruction accounts for."""
        profile = pathlib.Path(self.scratch.name) / "costs.profile"
        traced = self.pprun(plan, "--profile", profile)
        plain = self.pprun(plan)
        entries = json.loads(profile.read_text())["entries"]
        # The plan clips its gradients: one factor a step.
        steps = sum(entry["count"] for entry in entries if entry["kind"] == "clip_factor")
        seconds = {}
        for entry in entries:
            key = f"{entry['kind']} {entry['name']}".strip()
            seconds[key] = seconds.get(key, 0) + entry["seconds"] * entry["count"] / steps
        total = sum(seconds.values())
        print(f"\n  {plan}: a step by instruction, from events around each in traced steps")
        for key, value in sorted(seconds.items(), key=lambda item: -item[1]):
            if value > total / 1000:
                print(f"    {key:40} {value * 1e3:9.3f} ms {value / total:6.1%}")
        tokens = self.tokens_of(plan)
        print(f"    {'sum':40} {total * 1e3:9.3f} ms; the step {tokens / plain * 1e3:.3f} ms, traced ones "
              f"{plain / traced - 1:+.2%}; gaps {1 - total * plain / tokens:.2%}", flush=True)

    def tokens_of(self, plan):
        name, batch = re.match(r"gpt2_(\w+)\.b(\d+)$", plan).groups()
        return int(batch) * SHAPES[name].get("sequence", 1024)

    def pairs(self, title, first, second):
        """The ratio of two ways to run, in turn."""
        rates = [(first(), second()) for _ in range(self.options.rounds)]
        if any(rate is None for pair in rates for rate in pair):
            return print(f"\n{title}: out of memory")
        a, b = (statistics.median(side) for side in zip(*rates))
        return print(f"\n{title}: {a:,.0f} and {b:,.0f} tokens/s, ratio {a / b:.3f}", flush=True)


def machine_of(options):
    """What a large product and a large copy reach here."""
    import torch
    from time import perf_counter

    size, count, elements = (8192, 20, 1 << 30) if options.device == "cuda" else (1024, 3, 1 << 24)
    a = torch.randn(size, size, device=options.device).to(torch.bfloat16)
    source = torch.zeros(elements, dtype=torch.uint8, device=options.device)
    target = torch.empty_like(source)

    def seconds(call):
        for _ in range(3):
            call()
        if options.device == "cuda":
            torch.cuda.synchronize()
        begin = perf_counter()
        for _ in range(count):
            call()
        if options.device == "cuda":
            torch.cuda.synchronize()
        return (perf_counter() - begin) / count

    machine = {"flops": 2 * size**3 / seconds(lambda: a @ a), "bandwidth": 2 * elements / seconds(lambda: target.copy_(source))}
    name = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    print(f"{name}, PyTorch {torch.__version__}: a bf16 product of {size} cubed {machine['flops'] / 1e12:.1f} TFLOP/s, a copy "
          f"{machine['bandwidth'] / 1e9:,.0f} GB/s counting both ways")
    return machine


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pprun", required=True, type=pathlib.Path)
    parser.add_argument("--plans", required=True, type=pathlib.Path)
    parser.add_argument("--shapes", default="124M,774M", type=lambda text: text.split(","))
    parser.add_argument("--modes", default="default", type=lambda text: text.split(","), help="of torch.compile, beside eager")
    parser.add_argument("--steps", default=30, type=int)
    parser.add_argument("--rounds", default=3, type=int)
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    bench = Bench(options)
    ratios = {name: bench.compare(name, machine) for machine in [machine_of(options)] for name in options.shapes}
    if options.device == "cuda":
        plan = f"gpt2_{options.shapes[0]}.b{bench.batches_of(options.shapes[0])[0]}"
        bench.pairs("graphs on and off", lambda: bench.pprun(plan), lambda: bench.pprun(plan, "--graphs", "off"))
    small = "tiny_" if options.shapes == ["tiny"] else ""
    bench.pairs("four pipeline ranks and one, 8 microbatches", lambda: bench.pprun(f"gpt2_{small}pipeline4"),
                lambda: bench.pprun(f"gpt2_{small}pipeline1"))
    for name, ratio in ratios.items():
        print(f"GPT-2 {name}: {ratio:.3f} of the faster PyTorch's tokens/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
