"""Dense prediction cells: five branches, each one of 81 operations on the features or on an earlier branch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError, short
from archcast.spaces.base import Task, register
from archcast.spaces.conditional import ConditionalSpace
from archcast.spaces.dense import dense_sizes
from archcast.spaces.dpc.branches import BRANCHES, DECLARED, OPERATIONS, Branch
from archcast.spaces.dpc.costs import costs

if TYPE_CHECKING:
    import torch

__all__ = ["DPC"]

Rows = NDArray[np.int64]

LONGEST_TEXT = 4_096


@register(
    "dpc",
    summary="5 branches of 81 operations (atrous convolutions, pyramid pooling) for dense prediction; 4.2e11 rows",
    paper="Chen et al. 2018, https://arxiv.org/abs/1809.04184",
    size=120 * 81**5,
    buildable=True,
)
class DPC(ConditionalSpace):
    """Dense prediction cells (Chen et al. 2018, https://arxiv.org/abs/1809.04184).

    A row holds the operations of five branches, then the inputs of the second to the fifth: 0 is what the backbone gives, k branch
    k. Operations: a 1x1 convolution; 64 separable 3x3 convolutions, dilated by 1, 3, 6, 9, 12, 15, 18 or 21 in each direction;
    16 poolings to a grid of 1, 2, 4 or 8 in each direction, followed by a 1x1 convolution. The branches are concatenated.

    The notation is the JSON of the authors' code, a list of five branches; there ``"input": -1`` is the backbone and 0 the first
    branch.

    With 81 operations on five nodes a graph says no more than the decisions, so there is none: encodings read the row.

    The network stands in for the paper's: the cell on four convolutions of stride two with ``backbone`` (320) channels at the end,
    not on Xception. ``width`` (256) counts the channels of a branch. A task with a height and a width in its outputs gets logits
    of every pixel, a task with classes alone their mean.

    :meth:`canonical` is equal exactly for the same cell up to the order of the branches, which the classifier absorbs.

    Examples:
        >>> space = DPC()
        >>> conv = '{{"kernel": 3, "rate": [{}, {}], "op": "conv", "input": {}}}'
        >>> rates = (1, 6, -1), (18, 15, 0), (6, 3, 1), (1, 1, 0), (6, 21, 0)
        >>> best = space.parse("[" + ", ".join(conv.format(*rate) for rate in rates) + "]")
        >>> best
        array([[ 3, 54, 18,  1, 24,  1,  2,  1,  1]])
    """

    name = "dpc"
    operations = DECLARED
    sizes: Mapping[str, int] = {"width": 256, "backbone": 320}
    tasks: Mapping[str, Task] = {
        "cityscapes-321": Task((3, 321, 321), outputs=(19, 321, 321)),
        "cityscapes-769": Task((3, 769, 769), outputs=(19, 769, 769)),
        "voc-513": Task((3, 513, 513), outputs=(21, 513, 513)),
    }
    cardinalities = (len(OPERATIONS),) * BRANCHES + tuple(range(2, BRANCHES + 1))
    columns = (
        *(f"op{k}" for k in range(1, BRANCHES + 1)),
        *(f"input{k}" for k in range(2, BRANCHES + 1)),
    )

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        try:
            branches = json.loads(text) if len(text) <= LONGEST_TEXT else None
        except (ValueError, RecursionError):
            branches = None
        if not isinstance(branches, list) or len(branches) != BRANCHES:
            raise InvalidInputError(
                f'expected a list of {BRANCHES} branches, each like {{"kernel": 1, "op": "conv", "input": -1}}'
            )
        row = [_operation(branch) for branch in branches]
        for k, branch in enumerate(branches):
            given = branch.get("input")
            if type(given) is not int or not -1 <= given < k:
                raise InvalidInputError(f"the input of branch {k} must be -1 or an earlier branch, got {short(given)}")
            row += [given + 1] if k else []
        return row

    def format(self, archs: ArrayLike) -> list[str]:
        rows = self.validate(archs)
        return [
            json.dumps([_written(OPERATIONS[op], given - 1) for op, given in zip(row[:BRANCHES], [0, *row[BRANCHES:]])])
            for row in rows.tolist()
        ]

    # -- canonical form ---------------------------------------------------------------------------------------------

    def canonical(self, archs: ArrayLike) -> Rows:
        rows = self.validate(archs)
        operations, inputs = _split(rows)
        best = rows.copy()
        for order in permutations(range(1, BRANCHES + 1)):
            place = np.array([0, *order])
            moved = place[inputs]
            trial = np.empty_like(rows)
            trial[:, place[1:] - 1] = operations
            given = np.empty_like(inputs)
            given[:, place[1:] - 1] = moved
            trial[:, BRANCHES:] = given[:, 1:]
            allowed = (moved < place[1:]).all(axis=1)
            k = (trial != best).argmax(axis=1)[:, None]
            larger = np.take_along_axis(trial, k, 1) > np.take_along_axis(best, k, 1)
            best = np.where((allowed & larger[:, 0])[:, None], trial, best)
        return best

    # -- network ------------------------------------------------------------------------------------------------------

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        return costs(*_split(rows), task.pixels, convention, **dense_sizes(self, task))

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The cell on a backbone of four convolutions, a classifier of pixels, bilinear interpolation to the size of the output.
        No part of it is dead, so ``pruned`` changes nothing."""
        from archcast.spaces.dpc.network import Network

        operations, inputs = _split(self.validate(arch, allow_empty=False)[:1])
        return Network(operations[0].tolist(), inputs[0].tolist(), **dense_sizes(self, self.task_of(task)))


def _split(rows: Rows) -> tuple[Rows, Rows]:
    """Operations and inputs ``(n, 5)``; the first branch reads the backbone."""
    return rows[:, :BRANCHES], np.pad(rows[:, BRANCHES:], ((0, 0), (1, 0)))


def _operation(branch: Any) -> int:
    """Number of the operation of a branch as JSON has it."""
    if not isinstance(branch, dict):
        raise InvalidInputError(f"{short(branch)} is no branch")
    known = {"op", "kernel", "input"}
    found: Branch | None = None
    if branch.get("op") == "conv" and branch.get("kernel") == 1:
        found = Branch()
    elif branch.get("op") == "conv" and branch.get("kernel") == 3 and _is_pair(branch.get("rate")):
        found, known = Branch(rate=tuple(branch["rate"])), known | {"rate"}
    elif branch.get("op") == "pyramid_pooling" and branch.get("kernel") == 1 and _is_pair(branch.get("grid_size")):
        found, known = Branch(grid=tuple(branch["grid_size"])), known | {"grid_size"}
    if found is None or found not in OPERATIONS or not known >= branch.keys():
        raise InvalidInputError(f"{short(branch, 120)} is none of the 81 operations")
    return OPERATIONS.index(found)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(side) is int for side in value)


def _written(branch: Branch, given: int) -> dict[str, Any]:
    if branch.grid is not None:
        return {"kernel": 1, "grid_size": list(branch.grid), "op": "pyramid_pooling", "input": given}
    rate = {} if branch.rate is None else {"rate": list(branch.rate)}
    return {"kernel": 1 if branch.rate is None else 3, **rate, "op": "conv", "input": given}
