"""Intervals that hold, for any predictor: conformal prediction with residuals in units of the predictor's own std."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import mapping
from archcast.errors import InvalidInputError, UnknownNameError
from archcast.evidence import Evidence
from archcast.names import get_predictor
from archcast.predictors.base import Known, Prediction, Predictor, Requirements, register
from archcast.predictors.parameters import Settings, Text, Whole
from archcast.predictors.targets import NINETY
from archcast.spaces.base import SearchSpace

__all__ = ["Conformal"]


@register(
    "conformal",
    summary="any predictor, with a std whose 90 % interval holds",
    paper="Papadopoulos et al. 2002, https://doi.org/10.1007/3-540-36755-1_29; Barber et al. 2021, https://arxiv.org/abs/1905.02928",
    family="hybrid",
)
class Conformal(Predictor):
    """Another predictor, whose ``std`` is scaled (or made) by cross-validated residuals.

    The training rows are predicted in ``folds`` folds by predictors that have not seen them. With residuals
    ``r_i = |y_i - mean_i| / std_i``, where a predictor without a standard deviation has ``std_i`` = 1, and q the
    ``.9 (1 + 1/n)`` quantile of the n residuals,

        mean(x) = that of the predictor fitted to all rows,    std(x) = its std times q / 1.645

    so that ``mean +- 1.645 std`` held 90 % of the scores that were not seen. Dividing by the predictor's own std
    (normalised conformal prediction) keeps intervals narrow where it is sure, and leaves a std that is right as it was. With fewer
    rows than nine the largest residual stands for q.

    This is sound for rows that are exchangeable with the training rows, such as random ones. It is not for rows that a search has
    chosen, nor within a part of the space: of the best tenth, fewer may be covered.

    ``get_predictor(name, space, calibrate=True)`` wraps the predictor called ``name``.

    Args:
        space: search space.
        predictor: name of the predictor.
        settings: its parameters.
        folds: number of folds; the predictor is fitted once more for each.
        random_state: seed of the folds and of the predictor.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(40, 0)
        >>> trees = archcast.get_predictor("xgboost", space, calibrate=True, random_state=0).init(archs, (archs == 3).sum(axis=1))
        >>> bool((trees.query(space.sample(3, 1)).std > 0).all())
        True
    """

    has_std = True

    parameters = {"predictor": Text(), "settings": Settings(), "folds": Whole(2)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        predictor: str = "xgboost",
        settings: Mapping[str, Any] | None = None,
        folds: int = 5,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.predictor = predictor
        self.settings = settings
        self.folds = folds

    @property
    def requires(self) -> Requirements:
        """What the predictor requires, and labels."""
        return replace(self._made(0).requires, labels=True, none=False)

    @property
    def learns_from_sources(self) -> bool:  # type: ignore[override]
        """Whether the predictor does."""
        return bool(self._made(0).learns_from_sources)

    @property
    def learns_from_other_spaces(self) -> bool:  # type: ignore[override]
        """Whether the predictor does."""
        return bool(self._made(0).learns_from_other_spaces)

    @property
    def correlations(self) -> list[float]:
        """Of each source with the scores, as the predictor has found them; empty where it tells none."""
        return list(getattr(getattr(self, "predictor_", None), "correlations", []))

    def _init(self, known: Known) -> None:
        rng, n = self._rng(), len(known.scores)
        seed = int(rng.integers(2**31))
        fold = rng.permutation(n) % min(self.folds, n)
        residuals = []
        for k in range(fold.max() + 1 if n > 1 else 0):
            seen, out = fold != k, fold == k
            if seen.sum() < self.requires.min_archs:
                continue
            part = _part(known, seen)
            answer = self._fitted(part, seed).query(known.archs[out], known.evidence[out])
            residuals.append(np.abs(known.scores[out] - answer.mean) / _spread(answer))
        errors = np.concatenate(residuals) if residuals else np.zeros(0)
        level = min(1.0, 0.9 * (1 + 1 / max(len(errors), 1)))
        self.factor_ = float(np.quantile(errors, level, method="higher")) / NINETY if len(errors) else 1.0
        self.predictor_ = self._fitted(known, seed)

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        answer = self.predictor_.query(archs, evidence)
        return Prediction(answer.mean, self.factor_ * _spread(answer))

    def _fitted(self, known: Known, seed: int) -> Predictor:
        scores = known.scores if self._made(0).requires.labels else None
        return self._made(seed).init(
            known.archs, scores, known.evidence or None, pool=known.pool, sources=known.sources or None
        )

    def _made(self, seed: int) -> Predictor:
        """The predictor, not initialised."""
        if self.predictor == "conformal":
            raise InvalidInputError("Conformal: predictor is 'conformal': name a predictor that is not calibrated yet.")
        settings = {} if self.settings is None else mapping("settings", self.settings, "names to values")
        try:
            made = get_predictor(self.predictor, self.space, random_state=seed, **settings)
        except InvalidInputError as error:
            if not settings or isinstance(error, UnknownNameError):
                raise
            raise InvalidInputError(f"settings: {error}") from error
        assert isinstance(made, Predictor)
        return made

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._made(0)


def _part(known: Known, rows: NDArray[np.bool_]) -> Known:
    """What is known of some rows."""
    return replace(known, archs=known.archs[rows], scores=known.scores[rows], evidence=known.evidence[rows])


def _spread(answer: Prediction) -> NDArray[np.float64]:
    """Standard deviations that can be divided by; 1 where there are none."""
    if answer.std is None:
        return np.ones(len(answer.mean))
    return np.maximum(answer.std, 1e-12 * max(1.0, float(np.abs(answer.mean).max())))
