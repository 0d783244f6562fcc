"""Distributions of mixtures, by their moments and by enumeration."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import beta as beta_law
from scipy.stats import chisquare, kstest
from torch.testing import assert_close

from archcast.supernets.mixtures import dirichlet, gumbel, gumbel_softmax, one_hot, straight_through


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_gumbel_moments(generator):
    draws = gumbel((200_000,), generator).double()
    assert abs(float(draws.mean()) - np.euler_gamma) < 0.01
    assert abs(float(draws.var()) - np.pi**2 / 6) < 0.03
    assert torch.isfinite(draws).all()


def test_the_largest_of_log_p_plus_gumbel_is_a_draw_from_p(generator):
    p = torch.tensor([0.5, 0.3, 0.15, 0.05])
    counts = torch.bincount((p.log() + gumbel((100_000, 4), generator)).argmax(dim=1), minlength=4)
    assert chisquare(counts.numpy(), 100_000 * p.double().numpy() / float(p.double().sum())).pvalue > 0.001


def test_temperature_of_the_relaxed_sample(generator):
    logs, noise = torch.log(torch.tensor([[0.7, 0.2, 0.1]])), gumbel((1, 3), generator)
    cold, warm = gumbel_softmax(logs, 1e-3, noise), gumbel_softmax(logs, 1e4, noise)
    assert_close(cold.max(), torch.tensor(1.0))
    assert_close(warm, torch.full((1, 3), 1 / 3), atol=1e-3, rtol=0)


def test_straight_through_is_hard_forward_and_soft_backward():
    logits = torch.tensor([[0.1, 0.9, -0.3]], requires_grad=True)
    hard = straight_through(torch.softmax(logits, dim=1))
    assert_close(hard, torch.tensor([[0.0, 1.0, 0.0]]))
    value = torch.tensor([[3.0, -1.0, 2.0]])
    (got,) = torch.autograd.grad((hard * value).sum(), logits)
    (expected,) = torch.autograd.grad((torch.softmax(logits, dim=1) * value).sum(), logits)
    assert_close(got, expected)


def test_dirichlet_moments(generator):
    a = torch.tensor([0.3, 1.0, 2.5]).double()
    draws = dirichlet(a.expand(40_000, 3), generator)
    total = a.sum()
    assert_close(draws.sum(dim=1), torch.ones(40_000).double())
    assert_close(draws.mean(dim=0), a / total, atol=0.005, rtol=0)
    variance = a * (total - a) / (total**2 * (total + 1))
    assert_close(draws.var(dim=0), variance, atol=0.003, rtol=0)
    for k in range(3):
        assert kstest(draws[:, k].numpy(), beta_law(float(a[k]), float(total - a[k])).cdf).pvalue > 1e-3


def test_dirichlet_gradient_is_that_of_the_mean(generator):
    """The pathwise gradient of E[v . z] is the gradient of v . a / sum(a)."""
    a = torch.tensor([0.6, 1.2, 2.0], dtype=torch.float64, requires_grad=True)
    v = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    (expected,) = torch.autograd.grad((v * a / a.sum()).sum(), a)
    z = dirichlet(a.expand(40_000, 3), generator)
    (got,) = torch.autograd.grad((z @ v).mean(), a)
    assert_close(got, expected, atol=0.01, rtol=0)


def test_small_concentrations_stay_finite(generator):
    a = torch.full((500, 5), 0.01, requires_grad=True)
    z = dirichlet(a, generator)
    z.square().sum().backward()
    assert torch.isfinite(z).all()
    assert torch.isfinite(a.grad).all()


def test_draws_come_from_the_generator_alone():
    a = torch.rand(4, 3) + 0.5
    first, second = (dirichlet(a, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, second)


def test_one_hot():
    parts = one_hot([2, 0], (3, 2))
    assert [part.tolist() for part in parts] == [[0, 0, 1], [1, 0]]
