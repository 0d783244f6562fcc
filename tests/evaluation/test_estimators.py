"""Scikit-learn regressors are evaluated beside predictors, on the features of an encoding."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

import archcast
from archcast.errors import InvalidInputError
from archcast.evaluation.estimators import EstimatorPredictor

SPACE = archcast.get_space("nasbench201")
SMALL = {"train_sizes": [40], "test_size": 80, "trials": 1}


def test_an_estimator_learns_from_the_encoding(rng) -> None:
    archs, others = SPACE.sample(60, 0), SPACE.sample(20, 1)
    scores = (archs == 3).sum(axis=1) + rng.normal(0, 0.1, 60)
    found = EstimatorPredictor(SPACE, estimator=Ridge(alpha=0.3), encoding="path").init(archs, scores).query(others)
    encoder = archcast.get_encoding("path", SPACE)
    want = Ridge(alpha=0.3).fit(encoder.transform(archs).astype(float), scores).predict(encoder.transform(others))
    np.testing.assert_allclose(found.mean, want, rtol=1e-5)
    assert found.std is None


def test_evidence_becomes_features() -> None:
    archs = SPACE.sample(30, 0)
    scores = np.random.default_rng(0).normal(size=30)
    told = archcast.Evidence(proxies={"a": np.where(np.arange(30) < 2, np.nan, scores)})
    predictor = EstimatorPredictor(SPACE, estimator=LinearRegression(), encoding="adjacency").init(archs, scores, told)
    np.testing.assert_allclose(predictor.query(archs[2:], told[2:]).mean, scores[2:], atol=0.3)
    assert np.isfinite(predictor.query(archs[:2]).mean).all(), "what is unknown is the mean"


def test_a_std_where_the_estimator_has_one() -> None:
    archs = SPACE.sample(30, 0)
    found = (
        EstimatorPredictor(SPACE, estimator=GaussianProcessRegressor(alpha=0.1))
        .init(archs, archs.sum(axis=1))
        .query(archs)
    )
    assert found.std is not None
    assert (found.std >= 0).all()


def test_they_stand_beside_predictors(tiny) -> None:
    pipeline = make_pipeline(StandardScaler(), GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2))
    mixed = {
        "svr": (SVR(C=3.0), "path"),
        "pipeline": pipeline,
        "rf": "random-forest",
        "ridge": "sklearn.linear_model.Ridge:alpha=2.0",
    }
    results = archcast.evaluate(mixed, tiny, **SMALL)
    assert results.frame["error"].tolist() == [""] * 4
    assert (results.frame["kendall_tau"] > 0.3).all()
    assert "SVR" in results.protocol["predictors"]["svr"] or "[" in results.protocol["predictors"]["svr"]
    again = archcast.evaluate(mixed, tiny, **SMALL)
    assert results.frame["kendall_tau"].tolist() == again.frame["kendall_tau"].tolist()
    alone = archcast.evaluate([SVR(C=3.0), Ridge()], tiny, **SMALL)
    assert alone.frame["predictor"].tolist() == ["SVR", "Ridge"]
    assert archcast.evaluate(Ridge(), tiny, **SMALL).frame["predictor"].tolist() == ["Ridge"]


def test_another_parameter_is_another_predictor(tiny, tmp_path) -> None:
    archcast.evaluate({"a": Ridge(alpha=1.0)}, tiny, **SMALL, out=tmp_path)
    with pytest.raises(InvalidInputError, match="holds results of another 'a'"):
        archcast.evaluate({"a": Ridge(alpha=2.0)}, tiny, **SMALL, out=tmp_path)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (3, "must hold names or Predictor objects, got int"),
        (SVR, "must hold names or Predictor objects"),
        ((SVR(), "pathh"), "Unknown encoding 'pathh'. Did you mean 'path'"),
        ("sklearn.svm.SVX", "'sklearn.svm.SVX' cannot be imported"),
        ("os.path.join", "is no class of a scikit-learn regressor"),
        ("sklearn.preprocessing.StandardScaler", "is no class of a scikit-learn regressor"),
        ("sklearn.svm.SVR:encoding=nope", "Unknown encoding 'nope'"),
        ("sklearn.svm.SVR:D=1", "does not take these parameters"),
    ],
)
def test_what_is_no_predictor(tiny, item, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        archcast.evaluate({"a": item}, tiny, **SMALL)
