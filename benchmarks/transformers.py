"""Zero-cost proxies of trained transformers, of vision and of language, against how good they became.

    python benchmarks/transformers.py FOLDER [--bert BERT_benchmark.json] [--out transformers.csv] [--sets autoformer,pit,bert]

FOLDER holds ViT-Bench-101's ``gt_autoformer.pth`` and ``gt_pit.pth`` (https://github.com/lliai/Auto-Prox-AAAI24):
100 nets each, trained from scratch on CIFAR-100. ``BERT_benchmark.json`` is NAS-Bench-BERT of Serianni & Kalita 2023
(https://github.com/aaronserianni/training-free-nas): 500 nets of FlexiBERT's space, pretrained as ELECTRA and fine-tuned;
their GLUE score. Nets are built here from their descriptions with new weights: truncated normal of deviation 0.02, as those
papers have it, biases 0.

A batch is sixteen noise images of 64 pixels a side with random labels, or sixteen random sentences of 32 tokens of which
15 % are marked as replaced. Prints Kendall tau-b of each proxy as a Markdown table; a proxy that fails ranks the net last.
The same call goes on where it stopped.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy.stats import kendalltau
from torch import Tensor, nn

import archcast

PROXIES = [
    *("params", "flops", "dss", "head_importance", "attention_confidence", "w_pca", "near", "l_swag"),
    *("log_synflow", "snip", "grad_norm", "jacob_cov", "nwot", "zico", "swap", "meco_opt", "l2_norm"),
]
PIXELS, TOKENS, SAMPLES = 64, 32, 16
Case = tuple[str, str, float, Callable[[], nn.Module]]


# -- vision ---------------------------------------------------------------------------------------------------------------


class Attend(nn.Module):
    """Self-attention of heads of ``size`` features each."""

    def __init__(self, width: int, heads: int, size: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * heads * size), nn.Linear(heads * size, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention, then a feed-forward layer, each behind a normalisation and beside a residual connection."""

    def __init__(self, width: int, heads: int, size: int, ratio: float) -> None:
        super().__init__()
        self.norm1, self.attend = nn.LayerNorm(width), Attend(width, heads, size)
        self.norm2 = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, int(width * ratio)), nn.GELU(), nn.Linear(int(width * ratio), width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attend(self.norm1(x))
        return x + self.feed(self.norm2(x))


class AutoFormer(nn.Module):
    """Patches of 16 pixels, a class token, blocks of one width; heads have 64 features."""

    def __init__(self, arch: dict[str, Any], classes: int = 100) -> None:
        super().__init__()
        width = arch["hidden_dim"]
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, (PIXELS // 16) ** 2 + 1, width))
        layers = zip(arch["num_heads"][: arch["depth"]], arch["mlp_ratio"][: arch["depth"]], strict=True)
        self.blocks = nn.Sequential(*(Block(width, heads, 64, ratio) for heads, ratio in layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


class PiT(nn.Module):
    """Overlapping patches, three stages, a depthwise convolution of stride 2 between them, which doubles the width."""

    def __init__(self, arch: dict[str, Any], classes: int = 100) -> None:
        super().__init__()
        sizes, heads = arch["base_dim"], arch["num_heads"]
        widths = [sizes * h for h in heads]
        side = (PIXELS - 16) // 8 + 1
        self.patches = nn.Conv2d(3, widths[0], 16, 8)
        self.token = nn.Parameter(torch.zeros(1, 1, widths[0]))
        self.positions = nn.Parameter(torch.zeros(1, widths[0], side, side))
        self.stages, self.pools, self.tokens = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for stage, (width, depth) in enumerate(zip(widths, arch["depth"], strict=True)):
            self.stages.append(
                nn.Sequential(*(Block(width, heads[stage], sizes, arch["mlp_ratio"]) for _ in range(depth)))
            )
            if stage < 2:
                after = widths[stage + 1]
                groups = math.gcd(width, after)
                self.pools.append(nn.Conv2d(width, after, 3, 2, padding=1, groups=groups))
                self.tokens.append(nn.Linear(width, after))
        self.norm, self.head = nn.LayerNorm(widths[-1]), nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x) + self.positions
        token = self.token.expand(len(x), -1, -1)
        for stage, blocks in enumerate(self.stages):
            side = x.shape[-1]
            y = blocks(torch.cat([token, x.flatten(2).transpose(1, 2)], dim=1))
            token, x = y[:, :1], y[:, 1:].transpose(1, 2).unflatten(-1, (side, side))
            if stage < 2:
                token, x = self.tokens[stage](token), self.pools[stage](x)
        return self.head(self.norm(token[:, 0]))


# -- language -------------------------------------------------------------------------------------------------------------


class Weighted(nn.Module):
    """Attention of scaled products; ``weighted`` puts another matrix between queries and keys."""

    def __init__(self, width: int, heads: int, *, weighted: bool) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.between = nn.Linear(width, width, bias=False) if weighted else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.between(self.query(x)), self.key(x), self.value(x)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))
        weights = torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), dim=-1)
        return (weights @ v).transpose(1, 2).flatten(2)


