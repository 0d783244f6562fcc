"""ViT-Bench-101: 100 vision transformers of AutoFormer's and 100 of PiT's space on small data sets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data._torch_archive import read_torch
from archcast.data.base import Benchmark, register
from archcast.data.published._columns import column_array, firsts, left_out
from archcast.data.published._files import reading, unpacked
from archcast.data.published._finding import find
from archcast.spaces.base import get_space

__all__ = ["read"]

FILES = {"autoformer": "gt_autoformer.pth", "autoformer-2": "gt_autoformer_2.pth", "pit": "gt_pit.pth"}
RATIOS = (3.5, 4.0)
"""MLP ratios of the AutoFormer part; a table with others is of AutoFormer's own tiny space."""
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
    weights of a supernet. The default is the first that the file has values of. The space is
    ``vit-bench-101-autoformer`` or ``vit-bench-101-pit``; with MLP ratios of 3, which the published tables do not have, it is
    ``autoformer-tiny``.
    """
    part = find([FILES[which]], folder, benchmark=f"vit-bench-101/{which}", get=GET)[0]
    with unpacked(part) as plain:
        jobs = read_torch(plain.path)
    with reading(part, "a table of ViT-Bench-101"):
        space = get_space(_space(which, jobs))
        archs = space.parse([json.dumps(job["arch"]) for job in jobs])
        keep = firsts([tuple(row) for row in archs.tolist()])
        names = [name for name in jobs[0] if name.endswith("_acc")]
        metrics = {name: column_array([jobs[place].get(name) for place in keep], part, name) for name in names}
        metrics = {name: values for name, values in metrics.items() if not np.isnan(values).all()}
        return Benchmark(
            f"vit-bench-101/{which}",
            space,
            archs[keep],
            metrics,
            next(iter(metrics)),
            source=str(part.path),
            left_out=left_out(repeated_architectures=len(archs) - len(keep)),
        )


def _space(which: str, jobs: Sequence[Mapping[str, Any]]) -> str:
    """Name of the space of a table."""
    if which == "pit":
        return "vit-bench-101-pit"
    usual = all(ratio in RATIOS for job in jobs for ratio in job["arch"]["mlp_ratio"])
    return "vit-bench-101-autoformer" if usual else "autoformer-tiny"
