"""Support vector regression on partial curves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.svm import NuSVR

import archcast
from archcast.errors import InvalidInputError, MissingEvidenceError
from archcast.predictors.learning_curve import lcsvr
from archcast.predictors.learning_curve.curves import Curves, CurveScale
from archcast.predictors.learning_curve.lcsvr import curve_features

SPACE = archcast.get_space("nasbench201")
X = np.arange(1.0, 31)


def crossing_curves(n, rng):
    """Fast ones end low: the last value seen misleads, the differences tell."""
    speed = rng.uniform(0.05, 0.4, (n, 1))
    clean = (90 - 50 * speed) * (1 - np.exp(-speed * X))
    return clean + 0.3 * rng.standard_normal(clean.shape)


def test_features_by_hand() -> None:
    curves = Curves(np.array([[1.0, 3.0, 4.0, 9.0]]), np.array([4]), 4, CurveScale(np.zeros(1), np.ones(1)))
    assert [group.tolist() for group in curve_features(curves, 3)] == [[[1, 3, 4]], [[2, 1]], [[-1]]]
    assert [group.shape[1] for group in curve_features(curves, 2)] == [2, 1]
    assert [group.shape[1] for group in curve_features(curves, 1)] == [1]


def test_it_learns_that_fast_ones_end_low(rng) -> None:
    archs, curves = SPACE.sample(120, rng), crossing_curves(120, rng)
    final, evidence = curves[:, -1], archcast.Evidence({"val_accuracy": curves})
    predictor = archcast.get_predictor("lcsvr", SPACE, encoding=(), searches=20, epochs=6, random_state=0)
    predictor.init(archs[:60], final[:60], evidence[:60])
    partial = archcast.Evidence({"val_accuracy": curves[60:, :6]})
    answer = predictor.query(archs[60:], partial)
    assert kendalltau(curves[60:, 5], final[60:]).statistic < 0
    assert kendalltau(answer.mean, final[60:]).statistic > 0.7
    inside = (np.abs(answer.mean - final[60:]) < 1.645 * answer.std).mean()
    assert 0.75 < inside <= 1
    np.testing.assert_array_equal(
        predictor.query(archs[60:], evidence[60:]).mean, answer.mean
    )  # later epochs are not used


def test_the_machine_is_scikit_learns(rng, monkeypatch) -> None:
    """What is kept of it answers as it does."""
    made = []
    monkeypatch.setattr(lcsvr, "_svr", lambda settings: made.append(NuSVR(**settings)) or made[-1])
    archs, curves = SPACE.sample(40, rng), crossing_curves(40, rng)
    evidence = archcast.Evidence({"val_accuracy": curves})
    predictor = archcast.get_predictor("lcsvr", SPACE, searches=3, random_state=0).init(archs, curves[:, -1], evidence)
    inputs = []
    monkeypatch.setattr(
        predictor, "_inputs", lambda *args: inputs.append(type(predictor)._inputs(predictor, *args)) or inputs[-1]
    )
    answer = predictor.query(archs, evidence).mean
    expected = predictor.center_ + predictor.spread_ * made[-1].predict(inputs[0])
    assert len(made[-1].support_) > 10
    np.testing.assert_allclose(answer, expected, rtol=1e-9)


def test_architecture_helps_where_the_curve_does_not(rng) -> None:
    archs = SPACE.sample(160, rng)
    final = 60 + 5.0 * (archs == 3).sum(axis=1)
    evidence = archcast.Evidence({"val_accuracy": rng.uniform(20, 30, (160, 5))})
    taus = {}
    for encoding in ("graph-features", ()):
        predictor = archcast.get_predictor("lcsvr", SPACE, encoding=encoding, searches=15, random_state=0)
        predictor.init(archs[:100], final[:100], evidence[:100])
        taus[encoding] = kendalltau(predictor.query(archs[100:], evidence[100:]).mean, final[100:]).statistic
    assert taus["graph-features"] > 0.6
    assert abs(taus[()]) < 0.3


def test_bad_input(rng) -> None:
    archs, curves = SPACE.sample(6, rng), np.ones((6, 8))
    evidence = archcast.Evidence({"val_accuracy": curves})
    with pytest.raises(InvalidInputError, match="searches is 0"):
        archcast.get_predictor("lcsvr", SPACE, searches=0).init(archs, np.arange(6), evidence)
    with pytest.raises(
        MissingEvidenceError, match=r"LCSVR needs 9 epochs of evidence\.curves\['val_accuracy'\], got 8"
    ):
        archcast.get_predictor("lcsvr", SPACE, epochs=9).init(archs, np.arange(6), evidence)
    curves[3, 2:] = np.nan
    with pytest.raises(
        MissingEvidenceError, match=r"LCSVR needs 4 epochs of .*'val_accuracy'\], row 3 has 2.*set epochs=2"
    ):
        archcast.get_predictor("lcsvr", SPACE, epochs=4).init(
            archs, np.arange(6), archcast.Evidence({"val_accuracy": curves})
        )