class Spectral(nn.Module):
    """A linear map and the real part of a discrete Fourier or cosine transform over tokens and features of each head."""

    def __init__(self, width: int, heads: int, kind: str) -> None:
        super().__init__()
        self.heads, self.kind, self.inlet = heads, kind, nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.inlet(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        if self.kind == "DFT":
            return torch.fft.fft2(y).real.transpose(1, 2).flatten(2)
        return (_cosines(y.shape[-2], y) @ y @ _cosines(y.shape[-1], y).mT).transpose(1, 2).flatten(2)


def _cosines(n: int, like: Tensor) -> Tensor:
    """The matrix of the cosine transform, ``2 cos(pi k (2 i + 1) / 2n)``."""
    k, i = torch.arange(n, dtype=like.dtype)[:, None], torch.arange(n, dtype=like.dtype)
    return 2 * torch.cos(math.pi * k * (2 * i + 1) / (2 * n))


class Mixed(nn.Module):
    """Half attention, half convolution with a kernel that each token computes (ConvBERT)."""

    def __init__(self, width: int, heads: int, kernel: int) -> None:
        super().__init__()
        self.heads, self.size, self.kernel = max(heads // 2, 1), width // heads, kernel
        inner = self.heads * self.size
        self.query, self.key, self.value = (nn.Linear(width, inner) for _ in range(3))
        self.deep = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width, bias=False)
        self.across = nn.Conv1d(width, inner, 1)
        self.kernels, self.outlet = nn.Linear(inner, self.heads * kernel), nn.Linear(width, inner)
        self.widen = nn.Identity() if 2 * inner == width else nn.Linear(2 * inner, width)

    def forward(self, x: Tensor) -> Tensor:
        q = self.query(x)
        kernels = self.kernels(self.across(self.deep(x.mT)).mT * q).unflatten(-1, (self.heads, self.kernel)).softmax(-1)
        near = F.pad(self.outlet(x), (0, 0, self.kernel // 2, self.kernel // 2)).unfold(1, self.kernel, 1)
        convolved = (near.unflatten(2, (self.heads, -1)) * kernels.unsqueeze(3)).sum(-1)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q, self.key(x), self.value(x)))
        attended = (torch.softmax(q @ k.mT / math.sqrt(self.size), dim=-1) @ v).transpose(1, 2)
        return self.widen(torch.cat([attended, convolved], dim=2).flatten(2))


class Layer(nn.Module):
    """An operation (a residual connection and normalisation behind attention), then a stack of feed-forward layers."""

    def __init__(self, width: int, layer: dict[str, Any]) -> None:
        super().__init__()
        kind, which, heads = layer["operation_type"], layer["operation_parameter"], layer["num_operation_heads"]
        self.attends = kind != "LT"
        if kind == "SA":
            self.operation: nn.Module = Weighted(width, heads, weighted=which == "WMA")
        else:
            self.operation = Spectral(width, heads, which) if kind == "LT" else Mixed(width, heads, int(which))
        if self.attends:
            self.dense, self.norm1 = nn.Linear(width, width), nn.LayerNorm(width)
        inner = layer["feed_forward_dimension"]
        stack: list[nn.Module] = [nn.Linear(width, inner), nn.GELU()]
        for _ in range(layer["num_feed_forward"] - 1):
            stack += [nn.Linear(inner, inner), nn.GELU()]
        self.feed, self.norm2 = nn.Sequential(*stack, nn.Linear(inner, width)), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.operation(x)
        x = self.norm1(x + self.dense(y)) if self.attends else y
        return self.norm2(x + self.feed(x))


class FlexiBERT(nn.Module):
    """ELECTRA's discriminator: tokens in, for each whether it was replaced."""

    def __init__(self, width: int, layers: list[dict[str, Any]], vocabulary: int = 30522) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(vocabulary, 128), nn.Embedding(512, 128)
        self.norm, self.project = nn.LayerNorm(128), nn.Linear(128, width)
        self.layers = nn.Sequential(*(Layer(width, layer) for layer in layers))
        self.dense, self.head = nn.Linear(width, width), nn.Linear(width, 2)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.words(ids) + self.positions(torch.arange(ids.shape[1]))
        return self.head(F.gelu(self.dense(self.layers(self.project(self.norm(x))))))


# -- the study ------------------------------------------------------------------------------------------------------------


def cases(which: str, folder: Path, bert: Path | None) -> Iterator[Case]:
    """(set, row, score, how to build) of each net."""
    if which == "bert":
        for record in json.loads(Path(str(bert)).read_text(encoding="utf-8")):
            changes = record["hparams"]["model_hparam_overrides"]
            width, layers = changes["hidden_size"], changes["nas_config"]["encoder_layers"]
            build = lambda w=width, e=layers: FlexiBERT(w, e)  # noqa: E731
            yield which, str(record["id"]), record["scores"]["glue"], build
        return
    from archcast.data._torch_archive import read_torch

    kind = AutoFormer if which == "autoformer" else PiT
    for i, record in enumerate(read_torch(folder / f"gt_{which}.pth")):
        yield which, str(i), float(record["c100_base_acc"]), lambda arch=record["arch"], k=kind: k(arch)  # type: ignore[misc]


def initialise(model: nn.Module) -> nn.Module:
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 or "token" in name or "positions" in name:
            nn.init.trunc_normal_(parameter, std=0.02, a=-0.04, b=0.04)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
    return model


def scored(case: Case) -> dict[str, Any]:
    which, row, score, build = case
    torch.manual_seed(0)
    model = initialise(build())
    if which == "bert":
        inputs, targets = torch.randint(1, 30522, (SAMPLES, TOKENS)), (torch.rand(SAMPLES, TOKENS) < 0.15).long()
    else:
        inputs, targets = torch.randn(SAMPLES, 3, PIXELS, PIXELS), torch.randint(0, 100, (SAMPLES,))
    found = archcast.score(model, inputs, targets, proxies=PROXIES)
    return {"set": which, "row": row, "score": score, **{name: found.get(name, math.nan) for name in PROXIES}}


def main() -> None:
    """Score the nets that are missing in the file, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="Folder with the files of ViT-Bench-101.")
    parser.add_argument("--bert", type=Path, help="Path of BERT_benchmark.json.")
    parser.add_argument("--sets", default="autoformer,pit,bert", help="Names of sets, with commas.")
    parser.add_argument("--most", type=int, default=500, help="Number of nets of a set, the first ones.")
    parser.add_argument("--out", type=Path, default=Path("transformers.csv"), help="File that keeps the scores.")
    options = parser.parse_args()
    torch.set_num_threads(1)
    done = (
        pd.read_csv(options.out, dtype={"row": str}) if options.out.is_file() else pd.DataFrame(columns=["set", "row"])
    )
    known = set(zip(done["set"], done["row"], strict=True))
    for which in options.sets.split(","):
        for case in list(cases(which, options.folder, options.bert))[: options.most]:
            if case[:2] not in known:
                line = scored(case)
                new = not options.out.is_file()
                with open(options.out, "a", newline="", encoding="utf-8") as file:
                    writer = csv.DictWriter(file, list(line))
                    if new:
                        writer.writeheader()
                    writer.writerow(line)
    table = pd.read_csv(options.out, dtype={"row": str})
    sets = [(name, part) for name, part in table.groupby("set", sort=False)]
    print("| proxy | " + " | ".join(f"{name} ({len(part)})" for name, part in sets) + " |")
    print("|---|" + "---:|" * len(sets))
    for proxy in PROXIES:
        taus = [kendalltau(part[proxy].fillna(-np.inf), part["score"]).statistic for _, part in sets]
        print(f"| {proxy} | " + " | ".join(f"{tau:.3f}".replace("0.", ".") for tau in taus) + " |")


if __name__ == "__main__":
    main()
