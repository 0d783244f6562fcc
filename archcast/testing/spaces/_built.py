"""Small networks that a space has built: whether they are, whether they are connected, what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from archcast.costs import COSTS, count
from archcast.spaces.base import SearchSpace, Task


@contextmanager
def without_compiled_kernels() -> Iterator[None]:
    """oneDNN compiles a kernel for every shape, which takes longer than all else in small networks."""
    import torch

    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before


def builds(space: SearchSpace) -> bool:
    """Whether the space can build networks; a space of choices can where it was given a builder."""
    return type(space).build is not SearchSpace.build and getattr(space, "builder", space) is not None


def is_connected(space: SearchSpace, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """``(n,)`` whether the input of every cell reaches its output; of spaces without cells, always."""
    if not space.has_graph:
        return np.ones(len(rows), dtype=bool)
    cells = space.graphs(rows).pruned().split()
    return np.logical_and.reduce([cell.adjacency[:, :, -1].any(axis=1) for cell in cells])


def built_costs(
    space: SearchSpace, rows: NDArray[np.int64], convention: str, task: Task, *, pruned: bool = False
) -> dict[str, NDArray[np.float64]]:
    """``(n,)`` of each cost, counted as torch runs the network of each row.

    They run on the processor: on the device ``meta``, where ``space.costs`` counts, torch computes shapes in Python, which takes
    five times as long as small networks take.
    """
    import torch

    arguments = {"pruned": True} if pruned else {}
    inputs = [torch.zeros((1, *shape), dtype=getattr(torch, dtype)) for shape, dtype in zip(task.shapes, task.dtypes)]
    with torch.random.fork_rng(devices=[]), without_compiled_kernels():
        found = [count(space.build(row, task, **arguments), inputs, convention) for row in rows]
    return {name: np.array([costs[name] for costs in found]) for name in COSTS}
