"""Feature maps of kernels: exact where the kernel is positive, the nearest positive kernel where it is not."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.predictors.gaussian_process._additive import JITTER
from archcast.predictors.gaussian_process._gram import FeatureMap, positive
from archcast.predictors.targets import rank_normal

SPACE = archcast.get_space("nasbench201")


def points(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 3))


def rbf(a, b):
    return np.exp(-np.square(a[:, None] - b).sum(axis=2) / 2)


def test_a_positive_kernel_is_reproduced():
    known, new = points(12), points(5, 1)
    found = FeatureMap.of(rbf(known, known))
    train, query = found.features(rbf(known, known)), found.features(rbf(new, known))
    np.testing.assert_allclose(train[:, :-1] @ train[:, :-1].T, rbf(known, known), atol=1e-6)
    np.testing.assert_allclose(query[:, :-1] @ train[:, :-1].T, rbf(new, known), atol=1e-4)
    np.testing.assert_allclose(np.square(query).sum(axis=1), 1)
    assert found.negative == pytest.approx(0, abs=1e-12)


def test_what_is_negative_is_cut_and_counted():
    gram = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.9], [0.0, 0.9, 1.0]])
    values = np.linalg.eigvalsh(gram)
    assert values[0] < -0.2
    found = FeatureMap.of(gram)
    features = found.features(gram)[:, :-1]
    kept = features @ features.T
    assert np.linalg.eigvalsh(kept).min() > -1e-12
    assert found.negative == pytest.approx(-values[0] / np.abs(values).sum())
    np.testing.assert_allclose(np.linalg.eigvalsh(positive(gram)), np.maximum(values, 0), atol=1e-12)


def test_mean_variance_and_covariance_are_those_of_the_kernel():
    archs, queries = SPACE.sample(12, 0), SPACE.sample(6, 1)
    scores = (archs == 3).sum(axis=1) + 0.1 * np.arange(12.0)
    gp = archcast.get_predictor("gp-edit", SPACE, embedding="bourgain", random_state=0).init(archs, scores)
    rows, new = SPACE.canonical(archs), SPACE.canonical(queries)
    slope, noise = gp.gp_.kernel.slopes[0], gp.gp_.noise + JITTER
    (train,), (cross,), (own,) = (gp._between(x, y) for x, y in ((rows, rows), (new, rows), (new, new)))
    solved = np.linalg.solve(slope * train + noise * np.eye(12), slope * cross.T)
    covariance = slope * own - slope * cross @ solved
    mean, found = gp._posterior(queries)
    np.testing.assert_allclose(mean, solved.T @ rank_normal(scores), atol=1e-4)
    np.testing.assert_allclose(found, covariance, atol=1e-4)
    np.testing.assert_allclose(
        gp.gp_.predict(gp._terms(queries, archcast.Evidence()))[1], np.diag(covariance), atol=1e-4
    )
