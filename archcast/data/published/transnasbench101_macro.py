"""TransNAS-Bench-101, macro space: 3,256 skeletons on seven vision tasks."""

from __future__ import annotations

from pathlib import Path

from archcast.data.base import Benchmark, register
from archcast.data.published._finding import find
from archcast.data.published._transnas import FILE, GET, TASKS, read_official

__all__ = ["read"]


@register(
    "transnasbench101-macro",
    summary="TransNAS-Bench-101, macro space, on seven vision tasks, with curves; 3,256 skeletons",
    paper="Duan et al. 2021, https://arxiv.org/abs/2105.11871",
    space="transnasbench101-macro",
    tasks=TASKS,
    needs="$ARCHCAST_DATA",
    patterns=("transnas-bench_v10141024.pth",),
    architectures=3_256,
    licence="MIT",
    files=FILE,
    holds="curves, times, costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read ``transnas-bench_v10141024.pth``; metrics are those of ``transnasbench101-micro``."""
    part = find([FILE], folder, benchmark=f"transnasbench101-macro/{task}", get=GET)[0]
    return read_official(part, "macro", task)
