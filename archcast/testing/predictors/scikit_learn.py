"""Checks that scikit-learn's tools take the predictor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from archcast.predictors.base import Predictor
from archcast.testing._assertions import require
from archcast.testing.predictors._material import evidence_of, fresh, rows_of, scores_of, size_of


def _sklearn_data(predictor: Predictor) -> tuple[Predictor, NDArray[np.int64], NDArray[np.float64]] | None:
    """A clone and data, or ``None`` for a predictor that needs evidence: scikit-learn's tools cannot hand it over."""
    if evidence_of(predictor, rows_of(predictor, 1)) is not None:
        return None
    archs = rows_of(predictor, size_of(predictor, 2 * predictor.requires.min_archs + 16))
    return fresh(predictor), archs, scores_of(predictor, archs)


def check_cross_val_score(predictor: Predictor) -> None:
    if (data := _sklearn_data(predictor)) is not None:
        values = cross_val_score(*data, cv=2, scoring="neg_mean_absolute_error")
        require(np.isfinite(values).all(), f"cross_val_score gives {values}")


def check_grid_search(predictor: Predictor) -> None:
    if (data := _sklearn_data(predictor)) is not None:
        one, archs, scores = data
        grid = {"random_state": [0, 1]}
        search = GridSearchCV(one, grid, cv=2, scoring="neg_mean_absolute_error", error_score="raise").fit(
            archs, scores
        )
        require(search.predict(archs[:3]).shape == (3,), "GridSearchCV does not predict")


def check_pipeline(predictor: Predictor) -> None:
    if (data := _sklearn_data(predictor)) is not None:
        one, archs, scores = data
        pipeline = Pipeline([("rows", FunctionTransformer()), ("predictor", one)]).fit(archs, scores)
        alone = clone(one).init(archs, scores).query(archs[:5]).mean
        require(np.array_equal(pipeline.predict(archs[:5]), alone), "in a Pipeline it predicts something else")
        require(np.isfinite(pipeline.score(archs, scores)), "Pipeline.score is not finite")
