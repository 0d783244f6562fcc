"""The end of a learning curve from its beginning, its architecture, and other curves, read in context by a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from archcast.predictors.base import register
from archcast.predictors.features import FeatureGroups, median_distance, suited
from archcast.predictors.learning_curve.compound import Clipped, Mixture
from archcast.predictors.learning_curve.curves import Curves
from archcast.predictors.learning_curve.distributions import Bars, Distribution
from archcast.predictors.learning_curve.lc_pfn import CERTAIN, CurveForecaster, extrapolate
from archcast.predictors.parameters import Encoding, Number
from archcast.spaces.base import SearchSpace

__all__ = ["FTPFN", "cuts_of"]

Floats = NDArray[np.float64]
Epochs = NDArray[np.int64]

MOST = 250
"""Curves in context: the time of an answer grows with their number, that of the kernel regressions with its cube."""
FEW = 5
"""With fewer curves in context a part of the answer is that of ``lc-pfn``."""
FARTHEST = 5.0
"""Components are clipped there."""


@register(
    "ft-pfn",
    summary="transformer that reads architectures and other curves in context; nothing to train, a full distribution",
    paper="Rakotoarison et al. 2024, https://arxiv.org/abs/2404.16795",
    family="learning-curve",
    needs="a partial curve; reads others, complete or not",
)
class FTPFN(CurveForecaster):
    """Freeze-thaw prior-data fitted network (Rakotoarison et al. 2024, https://arxiv.org/abs/2404.16795).

    A transformer, trained by this project on synthetic tasks only (``tools/train_ft_pfn.py``), reads the curves of a task with
    their architectures, and the beginning of the curve that is asked about, and answers in one pass with 64 bars of
    probability over ``y_T - y_t``. ``init`` only keeps the curves: what is learned of a task is learned by reading.

    Departures from the paper, all for a network that trains in half a minute of one processor: a token is a curve cut
    after some epoch, not one value of a curve, so that a hundred curves are a hundred tokens; curves in context are cut where
    the curve asked about ends, and kernel regressions of what they gained from there tell the network where to start; attention
    falls with the distance of architectures, of which a token holds ten principal components; the prior has learning-rate
    schedules, networks that never learn, autocorrelated noise and architectures of discrete choices; .15 million weights,
    where the paper has 15 million.

    The signal itself is forecast; ``scores`` play no part. With m < 5 curves at init the answer is a mixture with that of
    ``lc-pfn``, whose training was of single curves alone: its weight is 1 / (m + 2).

    Args:
        space: any space.
        encoding: name of an encoding, or several, that describe architectures.
        signal: name of the curve.
        epochs: fewest epochs that a row must have at query.
        total_epochs: epochs of a full training; ``None`` takes the longest curve seen at init.
        highest: highest value that an accuracy or error can have, 1 or 100; ``None`` takes 100 if any value exceeds 1. Tell it
            where no curve has reached 1 %.
        random_state: seed; it chooses which curves are kept if there are more than 250.

    Shapes:
        ``init``: ``(n, d)`` rows and ``(n, e)`` curves of any lengths; ``query``: ``(q, d)`` and ``(q, e)``.

    Examples:
        >>> import archcast
        >>> import numpy as np
        >>> space = archcast.get_space("nasbench201")
        >>> archs, t = space.sample(40, 0), np.arange(1, 21)
        >>> curves = 0.5 + 0.08 * (archs == 3).sum(axis=1)[:, None] - 0.4 * t**-0.7
        >>> pfn = archcast.get_predictor("ft-pfn", space)
        >>> pfn = pfn.init(archs[2:], None, archcast.Evidence({"val_accuracy": curves[2:]}))
        >>> begun = archcast.Evidence({"val_accuracy": curves[:2, :6]})
        >>> bool(np.abs(pfn.query(archs[:2], begun).mean - curves[:2, -1]).max() < 0.02)
        True
    """

    parameters = {"encoding": Encoding(), "highest": Number(above=True, optional=True)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = "auto",
        signal: str = "val_accuracy",
        epochs: int = 5,
        total_epochs: int | None = None,
        highest: float | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, signal=signal, epochs=epochs, total_epochs=total_epochs, random_state=random_state)
        self.encoding = encoding
        self.highest = highest

    def _learn(self, archs: NDArray[np.int64], scores: Floats, curves: Curves | None) -> None:
        self.features_, self.shares_, self.seen_ = None, np.zeros((0, 0)), np.zeros(0, dtype=np.int64)
        if curves is None or not (curves.seen > 1).any():
            return
        rows = np.sort(self._rng().permutation(np.flatnonzero(curves.seen > 1))[:MOST])
        self.features_ = FeatureGroups.of(self._space, suited(self.encoding, self._space))
        self.inputs_ = self.features_.matrix(archs[rows])
        self.middle_, self.distance_ = self.inputs_.mean(axis=0), median_distance(self.inputs_)
        _, _, axes = np.linalg.svd(self.inputs_ - self.middle_, full_matrices=False)
        largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
        self.axes_ = (axes * np.sign(largest)[:, None])[:10]
        self.shares_, self.seen_ = np.clip(curves.shares[rows], -1, 2), curves.seen[rows]

    def _distribution(self, archs: NDArray[np.int64], curves: Curves) -> Distribution:
        from archcast.predictors.learning_curve import _curves_in_context as network

        n, goal = len(curves), curves.goal
        edges, probabilities = np.zeros((n, network.BARS + 1)), np.zeros((n, network.BARS))
        edges[:], probabilities[:] = np.linspace(-0.5, 0.5, network.BARS + 1) * CERTAIN, 1 / network.BARS
        for seen in np.unique(curves.seen[curves.seen < goal]):
            rows = np.flatnonzero(curves.seen == seen)
            begun = np.clip(curves.shares[rows, :seen], -1, 2)
            tasks = self._tasks(archs[rows], begun, int(seen), goal, curves.total)
            edges[rows], probabilities[rows] = network.gains(tasks)
        width = curves.scale.backward_std(np.ones(n))[:, None]
        own: Distribution = Bars(curves.last[:, None] + width * edges, probabilities)
        if (m := len(self.seen_)) < FEW:
            own = Mixture([own, extrapolate(curves)], [(m + 1) / (m + 2), 1 / (m + 2)])
        return Clipped(own, *curves.bounds, curves.last)

    def _tasks(self, archs: NDArray[np.int64], begun: Floats, seen: int, goal: int, total: int) -> Any:
        """Partial curves ``(q, seen)`` of which epoch ``goal`` is asked for, after the context."""
        from archcast.predictors.learning_curve import _curves_in_context as network

        m, q = len(self.seen_), len(begun)
        values = np.zeros((1, m + q, max(seen, self.shares_.shape[1])))
        values[0, :m, : self.shares_.shape[1]] = np.nan_to_num(self.shares_)
        values[0, m:, :seen] = begun
        cut, end = np.full((1, m + q), seen), np.full((1, m + q), goal)
        components, near = np.zeros((1, m + q, network.COMPONENTS)), np.zeros((1, m + q, m))
        if self.features_ is not None:
            cut[0, :m], end[0, :m] = cuts_of(self.seen_, seen, goal)
            x = np.concatenate([self.inputs_, self.features_.matrix(archs)])
            found = (x - self.middle_) @ self.axes_.T / self.distance_
            components[0, :, : found.shape[1]] = np.clip(found, -FARTHEST, FARTHEST)
            near[0] = np.square(cdist(x, self.inputs_) / self.distance_)
        context, rows = values[0, :m], np.arange(m)
        gained = context[rows, end[0, :m] - 1] - context[rows, cut[0, :m] - 1]
        return network.tasks_of(values, cut, end, total, components, near, gained[None])


def cuts_of(length: Epochs, cut: int, goal: int) -> tuple[Epochs, Epochs]:
    """Where curves of ``length`` epochs are cut, and the epoch up to which their gain is taken.

    At ``cut`` and ``goal`` as far as they reach; a curve that is not longer than ``cut`` is halved.

    Examples:
        >>> cuts_of(np.array([20, 8, 5, 4]), 5, 10)
        (array([5, 5, 2, 2]), array([10,  8,  5,  4]))
    """
    reach = np.minimum(length, goal)
    return np.where(reach > cut, cut, np.maximum(reach // 2, 1)), reach
