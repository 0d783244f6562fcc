"""Predictors that are a regression from features to rank-normal targets: what they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction, Predictor
from archcast.predictors.calibration import ALONE, UNBIASED, USUAL, Beliefs, Bias, Spread, Twins, expected, learned
from archcast.predictors.features import GRAPH_ENCODINGS, FeatureGroups, suited
from archcast.predictors.parameters import AUTO, Encoding
from archcast.predictors.targets import TargetScale, targets_of
from archcast.spaces.base import SearchSpace

__all__ = ["DEFAULT_ENCODING", "FeatureRegressor"]

DEFAULT_ENCODING = AUTO
"""What suits the space, see :func:`archcast.predictors.features.suited`."""

FEWEST, MANY = 8, 500
"""With fewer rows none is left out; of more one fold tells enough."""


class FeatureRegressor(Predictor):
    """Base of predictors that learn ``(n, k)`` features -> ``(n,)`` rank-normal targets.

    A subclass writes ``learn`` and ``answer``; features, evidence (further columns, rank-normalised) and the way back to the
    scale of the scores are handled here.

    Args:
        space: search space.
        encoding: name of an encoding, or several names whose features stand side by side; ``"auto"`` takes what suits the space.
        random_state: seed.

    Attributes:
        graph_encodings: what ``"auto"`` stands for where rows stand for cell graphs.
        refits: how many times more the model is fitted, to learn from rows left out how wide its intervals must be.
        beliefs: what is expected of its errors before.
    """

    parameters = {"encoding": Encoding()}
    graph_encodings: ClassVar[tuple[str, ...]] = GRAPH_ENCODINGS
    refits: ClassVar[int] = 0
    beliefs: ClassVar[Beliefs] = USUAL
    calibration_: Spread = Spread()  # in files of earlier versions, as twins_
    twins_: Twins = ALONE
    bias_: Bias = UNBIASED

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = DEFAULT_ENCODING,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.encoding = encoding

    def learn(self, features: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
        """Fit ``(n, k)`` standardised features to ``(n,)`` rank-normal targets."""
        raise NotImplementedError

    def answer(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Mean ``(m,)`` and std ``(m,)`` or ``None``, on the scale of the targets."""
        raise NotImplementedError

    def outside(
        self, features: NDArray[np.float64], targets: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Mean and std ``(n,)`` of each training row as predicted without it, NaN where that is not known: what the width of
        intervals is learned from. ``None`` leaves the std as ``answer`` gives it. Here by others that are fitted to all but a fold,
        where ``refits`` says so."""
        n = len(targets)
        if not self.refits or n < FEWEST:
            return None
        mean, std = np.full(n, np.nan), np.full(n, np.nan)
        fold = self.folds(n)
        for k in range(self.refits if n <= MANY else 1):
            seen, out = fold != k, fold == k
            other = clone(self).set_params(random_state=k)
            other.features_, other.scale_ = self.features_, self.scale_
            other.learn(features[seen], targets[seen])
            mean[out], std[out] = other.answer(features[out])
        return mean, std

    def folds(self, n: int) -> NDArray[np.int64]:
        """``(n,)``: rows of one fold are left out by the same model; here those of ``outside``."""
        return np.asarray(np.random.default_rng(n).permutation(n) % (self.refits + 1))

    def _init(self, known: Known) -> None:
        encoding = suited(self.encoding, self._space, self.graph_encodings)
        self.features_ = FeatureGroups.of(self._space, encoding, known.evidence, known.pool)
        targets = targets_of(self._space, known.scores)
        self.scale_ = TargetScale.of_scores(known.scores, targets)
        features = self.features_.matrix(known.archs, known.evidence)
        self.learn(features, targets)
        found = self.outside(features, targets)
        if found is not None:
            fold, canonical = self.folds(len(targets)), self._space.canonical(known.archs)
            self.calibration_, self.twins_ = learned(canonical, fold, *found, targets, self.beliefs)

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        mean, std = self.answer(self.features_.matrix(archs, evidence))
        if std is None:
            return self.scale_.prediction(mean, None)
        wide = self.calibration_(mean, std)
        return self.scale_.prediction(mean, *expected(self.bias_, self.twins_, self._space, archs, mean, wide))
