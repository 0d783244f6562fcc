"""Latency from counts and layers, with ten measurements of a new device and what other devices took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.evidence import Evidence, Source
from archcast.predictors.base import Known, Prediction, Predictor, register
from archcast.predictors.hardware._features import REFERENCE, Blocks
from archcast.predictors.hardware._kernel import posterior, weights_for
from archcast.predictors.parameters import Number
from archcast.predictors.sources import in_space
from archcast.spaces.base import SearchSpace

__all__ = ["Latency", "positive"]

Array = NDArray[np.float64]

MOST = 1500
"""Rows of a source that are learnt from; of more, so many are drawn."""
TASKS, ROWS = 6, 40
"""Small tasks made of each source, and rows of each, from which the weights are learnt."""


@register(
    "latency",
    summary="latency from counts and layers; learns from other devices",
    paper="by archcast; transfer after HELP, Lee et al. 2021, https://arxiv.org/abs/2106.08630",
    family="hardware",
)
class Latency(Predictor):
    """A Gaussian process on what the network counts, its layers, its decisions, and what other devices took.

    Scores are milliseconds, millijoules or whatever a device needs; the answer is on the same scale. The kernel is a weighted sum
    of inner products, because times of layers add up:

        k(x, x') = sum_g w_g <phi_g(x), phi_g(x')> + noise,

    with g one of: counts (``space.costs``, of the network as published and without dead parts), numbers of layers of each kind,
    decisions, the mean of the other devices, and each of the other devices.

    With ``sources``, other devices measured on rows of the same space, a ridge regression of each source gives what that device
    would take for any row, on a scale with mean 0 and variance 1. The weights are then learnt as in meta-learning: each source is
    cut into small tasks that the other sources must help to predict, and the weights make these most likely. A new device
    with ten measurements so learns how devices differ, not only how these ten rows do. Without sources the weights are learnt
    from the measurements themselves. (HELP learns the initial weights of a network in the same spirit.)

    Args:
        space: search space.
        penalty: of the ridge regression of each source, relative to its number of rows.
        random_state: seed.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(200, 0)
        >>> slow, fast = 5 + archs.sum(axis=1), 1 + (archs == 3).sum(axis=1)
        >>> sources = [archcast.Source(space, archs, slow), archcast.Source(space, archs, fast)]
        >>> latency = archcast.get_predictor("latency", space, random_state=0)
        >>> latency = latency.init(archs[:10], (slow + fast)[:10], sources=sources)
        >>> bool(abs(latency.query(archs).mean - slow - fast).max() < 1.5)
        True
    """

    has_std = True
    learns_from_sources = True
    parameters = {"penalty": Number(0, above=True)}

    def __init__(self, space: str | SearchSpace, *, penalty: float = 1e-3, random_state: Any = None) -> None:
        super().__init__(space, random_state=random_state)
        self.penalty = penalty

    def _init(self, known: Known) -> None:
        space, rng = self._space, self._rng()
        self.blocks_ = Blocks.of(space)
        self.devices_ = np.zeros((0, 1))
        sources = in_space(known.sources, space)
        fitted = [self._device(source, rng) for source in sources]
        if fitted:
            self.devices_ = np.stack(fitted)
        self.center_, self.spread_ = float(known.scores.mean()), float(known.scores.std()) or 1.0
        self.least_ = float(known.scores.min())
        self.known_ = [*self._features(known.archs)]
        self.targets_ = (known.scores - self.center_) / self.spread_
        tasks = self._tasks(sources, rng) if len(fitted) > 1 else [(self.known_, self.targets_)]
        self.weights_ = weights_for(tasks, len(self.known_))

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        mean, variance = posterior(self.weights_, self.known_, self.targets_, self._features(archs))
        values = self.center_ + self.spread_ * mean
        return Prediction(positive(values, self.least_), self.spread_ * np.sqrt(variance))

    def _features(self, archs: NDArray[np.int64], without: int | None = None) -> list[Array]:
        """Features of each group; those of the other devices last, where there are any, one of them left out perhaps."""
        blocks = self.blocks_(self._space, archs)
        devices = [number for number in range(len(self.devices_)) if number != without]
        if not devices:
            return blocks
        times = _with_one(np.concatenate(blocks, axis=1)) @ self.devices_[devices].T
        return [*blocks, times.mean(axis=1, keepdims=True), times / len(devices) ** 0.5]

    def _device(self, source: Source, rng: np.random.Generator) -> Array:
        """``(k + 1,)`` coefficients of what a device takes, with mean 0 and variance 1 over the space."""
        space, rows, times = self._space, source.archs, source.scores
        some = rng.permutation(len(rows))[:MOST]
        features = np.concatenate(self.blocks_(space, rows[some]), axis=1)
        center = features.mean(axis=0)
        inner = (features - center).T @ (features - center)
        inner += self.penalty * len(some) / features.shape[1] * np.eye(len(inner))
        slopes = np.linalg.solve(inner, (features - center).T @ (times[some] - times[some].mean()))
        reference = np.concatenate(self.blocks_(space, space.sample(REFERENCE, 0)), axis=1) @ slopes
        spread = float(reference.std()) or 1.0
        return np.append(slopes / spread, -float(reference.mean()) / spread)

    def _tasks(self, sources: Sequence[Source], rng: np.random.Generator) -> list[tuple[list[Array], Array]]:
        """Small tasks: some rows of a source, with the features of the other sources."""
        tasks = []
        for number, source in enumerate(sources):
            rows = source.archs
            for _ in range(TASKS):
                some = rng.permutation(len(rows))[:ROWS]
                times = source.scores[some]
                if len(some) > 1 and times.std() > 0:
                    tasks.append((self._features(rows[some], number), (times - times.mean()) / times.std()))
        return tasks or [(self.known_, self.targets_)]


def _with_one(features: Array) -> Array:
    return np.concatenate([features, np.ones((len(features), 1))], axis=1)


def positive(values: Array, least: float) -> Array:
    """The values, bent below half of the smallest measurement so that they stay above 0; where that was above 0."""
    if least <= 0:
        return values
    floor = least / 2
    return np.where(values < floor, floor * np.exp(np.minimum(values / floor - 1, 0.0)), values)
