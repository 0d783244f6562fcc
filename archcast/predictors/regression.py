"""Predictors that are a regression from features to rank-normal targets: what they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction, Predictor
from archcast.predictors.features import GRAPH_ENCODINGS, FeatureGroups, suited
from archcast.predictors.parameters import AUTO, Encoding
from archcast.predictors.targets import TargetScale, targets_of
from archcast.spaces.base import SearchSpace

__all__ = ["DEFAULT_ENCODING", "FeatureRegressor"]

DEFAULT_ENCODING = AUTO
"""What suits the space, see :func:`archcast.predictors.features.suited`."""


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
    """

    parameters = {"encoding": Encoding()}
    graph_encodings: ClassVar[tuple[str, ...]] = GRAPH_ENCODINGS

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

    def _init(self, known: Known) -> None:
        encoding = suited(self.encoding, self._space, self.graph_encodings)
        self.features_ = FeatureGroups.of(self._space, encoding, known.evidence, known.pool)
        targets = targets_of(self._space, known.scores)
        self.scale_ = TargetScale.of_scores(known.scores, targets)
        self.learn(self.features_.matrix(known.archs, known.evidence), targets)

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        mean, std = self.answer(self.features_.matrix(archs, evidence))
        return self.scale_.prediction(mean, std)
