"""The normal model of curves, against dense normal distributions written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from archcast.predictors.learning_curve import _curve_bnn as module
from archcast.predictors.learning_curve._curve_bnn import (
    K,
    at_grid,
    basis_curves,
    conditioned,
    fit_basis,
    forward,
    grid_of,
    learn,
    outputs,
    points_seen,
)

GRID = grid_of(20)


@pytest.fixture
def basis(rng):
    effect = np.tril(0.3 * rng.standard_normal((K, K))) + 0.3 * np.eye(K)
    curves = basis_curves(torch.zeros(K - 1, 2).double(), GRID).numpy()
    return {"curves": curves, "mean": rng.standard_normal(K), "effect": effect, "noise": np.array(0.1)}


def draw(basis, n, rng):
    u = rng.standard_normal((n, K))
    noise = basis["noise"] * rng.standard_normal((n, len(basis["curves"])))
    return (basis["mean"] + u @ basis["effect"].T) @ basis["curves"].T + noise, u


def covariance(basis):
    loaded = basis["curves"] @ basis["effect"]
    return loaded @ loaded.T + basis["noise"] ** 2 * np.eye(len(loaded))


def test_basis_curves_by_their_formulas() -> None:
    shapes = 0.3 * np.arange(8.0).reshape(4, 2) - 1
    (r0, p0), (r1, p1), (r2, p2), (r3, p3) = np.exp(shapes + np.array(module.SHAPES))
    t = GRID - 1.0
    expected = [
        np.ones(20),
        (1 + r0 * t) ** -p0,
        np.exp(-((r1 * t) ** p1)),
        1 / (1 + (r2 * t) ** p2),
        1 / (1 + p3 * np.log(1 + r3 * t)),
    ]
    found = basis_curves(torch.from_numpy(shapes), GRID).numpy().T
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_conditioning_is_that_of_a_dense_normal(basis, rng) -> None:
    values, _ = draw(basis, 4, rng)
    seen = np.array([3, 20, 3, 9])
    values[0, 3:] = np.nan
    moments, which, precisions = conditioned(basis, values, seen)
    center, spread = rng.standard_normal((4, K)), 0.7
    loaded = basis["curves"] @ basis["effect"]
    for i, length in enumerate(seen):
        after = np.linalg.inv(precisions[which[i]] + np.eye(K) / spread**2)
        mean = after @ (moments[i] + center[i] / spread**2)
        # the joint distribution of u and the points seen
        part = loaded[:length]
        joint = spread**2 * part @ part.T + basis["noise"] ** 2 * np.eye(length)
        gain = spread**2 * part.T @ np.linalg.inv(joint)
        error = values[i, :length] - basis["curves"][:length] @ basis["mean"] - part @ center[i]
        np.testing.assert_allclose(mean, center[i] + gain @ error, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(after, spread**2 * (np.eye(K) - gain @ part), rtol=1e-8, atol=1e-10)


def test_the_fit_is_as_likely_as_the_truth(basis, rng) -> None:
    """On curves that it has not seen, by scipy's density."""
    values, _ = draw(basis, 260, rng)
    seen = rng.integers(8, 21, 200)
    fitted = fit_basis(values[:200], seen, GRID, steps=200)
    found, truth = (
        multivariate_normal(b["curves"] @ b["mean"], covariance(b)).logpdf(values[200:]).mean() for b in (fitted, basis)
    )
    start = {**basis, "mean": np.zeros(K), "effect": np.eye(K)}
    worse = multivariate_normal(start["curves"] @ start["mean"], covariance(start)).logpdf(values[200:]).mean()
    assert truth - 0.5 < found < truth + 0.5
    assert worse < truth - 1
    assert fitted["noise"] == pytest.approx(0.1, rel=0.1)


def test_the_network_learns_what_the_input_tells(basis, rng) -> None:
    """Two of five numbers are linear in the input, the others are not in it."""
    values, u = draw({**basis, "noise": np.array(0.01)}, 150, rng)
    samples, tau2 = learn(
        {**basis, "noise": np.array(0.01)}, u[:, :2], values, np.full(150, 20), [2, 16], rng=rng, chains=2, burn_in=300, draws=8,
        thinning=10, step_size=0.03,
    )  # fmt: skip
    mean, _ = outputs(samples, [2, 16], u[:, :2])
    correlation = [np.corrcoef(mean[:, k], u[:, k])[0, 1] for k in range(K)]
    assert min(correlation[:2]) > 0.95
    assert max(np.abs(correlation[2:])) < 0.6
    assert tau2 == pytest.approx(0.6, abs=0.15), "three of five numbers have variance 1 left"


def test_outputs_against_one_network_at_a_time(rng) -> None:
    widths, inputs = [3, 7], rng.standard_normal((5, 3))
    samples = rng.standard_normal((6, 4 * 7 + 8 * K)).astype(np.float32)
    mean, covariance = outputs(samples, widths, inputs)
    theta = torch.from_numpy(samples.astype(np.float64))
    single = np.stack([forward(theta[i : i + 1], torch.from_numpy(inputs), widths)[0].numpy() for i in range(6)])
    np.testing.assert_allclose(mean, single.mean(axis=0), rtol=1e-12)
    for row in range(5):
        np.testing.assert_allclose(covariance[row], np.cov(single[:, row].T, bias=True), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("total", [1, 2, 24, 25, 100, 300])
def test_grid(total) -> None:
    grid = grid_of(total)
    assert grid[0] == 1
    assert grid[-1] == total
    assert (np.diff(grid) > 0).all()
    assert min(total, 15) <= len(grid) <= 28
    seen = np.arange(1, total + 1)
    assert (grid[points_seen(grid, seen) - 1] <= seen).all()
    values = np.arange(1.0, total + 1)[None]
    np.testing.assert_array_equal(at_grid(grid, values)[0], grid)
    assert np.isnan(at_grid(grid, values[:, : total // 2])[0, grid > total // 2]).all()
