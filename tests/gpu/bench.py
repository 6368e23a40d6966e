#!/usr/bin/env python3
"""Compares pprun with PyTorch on one GPU and prints tables; tests/gpu/bench.sh builds what it needs and calls it.

    python3 tests/gpu/bench.py --pprun build/gpu/runtime/pprun --plans FOLDER [--shapes 124M,774M] [--modes default]

The plans are those of `tests/gpu/make_plans.sh --bench`. Each side takes the batch that is best for it; then all run in turn, each in a
process of its own, and the ratio is that of the medians. A measurement that fails or takes too long is told and left out; it does not
end the others. --out writes each as a JSON line when it is made. --device cpu with small plans only shows that the program works.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SHAPES = {
    "124M": {"depth": 12, "width": 768, "heads": 12},
    "774M": {"depth": 36, "width": 1280, "heads": 20},
    "tiny": {"depth": 6, "width": 64, "heads": 2, "vocabulary": 512, "sequence": 64},
}
# What an update reads and writes of a parameter: value, gradient and two moments in float32, then three of them and the bfloat16.
UPDATE_BYTES = 4 * 4 + 3 * 4 + 2
# pprun traces steps 3 to 10 where it writes a profile; the first of them makes the graph that is replayed.
TRACED, UNTRACED = slice(4, 11), slice(12, None)
LIMITS = {"pprun": 120, "eager": 150}
COMPILED_LIMIT = 330


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
        self.end = time.monotonic() + options.seconds
        self.failures = 0

    def left(self):
        return self.end - time.monotonic()

    def keep(self, **what):
        if self.options.out:
            with open(self.options.out, "a", encoding="utf-8") as file:
                file.write(json.dumps(what) + "\n")

    def run(self, command, limit):
        """The output and no error, or none and why not."""
        limit = min(limit, self.left())
        if limit < 5:
            return None, "not run: time was up"
        with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              start_new_session=True) as process:
            try:
                out, err = process.communicate(timeout=limit)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                return None, f"ended after {limit:.0f} s"
        if process.returncode == 0:
            return out, None
        if "out of memory" in err.lower() or "cannot allocate" in err:
            return None, "out of memory"
        self.failures += 1
        last = (err.strip() or out.strip() or "no output").splitlines()[-6:]
        return None, f"FAILED with status {process.returncode}: " + " | ".join(last)

    def pprun(self, plan, *flags):
        """Tokens a second of the median step, past the first third, and the losses; or why there are none."""
        metrics = pathlib.Path(self.scratch.name) / "metrics.jsonl"
        metrics.unlink(missing_ok=True)
        command = [self.options.pprun, self.options.plans / f"{plan}.plan", "--device", self.options.device, "--quiet",
                   "--metrics", metrics, "--steps", self.options.steps, *flags]
        _, why = self.run(command, LIMITS["pprun"])
        if why:
            return {"why": why}
        lines = [json.loads(line) for line in metrics.read_text().splitlines()]
        rates = [line["tokens_per_second"] for line in lines]
        return {"rate": statistics.median(rates[len(rates) // 3:]), "rates": rates, "first": lines[0]["loss"],
                "last": lines[-1]["loss"], "losses": [line["loss"] for line in lines]}

    def torch(self, shape, batch, mode):
        command = [sys.executable, HERE / "bench_torch.py", "--device", self.options.device, "--batch", batch, "--steps",
                   self.options.steps]
        for name, value in shape.items():
            command += [f"--{name}", value]
        if mode != "eager":
            command += ["--compile", mode]
        out, why = self.run(command, LIMITS.get(mode, COMPILED_LIMIT))
        if why:
            return {"why": why}
        result = json.loads(out.splitlines()[-1])
        if "tokens_per_second" not in result:
            return {"why": "out of memory"}
        return {"rate": result["tokens_per_second"], "first": result["first_loss"], "last": result["loss"], **result}

    def best(self, side, batches, measure):
        """Measures each batch while there is time for another one; the rates."""
        rates, longest = {}, 0
        for batch in batches:
            if rates and self.left() < 1.5 * longest + self.options.reserve:
                print(f"    batch {batch:<3} not run: no time left for it", flush=True)
                continue
            begin = time.monotonic()
            result = measure(batch)
            longest = max(longest, time.monotonic() - begin)
            self.keep(side=side, batch=batch, **{key: value for key, value in result.items() if key not in ("rates", "losses")})
            if "rate" not in result:
                print(f"    batch {batch:<3} {result['why']}", flush=True)
                continue
            rates[batch] = result["rate"]
            extra = f", attention by {result['attention']}" if "attention" in result else ""
            print(f"    batch {batch:<3} {result['rate']:12,.0f} tokens/s; loss {result['first']:.3f} to {result['last']:.3f}"
                  f"{extra}; {time.monotonic() - begin:.0f} s", flush=True)
        return rates

    def batches_of(self, name):
        plans = self.options.plans.glob(f"gpt2_{name}.b*.plan")
        return sorted(int(re.search(r"\.b(\d+)\.plan$", plan.name).group(1)) for plan in plans)

    def compare(self, name, machine):
        """Returns pprun's tokens a second over the faster PyTorch's, if both ran."""
        shape, sides, found = SHAPES[name], {}, {}
        batches = self.batches_of(name)
        if not batches:
            print(f"{self.options.plans} has no plans gpt2_{name}.b*.plan", flush=True)
            self.failures += 1
            return None
        print(f"\nGPT-2 {name}: the best batch of each side", flush=True)
        for side in ("pprun", *(("eager", *self.options.modes) if machine else ())):
            # What is best for eager is near what is best compiled, and compiling takes long.
            tried = batches
            if side not in LIMITS and found.get("eager"):
                tried = sorted(found["eager"], key=found["eager"].get, reverse=True)[:2]
            print(f"  {side if side == 'pprun' else f'PyTorch {side}'}", flush=True)
            if side == "pprun":
                sides[side] = lambda b: self.pprun(f"gpt2_{name}.b{b}")
            else:
                sides[side] = lambda b, mode=side: self.torch(shape, b, mode)
            found[side] = self.best(f"{name} {side}", tried, sides[side])
        chosen = {side: max(rates, key=rates.get) for side, rates in found.items() if rates}
        if not chosen:
            return None
        if "pprun" in chosen:
            self.breakdown(f"gpt2_{name}.b{chosen['pprun']}")
        rates, longest = {side: [] for side in chosen}, 0
        for _ in range(self.options.rounds):
            if self.left() < 1.2 * longest + self.options.reserve:
                break
            begin = time.monotonic()
            for side, batch in chosen.items():
                rate = sides[side](batch).get("rate")
                rates[side] += [] if rate is None else [rate]
            longest = time.monotonic() - begin
        medians = {side: statistics.median(rates[side] or [found[side][batch]]) for side, batch in chosen.items()}
        ours = medians.get("pprun")
        print(f"\n  GPT-2 {name}, in turn\n  {'':24} batch     tokens/s  rounds  pprun to it   of the floor   TFLOP/s")
        for side, rate in medians.items():
            batch = chosen[side]
            ratio = f"{ours / rate:12.3f}" if ours else f"{'':12}"
            floor = f"{rate / self.floor(shape, batch, machine):14.1%}" if machine else f"{'':14}"
            flops = rate * flops_of_a_step(shape, batch) / (batch * shape.get("sequence", 1024))
            print(f"  {side:24} {batch:5} {rate:12,.0f} {len(rates[side]):7} {ratio} {floor} {flops / 1e12:9.1f}", flush=True)
            self.keep(side=f"{name} {side}", batch=batch, median=rate, rounds=rates[side])
        theirs = [rate for side, rate in medians.items() if side != "pprun"]
        return ours / max(theirs) if ours and theirs else None

    def floor(self, shape, batch, machine):
        """Tokens a second if products ran at the measured rate of a large one, and updates at that of a copy."""
        vocabulary = shape.get("vocabulary", 50304)
        parameters = 12 * shape["width"] ** 2 * shape["depth"] + shape["width"] * vocabulary
        seconds = (flops_of_a_step(shape, batch) / machine["flops"] + parameters * UPDATE_BYTES / machine["bandwidth"])
        return batch * shape.get("sequence", 1024) / seconds

    def breakdown(self, plan):
        """Where a step goes, by instruction, and what tracing costs: traced steps against others of the same run."""
        profile = pathlib.Path(self.scratch.name) / "costs.profile"
        result = self.pprun(plan, "--profile", profile)
        if "rate" not in result or len(result["rates"]) < 16:
            return print(f"\n  {plan} by instruction: {result.get('why', 'too few steps')}", flush=True)
        traced, plain = (statistics.median(result["rates"][steps]) for steps in (TRACED, UNTRACED))
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
        step = self.tokens_of(plan) / plain
        print(f"    {'sum':40} {total * 1e3:9.3f} ms; the step {step * 1e3:.3f} ms, a traced one {plain / traced - 1:+.2%}", flush=True)
        return self.keep(plan=plan, instructions=seconds, step=step, trace_overhead=plain / traced - 1)

    def tokens_of(self, plan):
        name, batch = re.match(r"gpt2_(\w+)\.b(\d+)$", plan).groups()
        return int(batch) * SHAPES[name].get("sequence", 1024)

    def pairs(self, title, first, second):
        """The ratio of two ways to run, in turn, and whether their losses have the same bits."""
        results = []
        for _ in range(self.options.rounds):
            results.append((first(), second()))
            why = [result["why"] for result in results[-1] if "why" in result]
            if why:
                return print(f"\n{title}: {why[0]}", flush=True)
        a, b = (statistics.median(result["rate"] for result in side) for side in zip(*results))
        same, repeated = (all(x["losses"] == y["losses"] for x, y in pairs)
                          for pairs in (results, [(one[i], results[0][i]) for one in results for i in (0, 1)]))
        print(f"\n{title}: {a:,.0f} and {b:,.0f} tokens/s, ratio {a / b:.3f}; {len(results[0][0]['losses'])} losses "
              f"{'the same' if same else 'OTHER'} bits; runs repeat {'the same' if repeated else 'OTHER'} bits", flush=True)
        return self.keep(pair=title, first=a, second=b, same_bits=same, repeats=repeated)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pprun", required=True, type=pathlib.Path)
    parser.add_argument("--plans", required=True, type=pathlib.Path)
    parser.add_argument("--shapes", default="124M,774M", type=lambda text: text.split(","))
    parser.add_argument("--modes", default="default", type=lambda text: [mode for mode in text.split(",") if mode],
                        help="of torch.compile, beside eager")
    parser.add_argument("--steps", default=24, type=int)
    parser.add_argument("--rounds", default=3, type=int)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=pathlib.Path, help="a JSON line a measurement, when it is made")
    parser.add_argument("--seconds", default=3600, type=float, help="when to be done; what has no time left is left out")
    parser.add_argument("--reserve", default=40, type=float, help="seconds that a search leaves to what follows it")
    options = parser.parse_args()
    bench = Bench(options)
    out, why = bench.run([sys.executable, HERE / "bench_torch.py", "--machine", "--device", options.device], 90)
    machine = None if why else json.loads(out.splitlines()[-1])
    if machine:
        print(f"{machine['name']}, PyTorch {machine['torch']}: a bf16 product of {machine['size']} cubed "
              f"{machine['flops'] / 1e12:.1f} TFLOP/s, a copy {machine['bandwidth'] / 1e9:,.0f} GB/s counting both ways", flush=True)
        bench.keep(**machine)
    else:
        print(f"PyTorch does not run here, so there are no floors: {why}", flush=True)
    ratios = {}
    for name in options.shapes:
        ratios[name] = bench.compare(name, machine)
        if name == "774M":
            continue
        if options.device == "cuda":
            plan = f"gpt2_{name}.b{(bench.batches_of(name) or [0])[0]}"
            bench.pairs("graphs on and off", lambda plan=plan: bench.pprun(plan), lambda plan=plan: bench.pprun(plan, "--graphs", "off"))
        small = "tiny_" if name == "tiny" else ""
        bench.pairs("four pipeline ranks and one, 8 microbatches", lambda small=small: bench.pprun(f"gpt2_{small}pipeline4"),
                    lambda small=small: bench.pprun(f"gpt2_{small}pipeline1"))
    print()
    for name, ratio in ratios.items():
        print(f"GPT-2 {name}: {'no ratio' if ratio is None else f'{ratio:.3f}'} of the faster PyTorch's tokens/s")
    return 0 if bench.failures == 0 and None not in ratios.values() else 1


if __name__ == "__main__":
    sys.exit(main())
