"""S1 to S4: DARTS' cells with two operations an edge, on which DARTS fails (Zela et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.checks import generator
from archcast.spaces.base import Task, register
from archcast.spaces.darts.cell import CELLS, INPUTS, NODES, NOISY_CELLS, OPERATIONS
from archcast.spaces.darts.space import DARTS, cardinalities_of

if TYPE_CHECKING:
    import torch

__all__ = ["DARTSS1", "DARTSS2", "DARTSS3", "DARTSS4"]

PAPER = "Zela et al. 2020, https://arxiv.org/abs/1909.09656"
EDGES = tuple((source, INPUTS + k) for k in range(NODES) for source in range(INPUTS + k))
"""(source, node) of the fourteen edges of a cell."""
NAMES = {
    "s": "skip_connect",
    "m": "max_pool_3x3",
    "a": "avg_pool_3x3",
    "c": "sep_conv_3x3",
    "d": "dil_conv_3x3",
    "D": "dil_conv_5x5",
}
"""Letters that :data:`PAIRS` is written with."""
PAIRS = (
    ["sd", "sD", "sD", "sc", "sd", "ms", "sc", "sc", "sd", "sc", "ms", "sd", "dD", "dD"],
    ["ma", "md", "ma", "ma", "sD", "ma", "mc", "sd", "sD", "ma", "ma", "sD", "sD", "sD"],
)
"""The two operations of each edge of the normal and of the reduction cell, in the order of :data:`EDGES`, in S1: what was left
when DARTS had run twice, on the whole space and on what it kept."""


def _everywhere(*names: str) -> NDArray[np.bool_]:
    """``(2, 14, 7)`` the same operations on all edges of both cells."""
    return np.broadcast_to(np.isin(OPERATIONS, names), (len(CELLS), len(EDGES), len(OPERATIONS)))


class ReducedDARTS(DARTS):
    """Base of the reduced spaces: rows of DARTS' space, each of whose operations is one of few.

    Attributes:
        allowed: ``(2, 14, operations)`` bool, the operations of each edge of the normal and of the reduction cell.
        may_be_none: whether the supernet may drop an edge by a choice of its own; every row has two edges a node all the same.
    """

    allowed: ClassVar[NDArray[np.bool_]]
    may_be_none: ClassVar[bool] = False

    def _allows(self, archs: NDArray[np.int64]) -> NDArray[np.bool_]:
        """``(n, 16)`` whether each operation is one of its edge."""
        return np.stack(
            [self._choices(archs, slot)[np.arange(len(archs)), archs[:, 2 * slot + 1]] for slot in range(16)], 1
        )

    def _choices(self, archs: NDArray[np.int64], slot: int) -> NDArray[np.bool_]:
        """``(n, operations)`` those that the edge of a slot may have, by its source."""
        cell, k = divmod(slot, 2 * NODES)
        node = INPUTS + k // 2
        numbers = np.array([EDGES.index((source, node)) for source in range(node)])
        return self.allowed[cell][numbers[archs[:, 2 * slot]]]

    def is_valid(self, archs: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.asarray(super().is_valid(archs) & self._allows(archs).all(axis=1))

    def sample(self, n: int, rng: np.random.Generator | int | None = None) -> NDArray[np.int64]:
        rng = generator("rng", rng)
        rows = super().sample(n, rng)
        for slot in range(2 * NODES * len(CELLS)):
            allowed = self._choices(rows, slot)
            keys = np.where(allowed, rng.random(allowed.shape), -1.0)
            rows[:, 2 * slot + 1] = keys.argmax(axis=1)
        return rows


@register(
    "darts-s1",
    summary="DARTS' cells with two operations for each edge, other ones on other edges; 2.1e9 rows",
    paper=PAPER,
    size=(180 * 2**8) ** 2,
    buildable=True,
)
class DARTSS1(ReducedDARTS):
    """S1 (Zela et al. 2020, https://arxiv.org/abs/1909.09656): two operations an edge, those that an earlier search found best.

    The rows are those of :class:`~archcast.spaces.darts.space.DARTS` whose operations are allowed, in its notation.

    :meth:`canonical` orders the two inputs of a node and follows nothing else: another order of the nodes has other operations.

    Examples:
        >>> space = DARTSS1()
        >>> int(space.allowed.sum(axis=2).max()), int(space.allowed.sum(axis=2).min())
        (2, 2)
    """

    name = "darts-s1"
    allowed = np.array(
        [[[op in {NAMES[letter] for letter in pair} for op in OPERATIONS] for pair in cell] for cell in PAIRS]
    )

    def canonical(self, archs: ArrayLike) -> NDArray[np.int64]:
        """The rows with the smaller source of each node first."""
        rows = self.validate(archs)
        slots = rows.reshape(-1, len(CELLS) * NODES, 2, 2)
        turned = slots[:, :, 0, 0] > slots[:, :, 1, 0]
        slots[turned] = slots[turned][:, ::-1]
        return slots.reshape(rows.shape)


@register(
    "darts-s2",
    summary="DARTS' cells with a skip and a separable 3x3 convolution on every edge; 2.1e9 rows",
    paper=PAPER,
    size=(180 * 2**8) ** 2,
    buildable=True,
)
class DARTSS2(ReducedDARTS):
    """S2 (Zela et al. 2020, https://arxiv.org/abs/1909.09656): every edge is a skip or a separable 3x3 convolution.

    The rows are those of :class:`~archcast.spaces.darts.space.DARTS` whose operations are allowed, in its notation.

    Examples:
        >>> space = DARTSS2()
        >>> sorted({op for row in space.sample(9, 0) for op in row[1::2].tolist()})
        [2, 3]
    """

    name = "darts-s2"
    allowed = _everywhere("skip_connect", "sep_conv_3x3")


@register(
    "darts-s3",
    summary="DARTS' cells of S2; the edges of the supernet may also be none; 2.1e9 rows",
    paper=PAPER,
    size=(180 * 2**8) ** 2,
    buildable=True,
)
class DARTSS3(DARTSS2):
    """S3 (Zela et al. 2020, https://arxiv.org/abs/1909.09656): every edge is a skip, a separable 3x3 convolution, or nothing.

    As in the paper, nothing is a choice of the supernet's edges alone: the cells that are derived have two edges a node, neither of
    which is nothing. So the rows are those of S2.

    Examples:
        >>> DARTSS3().may_be_none
        True
    """

    name = "darts-s3"
    may_be_none = True


@register(
    "darts-s4",
    summary="DARTS' cells with noise and a separable 3x3 convolution on every edge; 2.1e9 rows",
    paper=PAPER,
    size=(180 * 2**8) ** 2,
    buildable=True,
)
class DARTSS4(ReducedDARTS):
    """S4 (Zela et al. 2020, https://arxiv.org/abs/1909.09656): every edge is a separable 3x3 convolution or noise, which puts
    standard normal numbers in the place of its input.

    A row is one of :class:`~archcast.spaces.darts.space.DARTS` whose operations are numbered 0, ``noise``, and 1,
    ``sep_conv_3x3``.

    Noise passes nothing on: an input that only noise follows is dead, and so is a cell that no later one depends on. Two dead cells
    in a row cut the network in two, so that no image reaches its output. :meth:`canonical` is equal exactly for the same
    cells up to the order of the nodes and of the two inputs of each, and up to what noise takes in. A part that turns noise
    into noise is kept as it is.

    Examples:
        >>> space = DARTSS4()
        >>> cell = [("noise", 1), ("sep_conv_3x3", 0)] + [("noise", 0), ("sep_conv_3x3", 2)] * 3
        >>> text = f"Genotype(normal={cell}, normal_concat=range(2, 6), reduce={cell}, reduce_concat=range(2, 6))"
        >>> space.parse(text)[0, :8], space.canonical(space.parse(text))[0, :8]
        (array([1, 0, 0, 1, 0, 0, 2, 1]), array([0, 1, 1, 0, 0, 0, 2, 1]))
    """

    name = "darts-s4"
    kind = NOISY_CELLS
    operations = NOISY_CELLS.declared
    cardinalities = cardinalities_of(NOISY_CELLS)
    allowed = np.ones((len(CELLS), len(EDGES), len(NOISY_CELLS.operations)), dtype=bool)

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """As :meth:`DARTS.build`. Inputs and cells that no later cell depends on are there, as in the paper's networks;
        ``pruned`` leaves them out. Noise is drawn anew in every pass of training, and is always the same in evaluation
        (:class:`~archcast.spaces.darts.network.Noise`)."""
        return super().build(arch, task, pruned=pruned)
