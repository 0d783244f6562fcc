"""ViT-Bench-101: 100 vision transformers of AutoFormer's and 100 of PiT's space on small data sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data._torch_archive import read_torch
from archcast.data.base import Benchmark, register
from archcast.data.published._columns import as_benchmark, column_array, firsts, left_out
from archcast.data.published._files import find, reading

__all__ = ["read"]

FILES = {"autoformer": "gt_autoformer.pth", "autoformer-2": "gt_autoformer_2.pth", "pit": "gt_pit.pth"}
MAX_DEPTH = 14
STAGES = 3
AUTOFORMER: dict[str, tuple[Any, ...]] = {
    "hidden_dim": (192, 216, 240),
    "depth": (12, 13, 14),
    **{f"mlp_ratio{layer}": (3.5, 4.0) for layer in range(1, MAX_DEPTH + 1)},
    **{f"num_heads{layer}": (3, 4) for layer in range(1, MAX_DEPTH + 1)},
}
CONDITIONS = {
    f"{kind}{layer}": {"depth": [depth for depth in AUTOFORMER["depth"] if depth >= layer]}
    for kind in ("mlp_ratio", "num_heads")
    for layer in range(AUTOFORMER["depth"][0] + 1, MAX_DEPTH + 1)
}
PIT: dict[str, tuple[Any, ...]] = {
    "base_dim": (16, 24, 32, 40),
    "mlp_ratio": (2, 4, 6, 8),
    **{f"depth{stage}": depths for stage, depths in enumerate([(1, 2, 3), (4, 6, 8), (2, 4, 6)], start=1)},
    **{f"num_heads{stage}": (2, 4, 8) for stage in range(1, STAGES + 1)},
}
GET = f"Download {', '.join(FILES.values())} from https://github.com/lliai/Auto-Prox-AAAI24 (gt_results)."


@register(
    "vit-bench-101",
    summary="ViT-Bench-101, vision transformers on CIFAR-100, Flowers and Chaoyang; 100 a set",
    paper="Wei et al. 2024, https://arxiv.org/abs/2312.09059",
    tasks=tuple(FILES),
    needs="$ARCHCAST_DATA",
    patterns=(
        "gt_autoformer.pth",
        "gt_autoformer_2.pth",
        "gt_pit.pth",
    ),
    architectures=100,
    licence="Apache-2.0 (the README says MIT)",
    files=", ".join(FILES.values()),
    holds="",
)
def read(which: str, folder: Path | None) -> Benchmark:
    """Read ``gt_autoformer.pth``, ``gt_autoformer_2.pth`` or ``gt_pit.pth``.

    Metrics keep their names, ``<data set>_<base|kd>_acc``: test accuracy in percent on c100 (CIFAR-100), flower
    and chaoyang, of a plain training or of one by distillation; ``imagenet_super_acc`` is measured with the
    weights of a supernet. The default is the first that the file has values of. Decisions of layers beyond the
    depth are absent.
    """
    part = find([FILES[which]], folder, benchmark=f"vit-bench-101/{which}", get=GET)[0]
    jobs = read_torch(part.path)
    with reading(part, "a table of ViT-Bench-101"):
        choices: dict[str, Any] = PIT if which == "pit" else AUTOFORMER
        rows = [_pit(job["arch"]) if which == "pit" else _autoformer(job["arch"]) for job in jobs]
        keep = firsts(rows)
        for kind in ("mlp_ratio", "num_heads") if which != "pit" else ():  # what one layer may be, each may
            seen = {value for job in jobs for value in job["arch"][kind]}
            allowed = sorted(seen.union(AUTOFORMER[f"{kind}1"]))
            choices = {name: allowed if name.startswith(kind) else values for name, values in choices.items()}
        names = [name for name in jobs[0] if name.endswith("_acc")]
        metrics = {name: column_array([jobs[place].get(name) for place in keep], part, name) for name in names}
        metrics = {name: values for name, values in metrics.items() if not np.isnan(values).all()}
        return as_benchmark(
            f"vit-bench-101/{which}",
            {column: [rows[place][j] for place in keep] for j, column in enumerate(choices)},
            metrics,
            next(iter(metrics)),
            choices=choices,
            conditions=None if which == "pit" else CONDITIONS,
            source=str(part.path),
            left_out=left_out(repeated_architectures=len(rows) - len(keep)),
        )


def _autoformer(arch: Mapping[str, Any]) -> tuple[Any, ...]:
    depth = arch["depth"]
    layers = [list(arch[name]) for name in ("mlp_ratio", "num_heads")]
    if any(len(values) < depth for values in layers) or depth > MAX_DEPTH:
        raise ValueError(f"depth {depth!r} does not fit the layers")
    return (
        arch["hidden_dim"],
        depth,
        *(v for values in layers for v in (values[:depth] + [None] * MAX_DEPTH)[:MAX_DEPTH]),
    )


def _pit(arch: Mapping[str, Any]) -> tuple[Any, ...]:
    if len(arch["depth"]) != STAGES or len(arch["num_heads"]) != STAGES:
        raise ValueError("depth and num_heads must have three values")
    return (arch["base_dim"], arch["mlp_ratio"], *arch["depth"], *arch["num_heads"])
