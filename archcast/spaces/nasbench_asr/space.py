"""NAS-Bench-ASR: 13,824 cells of three nodes for speech recognition."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.costs.conventions import convention_of
from archcast.errors import InvalidInputError
from archcast.graphs import ABSENT, CONVOLUTION, IDENTITY, NOTHING, CellGraphs, Operation
from archcast.spaces.base import SearchSpace, Task, register
from archcast.spaces.functions import INPUT, apply, mix

if TYPE_CHECKING:
    import torch

__all__ = ["NASBenchASR"]

NODES = 3
OPERATIONS = {  # hundred groups leave a convolution few weights
    "linear": Operation(CONVOLUTION, weight=1),
    "conv5": Operation(CONVOLUTION, weight=0.5, reach=5),
    "conv5d2": Operation(CONVOLUTION, weight=0.5, reach=9),
    "conv7": Operation(CONVOLUTION, weight=0.7, reach=7),
    "conv7d2": Operation(CONVOLUTION, weight=0.7, reach=13),
    "zero": Operation(NOTHING),
}
NAMES = tuple(OPERATIONS)
ZERO = NAMES.index("zero")
UNREACHED = -1
KERNELS = np.array([int(name[4]) if name.startswith("conv") else 0 for name in NAMES])
STRIDES, FILTERS, CELLS, STEM_KERNEL, GROUPS = (1, 1, 2, 2), (600, 800, 1000, 1200), (3, 4, 5, 6), 8, 100
OPS = [0, 2, 5]
"""Column of the operation of each node; its skips follow."""


@register(
    "nasbench-asr",
    summary="cells of 3 nodes for speech recognition, 6 operations and skips; 13,824 rows",
    paper="Mehrotra et al. 2021, https://openreview.net/forum?id=CU0APx9LMaL",
    size=6**3 * 2**6,
    buildable=True,
)
class NASBenchASR(SearchSpace):
    """NAS-Bench-ASR (Mehrotra et al. 2021, https://openreview.net/forum?id=CU0APx9LMaL): cells of an acoustic model.

    A row holds for each of three nodes its operation on the node before (a linear map, four convolutions over time with a
    hundred groups, or zero) and for each earlier node, the input of the cell first, whether a skip adds it. The notation is the
    benchmark's, ``[[1, 0], [1, 0, 0], [1, 0, 0, 0]]``; names of operations are read too.

    :meth:`canonical` follows the functions of the authors' network, of which there are 9,135: a skip adds all of the earlier node,
    and an operation on nothing is the constant that its bias gives. The authors' hash, by which their tables are keyed,
    adds the operation of the earlier node without that node's own skips, and so tells fewer cells apart.

    Examples:
        The example of the authors, of 26,338,848 parameters:

        >>> space = NASBenchASR()
        >>> row = space.parse("[[1, 0], [1, 0, 0], [1, 0, 0, 0]]")
        >>> space.costs(row)["params"]
        array([26338848.])
    """

    name = "nasbench-asr"
    operations: Mapping[str, Operation] = {**OPERATIONS, "skip": Operation(IDENTITY)}
    cardinalities = tuple(c for node in range(NODES) for c in (len(NAMES), *[2] * (node + 1)))
    columns = tuple(
        name
        for node in range(1, NODES + 1)
        for name in (f"op{node}", *(f"skip{node}_{source}" for source in range(node)))
    )
    sizes: Mapping[str, int] = {"width": FILTERS[0], "depth": CELLS[-1], "hidden": 500}
    tasks: Mapping[str, Task] = {"timit": Task((80, 300), outputs=(48, 75))}

    # -- rows ---------------------------------------------------------------------------------------------------------

    @staticmethod
    def _parts(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[NDArray[np.bool_]]]:
        """Operations ``(n, 3)``, and for each node ``(n, sources)`` bool: the skips."""
        return rows[:, OPS], [rows[:, OPS[k] + 1 : OPS[k] + 2 + k] == 1 for k in range(NODES)]

    def _alive(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """``(n, 3)`` bool: the output of the cell depends on the node."""
        ops, skips = self._parts(rows)
        alive = np.zeros((len(rows), NODES + 1), dtype=bool)
        alive[:, NODES] = True
        for node in reversed(range(1, NODES + 1)):
            there = alive[:, node]
            alive[:, node - 1] |= there & (ops[:, node - 1] != ZERO)
            for source in range(node):
                alive[:, source] |= there & skips[node - 1][:, source]
        return alive[:, 1:]

    def preference(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Nodes that nothing depends on are zero, without skips."""
        ops, skips = self._parts(archs)
        dead = ~self._alive(archs)
        adds = np.stack([some.sum(axis=1) for some in skips], axis=1)
        return np.asarray((dead * ((ops != ZERO) + adds)).sum(axis=1))

    def function_keys(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(n, 2)``: the last node as a multiset of terms, hashed."""
        ops, skips = self._parts(archs)
        nodes = [np.broadcast_to(INPUT, (len(archs), 2)).copy()]
        for k in range(NODES):
            nothing = (nodes[-1] == 0).all(axis=1, keepdims=True)
            total = apply(ops[:, k], np.where(nothing, mix(nodes[-1]), nodes[-1]))
            total = np.where((ops[:, k] == ZERO)[:, None], np.uint64(0), total)
            for source in range(k + 1):
                total = total + np.where(skips[k][:, source, None], nodes[source], np.uint64(0))
            nodes.append(total)
        return nodes[-1].view(np.int64)

    def _parse(self, text: str) -> list[int]:
        expected = "expected [[operation, skip], [operation, skip, skip], [operation, skip, skip, skip]]"
        try:
            nodes = json.loads(text.replace("(", "[").replace(")", "]").replace("'", '"'))
        except (ValueError, RecursionError):
            raise InvalidInputError(expected) from None
        if not isinstance(nodes, list) or [len(n) if isinstance(n, list) else 0 for n in nodes] != [2, 3, 4]:
            raise InvalidInputError(expected)
        row: list[int] = []
        for number, (op, *skips) in enumerate(nodes, 1):
            code = NAMES.index(op) if op in NAMES else op
            if type(code) is not int or not 0 <= code < len(NAMES):
                raise InvalidInputError(
                    f"operation {number} is {str(op)[:20]}, not 0 to 5 or one of {', '.join(NAMES)}"
                )
            if any(type(skip) is not int or skip not in (0, 1) for skip in skips):
                raise InvalidInputError(f"the skips of node {number} are {str(skips)[:30]}, not 0 or 1")
            row += [code, *skips]
        return row

    def format(self, archs: ArrayLike) -> list[str]:
        rows = self.validate(archs).tolist()
        return [str([row[start : start + 2 + k] for k, start in enumerate(OPS)]) for row in rows]

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """``v = 11``: input, for each node its operation and its skips, output. What takes a node in takes in all of these."""
        rows = self.validate(archs)
        ops, skips = self._parts(rows)
        starts = [1 + column for column in OPS]
        parts = [[0], *(list(range(start, start + 2 + k)) for k, start in enumerate(starts))]  # of each node
        v = parts[-1][-1] + 2
        codes = np.zeros((len(rows), v), dtype=np.int64)
        codes[:, -1] = 1
        edges = np.zeros((v, v), dtype=bool)
        for k, start in enumerate(starts):
            codes[:, start] = ops[:, k] + 2
            edges[parts[k], start] = True
            for source in range(k + 1):
                codes[:, start + 1 + source] = np.where(skips[k][:, source], len(NAMES) + 2, ABSENT)
                edges[parts[source], start + 1 + source] = True
        edges[parts[NODES], -1] = True
        there = codes != ABSENT
        adjacency = edges & there[:, :, None] & there[:, None]
        names = ("input", "output", *self.operations)
        return CellGraphs(adjacency, codes, names, zero_op="zero", declared=self.declared)

    # -- network ------------------------------------------------------------------------------------------------------

    def _shell(self, task: Task | str | None) -> tuple[Task, list[tuple[int, int, int]], list[int], int]:
        """The task; stride, channels and cells of each block; frames in each; hidden numbers."""
        task = self.task_of(task)
        sizes = self.size_of(task)
        shape = task.shapes[0]
        frames, times = (shape[1], []) if len(shape) == 2 else (0, [])
        for stride in STRIDES:
            frames = -(-frames // stride)
            times.append(frames)
        if task.dtypes != ("float32",) or len(shape) != 2 or len(task.outputs) != 2 or task.outputs[1] != frames:
            raise InvalidInputError(
                f"Networks of space {self.name!r} label frames of speech: task.shape must be (features, frames) of float32 and "
                f"task.outputs (classes, a quarter of the frames); got shape {task.shape!r}, outputs {task.outputs!r}."
            )
        channels = [max(c * sizes["width"] // FILTERS[0], 1) for c in FILTERS]
        cells = [-(-n * sizes["depth"] // CELLS[-1]) for n in CELLS]
        return task, [*zip(STRIDES, channels, cells, strict=True)], times, sizes["hidden"]

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        """As in every space; the depth is that of the LSTM unrolled in time."""
        rows, rule = self.validate(archs), convention_of(convention)
        task, blocks, times, hidden = self._shell(task)
        ops = self._parts(rows)[0]
        there = (ops != ZERO) & (self._alive(rows) | (not pruned))
        linear, convs = (there & (ops == 0)).sum(axis=1), there & (ops > 0)
        kernels = (KERNELS[ops] * convs).sum(axis=1)
        params, macs, activations = np.zeros((3, len(rows)))
        c = task.shapes[0][0]
        for (_, f, cells), t in zip(blocks, times, strict=True):
            groups = math.gcd(f, GROUPS)
            weights = linear * float(f * f) + kernels * float(f * f // groups)
            biases = there.sum(axis=1) * float(f)
            stem = float(STEM_KERNEL * c * f)
            params += stem + 3 * f + cells * (weights + biases + 2 * f)
            macs += t * (stem + cells * weights)
            macs += t * f * rule.bias * (1 + cells * convs.sum(axis=1))
            macs += t * f * (rule.rectifier * (1 + cells * there.sum(axis=1)) + rule.norm * (1 + cells))
            activations += t * f * (1 + cells * there.sum(axis=1))
            c = f
        gates = 4.0 * hidden
        classes, steps = task.outputs
        params += gates * (c + hidden + 1) + classes * (hidden + 1)
        macs += steps * (gates * (c + hidden) + classes * hidden)
        activations += steps * (gates + classes)
        depth = sum(1 + cells * self._layers(rows) for _, _, cells in blocks) + steps + 1.0
        return {
            "params": params,
            "macs": macs,
            "activations": activations,
            "depth": np.asarray(depth, dtype=np.float64),
            "resolution": np.ones(len(rows)),
        }

    def _layers(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(n,)`` operations on the longest path from the input of a cell; none where there is no path."""
        ops, skips = self._parts(rows)
        nodes = [np.zeros(len(rows), dtype=np.int64)]
        for k in range(NODES):
            longest = np.where((ops[:, k] != ZERO) & (nodes[-1] != UNREACHED), nodes[-1] + 1, UNREACHED)
            for source in range(k + 1):
                longest = np.maximum(longest, np.where(skips[k][:, source], nodes[source], UNREACHED))
            nodes.append(longest)
        return np.maximum(nodes[-1], 0)

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The acoustic model of Mehrotra et al. 2021: four blocks of a convolution and 3, 4, 5 and 6 cells, with 600 (``width``),
        800, 1,000 and 1,200 channels, an LSTM of ``hidden`` (500) numbers, a classifier of every frame.

        ``depth`` (6) is the number of cells in the last block; the other sizes are in proportion. The last two blocks halve the
        number of frames. Trained by connectionist temporal classification, with a class for the blank; a task here has the
        classes that its outputs say. ``pruned=True`` leaves out the operations of nodes that nothing depends on.
        """
        from archcast.spaces.nasbench_asr.network import Network

        row = self.validate(arch, allow_empty=False)[:1]
        task, blocks, _, hidden = self._shell(task)
        ops, skips = self._parts(row)
        kept = np.where(self._alive(row)[0] | (not pruned), ops[0], ZERO)
        sources = [np.flatnonzero(some[0]).tolist() for some in skips]
        return Network([NAMES[op] for op in kept], sources, task.shapes[0][0], task.outputs[0], blocks, hidden)
