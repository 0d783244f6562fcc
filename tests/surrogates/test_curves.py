"""Curves and their coefficients."""

from __future__ import annotations

import numpy as np

from archcast.surrogates.curves import MOST, Basis


def test_the_best_basis_of_its_size() -> None:
    """The error is what the singular values that are left out say (Eckart and Young)."""
    rng = np.random.default_rng(0)
    curves = rng.normal(size=(200, 30)) @ np.diag(0.9 ** np.arange(30))
    basis = Basis.of(curves)
    assert len(basis.directions) == MOST
    np.testing.assert_allclose(basis.directions @ basis.directions.T, np.eye(MOST), atol=1e-12)
    left = curves - basis.curves(basis.coefficients(curves))
    sizes = np.linalg.svd(curves - curves.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(np.square(left).sum(), np.square(sizes[MOST:]).sum())


def test_constant_curves() -> None:
    basis = Basis.of(np.ones((25, 4)))
    np.testing.assert_allclose(basis.curves(basis.coefficients(np.ones((2, 4)))), 1)
