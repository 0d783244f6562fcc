"""What the two OMNIs share: SoTL-E and the Jacobian covariance of each architecture, and which of the parts is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError
from archcast.evidence import Evidence, Pool
from archcast.predictors.base import Known, Prediction, Requirements
from archcast.predictors.learning_curve.curves import CurvePredictor
from archcast.predictors.parameters import Settings, Whole, Word
from archcast.predictors.zero_cost.zero_cost import LOWEST, ZeroCost, signed_log
from archcast.spaces.base import SPACES, SearchSpace

__all__ = ["PARTS", "PROXY", "OmniPredictor"]

PARTS = ("curve", "proxy", "encoding")
PROXY = "jacob_cov"


class OmniPredictor(CurvePredictor):
    """Base of predictors that learn scores from an encoding, SoTL-E and the Jacobian covariance.

    SoTL-E is that after ``epochs`` epochs, of the training rows as of the queried ones. Both numbers are
    sign(v) log(1 + \\|v\\|) of the value v; a proxy that is NaN counts as the lowest number there is.

    Values of ``jacob_cov`` that are given at init must be given at query. Without them the networks are built and scored, at init
    and at query, where the space can build networks.

    Args:
        space: search space.
        without: the part that is left out: ``"curve"``, ``"proxy"``, ``"encoding"`` or ``None``.
        window: E of SoTL-E, at most ``epochs``.
        scoring: parameters of ``zero-cost``, for proxies that are computed; ``None`` takes its own.
        signal: name of the curve.
        epochs: epochs of the curve that are used.
        total_epochs: epochs of a full training; it plays no part here.
        random_state: seed.
    """

    learns_from_labels = True
    needs_total = False

    parameters = {"without": Word(*PARTS, optional=True), "window": Whole(1), "scoring": Settings()}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        without: str | None = None,
        window: int = 1,
        scoring: Mapping[str, Any] | None = None,
        signal: str = "train_loss",
        epochs: int = 5,
        total_epochs: int | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, signal=signal, epochs=epochs, total_epochs=total_epochs, random_state=random_state)
        self.without = without
        self.window = window
        self.scoring = scoring

    # -- what a subclass writes ---------------------------------------------------------------------------------------

    def _fit(
        self,
        archs: NDArray[np.int64],
        columns: NDArray[np.float64],
        scores: NDArray[np.float64],
        pool: Pool | None,
        rng: np.random.Generator,
    ) -> None:
        """Learn from ``(n, d)`` rows and their ``(n, k)`` SoTL-E and Jacobian covariance, those that are not left out."""
        raise NotImplementedError

    def _answer(self, archs: NDArray[np.int64], columns: NDArray[np.float64]) -> Prediction:
        """Predict from the same."""
        raise NotImplementedError

    # -- the contract of CurvePredictor -------------------------------------------------------------------------------

    @property
    def requires(self) -> Requirements:
        """Curve and proxy, unless they are left out."""
        proxies = () if self.without == "proxy" else (PROXY,)
        if self.without == "curve":
            return Requirements(proxies=proxies)
        return Requirements(curve=self.signal, epochs=self.epochs, proxies=proxies)

    def _init(self, known: Known) -> None:
        super()._init(known)
        rng = self._rng()
        seed = int(rng.integers(2**31))
        self.scorer_ = None
        if self.without != "proxy" and PROXY not in known.evidence.proxies:
            self.scorer_ = ZeroCost(self.space, **{**(self.scoring or {}), "proxy": PROXY}, random_state=seed).init()
        self._fit(known.archs, self._columns(known.archs, known.evidence), known.scores, known.pool, rng)

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        return self._answer(archs, self._columns(archs, evidence))

    def _columns(self, archs: NDArray[np.int64], evidence: Evidence) -> NDArray[np.float64]:
        columns = []
        values = self._values(evidence)
        if values is not None:
            columns.append(signed_log(values[:, self.epochs - self.window : self.epochs].sum(axis=1)))
        if self.scorer_ is not None:
            columns.append(self.scorer_.query(archs).mean)
        elif self.without != "proxy":
            columns.append(np.nan_to_num(signed_log(evidence.proxies[PROXY]), nan=LOWEST))
        return np.stack(columns, axis=1)

    def _values(self, evidence: Evidence) -> NDArray[np.float64] | None:
        return None if self.without == "curve" else super()._values(evidence)

    def _needs(self, *, at_init: bool) -> Requirements:
        """Without the proxy, where the networks are built and scored."""
        computes = _buildable(self._space) if at_init else self.scorer_ is not None
        return replace(self.requires, proxies=()) if computes else self.requires

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not 1 <= self.window <= self.epochs:
            raise InvalidInputError(
                f"{self._title}: window is {self.window!r}: it must be between 1 and epochs={self.epochs}."
            )


def _buildable(space: SearchSpace) -> bool:
    return space.name not in SPACES or bool(SPACES.entry(space.name).info.get("buildable"))
