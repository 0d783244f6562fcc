"""Regressors of scikit-learn beside archcast's predictors: an encoding turns architectures into features."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from archcast.checks import imported
from archcast.encodings.base import ENCODINGS, get_encoding
from archcast.errors import InvalidInputError
from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction, Predictor
from archcast.predictors.parameters import AUTO
from archcast.spaces.base import SearchSpace

__all__ = ["EstimatorPredictor", "estimator_named", "is_estimator"]


class EstimatorPredictor(Predictor):
    """A scikit-learn regressor, or a pipeline that ends with one, behind an encoding.

    Scores are given to it as they are. It has a std where its ``predict`` takes ``return_std``. Costs and proxies among the
    evidence become further features, as they are; a value that is unknown is the mean of those known at init.

    Args:
        space: search space.
        estimator: with ``fit(X, y)`` and ``predict(X)``; it is cloned.
        encoding: name of an encoding, or ``"auto"``: ``adjacency``, or ``mixed`` where the space has no cell graph.
        random_state: seed of the estimator and of its parts, where they have one.

    Examples:
        >>> import archcast
        >>> from sklearn.linear_model import Ridge
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(40, 0)
        >>> ridge = EstimatorPredictor(space, estimator=Ridge()).init(archs, (archs == 3).sum(axis=1))
        >>> mean = ridge.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    def __init__(
        self, space: str | SearchSpace, *, estimator: Any = None, encoding: str = AUTO, random_state: Any = None
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.estimator = estimator
        self.encoding = encoding

    def _init(self, known: Known) -> None:
        if not is_estimator(self.estimator):
            raise InvalidInputError(
                f"estimator must have fit(X, y) and predict(X) as scikit-learn's regressors have, got {self.estimator!r:.60}."
            )
        name = self.encoding
        if name == AUTO:
            name = "adjacency" if self._space.has_graph else "mixed"
        self.encoder_ = get_encoding(name, self._space).fit(known.archs)
        kinds = {"proxies": known.evidence.proxies, "costs": known.evidence.costs}
        self.columns_ = [(kind, name) for kind, columns in kinds.items() for name in sorted(columns)]
        self.means_ = [_mean(kinds[kind][name]) for kind, name in self.columns_]
        estimator = clone(self.estimator)
        if self.random_state is not None:
            seed = int(np.random.default_rng(self.random_state).integers(2**31))
            estimator.set_params(**dict.fromkeys(filter(_is_seed, estimator.get_params()), seed))
        self.fitted_ = estimator.fit(self._features(known.archs, known.evidence), known.scores)

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        features = self._features(archs, evidence)
        if "return_std" in inspect.signature(self.fitted_.predict).parameters:
            mean, std = self.fitted_.predict(features, return_std=True)
            return Prediction(np.asarray(mean, dtype=float).ravel(), np.asarray(std, dtype=float).ravel())
        return Prediction(np.asarray(self.fitted_.predict(features), dtype=float).ravel())

    def _features(self, archs: NDArray[np.int64], evidence: Evidence) -> NDArray[np.float64]:
        parts = [np.asarray(self.encoder_.transform(archs), dtype=np.float64)]
        for (kind, name), mean in zip(self.columns_, self.means_, strict=True):
            values = getattr(evidence, kind).get(name, np.full(len(archs), np.nan))
            parts.append(np.where(np.isfinite(values), values, mean)[:, None])
        return np.concatenate(parts, axis=1)


def _mean(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0


def _is_seed(parameter: str) -> bool:
    return parameter == "random_state" or parameter.endswith("__random_state")


def is_estimator(item: Any) -> bool:
    """Whether it is a regressor of scikit-learn's kind, but no predictor of archcast."""
    needed = ("fit", "predict", "get_params", "set_params")
    # its class has them: a mock only answers to every name
    return not isinstance(item, (Predictor, type)) and all(
        callable(getattr(item, name, None)) and hasattr(type(item), name) for name in needed
    )


def estimator_named(path: str, params: dict[str, Any], space: str | SearchSpace) -> EstimatorPredictor:
    """The predictor of a class such as ``"sklearn.svm.SVR"``; ``encoding`` among the parameters names the encoding.

    Raises:
        InvalidInputError: there is no such class, it is no regressor, or it does not take a parameter.
    """
    kind = imported("predictors:", path)
    params = dict(params)
    encoding = params.pop("encoding", AUTO)
    if encoding != AUTO:
        ENCODINGS.entry(encoding)
    if not (isinstance(kind, type) and issubclass(kind, BaseEstimator)):
        raise InvalidInputError(f"predictors: {path!r} is no class of a scikit-learn regressor.")
    try:
        estimator = kind(**params)
    except Exception as error:
        raise InvalidInputError(f"predictors: {path!r} does not take these parameters: {error}.") from error
    if not is_estimator(estimator):
        raise InvalidInputError(f"predictors: {path!r} is no class of a scikit-learn regressor.")
    return EstimatorPredictor(space, estimator=estimator, encoding=encoding)
