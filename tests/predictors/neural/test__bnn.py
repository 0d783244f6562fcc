"""The Bayesian neural network against plain numpy and numerical integration."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import gamma, norm

from archcast.predictors.neural import _bnn


def test_forward_is_a_network_a_row(rng: np.random.Generator) -> None:
    widths = [3, 5, 4]
    theta, x = rng.normal(size=(2, _bnn.size(widths))), rng.normal(size=(6, 3))
    outputs = _bnn.outputs(theta, widths, x)
    for c in range(2):
        h, start = x, 0
        for a, b, last in ((3, 5, False), (5, 4, False), (4, 1, True)):
            weight = theta[c, start : start + a * b].reshape(a, b) * np.sqrt(2 / a)
            bias = theta[c, start + a * b : start + a * b + b]
            h, start = h @ weight + bias, start + a * b + b
            h = h if last else h / (1 + np.exp(-h))
        assert start == theta.shape[1]
        np.testing.assert_allclose(outputs[c], h[:, 0], rtol=1e-5)


def test_potential_integrates_the_noise_out(rng: np.random.Generator) -> None:
    x, targets = rng.normal(size=(5, 2)), rng.normal(size=5)
    theta = rng.normal(size=(3, _bnn.size([2, 3])))
    values = _bnn.potential(torch.tensor(theta), torch.tensor(x), torch.tensor(targets), [2, 3]).numpy()
    expected = []
    for row, outputs in zip(theta, _bnn.outputs(theta, [2, 3], x), strict=True):

        def density(precision: float, outputs: np.ndarray = outputs) -> float:
            likelihood = norm(outputs, precision**-0.5).pdf(targets).prod()
            return likelihood * gamma(_bnn.NOISE_SHAPE, scale=1 / _bnn.NOISE_RATE).pdf(precision)

        expected.append(-np.log(quad(density, 0, np.inf, epsabs=0)[0]) - norm.logpdf(row).sum())
    np.testing.assert_allclose(np.diff(values), np.diff(expected), rtol=1e-5)


def test_samples_of_a_linear_model_agree_with_integration_on_a_grid(rng: np.random.Generator) -> None:
    x = rng.normal(size=(6, 1))
    targets = 0.8 * x[:, 0] + 0.3 * rng.normal(size=6)
    samples, noise = _bnn.learn(x, targets, [1], rng=rng, chains=200, burn_in=300, draws=10, thinning=25, step_size=0.1)
    assert samples.shape == (2000, 2)
    axis = np.linspace(-3, 3, 201)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    error = np.square(_bnn.outputs(grid, [1], x) - targets).sum(axis=1) / 2
    weights = (_bnn.NOISE_RATE + error) ** -(_bnn.NOISE_SHAPE + 3) * np.exp(-np.square(grid).sum(axis=1) / 2)
    weights /= weights.sum()
    mean = weights @ grid
    std = np.sqrt(weights @ np.square(grid - mean))
    assert np.abs((samples.mean(axis=0) - mean) / std).max() < 0.12
    np.testing.assert_allclose(samples.std(axis=0), std, rtol=0.12)
    expected = weights @ ((_bnn.NOISE_RATE + error) / (_bnn.NOISE_SHAPE + 2))
    assert noise == pytest.approx(expected, rel=0.1)
