"""Checks of networks: they are built and answer, and cost what the space says."""

from __future__ import annotations

import dataclasses
import inspect

import numpy as np

from archcast.costs import CONVENTIONS, COSTS
from archcast.errors import InvalidInputError, UnknownNameError
from archcast.spaces.base import SearchSpace
from archcast.testing._assertions import expect_error, require, require_equal
from archcast.testing.spaces._built import builds, built_costs, is_connected, without_compiled_kernels
from archcast.testing.spaces._material import rows_of
from archcast.testing.spaces._tasks import small_task


def check_build(space: SearchSpace) -> None:
    if not builds(space):
        with expect_error(InvalidInputError, "a space that cannot build", "cannot build"):
            space.build(rows_of(space, 1)[0])
        return
    import torch

    rows = rows_of(space, 6)
    connected, task = is_connected(space, rows), small_task(space)
    prunes = "pruned" in inspect.signature(space.build).parameters
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]), without_compiled_kernels():
        torch.manual_seed(0)
        for row, reachable in zip(rows, connected, strict=True):
            whole = space.build(row, task)
            network = space.build(row, task, pruned=True) if prunes else whole
            inputs, _ = task.noise(2, generator)
            for built in (whole, network):
                out = built(*inputs) if isinstance(inputs, tuple) else built(inputs)
                shaped = tuple(out.shape) == (2, *task.outputs) and bool(out.isfinite().all())
                require(shaped, f"{row.tolist()}: output of shape {tuple(out.shape)}")
            out.square().sum().backward()
            idle = [name for name, p in network.named_parameters() if p.grad is None]
            require(not idle or not reachable, f"{row.tolist()}: parameters that the output does not depend on: {idle}")
            sizes = [sum(p.numel() for p in built.parameters()) for built in (network, whole)]
            require(sizes[0] <= sizes[1], f"{row.tolist()}: pruning added parameters")
        with torch.device("meta"):
            require(space.build(rows[0]) is not None, "the network of the paper cannot be built")
    if space.sizes:
        with expect_error(InvalidInputError, "a size that the space does not have", "no size 'sides'"):
            space.build(rows[0], dataclasses.replace(task, size={"sides": 3}))


def check_costs(space: SearchSpace) -> None:
    rows = rows_of(space, 4)
    if not builds(space) and type(space).costs is SearchSpace.costs:
        with expect_error(InvalidInputError, "costs of a space that cannot build", "cannot build"):
            space.costs(rows)
        return
    task, connected = small_task(space), is_connected(space, rows)
    for k, convention in enumerate(CONVENTIONS):
        whole = space.costs(rows, convention, task=task)
        for pruned in (False, True) if "pruned" in inspect.signature(space.build).parameters else (False,):
            found = space.costs(rows, convention, task=task, pruned=pruned)
            require(list(found) == list(COSTS), f"costs must be {', '.join(COSTS)}, got {', '.join(found)}")
            for name, values in found.items():
                require(values.shape == (4,) and values.dtype == np.float64, f"{name} must be (4,) float64")
            if not builds(space):
                continue
            same = pruned and all(np.array_equal(found[name], whole[name]) for name in COSTS)
            some = slice(k, k + 1) if same else slice(k, k + 2)
            built = built_costs(space, rows[some], convention, task, pruned=pruned)
            for name in COSTS:
                use = connected[some] if name == "depth" else slice(None)
                what = f"{name} by {convention} is not that of the built networks"
                require_equal(found[name][some][use], built[name][use], what)
    one = space.costs(rows[2], task=task)
    require_equal(
        [one[name][0] for name in COSTS], [space.costs(rows, task=task)[name][2] for name in COSTS], "one row alone"
    )
    require(space.costs(rows[:0], task=task)["macs"].shape == (0,), "costs of no rows must have shape (0,)")
    with expect_error(UnknownNameError, "an unknown convention", "Unknown convention"):
        space.costs(rows, "flop")
