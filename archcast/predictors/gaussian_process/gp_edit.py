"""Gaussian process on the edit distance between networks (Auto-Keras, Jin et al. 2019)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from archcast.graphs import Operation
from archcast.predictors.base import register
from archcast.predictors.gaussian_process._gram import GramPredictor
from archcast.predictors.gaussian_process._layers import Layers, Skips, layers_of
from archcast.predictors.parameters import Number, Word
from archcast.spaces.base import SearchSpace

__all__ = ["EditGaussianProcess", "edit_distance", "layer_distance", "skip_distance"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

LEAST = 0.25
"""Distance of two different operations of one kind with equally many weights."""


@register(
    "gp-edit",
    summary="Gaussian process on the edit distance between networks, as in Auto-Keras",
    paper="Jin et al. 2019, https://arxiv.org/abs/1806.10282",
    family="gaussian-process",
)
class EditGaussianProcess(GramPredictor):
    """The surrogate of Auto-Keras (Jin et al. 2019, https://arxiv.org/abs/1806.10282): how many edits make one network the other.

    The distance is ``d = d_layers + balance * d_skips``. The first is the least cost of turning one sequence of layers into the
    other: adding or taking out a layer costs 1, changing one its relative difference, ``|w - w'| / max(w, w')``. The second
    matches skip connections, ``d = (|u - u'| + |l - l'|) / (max(u, u') + max(l, l'))`` for connections that start after u layers
    and lead over l layers, best of all matchings, and 1 for each that is left over.

    The distances to the training rows are the place ``r(x)`` of a network in a Euclidean space. There the kernel
    ``exp(-|r(x) - r(x')|^2 / (2 l^2))`` is positive semidefinite, whatever the distance is; the scale, the noise and l are those of
    the highest marginal likelihood. ``embedding="bourgain"`` is the paper's: distances to random sets of 1, 2, 4, ... training
    rows, each the least to a row of the set (Bourgain 1985). It blurs what the distance tells, and predicts worse.

    Departures from the paper: ``w`` is the number of weights of a layer, as its space declares them, times its units; two layers
    of different kinds or cells are at a distance of 1, two of one kind at .25 at least; cells have skip connections wherever an
    edge joins layers that do not follow each other; l is tried in four multiples of the median distance; targets are rank-normal.
    Evidence is not used.

    Args:
        space: search space.
        balance: weight of the skip connections; the default is that of the authors' code.
        embedding: ``"rows"`` or ``"bourgain"``.
        random_state: seed of the random sets of ``"bourgain"``.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(30, 0)
        >>> gp = archcast.get_predictor("gp-edit", space=space, random_state=0).init(archs, (archs == 3).sum(axis=1))
        >>> mean = gp.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    parameters = {"balance": Number(0), "embedding": Word("rows", "bourgain")}

    def __init__(
        self, space: str | SearchSpace, *, balance: float = 0.1, embedding: str = "rows", random_state: Any = None
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.balance = balance
        self.embedding = embedding

    def _prepare(self, archs: Rows) -> None:
        n = len(archs)
        self.sets_ = np.eye(n, dtype=bool)
        if self.embedding == "bourgain":
            rng, sizes = self._rng(), [2**k for k in range(max(1, math.ceil(math.log2(n))))]
            members = [rng.permutation(n) < size for size in sizes for _ in range(math.ceil(math.log(n + 1)))]
            self.sets_ = np.array(members)
        places = self._embedding(archs)
        apart = np.sqrt(_squares(places, places))[np.triu_indices(n, 1)]
        self.median_ = float(np.median(apart[apart > 1e-9])) if (apart > 1e-9).any() else 1.0

    def _embedding(self, archs: Rows) -> Floats:
        """``(n, sets)`` least distance to a row of each set, divided by the root of the number of sets."""
        distances = edit_distance(layers_of(self._space, archs), layers_of(self._space, self.rows_), self.balance)
        nearest = [distances[:, members].min(axis=1) for members in self.sets_]
        return np.stack(nearest, axis=1) / np.sqrt(len(nearest))

    def _kernels(self, a: Rows, b: Rows, settings: Sequence[float]) -> Iterable[tuple[Floats, ...]]:
        squares = _squares(self._embedding(a), self._embedding(b))
        for setting in settings:
            yield (np.exp(-squares / (2 * (setting * self.median_) ** 2)),)


def _squares(a: Floats, b: Floats) -> Floats:
    return np.maximum(np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T, 0.0)


def edit_distance(a: Layers, b: Layers, balance: float) -> Floats:
    """``(n, m)`` distances between networks of one space."""
    out = layer_distance(a, b)
    if balance > 0:
        out += balance * skip_distance(a.skips(), b.skips())
    return out


def layer_distance(a: Layers, b: Layers) -> Floats:
    """``(n, m)`` least cost of the edits that turn one sequence of layers into the other."""
    (x, sizes_x, long_x), (y, sizes_y, long_y) = _sequence(a), _sequence(b)
    kinds, least = _kinds(a.names), _least(a.names)
    table = np.broadcast_to(np.arange(y.shape[1] + 1.0)[:, None, None], (y.shape[1] + 1, len(x), len(y)))
    rows = [table]
    for i in range(x.shape[1]):
        row = [np.full((len(x), len(y)), i + 1.0)]
        for j in range(y.shape[1]):
            one, two = x[:, i, None], y[None, :, j]
            size, other = sizes_x[:, i, None], sizes_y[None, :, j]
            relative = np.abs(size - other) / np.maximum(np.maximum(size, other), 1e-12)
            change = np.where(kinds[one] == kinds[two], np.maximum(relative, least[one, two]), 1.0)
            row.append(np.minimum(np.minimum(rows[-1][j + 1], row[j]) + 1, rows[-1][j] + change))
        rows.append(np.stack(row))
    whole = np.stack(rows)
    return np.asarray(whole[long_x[:, None], long_y[None], np.arange(len(x))[:, None], np.arange(len(y))[None]])


def _sequence(layers: Layers) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64]]:
    """Labels and sizes of the operations of each network in their order, and how many they are."""
    operations = [operation for _, _, operation in layers.names]
    inner = np.array([operation is not None for operation in operations] + [False])[layers.labels]
    order = np.argsort(~inner, axis=1, kind="stable")
    many = inner.sum(axis=1)
    most = int(many.max(initial=0))
    labels = np.take_along_axis(layers.labels, order, axis=1)[:, :most]
    weights = np.array([_weight(operation) for operation in operations])
    return labels, weights[labels] * np.take_along_axis(layers.units, order, axis=1)[:, :most], many


def _weight(operation: Operation | None) -> float:
    return operation.weight if operation is not None and operation.weight > 0 else 1.0


def _kinds(names: tuple[tuple[str, int, Operation | None], ...]) -> NDArray[np.int64]:
    """``(labels,)`` number of the kind and cell of each label."""
    found = [(cell, "" if operation is None else operation.kind) for _, cell, operation in names]
    return np.array([found.index(key) for key in found])


def _least(names: tuple[tuple[str, int, Operation | None], ...]) -> Floats:
    return LEAST * (1 - np.eye(len(names)))


def skip_distance(a: Skips, b: Skips) -> Floats:
    """``(n, m)`` least cost of matching the skip connections of two networks.

    No two connections are further apart than 1, so all of the fewer are matched. Networks with the same connections are compared
    once.
    """
    (x, one), (y, two) = _distinct(a), _distinct(b)
    out = np.zeros((len(x.there), len(y.there)))
    many, others = x.there.sum(axis=1), y.there.sum(axis=1)
    for i in range(len(out)):
        k = int(many[i])
        start, span, cell = x.start[i, None, :k, None], x.span[i, None, :k, None], x.cell[i, None, :k, None]
        other_start, other_span, other_cell = y.start[:, None], y.span[:, None], y.cell[:, None]
        most = np.maximum(start, other_start) + np.maximum(span, other_span)
        costs = (np.abs(start - other_start) + np.abs(span - other_span)) / np.maximum(most, 1)
        costs = np.where(cell == other_cell, costs, 1.0)
        for j in range(len(y.there)):
            matched = costs[j, :, : int(others[j])]
            out[i, j] = matched[linear_sum_assignment(matched)].sum() + abs(many[i] - others[j])
    return np.asarray(out[one[:, None], two])


def _distinct(skips: Skips) -> tuple[Skips, NDArray[np.int64]]:
    """The skip connections without repeated networks, and the number there of each network."""
    whole = np.concatenate([skips.start, skips.span, skips.cell, skips.there], axis=1)
    _, first, number = np.unique(whole, axis=0, return_index=True, return_inverse=True)
    return Skips(skips.start[first], skips.span[first], skips.cell[first], skips.there[first]), number.ravel()
