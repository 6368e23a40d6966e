#!/usr/bin/env python3
"""Trains a GPT-2 or Llama model in PyTorch from what pprun starts from, and writes the losses.

    build/cpu/tests/reference/reference_inputs examples/gpt.sched /tmp/gpt train.steps=20
    python3 tests/reference/train.py /tmp/gpt tests/reference/gpt_losses.json

Needs torch (from PyPI). The folder has weights.safetensors (Hugging Face's names), tokens.bin (int32, steps x batch x
(sequence + 1)) and training.json. The models are written here from their papers and from PyTorch's own layers; nothing
of pprun is used. reference_test.cc compares pprun's losses with the file this writes.
"""
import json
import math
import struct
import sys

import torch
from torch import nn
from torch.nn import functional


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    tensors = {}
    for name, record in header.items():
        if name == "__metadata__":
            continue
        if record["dtype"] != "F32":
            raise SystemExit(f"{path}: {name} is {record['dtype']}, not F32")
        begin, end = record["data_offsets"]
        flat = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.float32)
        tensors[name] = flat.reshape(record["shape"]).clone()
    return tensors


class Weights:
    """The file's tensors as parameters; each must be used."""

    def __init__(self, tensors):
        self.parameters = {name: nn.Parameter(tensor) for name, tensor in tensors.items()}
        self.used = set()

    def __getitem__(self, name):
        self.used.add(name)
        return self.parameters[name]

    def count(self, pattern):
        return sum(1 for name in self.parameters if name.endswith(pattern))


def split_heads(x, heads):
    batch, sequence, width = x.shape
    return x.view(batch, sequence, heads, width // heads).transpose(1, 2)


def join_heads(x):
    batch, heads, sequence, width = x.shape
    return x.transpose(1, 2).reshape(batch, sequence, heads * width)


def gpt2(weights, training, tokens):
    """Radford et al. 2019; weights of the blocks' products are stored [in, out]."""
    epsilon = training["epsilon"]

    def norm(x, name):
        return functional.layer_norm(x, x.shape[-1:], weights[name + ".weight"], weights[name + ".bias"], epsilon)

    def product(x, name):
        return x @ weights[name + ".weight"] + weights[name + ".bias"]

    positions = torch.arange(tokens.shape[1])
    x = weights["transformer.wte.weight"][tokens] + weights["transformer.wpe.weight"][positions]
    for layer in range(weights.count("ln_1.weight")):
        block = f"transformer.h.{layer}."
        qkv = product(norm(x, block + "ln_1"), block + "attn.c_attn")
        q, k, v = (split_heads(part, training["heads"]) for part in qkv.chunk(3, dim=-1))
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + product(join_heads(attended), block + "attn.c_proj")
        hidden = functional.gelu(product(norm(x, block + "ln_2"), block + "mlp.c_fc"), approximate="tanh")
        x = x + product(hidden, block + "mlp.c_proj")
    return norm(x, "transformer.ln_f") @ weights["lm_head.weight"].T


def rotate(x, theta):
    """Su et al. 2021, in the pairing of Hugging Face's Llama: element j turns with element j + width / 2."""
    sequence, width = x.shape[-2:]
    frequencies = theta ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angles = torch.outer(torch.arange(sequence, dtype=torch.float64), frequencies)
    cosine, sine = angles.cos().float(), angles.sin().float()
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


def llama(weights, training, tokens):
    """Touvron et al. 2023; keys and values are shared by groups of heads (Ainslie et al. 2023)."""
    epsilon, heads, kv_heads = training["epsilon"], training["heads"], training["kv_heads"]

    def norm(x, name):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon) * weights[name + ".weight"]

    def product(x, name):
        return x @ weights[name + ".weight"].T

    x = weights["model.embed_tokens.weight"][tokens]
    for layer in range(weights.count("input_layernorm.weight")):
        block = f"model.layers.{layer}."
        normed = norm(x, block + "input_layernorm")
        q = rotate(split_heads(product(normed, block + "self_attn.q_proj"), heads), training["rope"])
        k = rotate(split_heads(product(normed, block + "self_attn.k_proj"), kv_heads), training["rope"])
        v = split_heads(product(normed, block + "self_attn.v_proj"), kv_heads)
        k, v = (part.repeat_interleave(heads // kv_heads, dim=1) for part in (k, v))
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + product(join_heads(attended), block + "self_attn.o_proj")
        normed = norm(x, block + "post_attention_layernorm")
        gate = functional.silu(product(normed, block + "mlp.gate_proj"))
        x = x + product(gate * product(normed, block + "mlp.up_proj"), block + "mlp.down_proj")
    return product(norm(x, "model.norm"), "lm_head")


def learning_rate(optimizer, step, steps):
    """Linear warm-up from lr / warmup, then constant or a half cosine that ends at final_lr in the last step."""
    lr, warmup, final = optimizer["lr"], optimizer["warmup"], optimizer["final_lr"]
    if step < warmup:
        return lr * (step + 1) / warmup
    if optimizer["decay"] == "constant":
        return lr
    part = (step - warmup) / max(1, steps - 1 - warmup)
    return final + (lr - final) * 0.5 * (1 + math.cos(math.pi * part))


def make_optimizer(weights, spec):
    """No decay on norms, biases and positions."""
    decayed, others = [], []
    for name, parameter in weights.parameters.items():
        decays = parameter.dim() == 2 and not name.endswith("wpe.weight")
        (decayed if decays else others).append(parameter)
    groups = [{"params": decayed, "weight_decay": spec["weight_decay"]}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=spec["lr"], betas=(spec["beta1"], spec["beta2"]), eps=spec["epsilon"])


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    folder, output = sys.argv[1:]
    with open(f"{folder}/training.json") as file:
        training = json.load(file)
    steps, batch, sequence = training["steps"], training["batch"], training["sequence"]
    with open(f"{folder}/tokens.bin", "rb") as file:
        tokens = torch.frombuffer(bytearray(file.read()), dtype=torch.int32).long()
    tokens = tokens.reshape(steps, batch, sequence + 1)
    weights = Weights(read_safetensors(f"{folder}/weights.safetensors"))
    model = {"huggingface(gpt2)": gpt2, "huggingface(llama)": llama}[training["family"]]
    spec = training["optimizer"]
    optimizer = make_optimizer(weights, spec)

    losses = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(spec, step, steps)
        logits = model(weights, training, tokens[step, :, :-1])
        loss = functional.cross_entropy(logits.flatten(0, 1), tokens[step, :, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        if spec["clip"] > 0:
            nn.utils.clip_grad_norm_(weights.parameters.values(), spec["clip"])
        optimizer.step()
        losses.append(loss.item())
        print(f"step {step + 1} of {steps}: loss {losses[-1]:.6f}")

    unused = set(weights.parameters) - weights.used
    if unused:
        raise SystemExit(f"unused tensors: {sorted(unused)}")
    with open(output, "w") as file:
        json.dump({"tokens": training["tokens"], "torch": torch.__version__, "losses": losses}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
