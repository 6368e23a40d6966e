#!/usr/bin/env python3
"""Trains GPT-2 in PyTorch on one GPU, as a practised user would, and prints what a step takes.

    python3 tests/gpu/bench_torch.py --depth 12 --width 768 --heads 12 --batch 16 --compile max-autotune

Parameters and the optimizer's state are float32, products bfloat16 by autocast, attention PyTorch's fused one, the optimizer its
fused AdamW, gradients clipped by their global norm: what the plans that pprun runs beside it say (gpt2.sched). The head shares
the embedding's table. Prints one JSON object: tokens a second of the median step, and its seconds.
"""
import argparse
import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional


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


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("depth", 12), ("width", 768), ("heads", 12), ("vocabulary", 50304), ("sequence", 1024),
                          ("batch", 8), ("steps", 30), ("warmup", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--compile", metavar="MODE", help="torch.compile's mode (default, max-autotune, ...); without it, eager")
    parser.add_argument("--device", default="cuda")
    return parser.parse_args()


def main():
    options = parse()
    torch.manual_seed(1)
    torch.set_float32_matmul_precision("high")
    device = torch.device(options.device)
    on_gpu = device.type == "cuda"
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
        for index in range(options.warmup):
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
        "loss": float(loss),
        "parameters": sum(p.numel() for p in model.parameters()),
        "memory": torch.cuda.max_memory_allocated() if on_gpu else None,
        "torch": torch.__version__,
    }))
    return 0


if __name__ == "__main__":
    sys.exit(main())
