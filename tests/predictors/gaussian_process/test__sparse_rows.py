"""Sparse features of a linear term against the same as an array."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from archcast.predictors.base import Predictor, get_predictor
from archcast.predictors.gaussian_process._additive import AdditiveGP, LogNormal, Priors, Terms
from archcast.predictors.gaussian_process._sparse_rows import SparseRows
from archcast.spaces.base import get_space

PRIORS = Priors((LogNormal(0.5, 1.0),), (LogNormal(1.0, 1.0),), (LogNormal(0.5, 1.0),))


@pytest.fixture
def features(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 3, size=(30, 12)) * rng.integers(0, 2, size=(30, 12)).astype(float)


def test_what_it_can_is_what_arrays_do(features: np.ndarray) -> None:
    rows = SparseRows.of(csr_array(features))
    np.testing.assert_array_equal(rows @ (np.float64(3.0) * rows).T, features @ (3 * features).T)
    np.testing.assert_array_equal(rows @ features.T, features @ features.T)
    np.testing.assert_array_equal(rows[[4, 1]].matrix.toarray(), features[[4, 1]])
    np.testing.assert_array_equal(rows.square_lengths(), np.square(features).sum(axis=1))
    assert len(rows) == 30
    assert rows.width == 12


def test_a_gaussian_process_is_the_same(features: np.ndarray, rng: np.random.Generator) -> None:
    smooth, targets = rng.normal(size=(30, 2)), rng.normal(size=20)
    dense, sparse = Terms((smooth,), (features,)), Terms((smooth,), (SparseRows.of(csr_array(features)),))
    one, other = (AdditiveGP.fit(terms[:20], targets, PRIORS) for terms in (dense, sparse))
    for a, b in zip(one.predict(dense[20:]), other.predict(sparse[20:]), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-8)
    np.testing.assert_allclose(one.covariance(dense[20:]), other.covariance(sparse[20:]), atol=1e-8)


def test_files_of_before_hold_arrays(tmp_path) -> None:
    space = get_space("nasbench201")
    archs = space.sample(30, 0)
    gp = get_predictor("gp-wl", space).init(archs, (archs == 3).sum(axis=1))
    expected, terms = gp.query(archs[:5]), gp.gp_.terms
    gp.gp_ = replace(gp.gp_, terms=Terms((), (terms.linear[0].matrix.toarray(),)))
    gp.save(tmp_path / "old.npz")
    found = Predictor.load(tmp_path / "old.npz").query(archs[:5])
    np.testing.assert_allclose(found.mean, expected.mean)
    np.testing.assert_allclose(found.std, expected.std)
