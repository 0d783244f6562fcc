"""Gaussian process on the optimal-transport distance between networks (NASBOT, Kandasamy et al. 2018)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from archcast.graphs import ABSENT
from archcast.predictors.base import register
from archcast.predictors.gaussian_process._gram import GramPredictor
from archcast.predictors.gaussian_process._layers import Layers, layers_of, mismatch
from archcast.predictors.gaussian_process._transport import transport
from archcast.predictors.parameters import Numbers
from archcast.spaces.base import SearchSpace

__all__ = ["OTGaussianProcess", "otmann"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

REFERENCE = 24
"""Architectures whose distances to each other say how far apart networks of a space are."""

STRUCTURE = (0.1, 0.4)
PAIRS = 20_000
"""Pairs of networks that are compared together."""


@register(
    "gp-ot",
    summary="Gaussian process on the optimal-transport distance between networks, as in NASBOT",
    paper="Kandasamy et al. 2018, https://arxiv.org/abs/1802.07191",
    family="gaussian-process",
)
class OTGaussianProcess(GramPredictor):
    """The surrogate of NASBOT (Kandasamy et al. 2018, https://arxiv.org/abs/1802.07191): layers are matched by optimal transport.

    The distance OTMANN is the least cost of moving the computation of one network to the layers of the other. A layer has as
    mass its units times those of all that it reads, input and output a tenth of all others. A unit of mass that moves from
    layer i to layer j costs

        C_ij = mismatch of their operations + structure * mean over six lengths |length_i - length_j|

    where the lengths are the shortest, the longest and the mean number of layers (of a random walk) to the input and to the
    output; what does not move costs 1 a unit on either side. With ``d`` the distance, averaged over the values of ``structure``,
    and ``e = d / (mass of x + mass of x')``, the kernel is

        k(x, x') = a exp(-d / l) + b exp(-(e / m)^2)

    The scales, the noise and the lengthscales are those of the highest marginal likelihood. **The kernel need not be positive
    semidefinite**; eigenvalues below zero are set to zero, as in the paper, for known and new rows alike, and ``negative_`` is
    their share.

    Departures from the paper: ``d`` is a mean where the paper has a lengthscale for each value of ``structure``; both lengthscales
    are one multiple, of four that are tried, of the median distances of the space; path lengths count all layers, where the
    authors' code also counts those of one kind. In spaces of cells, whose nodes have equally many channels, every unit is 1.
    Targets are rank-normal; evidence is not used.

    Args:
        space: search space.
        structure: weights of the difference in place, for each of which a distance is computed.
        random_state: not used; the fit is deterministic.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(30, 0)
        >>> gp = archcast.get_predictor("gp-ot", space=space).init(archs, (archs == 3).sum(axis=1))
        >>> mean = gp.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    parameters = {"structure": Numbers()}

    def __init__(
        self, space: str | SearchSpace, *, structure: Sequence[float] = STRUCTURE, random_state: Any = None
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.structure = structure

    def _prepare(self, archs: Rows) -> None:
        some = layers_of(self._space, self._space.canonical(self._space.sample(REFERENCE, 0)))
        apart = np.triu_indices(REFERENCE, 1)
        medians = []
        for distance in self._distances(some, some):
            found = distance[apart]
            medians.append(float(np.median(found[found > 1e-9])) if (found > 1e-9).any() else 1.0)
        self.medians_ = medians

    def _distances(self, a: Layers, b: Layers) -> tuple[Floats, Floats]:
        mean = np.mean([otmann(a, b, weight) for weight in self.structure], axis=0)
        return mean, mean / (a.masses.sum(axis=1)[:, None] + b.masses.sum(axis=1))

    def _kernels(self, a: Rows, b: Rows, settings: Sequence[float]) -> Iterable[tuple[Floats, ...]]:
        distance, share = self._distances(layers_of(self._space, a), layers_of(self._space, b))
        for setting in settings:
            yield (
                np.exp(-distance / (setting * self.medians_[0])),
                np.exp(-np.square(share / (setting * self.medians_[1]))),
            )


def otmann(a: Layers, b: Layers, structure: float) -> Floats:
    """``(n, m)`` distances between networks.

    Mass moves only between layers of one kind, so the distance is a sum over the kinds. The layers of one kind are often the same
    in many networks: each two sets of layers that differ are compared once.

    Args:
        a, b: ``n`` and ``m`` networks of one space.
        structure: weight of the difference in place.
    """
    penalty = np.minimum(mismatch(a.names), 2.0)  # what costs 2 is never moved
    kinds, kind_of = connected_components(penalty < 2)
    out = np.zeros((len(a), len(b)))
    for kind in range(kinds):
        (x, one), (y, two) = (_part(layers, np.flatnonzero(kind_of == kind)) for layers in (a, b))
        out += _apart(x, y, penalty, structure)[one[:, None], two]
    return out


def _part(layers: Layers, labels: NDArray[np.int64]) -> tuple[Layers, NDArray[np.int64]]:
    """The layers of some labels, without repeated networks, and the number there of each network."""
    inside = np.isin(layers.labels, labels)
    order = np.argsort(~inside, axis=1, kind="stable")[:, : max(1, int(inside.sum(axis=1).max(initial=0)))]
    inside = np.take_along_axis(inside, order, axis=1)
    found = np.where(inside, np.take_along_axis(layers.labels, order, axis=1), ABSENT)
    masses = np.where(inside, np.take_along_axis(layers.masses, order, axis=1), 0.0)
    lengths = np.where(inside[:, :, None], np.take_along_axis(layers.lengths, order[:, :, None], axis=1), 0.0)
    whole = np.concatenate([found, masses, lengths.reshape(len(found), -1)], axis=1)
    _, first, number = np.unique(whole, axis=0, return_index=True, return_inverse=True)
    part = replace(layers, labels=found[first], masses=masses[first], lengths=lengths[first])
    return part, number.ravel()


def _apart(a: Layers, b: Layers, penalty: Floats, structure: float) -> Floats:
    """``(n, m)`` costs of moving the layers of one kind."""
    n, m = len(a), len(b)
    out = np.zeros((n, m))
    size = max(1, PAIRS // max(m, 1))
    for k in range(0, n, size):
        some = slice(k, min(k + size, n))
        costs = penalty[a.labels[some][:, None, :, None], b.labels[None, :, None, :]]
        for length in range(a.lengths.shape[2]):
            one, two = a.lengths[some, None, :, None, length], b.lengths[None, :, None, :, length]
            costs = costs + structure / a.lengths.shape[2] * np.abs(one - two)
        present = (a.labels[some] != ABSENT)[:, None, :, None] & (b.labels != ABSENT)[None, :, None]
        rows = some.stop - some.start
        out[some] = transport(
            np.where(present, costs, np.inf).reshape(rows * m, *costs.shape[2:]),
            np.repeat(a.masses[some], m, axis=0),
            np.tile(b.masses, (rows, 1)),
        ).reshape(rows, m)
    return out
