"""A support vector regression on the beginning of learning curves (Baker et al. 2018): simple, and hard to beat with 100 curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from archcast.errors import InvalidInputError
from archcast.predictors.base import Prediction, register
from archcast.predictors.features import FeatureGroups, suited
from archcast.predictors.learning_curve.curves import CurvePredictor, Curves
from archcast.predictors.parameters import Encoding, Whole
from archcast.spaces.base import SearchSpace

__all__ = ["LCSVR", "curve_features"]

SEARCH_ROWS = 300
"""Most architectures that the random search cross-validates on."""


@register(
    "lcsvr",
    summary="support vector regression on curve values, their differences and the architecture",
    paper="Baker et al. 2018, https://arxiv.org/abs/1705.10823",
    family="learning-curve",
    needs="a partial curve; learns from such and scores",
    default=True,
)
class LCSVR(CurvePredictor):
    """Learning-curve support vector regression (Baker et al. 2018, https://arxiv.org/abs/1705.10823).

    Features of a row are the values ``y_1 .. y_e`` of the first ``epochs`` epochs, their first differences, their second
    differences, and those of the architecture (the paper: number of layers and weights, learning rate). A nu-SVR with Gaussian
    kernel maps them to the score. Features and scores are standardised; each block of features is divided by the root of
    its width, so that a wide one does not drown the others. C, nu and gamma are chosen by random search with
    cross-validation on at most 300 rows; ``std`` is the root mean squared error of the cross-validation, the same for every row.

    Only the first ``epochs`` epochs are used, at init and at query: to predict from longer curves, init again with more
    ``epochs``, as the paper does.

    Args:
        space: search space.
        encoding: name of an encoding, or several names, or ``()`` for the curve alone; ``"auto"`` is ``"graph-features"``, or the
            decisions themselves in a space without cell graphs.
        searches: settings that the random search tries.
        folds: of the cross-validation.
        signal: name of the curve.
        epochs: epochs that are used.
        total_epochs: epochs of a full training; it plays no part here.
        random_state: seed of search and folds.

    Examples:
        >>> import archcast
        >>> import numpy as np
        >>> space = archcast.get_space("nasbench201")
        >>> archs, tops = space.sample(40, 0), np.linspace(60, 90, 40)
        >>> evidence = archcast.Evidence({"val_accuracy": tops[:, None] * (1 - 0.5 ** np.arange(1, 21))})
        >>> predictor = archcast.get_predictor("lcsvr", space, random_state=0).init(archs[::2], tops[::2], evidence[::2])
        >>> bool(abs(predictor.query(archs[1::2], evidence[1::2]).mean - tops[1::2]).max() < 3)
        True
    """

    has_std = True
    needs_total = False
    learns_from_labels = True

    parameters = {"encoding": Encoding(dispensable=True), "searches": Whole(1), "folds": Whole(2)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = "auto",
        searches: int = 100,
        folds: int = 3,
        signal: str = "val_accuracy",
        epochs: int = 5,
        total_epochs: int | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, signal=signal, epochs=epochs, total_epochs=total_epochs, random_state=random_state)
        self.encoding = encoding
        self.searches = searches
        self.folds = folds

    def _learn(self, archs: NDArray[np.int64], scores: NDArray[np.float64], curves: Curves | None) -> None:
        if self.searches < 1 or self.folds < 2:
            raise InvalidInputError(
                f"LCSVR: searches is {self.searches}, at least 1; folds is {self.folds}, at least 2."
            )
        assert curves is not None
        self.features_ = FeatureGroups.of(
            self._space, suited(self.encoding, self._space, ("graph-features",)), optional=True
        )
        values = curve_features(curves, self.epochs)
        self.means_ = [group.mean(axis=0) for group in values]
        self.scales_ = [_scale(group) for group in values]
        self.center_, self.spread_ = float(scores.mean()), float(scores.std())
        self.vectors_, self.weights_, self.intercept_, self.gamma_ = None, None, 0.0, 1.0
        self.error_ = self.spread_
        if np.ptp(scores) == 0 or len(scores) < 3:
            return
        inputs, targets = self._inputs(archs, curves), (scores - self.center_) / self.spread_
        rng = self._rng()
        # the search looks at SEARCH_ROWS of the rows: its cost grows with their square
        some = rng.permutation(len(targets))[:SEARCH_ROWS]
        known, wanted = inputs[some], targets[some]
        fold = np.arange(len(some)) % min(self.folds, len(some))
        best, self.error_ = None, np.inf
        for _ in range(self.searches):
            settings = {
                "C": float(10 ** rng.uniform(-2, 2)),
                "nu": float(rng.uniform(0.05, 1)),
                "gamma": float(10 ** rng.uniform(-4, 1)),
            }
            held_out = np.empty(len(some))
            for k in range(fold.max() + 1):
                held_out[fold == k] = _svr(settings).fit(known[fold != k], wanted[fold != k]).predict(known[fold == k])
            error = float(np.sqrt(((held_out - wanted) ** 2).mean())) * self.spread_
            if error < self.error_:
                best, self.error_ = settings, error
        assert best is not None
        machine = _svr(best).fit(inputs, targets)
        self.vectors_, self.weights_ = np.array(machine.support_vectors_), np.array(machine.dual_coef_[0])
        self.intercept_, self.gamma_ = float(machine.intercept_[0]), best["gamma"]

    def _extrapolate(self, archs: NDArray[np.int64], curves: Curves) -> Prediction:
        std = np.full(len(archs), self.error_)
        if self.vectors_ is None or self.weights_ is None:
            return Prediction(np.full(len(archs), self.center_), std)
        kernel = np.exp(-self.gamma_ * cdist(self._inputs(archs, curves), self.vectors_, "sqeuclidean"))
        return Prediction(self.center_ + self.spread_ * ((kernel * self.weights_).sum(axis=1) + self.intercept_), std)

    def _inputs(self, archs: NDArray[np.int64], curves: Curves) -> NDArray[np.float64]:
        groups = [
            (group - mean) / scale
            for group, mean, scale in zip(curve_features(curves, self.epochs), self.means_, self.scales_, strict=True)
        ]
        groups += self.features_.groups(archs)
        return np.concatenate([group / np.sqrt(group.shape[1]) for group in groups], axis=1)


def _svr(settings: dict[str, float]) -> Any:
    """A support vector machine that leaves numpy's global generator alone: it would draw a seed that it does not use."""
    from sklearn.svm import NuSVR

    machine = NuSVR(**settings)
    machine.random_state = 0
    return machine


def curve_features(curves: Curves, epochs: int) -> list[NDArray[np.float64]]:
    """Values of the first epochs, first and second differences: ``(n, epochs)``, ``(n, epochs - 1)``, ``(n, epochs - 2)``."""
    first = np.diff(curves.values[:, :epochs], axis=1)
    return [group for group in (curves.values[:, :epochs], first, np.diff(first, axis=1)) if group.shape[1]]


def _scale(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(k,)`` standard deviations, 1 where a column is constant."""
    sd = values.std(axis=0)
    return np.where(sd > 1e-9 * (1 + np.abs(values).max(axis=0)), sd, 1.0)
