"""The sampler against posteriors that are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archcast.predictors.neural._sghmc import sample


def test_samples_the_posterior_of_a_conjugate_linear_model(rng: np.random.Generator) -> None:
    features = torch.tensor(rng.normal(size=(6, 3)) * [1.0, 2.0, 0.5])
    targets = torch.tensor(rng.normal(size=6))
    precision = torch.eye(3, dtype=torch.float64) + features.T @ features / 0.25
    covariance = torch.linalg.inv(precision)
    mean = covariance @ features.T @ targets / 0.25

    def potential(theta: torch.Tensor) -> torch.Tensor:
        return 0.5 * (theta**2).sum(1) + 0.5 * ((theta @ features.T - targets) ** 2).sum(1) / 0.25

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        start = torch.zeros(500, 3, dtype=torch.float64)
        draws = sample(potential, start, burn_in=300, draws=12, thinning=25, step_size=0.1).reshape(-1, 3)
    scale = covariance.diagonal().sqrt()
    assert ((draws.mean(0) - mean) / scale).abs().max() < 0.06
    error = (torch.cov(draws.T) - covariance) / torch.outer(scale, scale)
    assert error.abs().max() < 0.08


def test_chains_do_not_depend_on_each_other() -> None:
    def run(slope: float) -> torch.Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            other = torch.tensor([1.0, slope])[:, None]
            return sample(
                lambda x: (other * x**2).sum(1), torch.ones(2, 4), burn_in=20, draws=3, thinning=2, step_size=0.1
            )

    one, two = run(1.0), run(9.0)
    assert torch.equal(one[:, 0], two[:, 0])
    assert not torch.equal(one[:, 1], two[:, 1])


@pytest.mark.parametrize("burn_in", [0, 5])
def test_shapes(burn_in: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        draws = sample(lambda x: (x**2).sum(1), torch.zeros(2, 3), burn_in=burn_in, draws=4, thinning=3, step_size=0.1)
    assert draws.shape == (4, 2, 3)
    assert torch.isfinite(draws).all()
    assert not draws.requires_grad
