#!/usr/bin/env python3
"""Trains GPT-2 in PyTorch on one GPU, as a practised user would, and prints what a step takes.

    python3 tests/gpu/bench_torch.py --depth 12 --width 768 --heads 12 --batch 16 --compile max-autotune

Parameters and the optimizer's state are float32, products bfloat16 by autocast, attention PyTorch's fused one (of flash attention and
cuDNN's, the one that is faster at this size), the optimizer its fused AdamW, gradients clipped by their global norm: what the plans
that pprun runs beside it say (gpt2.sched). The head shares the embedding's table. Prints one JSON object: tokens a second of the
median step, its seconds, the first and the last loss. With --machine it prints what a large product and a large copy reach instead.
"""
import argparse
import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, positions, width = x.shape
        q, k, v = (
            part.view(batch, positions, self.heads, width // self.heads).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).split(width, dim=2)
        )
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.projection(attended.transpose(1, 2).reshape(batch, positions, width))
        return x + self.down(functional.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Gpt2(nn.Module):
    def __init__(self, depth, width, heads, vocabulary, context):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.tokens.weight
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens, targets):
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def seconds_of(call, count, device):
    """Of one call: the median of five groups of so many, after some that are not counted."""
    def synchronise():
        if device.type == "cuda":
            torch.cuda.synchronize()

    groups = []
    for _ in range(6):
        begin = time.perf_counter()
        for _ in range(count):
            call()
        synchronise()
        groups.append((time.perf_counter() - begin) / count)
    return statistics.median(groups[1:])


def choose_attention(options, device):
    """Leaves scaled_dot_product_attention the backend that is fastest at this size; its name."""
    shape = (options.batch, options.heads, options.sequence, options.width // options.heads)
    q, k, v, dy = (torch.randn(shape, device=device, dtype=torch.bfloat16) for _ in range(4))
    for tensor in (q, k, v):
        tensor.requires_grad_()
    found = {}
    for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION):
        def attend(backend=backend):
            with sdpa_kernel(backend):
                torch.autograd.grad(functional.scaled_dot_product_attention(q, k, v, is_causal=True), (q, k, v), dy)
        try:
            found[backend] = seconds_of(attend, 5, device)
        except RuntimeError:
            # Not built in, or not for this size.
            continue
    if not found:
        return "PyTorch's choice"
    best = min(found, key=found.get)
    torch.backends.cuda.enable_flash_sdp(best == SDPBackend.FLASH_ATTENTION)
    torch.backends.cuda.enable_cudnn_sdp(best == SDPBackend.CUDNN_ATTENTION)
    torch.backends.cuda.enable_mem_efficient_sdp(False)
    torch.backends.cuda.enable_math_sdp(False)
    return best.name.lower() + " of " + ", ".join(f"{name.name.lower()} {seconds * 1e6:.0f} us" for name, seconds in found.items())


def machine(device):
    """What a large product and a large copy reach here."""
    size, count, elements = (8192, 20, 1 << 30) if device.type == "cuda" else (512, 3, 1 << 24)
    a = torch.randn(size, size, device=device).to(torch.bfloat16)
    source = torch.zeros(elements, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return {
        "name": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
        "torch": torch.__version__,
        "size": size,
        "flops": 2 * size**3 / seconds_of(lambda: a @ a, count, device),
        "bandwidth": 2 * elements / seconds_of(lambda: target.copy_(source), count, device),
    }


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("depth", 12), ("width", 768), ("heads", 12), ("vocabulary", 50304), ("sequence", 1024),
                          ("batch", 8), ("steps", 30), ("warmup", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--compile", metavar="MODE", help="torch.compile's mode (default, max-autotune, ...); without it, eager")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--machine", action="store_true", help="only what a large product and a large copy reach")
    return parser.parse_args()


def main():
    options = parse()
    torch.manual_seed(1)
    torch.set_float32_matmul_precision("high")
    device = torch.device(options.device)
    on_gpu = device.type == "cuda"
    if options.machine:
        print(json.dumps(machine(device)))
        return 0
    attention = choose_attention(options, device) if on_gpu else "the CPU's"
    model = Gpt2(options.depth, options.width, options.heads, options.vocabulary, options.sequence).to(device)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    kept = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": kept, "weight_decay": 0.0}],
        lr=6e-4, betas=(0.9, 0.95), fused=True)
    loss_of = torch.compile(model, mode=options.compile) if options.compile else model
    shape = (options.batch, options.sequence + 1)
    # A few batches in turn, copied from pinned memory as a loader would.
    batches = [torch.randint(options.vocabulary, shape) for _ in range(4)]
    if on_gpu:
        batches = [batch.pin_memory() for batch in batches]

    def step(index):
        tokens = batches[index % len(batches)].to(device, non_blocking=True)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            loss = loss_of(tokens[:, :-1], tokens[:, 1:])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    def synchronise():
        if on_gpu:
            torch.cuda.synchronize()

    try:
        first = float(step(0))
        for index in range(1, options.warmup):
            step(index)
        synchronise()
        # Steps are not waited for one by one: that would charge the host's time to them.
        groups = []
        per_group = max(1, options.steps // 5)
        for group in range(5):
            begin = time.perf_counter()
            for index in range(per_group):
                loss = step(group * per_group + index)
            synchronise()
            groups.append((time.perf_counter() - begin) / per_group)
    except torch.OutOfMemoryError:
        print(json.dumps({"out_of_memory": True}))
        return 0
    seconds = statistics.median(groups)
    print(json.dumps({
        "tokens_per_second": options.batch * options.sequence / seconds,
        "seconds": seconds,
        "first_loss": first,
        "loss": float(loss),
        "attention": attention,
        "parameters": sum(p.numel() for p in model.parameters()),
        "memory": torch.cuda.max_memory_allocated() if on_gpu else None,
        "torch": torch.__version__,
    }))
    return 0


if __name__ == "__main__":
    sys.exit(main())
