"""Curves and their coefficients."""

from __future__ import annotations

import numpy as np

from archcast.surrogates.curves import MOST, Basis


def test_the_best_basis_of_its_size() -> None:
    """The error is what the singular values that are left out say (Eckart and Young), each epoch in its own standard deviations."""
    rng = np.random.default_rng(0)
    curves = rng.normal(size=(200, 30)) @ np.diag(0.9 ** np.arange(30))
    basis = Basis.of(curves)
    assert len(basis.directions) == MOST
    np.testing.assert_allclose(basis.directions @ basis.directions.T, np.eye(MOST), atol=1e-12)
    left = (curves - basis.curves(basis.coefficients(curves))) / curves.std(axis=0)
    sizes = np.linalg.svd((curves - curves.mean(axis=0)) / curves.std(axis=0), compute_uv=False)
    np.testing.assert_allclose(np.square(left).sum(), np.square(sizes[MOST:]).sum())


def test_late_epochs_of_a_loss_count_where_some_networks_do_not_train() -> None:
    rng = np.random.default_rng(1)
    rates = rng.uniform(0.05, 0.4, 200)
    curves = 2.3 * np.exp(-np.outer(rates, np.arange(30)))
    curves[:5] = 2.3  # these stay where they were
    basis = Basis.of(curves)
    assert basis.floor == curves.min()
    new = 2.3 * np.exp(-np.outer(rng.uniform(0.05, 0.4, 50), np.arange(30)))
    np.testing.assert_allclose(basis.curves(basis.coefficients(new))[:, -1], new[:, -1], rtol=0.05)
    unseen = np.vstack([new[:1] * 0, new[:1]])  # a loss of 0 has no logarithm
    assert np.isfinite(basis.coefficients(unseen)).all()
    assert (basis.curves(basis.coefficients(unseen)) > 0).all()


def test_constant_curves_and_epochs() -> None:
    basis = Basis.of(np.ones((25, 4)))
    np.testing.assert_allclose(basis.curves(basis.coefficients(np.ones((2, 4)))), 1)
    curves = np.random.default_rng(0).random((25, 4))
    curves[:, 0] = 0.1
    basis = Basis.of(curves)
    np.testing.assert_allclose(basis.curves(basis.coefficients(curves))[:, 0], 0.1)


def test_residuals_move_what_is_expected_to_what_was_seen() -> None:
    rng = np.random.default_rng(3)
    for curves in (rng.random((30, 5)), np.exp(3 * rng.normal(size=(30, 5)))):
        basis = Basis.of(curves)
        expected = basis.curves(basis.coefficients(curves[::-1]))
        np.testing.assert_allclose(basis.moved(expected, basis.residuals(curves, expected)), curves, rtol=1e-6)
    assert basis.floor > 0
