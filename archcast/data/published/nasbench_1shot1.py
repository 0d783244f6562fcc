"""NAS-Bench-1Shot1: three sub-spaces of NAS-Bench-101 that a one-shot model can hold."""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from itertools import combinations, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archcast.data.base import Benchmark, register
from archcast.data.published import nasbench101
from archcast.errors import InvalidFileError
from archcast.spaces.base import get_space
from archcast.spaces.nasbench101 import EDGES, NASBench101

__all__ = ["cells", "read"]

PARENTS = {"1": (1, 2, 2, 2, 2), "2": (1, 1, 2, 2, 3), "3": (1, 1, 1, 2, 2, 2)}
"""Sub-space -> how many parents each choice node has, and last the output."""

NODES = 7


@register(
    "nasbench-1shot1",
    summary="NAS-Bench-1Shot1, three sub-spaces of NAS-Bench-101; 2,685 cells and more",
    paper="Zela et al. 2020, https://arxiv.org/abs/2001.10422",
    space="nasbench101",
    tasks=tuple(PARENTS),
    needs="$ARCHCAST_DATA",
    patterns=(
        "nasbench_full.tfrecord",
        "nasbench_only108.tfrecord",
        "nasbench_only108.pkl",
    ),
    licence="Apache-2.0",
    files="those of nasbench101",
    holds="seeds, times, costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read NAS-Bench-101's files and keep the cells of a sub-space.

    A sub-space fixes how many parents each node has: 1, 2, 2, 2 and 2 for the output (``1``); 1, 1, 2, 2 and 3
    (``2``); 1, 1, 1, 2, 2 and 2 (``3``). Spaces 1 and 2 have four choice nodes: the convolution that fills the matrix
    up to seven vertices is not connected. Cells are those of NAS-Bench-101 after pruning; the benchmark itself has no
    data of its own. The published constants are errors, here are accuracies.
    """
    table = nasbench101.read_files(folder, f"nasbench-1shot1/{task}")
    space = get_space("nasbench101")
    wanted = set(map(bytes, cells(task)))
    keep = np.array([bytes(row) in wanted for row in space.canonical(table.archs)])
    if not keep.any():
        raise InvalidFileError(f"{table.source} holds no cell of sub-space {task} of NAS-Bench-1Shot1.")
    evidence = table.evidence(keep)
    return dataclasses.replace(
        table,
        name=f"nasbench-1shot1/{task}",
        archs=table.archs[keep],
        metrics={name: values[keep] for name, values in table.metrics.items()},
        curves=evidence.curves,
        proxies=evidence.proxies,
        costs=evidence.costs,
        train_seconds=None if table.train_seconds is None else table.train_seconds[keep],
        left_out=f"{int((~keep).sum()):,} cells of other spaces",
    )


@cache
def cells(task: str) -> NDArray[np.int64]:
    """Canonical rows of NAS-Bench-101 that a sub-space reaches, each once."""
    counts = PARENTS[task]
    space = NASBench101()
    edges = {edge: k for k, edge in enumerate(EDGES)}
    places = [list(combinations(range(node), count)) for node, count in enumerate(counts, 1)]
    shapes = np.zeros((math.prod(map(len, places)), len(space.columns)), dtype=np.int64)
    for row, parents in zip(shapes, product(*places)):
        for node, some in enumerate(parents, 1):
            end = node if node < len(counts) else NODES - 1
            row[[edges[source, end] for source in some]] = 1
    return space.with_any_operations(shapes[space.is_valid(shapes)])
