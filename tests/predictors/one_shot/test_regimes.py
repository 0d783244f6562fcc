"""Each method against its paper's definition, on a toy whose gradient is known in closed form."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from archcast.errors import InvalidInputError
from archcast.predictors.one_shot._bilevel import Bilevel
from archcast.predictors.one_shot._controller import Controlled
from archcast.predictors.one_shot._dirichlet import DirichletMixed
from archcast.predictors.one_shot._dropped import Dropped, kept_weights
from archcast.predictors.one_shot._gates import Gates
from archcast.predictors.one_shot._gumbel import Concrete, HardPath, LocalCredit
from archcast.predictors.one_shot._mixed import annealed
from archcast.predictors.one_shot._partial import Partial
from archcast.predictors.one_shot._paths import FairPaths, SampledPaths
from archcast.predictors.one_shot._progressive import ProgressiveDirichlet
from archcast.predictors.one_shot._proximal import Proximal
from archcast.predictors.one_shot._pruned import Annealed, Staged
from archcast.predictors.one_shot._smooth import Smooth
from archcast.predictors.one_shot._split import Split
from archcast.supernets.loop import Settings


def slope_in_terms(x, y, total):
    """d loss / d total of mean (x total - y)^2 / 2."""
    return (x * (x * total - y)).mean()


# -- paths -------------------------------------------------------------------------------------------------------------


def test_a_step_follows_the_mean_gradient_of_its_paths(made, toy, batch):
    regime = made(SampledPaths, "rows", 4)
    rows = np.random.default_rng(0).integers(5, size=(4, 6))
    regime.rows = lambda _: rows
    before = toy.v.detach().clone()
    expected = torch.zeros_like(before)
    for row in rows:
        where = torch.arange(6), torch.from_numpy(row)
        expected[where] += slope_in_terms(batch.x, batch.y, before[where].sum()) / 4
    regime.step(batch)
    assert_close(toy.v.detach(), before - 0.1 * expected)


def test_fair_paths_move_every_operation_once(made, batch):
    rows = made(FairPaths).rows(batch)
    assert (np.sort(rows, axis=0) == np.arange(5)[:, None]).all()


# -- dropout -----------------------------------------------------------------------------------------------------------


def test_dropout_has_its_rate_and_its_schedule(made, batch):
    constant, scheduled = made(Dropped, 0.4, False, 2), made(Dropped, 0.4, True, 2)
    assert constant.probability(0.1) == constant.probability(0.9) == 0.4
    assert scheduled.probability(0.0) == 0.0
    assert np.isclose(scheduled.probability(0.25), 0.1)
    kept = np.mean([constant.kept(0.4, batch.rng) for _ in range(2000)], axis=0)
    np.testing.assert_allclose(kept, 0.6, atol=0.05)


def test_an_edge_is_the_mean_of_what_is_kept():
    kept = np.array([[True, False, True], [False, False, False]])
    assert kept_weights(kept).tolist() == [[0.5, 0.0, 0.5], [0.0, 0.0, 0.0]]


def test_each_ghost_batch_drops_its_own(made, toy, batch):
    regime = made(Dropped, 0.5, False, 2)
    masks = [np.eye(5, dtype=bool)[np.zeros(6, int)], np.eye(5, dtype=bool)[np.full(6, 2)]]
    left = list(masks)
    regime.kept = lambda p, rng: left.pop(0)
    before = toy.v.detach().clone()
    regime.step(batch)
    for mask, part in zip(masks, (slice(0, 4), slice(4, 8))):
        chosen = torch.from_numpy(mask)
        slope = slope_in_terms(batch.x[part], batch.y[part], before[chosen].sum()) / 2
        assert_close(toy.v.detach()[chosen], before[chosen] - 0.1 * slope)
    rest = torch.from_numpy(~(masks[0] | masks[1]))
    assert torch.equal(toy.v.detach()[rest], before[rest])


# -- DARTS -------------------------------------------------------------------------------------------------------------


def test_first_order_is_the_gradient_of_the_validation_loss(made, toy, batch):
    regime = made(Bilevel, 0.01, 1)
    seen = []
    regime.apply_alpha = seen.extend
    regime.train_alpha(batch)
    p, v, (u, z) = torch.softmax(regime.alpha, 1).detach(), toy.v.detach(), batch.validation
    slope = slope_in_terms(u, z, (p * v).sum())
    assert_close(seen[0], slope * p * (v - (p * v).sum(dim=1, keepdim=True)))


def test_second_order_is_the_gradient_through_the_inner_step(made, toy, batch):
    """Against finite differences of L_val(w - xi grad_w L_train(w, alpha), alpha), entry by entry."""
    regime = made(Bilevel, 0.01, 2)
    with torch.no_grad():
        regime.alpha.copy_(torch.randn(6, 5, generator=torch.Generator().manual_seed(4), dtype=torch.float64))
    before, xi = toy.v.detach().clone(), 0.7
    got = regime.second_order(batch, xi)
    assert torch.equal(toy.v.detach(), before)

    def value(alpha):
        p = torch.softmax(alpha, 1)
        inner = before - xi * slope_in_terms(batch.x, batch.y, (p * before).sum()) * p
        u, z = batch.validation
        return float((u * (p * inner).sum() - z).square().mean() / 2)

    expected, step = torch.zeros(6, 5, dtype=torch.float64), 1e-5
    for e, o in itertools.product(range(6), range(5)):
        shift = torch.zeros(6, 5, dtype=torch.float64)
        shift[e, o] = step
        expected[e, o] = (value(regime.alpha.detach() + shift) - value(regime.alpha.detach() - shift)) / (2 * step)
    assert_close(got, expected, rtol=1e-3, atol=1e-6)
    first = regime.second_order(batch, 0.0)
    assert (first - expected).abs().max() > 10 * (got - expected).abs().max()


# -- Gumbel ------------------------------------------------------------------------------------------------------------


def test_temperatures_fall_geometrically():
    assert annealed(10, 0.1, 0.0) == 10
    assert np.isclose(annealed(10, 0.1, 0.5), 1.0)
    assert np.isclose(annealed(10, 0.1, 1.0), 0.1)


def test_snas_moves_weights_and_alpha_along_the_training_loss(made, toy, batch):
    regime = made(Concrete, 0.01, 1.0, 0.1)
    noise = torch.Generator().manual_seed(2)  # as the batch's
    from archcast.supernets.mixtures import gumbel

    drawn = gumbel((6, 5), noise).double()
    temperature = annealed(1.0, 0.1, batch.progress)
    z = torch.softmax((torch.log_softmax(regime.alpha.detach(), 1) + drawn) / temperature, 1)
    before = toy.v.detach().clone()
    slope = slope_in_terms(batch.x, batch.y, (z * before).sum())
    regime.step(batch)
    assert_close(toy.v.detach(), before - 0.1 * slope * z)
    # through the softmax at temperature T, then through log softmax, which is shift-free
    assert_close(regime.alpha.grad, slope / temperature * z * (before - (z * before).sum(dim=1, keepdim=True)))


def test_gdas_is_hard_forward_and_soft_backward(made, toy, batch):
    regime = made(HardPath, 0.01, 10.0, 0.1)
    weights, active = regime.mixture(batch)
    assert (active.sum(axis=1) == 1).all()
    assert torch.equal(weights.detach(), torch.from_numpy(active).double())
    out = regime.mixed_logits(batch.x, weights, active)
    assert_close(out, batch.x * toy.v[torch.from_numpy(active)].sum())
    (slope,) = torch.autograd.grad(out.sum(), regime.alpha)
    assert (slope != 0).any()


def test_dsnas_is_the_score_function_with_each_edges_own_credit(made, toy, batch):
    regime = made(LocalCredit, 0.01)
    active = np.eye(5, dtype=bool)[[0, 1, 2, 3, 4, 0]]
    regime.draw = lambda _: active
    seen = []
    regime.apply_alpha = seen.extend
    before = toy.v.detach().clone()
    regime.step(batch)
    chosen = torch.from_numpy(active)
    slope = slope_in_terms(batch.x, batch.y, before[chosen].sum())
    credit = (slope * before[chosen])[:, None]
    assert_close(seen[0], credit * (chosen.double() - torch.softmax(regime.alpha.detach(), 1)))
    assert_close(toy.v.detach()[chosen], before[chosen] - 0.1 * slope)


def test_dsnas_draws_by_p(made, batch):
    regime = made(LocalCredit, 0.01)
    with torch.no_grad():
        regime.alpha.copy_(torch.randn(6, 5, generator=torch.Generator().manual_seed(4)))
    shares = np.mean([regime.draw(batch) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(shares, torch.softmax(regime.alpha, 1).detach().numpy(), atol=0.03)


# -- Dirichlet ---------------------------------------------------------------------------------------------------------


def test_drnas_mixtures_have_the_mean_of_their_distribution_and_the_penalty_is_the_divergence(made, batch):
    regime = made(DirichletMixed, 0.01, 0.5)
    with torch.no_grad():
        regime.alpha.copy_(torch.randn(6, 5, generator=torch.Generator().manual_seed(4)))
    draws = torch.stack([regime.mixture(batch)[0].detach() for _ in range(1500)])
    assert_close(draws.mean(dim=0), regime.probabilities().detach(), atol=0.03, rtol=0)
    beta, total = regime.concentration().detach(), regime.concentration().detach().sum(dim=1, keepdim=True)
    divergence = (  # KL(Dir(b) || Dir(1)) in closed form
        torch.lgamma(total[:, 0])
        - torch.lgamma(beta).sum(dim=1)
        - torch.lgamma(torch.tensor(5.0, dtype=torch.float64))
        + ((beta - 1) * (torch.digamma(beta) - torch.digamma(total))).sum(dim=1)
    )
    assert_close(regime.penalty().detach(), 0.5 * divergence.sum())


def test_progressive_drnas_draws_among_the_operations_that_are_left(made, batch):
    regime = made(ProgressiveDirichlet, 0.01, 0.5, (1, 1), (5, 3))
    with torch.no_grad():
        regime.alpha.copy_(torch.randn(6, 5, generator=torch.Generator().manual_seed(4)))
    regime.begin_epoch(1, 4)
    assert regime.left.all()
    regime.begin_epoch(2, 4)
    beta = regime.concentration().detach()
    weakest = beta.argsort(dim=1)[:, :2]
    left = torch.ones(6, 5).scatter_(1, weakest, 0.0)
    assert torch.equal(regime.left, left.to(regime.left))
    draws = torch.stack([regime.mixture(batch)[0].detach() for _ in range(1500)])
    assert not draws[:, left == 0].any()
    mean = beta * left / (beta * left).sum(dim=1, keepdim=True)
    assert_close(draws.mean(dim=0), mean, atol=0.03, rtol=0)
    assert_close(regime.probabilities().detach(), mean)
    three = beta[left > 0].reshape(6, 3)
    total = three.sum(dim=1)
    divergence = (  # KL(Dir(b) || Dir(1)) of three in closed form
        torch.lgamma(total)
        - torch.lgamma(three).sum(dim=1)
        - torch.lgamma(torch.tensor(3.0, dtype=torch.float64))
        + ((three - 1) * (torch.digamma(three) - torch.digamma(total)[:, None])).sum(dim=1)
    )
    assert_close(regime.penalty().detach(), 0.5 * divergence.sum())
    regime.begin_epoch(3, 4)  # still the second stage
    assert torch.equal(regime.left, left.to(regime.left))


# -- PC-DARTS, SmoothDARTS ---------------------------------------------------------------------------------------------


def test_edge_weights_are_a_softmax_over_the_edges_of_a_node(made, batch):
    regime = made(Partial, 0.01, 0.6)
    with torch.no_grad():
        regime.beta.copy_(torch.arange(6.0))
    scales = regime.scales()
    assert_close(scales[0], torch.tensor(1.0).double())
    assert_close(scales[1:3], torch.softmax(torch.tensor([1.0, 2.0]).double(), 0))
    assert_close(scales[3:], torch.softmax(torch.tensor([3.0, 4.0, 5.0]).double(), 0))
    before = regime.alpha.detach().clone()
    regime.step(batch)  # half of the training is over: still warming up
    assert torch.equal(regime.alpha.detach(), before)
    batch.progress = 0.7
    beta = regime.beta.detach().clone()
    regime.step(batch)
    assert not torch.equal(regime.alpha.detach(), before)
    assert not torch.equal(regime.beta.detach(), beta)


def test_perturbations_stay_in_the_box_and_the_adversary_raises_the_loss(made, batch):
    calm, adverse = made(Smooth, 0.01, 0.3, 0), made(Smooth, 0.01, 0.3, 5)
    weights, radius = calm.probabilities().detach(), 0.3 * 0.55

    def loss(mixture):
        return float(calm.loss(calm.mixed_logits(batch.x, mixture), batch.y).detach())

    mild, bad = [], []
    for _ in range(30):
        random, worst = calm.perturbation(batch, weights), adverse.perturbation(batch, weights)
        assert random.abs().max() <= radius + 1e-12
        assert worst.abs().max() <= radius + 1e-12
        mild.append(loss(weights + random))
        bad.append(loss(weights + worst))
    assert min(bad) >= np.mean(mild)
    assert np.mean(bad) > loss(weights)


# -- gates -------------------------------------------------------------------------------------------------------------


def test_the_gradient_of_gates_and_the_probabilities_of_the_others(made, toy, batch):
    regime = made(Gates, 0.1, "gates")
    with torch.no_grad():
        regime.alpha.copy_(torch.randn(6, 5, generator=torch.Generator().manual_seed(4)))
    drawn = np.array([[0, 1], [2, 0], [3, 4], [1, 2], [4, 0], [2, 3]])
    where = torch.from_numpy(drawn)
    before = regime.alpha.detach().clone()
    twin = copy.deepcopy(batch.rng)
    pair = torch.softmax(before.gather(1, where), 1)
    opened = torch.where(torch.from_numpy(twin.random(6)) < pair[:, 0], where[:, 0], where[:, 1])
    u, z = batch.validation
    slope = slope_in_terms(u, z, toy.v.detach()[torch.arange(6), opened].sum()) * toy.v.detach().gather(1, where)
    # by enumeration: sum_j dL/dg_j p_j (1[i = j] - p_i)
    gradient = torch.zeros_like(pair)
    for i, j in itertools.product(range(2), range(2)):
        gradient[:, i] += slope[:, j] * pair[:, j] * (float(i == j) - pair[:, i])
    regime.step_of_gates(batch, drawn)
    after = regime.alpha.detach()
    change = (after - before).gather(1, where)
    assert_close(change[:, 0] - change[:, 1], -0.1 * (gradient[:, 0] - gradient[:, 1]))
    others = torch.ones(6, 5, dtype=torch.bool).scatter_(1, where, False)
    assert_close(torch.softmax(after, 1)[others], torch.softmax(before, 1)[others])


def test_reinforce_is_unbiased(made, toy, batch):
    """Over all 5 choices of the only uncertain decision, the mean step is the gradient of the expected reward."""
    regime = made(Gates, 1.0, "reinforce")
    u, z = batch.validation
    start, p = regime.alpha.detach().clone(), regime.probabilities().detach()
    losses, mean = torch.zeros(5).double(), torch.zeros(6, 5).double()
    for op in range(5):
        chosen = np.array([op, 1, 1, 1, 1, 1])
        total = toy.v.detach()[torch.arange(6), torch.from_numpy(chosen)].sum()
        losses[op] = (u * total - z).square().mean() / 2
        with torch.no_grad():
            regime.alpha.copy_(start)
        regime.baseline = torch.tensor([0.1 * 0.9, 0.9]).double()
        regime.step_of_reinforce(batch, chosen)
        mean += p[0, op] * (regime.alpha.detach() - start)
    expected = -p[0] * (losses - (p[0] * losses).sum())
    assert_close(mean[0], expected, rtol=1e-6, atol=1e-9)


def test_gates_draw_two_different_operations_by_p(made, batch):
    regime = made(Gates, 0.1, "gates")
    with torch.no_grad():
        regime.alpha.copy_(torch.randn(6, 5, generator=torch.Generator().manual_seed(4)))
    drawn = np.stack([regime.draw(batch.rng, 2) for _ in range(4000)])
    assert (drawn[:, :, 0] != drawn[:, :, 1]).all()
    shares = np.stack([(drawn[:, :, 0] == k).mean(axis=0) for k in range(5)], axis=1)
    np.testing.assert_allclose(shares, regime.probabilities().detach().numpy(), atol=0.03)


# -- pruning, projection -----------------------------------------------------------------------------------------------


def test_asap_prunes_what_is_below_the_threshold(made):
    regime = made(Annealed, 0.01, 0.4, 1.0, 0.1)
    with torch.no_grad():
        regime.alpha.zero_()
        regime.alpha[0] = torch.tensor([3.0, 0.0, 0.0, 0.0, 2.9])
    regime.prune()
    assert regime.left[0].tolist() == [1, 0, 0, 0, 1]
    assert regime.left[1:].all()
    assert_close(regime.probabilities()[0, [0, 4]].sum().detach(), torch.tensor(1.0).double())
    regime.begin_epoch(10, 11)
    assert np.isclose(float(regime.temperature), 0.1)


def test_p_darts_keeps_the_best_and_few_skips(made):
    regime = made(Staged, 0.01, (5, 3, 2), 0.4, 2)
    with torch.no_grad():
        regime.alpha.copy_(torch.tensor([[0.0, 5.0, 1.0, 2.0, -1.0]]).repeat(6, 1))
        regime.alpha[2, 1] = 9.0
        regime.alpha[4, 1] = 8.0
    row = regime.derived()
    assert row.tolist() == [3, 3, 1, 3, 1, 3]
    regime.begin_epoch(0, 9)
    assert regime.left.all()
    regime.begin_epoch(3, 9)
    assert regime.left[0].tolist() == [0, 1, 1, 1, 0]
    assert not regime.alpha.any()


def test_nasp_is_a_projected_step_at_the_discrete_point(made, toy, batch):
    regime = made(Proximal, 0.5)
    before = regime.alpha.detach().clone()
    _hard, active = regime.projected()
    assert (active.sum(axis=1) == 1).all()
    assert (active.argmax(axis=1) == before.argmax(dim=1).numpy()).all()
    u, z = batch.validation
    slope = slope_in_terms(u, z, toy.v.detach()[torch.from_numpy(active)].sum())
    regime.train_alpha(batch)
    assert_close(regime.alpha.detach(), (before - 0.5 * slope * toy.v.detach()).clamp(0, 1))


# -- controller, few-shot ----------------------------------------------------------------------------------------------


def test_the_controllers_probabilities_are_those_of_its_draws(toy):
    regime = Controlled(toy, Settings(), 0, 8, 0.01, 2, 0.0)
    with torch.no_grad():  # far from even, and each decision depends on the one before
        for head in regime.controller.heads:
            head.weight.mul_(30)
        for table in regime.controller.embeddings:
            table.weight.mul_(5)
    rows = torch.cartesian_prod(*[torch.arange(5)] * 6)
    with torch.no_grad():
        logs = regime.controller(len(rows), rows)[1].double()
        assert_close(logs.exp().sum(), torch.tensor(1.0).double(), rtol=1e-4, atol=1e-4)
        drawn, given, _ = regime.controller(20_000, generator=torch.Generator().manual_seed(0))
    assert_close(regime.log_likelihood(drawn[:50].numpy()), given[:50].double().numpy(), rtol=1e-5, atol=1e-5)
    marginal = torch.stack([logs.exp()[rows[:, 3] == k].sum() for k in range(5)])
    counted = torch.bincount(drawn[:, 3], minlength=5).double() / 20_000
    assert_close(counted, marginal, atol=0.02, rtol=0)


def test_enas_counts_the_choices_that_rows_make_and_says_when_no_row_is_one(toy, batch):
    regime = Controlled(toy, Settings(), 0, 8, 0.01, 2, 0.0)
    toy.choices_of = lambda rows: np.where(rows == 4, -1, rows)  # of a decision that is not met
    weights = regime.final_weights()
    drawn = regime.many()[0]
    assert_close(weights[:, :4], torch.from_numpy(np.stack([(drawn == k).mean(axis=0) for k in range(4)], 1)).float())
    assert not weights[:, 4].any()
    toy.has_path = lambda rows: np.zeros(len(rows), dtype=bool)
    for ask in (regime.derived, regime.final_weights, lambda: regime.draw(1, batch.generator)):
        with pytest.raises(InvalidInputError, match=r"none of 20,000 rows .*take another method"):
            ask()


def test_few_shot_copies_share_nothing_after_the_split(made, toy, batch):
    regime = made(Split, "rows", 3, 0.5)
    before = toy.v.detach().clone()
    regime.begin_epoch(5, 10)
    assert all(torch.equal(part.v.detach(), before) for part in regime.copies)
    rows = [np.array([[1, 1, 1, choice, 2, 2]]) for choice in range(5)]
    regime.rows_of = lambda choice, rng: rows[choice]
    regime.step(batch)
    assert torch.equal(toy.v.detach(), before)
    for choice, part in enumerate(regime.copies):
        where = torch.arange(6), torch.from_numpy(rows[choice][0])
        expected = before.clone()
        expected[where] -= 0.1 * slope_in_terms(batch.x, batch.y, before[where].sum())
        assert_close(part.v.detach(), expected)


@pytest.mark.parametrize("choice", range(5))
def test_few_shot_rows_take_the_operation_of_the_copy(made, batch, choice):
    for sampling in ("rows", "functions"):
        row = made(Split, sampling, 2, 0.5).rows_of(choice, batch.rng)
        assert row[0, 2] == choice
