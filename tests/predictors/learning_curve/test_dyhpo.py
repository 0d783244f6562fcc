"""dyhpo: its process against the textbook, its examples, what it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

import archcast
from archcast.predictors.learning_curve import _deep_kernel
from archcast.predictors.learning_curve import dyhpo as module
from archcast.predictors.learning_curve.curves import Curves, CurveScale
from archcast.predictors.networks import private_random_stream

SPACE = archcast.get_space("nasbench201")
T = 20


def curves(archs: np.ndarray, noise: float = 0.003, seed: int = 0) -> np.ndarray:
    """Curves whose late gain depends on the architecture and on nothing that the beginning shows."""
    late = 0.05 * (archs == 3).sum(axis=1)[:, None]
    clean = 0.5 - 0.3 * 0.6 ** np.arange(1, T + 1) + late * (np.arange(1, T + 1) > 10)
    return clean + np.random.default_rng(seed).normal(0, noise, clean.shape)


def test_loss_is_the_marginal_likelihood() -> None:
    with private_random_stream(np.random.default_rng(0)):
        kernel, points, targets = _deep_kernel.DeepKernel(3, (4,)).double(), torch.randn(7, 10), torch.randn(7)
    points, targets = points.double() / 3, targets.double()
    scale, noise = _deep_kernel.hyperparameters({n: p.detach().numpy() for n, p in kernel.named_parameters()})
    covariance = scale * module.kernel(points.numpy(), points.numpy()) + noise * np.eye(7)
    expected = -multivariate_normal(np.zeros(7), covariance).logpdf(targets.numpy()) / 7 - np.log(2 * np.pi) / 2
    assert kernel.loss(points, targets).item() == pytest.approx(expected, rel=1e-5)


def test_examples_are_cut_before_their_goal(rng) -> None:
    seen = np.array([1, 2, 20, 9])
    values = np.where(np.arange(20) < seen[:, None], 0.5, np.nan)
    scale = CurveScale(np.zeros(1), np.ones(1))
    row, cut, goal = module.cuts(Curves(values, seen, 20, scale), 50, rng)
    assert len(row) == 50
    assert set(row) == {1, 2, 3}
    assert (cut >= 1).all()
    assert (cut < goal).all()
    assert (goal <= seen[row]).all()
    assert (goal == seen[row]).sum() > 10
    assert len(module.cuts(Curves(values[:1], seen[:1], 20, scale), 50, rng)[0]) == 0


def test_posterior_is_the_textbooks_and_later_epochs_of_a_curve_are_not_seen() -> None:
    archs, queries = SPACE.sample(30, 0), SPACE.sample(6, 1)
    one = archcast.get_predictor("dyhpo", SPACE, random_state=0, examples=60, steps=20, hidden=(16,))
    one.init(archs, None, archcast.Evidence({"val_accuracy": curves(archs)}))
    begun = curves(queries)[:, :5]
    answer = one.query(queries, archcast.Evidence({"val_accuracy": begun}))
    inputs = module.inputs_of(one.features_, queries, begun, np.full(6, 5), np.full(6, T), T)
    scale, noise = _deep_kernel.hyperparameters(one.weights_)
    cross = scale * module.kernel(_deep_kernel.embedded(one.weights_, inputs), one.points_)
    covariance = one.factor_ @ one.factor_.T
    variance = scale + noise - np.einsum("ij,ji->i", cross, np.linalg.solve(covariance, cross.T))
    np.testing.assert_allclose(answer.mean, begun[:, -1] + one.centre_ + one.unit_ * (cross @ one.solved_), atol=1e-9)
    np.testing.assert_allclose(answer.std, one.unit_ * np.sqrt(variance), rtol=1e-6)


def test_learns_what_the_beginning_does_not_show() -> None:
    archs, queries = SPACE.sample(80, 0), SPACE.sample(60, 1)
    one = archcast.get_predictor("dyhpo", SPACE, random_state=0, epochs=4)
    one.init(archs, None, archcast.Evidence({"val_accuracy": curves(archs)}))
    truth = curves(queries, seed=1)
    answer = one.query(queries, archcast.Evidence({"val_accuracy": truth[:, :4]}))
    assert np.corrcoef(answer.mean, truth[:, -1])[0, 1] > 0.6
    inside = np.abs(answer.mean - truth[:, -1]) < 1.645 * answer.std
    assert inside.mean() > 0.7
    blind = archcast.get_predictor("dyhpo", SPACE, epochs=4, total_epochs=T).init()
    begun = archcast.Evidence({"val_accuracy": truth[:, :4]})
    np.testing.assert_allclose(blind.query(queries, begun).mean, truth[:, 3])
