"""Losses against loops over rows, pairs and orders."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from archcast.predictors import get_predictor
from archcast.predictors.neural import losses
from archcast.predictors.neural.losses import LOSSES, RANKING
from archcast.spaces.base import get_space

NETWORKS = {
    "mlp": {"hidden": (16,), "epochs": 60},
    "bananas": {"hidden": (16,), "epochs": 60, "n_members": 2},
    "dngo": {"hidden": (16,), "epochs": 40, "n_members": 2},
    "bonas": {"hidden": 12, "epochs": 30, "n_members": 2},
    "gcn": {"hidden": 12, "epochs": 40, "n_members": 2},
    "gcn-rank": {"hidden": 12, "epochs": 40, "n_members": 2},
    "nao": {"hidden": 16, "epochs": 60},
    "seminas": {"hidden": 16, "epochs": 50, "round_epochs": 4, "n_unlabelled": 30},
}


def tensors(rng: np.random.Generator, n: int = 7) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    targets = torch.tensor(rng.integers(0, 4, size=n).astype(float))
    return torch.tensor(rng.normal(size=(3, n))), targets, torch.ones(3, n, dtype=torch.float64)


def test_errors(rng: np.random.Generator) -> None:
    outputs, targets, weights = tensors(rng)
    off = (outputs - targets).numpy()
    np.testing.assert_allclose(losses.squared_error(outputs, targets, weights), np.square(off).mean(axis=1))
    np.testing.assert_allclose(losses.absolute_error(outputs, targets, weights), np.abs(off).mean(axis=1))


@pytest.mark.parametrize(
    ("name", "term"), [("hinge", lambda d: max(0.0, 0.1 - d)), ("bpr", lambda d: np.log(1 + np.exp(-d)))]
)
def test_pairs(name, term, rng: np.random.Generator) -> None:
    outputs, targets, weights = tensors(rng)
    for member, found in enumerate(LOSSES[name](outputs, targets, weights)):
        f = outputs[member].numpy()
        pairs = [(i, j) for i, j in itertools.permutations(range(7), 2) if targets[i] > targets[j]]
        assert found.item() == pytest.approx(np.mean([term(f[i] - f[j]) for i, j in pairs]))
    assert LOSSES[name](outputs, torch.zeros(7), weights).tolist() == [0.0, 0.0, 0.0]


def test_list_mle_is_the_likelihood_of_the_order(rng: np.random.Generator) -> None:
    """Probabilities of all orders of four rows, each drawn one after the other in proportion to exp(f), sum to 1."""
    f, total = rng.normal(size=4), 0.0
    for order in itertools.permutations(range(4)):
        targets = torch.zeros(4, dtype=torch.float64)
        targets[list(order)] = torch.arange(4.0, 0.0, -1.0, dtype=torch.float64)
        likelihood = np.prod([np.exp(f[i]) / np.exp(f[list(order[k:])]).sum() for k, i in enumerate(order)])
        found = losses.list_mle(torch.tensor(f)[None], targets, torch.ones(1, 4, dtype=torch.float64))
        assert 4 * found.item() == pytest.approx(-np.log(likelihood))
        total += np.exp(-4 * found.item())
    assert total == pytest.approx(1)


def test_list_mle_treats_equal_targets_alike() -> None:
    outputs = torch.tensor([[0.3, -1.0, 2.0]], requires_grad=True)
    losses.list_mle(outputs, torch.ones(3), torch.ones(1, 3)).sum().backward()
    expected = torch.softmax(outputs[0].detach(), 0) - 1 / 3
    torch.testing.assert_close(outputs.grad[0], expected)


@pytest.mark.parametrize("name", LOSSES)
def test_rows_of_weight_0_do_not_count(name, rng: np.random.Generator) -> None:
    outputs, targets, weights = tensors(rng)
    outputs.requires_grad_()
    weights[1, 4:] = 0
    found = LOSSES[name](outputs, targets, weights)
    torch.testing.assert_close(found[1], LOSSES[name](outputs[:, :4], targets[:4], weights[:, :4])[1])
    found.sum().backward()
    assert torch.isfinite(outputs.grad).all()
    assert (outputs.grad[1, 4:] == 0).all()


@pytest.mark.parametrize("loss", RANKING)
def test_ranking_losses_see_the_order_alone(loss, rng: np.random.Generator) -> None:
    outputs, targets, weights = tensors(rng)
    torch.testing.assert_close(
        LOSSES[loss](outputs, targets, weights), LOSSES[loss](outputs + 3, targets.exp(), weights)
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_learns_by_every_loss(name: str) -> None:
    space = get_space("nasbench201")
    archs = space.sample(24, 0)
    scores = 60 + 5 * (archs == 3).sum(axis=1) - 3 * (archs == 0).sum(axis=1)
    answers = {}
    for loss in RANKING:
        one = get_predictor(name, space, random_state=0, loss=loss, **NETWORKS[name]).init(archs, scores)
        answers[loss] = one.query(archs).mean
        assert np.corrcoef(answers[loss], scores)[0, 1] > 0.5, loss
        assert abs(answers[loss].mean() - scores.mean()) < scores.std()
    assert not np.allclose(answers["bpr"], answers["listmle"])
