"""Gaussian process with a string kernel: architectures are alike that share sequences of operations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.graphs import ABSENT
from archcast.predictors.base import register
from archcast.predictors.gaussian_process._gram import GramPredictor
from archcast.predictors.parameters import Whole
from archcast.spaces.base import SearchSpace

__all__ = ["StringGaussianProcess"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

ELEMENTS = 4_000_000
"""Most elements of an array of pairs of operations of pairs of architectures."""


@register(
    "gp-string",
    summary="Gaussian process with a kernel of subsequences of operations",
    paper="Lodhi et al. 2002, https://www.jmlr.org/papers/v2/lodhi02a.html; Moss et al. 2020, https://arxiv.org/abs/2010.00979; "
    "Golovin et al. 2017, https://doi.org/10.1145/3097983.3098043",
    family="gaussian-process",
)
class StringGaussianProcess(GramPredictor):
    """Gaussian process on architectures that are read as strings.

    Every path from the input to the output of a cell is a string of operations, and an architecture is all its strings. Two of
    them are compared by the subsequences that they share (Lodhi et al. 2002): ``k_p`` counts those of ``p`` operations, each
    operation that is left out between two of them for a factor ``gap`` in both,

        k_p(x, x') = sum over paths s of x, s' of x'  sum over u of length p  c_u(s) c_u(s')
        c_u(s) = sum over places where u is in s  gap ** (operations of s left out between its first and its last)

    The kernel is ``sum_p a_p k_p(x, x') / sqrt(k_p(x, x) k_p(x', x'))``. Paths are not listed: with ``A`` the edges between
    operations, ``A (1 - gap A)^-1`` holds the gaps of all of them at once. The scales ``a_p``, the noise and ``gap`` are those of
    the highest marginal likelihood; where networks have no subsequence of length p, they are alike in that. It is positive
    semidefinite, being a product of counts.

    Bayesian optimisation with Gaussian processes, the method of Google Vizier (Golovin et al. 2017), needs a kernel between
    architectures; for what can be written as strings it is this one (as in BOSS, Moss et al. 2020). Departures from Lodhi et al.:
    strings are the paths of a graph; ``gap`` counts what is left out, not the length; each length has a scale of its own.

    Args:
        space: search space.
        length: largest p.
        random_state: not used; the fit is deterministic.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(30, 0)
        >>> gp = archcast.get_predictor("gp-string", space=space).init(archs, (archs == 3).sum(axis=1))
        >>> mean = gp.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    parameters = {"length": Whole(1)}
    settings = (0.0, 0.25, 0.5, 1.0)

    def __init__(self, space: str | SearchSpace, *, length: int = 3, random_state: Any = None) -> None:
        super().__init__(space, random_state=random_state)
        self.length = length

    def _kernels(self, a: Rows, b: Rows, settings: Sequence[float]) -> Iterable[tuple[Floats, ...]]:
        one, two = _Strings.of(self._space, a), _Strings.of(self._space, b)
        for gap in settings:
            cross = one.compare(two, gap, self.length)
            own = [x.compare_own(gap, self.length) for x in (one, two)]
            yield tuple(_normalised(c, x, y) for c, x, y in zip(cross, *own, strict=True))


def _normalised(cross: Floats, a: Floats, b: Floats) -> Floats:
    none = (a <= 0)[:, None] & (b <= 0)
    return np.where(none, 1.0, cross / np.sqrt(np.maximum(a[:, None] * b, 1e-300)))


@dataclass(frozen=True)
class _Strings:
    """The paths of ``n`` networks.

    Attributes:
        labels: ``(n, v)`` operation and cell of each node; ``ABSENT`` also for inputs and outputs.
        edges: ``(n, v, v)`` between operations.
        starts, ends: ``(n, v)`` number of paths from the inputs to each operation, and from it to the output.
    """

    labels: NDArray[np.int64]
    edges: Floats
    starts: Floats
    ends: Floats

    @classmethod
    def of(cls, space: SearchSpace, archs: Rows) -> _Strings:
        graphs = space.graphs(archs).pruned()
        codes, v = graphs.operations, graphs.operations.shape[1]
        inner = codes >= graphs.terminals
        labels = np.where(inner, codes + graphs.cell_of_node * len(graphs.op_names), ABSENT)
        edges = graphs.adjacency.astype(np.float64)
        paths = np.linalg.inv(np.eye(v) - edges)
        last = codes == graphs.terminals - 1
        first = (codes >= 0) & ~inner & ~last
        starts = np.einsum("nij,ni->nj", paths, first.astype(np.float64))
        ends = np.einsum("nij,nj->ni", paths, last.astype(np.float64))
        between = edges * inner[:, :, None] * inner[:, None, :]
        return cls(labels, between, starts, ends)

    def __getitem__(self, rows: slice) -> _Strings:
        return _Strings(self.labels[rows], self.edges[rows], self.starts[rows], self.ends[rows])

    def steps(self, gap: float) -> Floats:
        """``(n, v, v)`` sum over the paths between two operations of ``gap`` to the power of the operations between."""
        return np.asarray(self.edges @ np.linalg.inv(np.eye(self.edges.shape[1]) - gap * self.edges))

    def compare(self, other: _Strings, gap: float, length: int) -> list[Floats]:
        """``k_p`` of each network with each of the other ones, ``(n, m)`` for each p."""
        n, m, v = len(self.labels), len(other.labels), self.labels.shape[1]
        out = [np.zeros((n, m)) for _ in range(length)]
        right = other.steps(gap)
        size = max(1, ELEMENTS // max(1, m * v * v))
        for k in range(0, n, size):
            part = self[k : k + size]
            left = part.steps(gap).transpose(0, 2, 1)
            same = _same(part.labels[:, :, None, None], other.labels)  # (n, v, m, v)
            shared = same * part.starts[:, :, None, None] * other.starts
            for p in range(length):
                ended = np.einsum("numw,nu->nmw", shared, part.ends)
                out[p][k : k + size] = np.einsum("nmw,mw->nm", ended, other.ends)
                if p + 1 < length:
                    moved = left @ shared.reshape(len(left), v, m * v)
                    moved = np.moveaxis(moved.reshape(len(left), v, m, v), 2, 0)
                    shared = same * np.moveaxis((moved.reshape(m, -1, v) @ right).reshape(moved.shape), 0, 2)
        return out

    def compare_own(self, gap: float, length: int) -> list[Floats]:
        """``k_p`` of each network with itself, ``(n,)`` for each p."""
        steps, out = self.steps(gap), []
        same = _same(self.labels[:, :, None], self.labels[:, None, :])
        shared = same * self.starts[:, :, None] * self.starts[:, None, :]
        for _ in range(length):
            out.append(np.einsum("nuw,nu,nw->n", shared, self.ends, self.ends))
            shared = same * (steps.transpose(0, 2, 1) @ shared @ steps)
        return out


def _same(a: NDArray[np.int64], b: NDArray[np.int64]) -> Floats:
    return ((a == b) & (a != ABSENT)).astype(np.float64)
