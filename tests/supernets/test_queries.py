"""Queries against slow definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

from archcast.predictors.one_shot._paths import SampledPaths
from archcast.spaces.base import Task, get_space
from archcast.supernets.base import get_supernet
from archcast.supernets.loop import Settings
from archcast.supernets.queries import (
    dominant_eigenvalue,
    evaluate,
    full_model,
    moving_statistics,
    normalised_by,
    operation_strengths,
    perturbed_choice,
)

SPACE = get_space("nasbench201")
TASK = Task((1, 8, 8), 4, width=4, depth=1, stages=1)


def test_evaluate_is_the_loss_of_each_path(few_images):
    net = get_supernet(SPACE, TASK)
    rows, (x, y) = SPACE.sample(12, 0), few_images.train
    reference = full_model(net, x)
    answers = evaluate(net, rows, x, y, reference=reference)
    for number, row in enumerate(rows):
        with torch.no_grad():
            logits = net(x, row).double()
        assert np.isclose(answers.loss[number], float(functional.cross_entropy(logits, y)), rtol=1e-6)
        assert np.isclose(answers.accuracy[number], float((logits.argmax(dim=1) == y).double().mean()))
        kl = functional.kl_div(
            logits.log_softmax(1), reference.double().log_softmax(1), log_target=True, reduction="batchmean"
        )
        assert np.isclose(answers.divergence[number], float(kl), rtol=1e-5, atol=1e-9)
    assert np.isnan(evaluate(net, rows, x, y).divergence).all()


@pytest.mark.parametrize("name", ["nasbench201", "nats-size", "darts", "nasbench-1shot1-1"])
def test_moving_statistics_are_those_of_the_network_alone(name, few_images):
    """One row is trained on: then they are what PyTorch's batch norm has, and with them a path is the network in evaluation."""
    space = get_space(name)
    sizes = {"width": 2, "depth": 3 if name == "darts" else 1, "stages": 1}
    task = Task((1, 8, 8), 4, size={key: value for key, value in sizes.items() if key in space.sizes})
    net, row = get_supernet(space, task), space.sample(1, 3)[0]
    regime, (x, y) = SampledPaths(net, Settings(), 0, "rows", 1), few_images.train
    found = moving_statistics(regime, np.stack([row] * 3), x, y, 12)
    assert not any(layer.recording for layer in net.modules() if hasattr(layer, "recording"))
    pruned = {} if name in ("nats-size", "nasbench-1shot1-1") else {"pruned": True}
    alone = space.build(row, task, **pruned).train()
    assert not alone.load_state_dict(net.inherited(row), strict=False).unexpected_keys
    for layer in alone.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 0.1  # NAS-Bench-101's is .003
    with torch.no_grad():
        for turn in (range(12), range(12, 24), [*range(24, 32), *range(4)]):
            alone(x[list(turn)])
        alone.eval()
        by_batch = net(few_images.validation[0], row)
        with normalised_by(regime, found):
            assert_close(net(few_images.validation[0], row), alone(few_images.validation[0]), rtol=1e-4, atol=1e-5)
        assert torch.equal(net(few_images.validation[0], row), by_batch)


def test_calibration_is_the_statistics_of_other_images(few_images):
    net = get_supernet(SPACE, TASK)
    rows, (x, y) = SPACE.sample(5, 0), few_images.validation
    same = evaluate(net, rows, x, y, calibration=x)
    np.testing.assert_allclose(same.loss, evaluate(net, rows, x, y).loss, rtol=1e-4)
    other = evaluate(net, rows, x, y, calibration=few_images.train[0])
    assert not np.allclose(other.loss, same.loss, rtol=1e-5)
    assert all(layer.calibration is None for layer in net.modules() if hasattr(layer, "calibration"))


def test_strength_is_the_rise_of_the_loss_without_the_operation(few_images):
    net = get_supernet(SPACE, TASK)
    x, y = few_images.train
    weights = torch.softmax(torch.randn(6, 5, generator=torch.Generator().manual_seed(0)), dim=1)
    strengths = operation_strengths(net, weights, x, y, [2])
    assert np.isnan(strengths[[0, 1, 3, 4, 5]]).all()
    whole = functional.cross_entropy(net.mixture(x, weights), y)
    for op in range(5):
        changed = weights.clone()
        changed[2, op] = 0
        with torch.no_grad():
            expected = functional.cross_entropy(net.mixture(x, changed), y) - whole
        assert np.isclose(strengths[2, op], float(expected), atol=1e-6)
    assert abs(strengths[2, 0]) < 1e-6  # removing nothing removes nothing


def test_perturbed_choice_takes_a_strong_operation(few_images):
    """With one edge that matters and one operation of weight on it, that operation is chosen."""
    net = get_supernet(SPACE, TASK)
    weights = torch.zeros(6, 5)
    weights[:, 0] = 1.0
    weights[3] = torch.tensor([0.0, 0.0, 0.0, 1.0, 0.0])
    x, y = few_images.train
    for _ in range(30):  # a few steps, so that the path is better than nothing
        loss = functional.cross_entropy(net.mixture(x, weights), y)
        for value, gradient in zip(net.parameters(), torch.autograd.grad(loss, net.parameters(), allow_unused=True)):
            if gradient is not None:
                value.data -= 0.3 * gradient
    row = perturbed_choice(net, weights, x, y)
    assert row[3] == 3


def test_dominant_eigenvalue_of_a_quadratic():
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(12, 12, generator=generator).double()
    matrix = root @ root.T
    value = dominant_eigenvalue(
        lambda a: a.flatten() @ matrix @ a.flatten() / 2, torch.zeros(3, 4).double(), steps=500, tolerance=1e-12
    )
    assert np.isclose(value, float(torch.linalg.eigvalsh(matrix)[-1]), rtol=1e-6)
    assert np.isclose(dominant_eigenvalue(lambda a: -3 * a.square().sum() / 2, torch.zeros(4), steps=50), -3)
