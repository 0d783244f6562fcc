"""REBAR, RELAX, sigmoid gates, the sandwich rule and shrinking, on a toy whose gradient is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from archcast.predictors.one_shot._controlled_variate import ControlledVariate, conditional_draw, draw
from archcast.predictors.one_shot._paths import FairFunctions, unevenness
from archcast.predictors.one_shot._sandwich import Sandwich, Shrinking, distillation
from archcast.predictors.one_shot._sigmoid import SigmoidGates
from archcast.supernets.loop import Settings
from archcast.supernets.sampling import extremes, functions_of, size_order

from .conftest import half_squares

DRAWS = 500


def slope_in_terms(x, y, total):
    """d loss / d total of mean (x total - y)^2 / 2."""
    return (x * (x * total - y)).mean()


def expected_gradient(toy, alpha, images):
    """Of the mean loss over all 5^6 paths: the loss is quadratic in a sum of independent terms."""
    alpha = alpha.detach().clone().requires_grad_(True)
    p, v, (u, z) = torch.softmax(alpha, 1), toy.v.detach(), images
    means = (p * v).sum(dim=1)
    mean, variance = means.sum(), ((p * v**2).sum(dim=1) - means**2).sum()
    loss = (u**2).mean() * (mean**2 + variance) / 2 - (u * z).mean() * mean + (z**2).mean() / 2
    return torch.autograd.grad(loss, alpha)[0]


# -- REBAR, RELAX ------------------------------------------------------------------------------------------------------


def test_a_conditional_draw_has_the_distribution_of_a_draw():
    """Its largest entry is the given one; over all given ones its moments are those of z."""
    logs = torch.log_softmax(torch.tensor([[0.0, 1.0, -1.0]]).double(), 1).repeat(20_000, 1)
    generator = torch.Generator().manual_seed(0)
    z = draw(logs, generator)
    chosen = z.argmax(dim=1)
    assert_close(torch.bincount(chosen, minlength=3) / 20_000, logs[0].exp().float(), atol=0.02, rtol=0)
    again = conditional_draw(logs, chosen, generator)
    assert torch.equal(again.argmax(dim=1), chosen)
    assert_close(again.mean(dim=0), logs[0] + 0.5772, atol=0.05, rtol=0)
    assert_close(again.var(dim=0), torch.full((3,), np.pi**2 / 6).double(), atol=0.1, rtol=0)
    for one in range(3):
        mine = chosen == one
        assert_close(again[mine].mean(dim=0), z[mine].mean(dim=0), atol=0.12, rtol=0)


@pytest.mark.parametrize("estimator", ["rebar", "relax"])
def test_the_estimate_is_unbiased(made, toy, batch, estimator):
    """Whatever the control variate, also one that is far from good."""
    regime = made(ControlledVariate, 0.01, estimator, 0.5, 0.01)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        regime.alpha.copy_(torch.randn(6, 5, generator=generator))
        toy.v.zero_()
        toy.v[0] = torch.tensor([1.5, -1.0, 0.5, 0.0, -0.5])  # one decision matters, so that few draws tell
        regime.eta.fill_(0.7)
        for value in regime.surrogate.parameters():
            value.copy_(0.1 * torch.randn(value.shape, generator=generator))
    found = torch.stack([regime.estimate(batch)[0] for _ in range(DRAWS)])
    error = found.std(dim=0) / DRAWS**0.5
    exact = expected_gradient(toy, regime.alpha, batch.validation)
    assert ((found.mean(dim=0) - exact).abs() < 4.5 * error + 1e-9).all()
    assert (exact.abs() > 3 * error).any(), "the test can tell"


def test_the_control_variate_lowers_the_variance_and_learns_to(made, toy, batch):
    regime = made(ControlledVariate, 0.01, "rebar", 0.5, 0.05)
    variances = {}
    for eta in (0.0, 1.0):
        with torch.no_grad():
            regime.eta.fill_(eta)
        variances[eta] = float(torch.stack([regime.estimate(batch)[0] for _ in range(200)]).var(dim=0).sum())
    assert variances[1.0] < 0.8 * variances[0.0]
    with torch.no_grad():
        regime.eta.zero_()
    for _ in range(100):
        for value, gradient in zip(regime.control_parameters(), regime.estimate(batch)[1]):
            value.grad = gradient
        regime.optimizers["control"].step()
    assert float(regime.eta.detach()) > 0.3


# -- sigmoid -----------------------------------------------------------------------------------------------------------


def test_gates_are_sigmoids_at_the_temperature(made, toy, batch):
    regime = made(SigmoidGates, 0.01, 1.0, 0.25)
    with torch.no_grad():
        regime.alpha.copy_(torch.randn(6, 5, generator=torch.Generator().manual_seed(4)))
    seen = []
    regime.apply_alpha = seen.extend
    regime.train_alpha(batch)  # half of the training is over: the temperature is .5
    gates, (u, z) = torch.sigmoid(regime.alpha.detach() / 0.5), batch.validation
    slope = slope_in_terms(u, z, (gates * toy.v.detach()).sum())
    assert_close(seen[0], slope * toy.v.detach() * gates * (1 - gates) / 0.5)
    last = torch.sigmoid(regime.alpha.detach() / 0.25)
    assert_close(regime.probabilities().detach(), last / last.sum(dim=1, keepdim=True))


# -- sandwich, shrinking -----------------------------------------------------------------------------------------------


def test_distillation_is_cross_entropy_with_the_teacher():
    generator = torch.Generator().manual_seed(0)
    logits, teacher = torch.randn(2, 7, 4, generator=generator).requires_grad_(True)
    value = distillation(logits, teacher)
    expected = -(torch.softmax(teacher, 1) * torch.log_softmax(logits, 1)).sum(dim=1).mean()
    assert_close(value, expected)
    assert torch.autograd.grad(value, teacher, allow_unused=True)[0] is None


def test_a_sandwich_step_is_the_mean_of_a_labelled_and_taught_gradients(made, toy, batch):
    regime = made(Sandwich, 1)
    regime.lesson = lambda outputs, teacher: half_squares(outputs, teacher.detach())
    others = np.array([[0, 1, 2, 3, 4, 0], [2, 2, 2, 2, 2, 2]])
    before = toy.v.detach().clone()
    large = torch.arange(6), torch.from_numpy(regime.ends[1])
    expected = torch.zeros_like(before)
    total = before[large].sum()
    expected[large] += slope_in_terms(batch.x, batch.y, total) / 3
    for row in others:
        where = torch.arange(6), torch.from_numpy(row)
        expected[where] += slope_in_terms(batch.x, batch.x * total, before[where].sum()) / 3
    regime.taught(batch, others)
    assert_close(toy.v.detach(), before - 0.1 * expected)


def test_the_ends_are_the_smallest_and_the_largest(toy):
    small, large = extremes(toy)
    assert large.tolist() == [3] * 6
    costs = toy.space.costs(functions_of(toy))["params"]
    assert toy.space.costs(large[None])["params"][0] == costs.max()
    assert toy.space.costs(small[None])["params"][0] <= costs.min()
    assert all(set(order[-2:].tolist()) == {2, 3} and order[-1] == 3 for order in size_order(toy))


def test_shrinking_opens_one_choice_after_the_other(made, batch):
    regime = made(Shrinking, 2, 0.2)
    assert [phase.tolist() for phase in regime.phases] == [[k] * 6 for k in (2, 3, 4, 5)]
    assert [regime.phase(p) for p in (0.0, 0.19, 0.21, 0.45, 0.65, 0.85, 1.0)] == [-1, -1, 0, 1, 2, 3, 3]
    rows = np.stack([regime.draw(regime.phases[0], batch.rng) for _ in range(40)])
    assert set(np.unique(rows)) == {2, 3}, "the two largest operations, both convolutions"
    batch.progress = 0.1
    assert len(regime.others(batch)) == 0


# -- FairNAS over functions --------------------------------------------------------------------------------------------


def test_of_several_sets_the_fairest_is_taken(made, toy, batch):
    fair = np.stack([np.arange(5)] * 6, axis=1)
    uneven = np.zeros((5, 6), dtype=np.int64)
    assert unevenness(np.stack([fair, uneven]), 5).tolist() == [30, 150]
    regime = made(FairFunctions, 50)
    keys = {tuple(row) for row in functions_of(toy).tolist()}
    chosen, random = [], []
    for _ in range(20):
        rows = regime.rows(batch)
        assert {tuple(row) for row in rows.tolist()} <= keys
        chosen.append(unevenness(rows[None], 5)[0])
        random.append(unevenness(regime.functions[batch.rng.integers(len(regime.functions), size=(1, 5))], 5)[0])
    assert np.mean(chosen) < np.mean(random) - 5
    assert isinstance(regime.settings, Settings)
