"""The size space's supernet: its paths are the stand-alone networks of the first channels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from archcast.errors import InvalidInputError
from archcast.predictors.base import get_predictor
from archcast.spaces.base import Task, get_space
from archcast.supernets.base import get_supernet
from archcast.supernets.mixtures import one_hot

SPACE = get_space("nats-size")
TASK = Task((2, 9, 8), classes=5, width=2, depth=2)
ROWS = np.concatenate([SPACE.sample(12, 0), [[0] * 5, [7] * 5, [3, 3, 3, 3, 3], [1, 4, 4, 2, 6]]])


@pytest.fixture(scope="module")
def net(as_trained):
    return as_trained(get_supernet(SPACE, TASK, seed=0))


@pytest.fixture(scope="module")
def x():
    return torch.randn(6, *TASK.shape, generator=torch.Generator().manual_seed(1))


def test_a_path_is_the_stand_alone_network_with_the_shared_weights(net, x, check_paths):
    check_paths(net, x, ROWS, TASK)


def test_sharing_prefixes_changes_nothing(net, x):
    rows = np.concatenate([ROWS, ROWS[:3]])
    together = dict(net.paths(x, rows))
    assert sorted(together) == list(range(len(rows)))
    for number, row in enumerate(rows):
        assert torch.equal(together[number], net(x, row))


def test_a_path_is_a_mixture_of_ones_and_zeros(net, x):
    for row in ROWS:
        assert_close(net.mixture(x, one_hot(row, SPACE.cardinalities)), net(x, row), rtol=1e-4, atol=1e-5)


def test_mixtures_are_differentiable_and_their_masks_are_chances(net, x):
    weights = torch.softmax(torch.randn(5, 8, generator=torch.Generator().manual_seed(0)), 1).requires_grad_(True)
    net.mixture(x, weights).square().sum().backward()
    assert torch.isfinite(weights.grad).all()
    assert (weights.grad.abs().sum(dim=1) > 0).all()
    # the weights of a layer decide by their sums from the top: channels 0 and 1 are there whatever the width
    row = torch.eye(8)[[3, 3, 3, 3, 3]].clone()
    row[4] = torch.tensor([0.5, 0, 0, 0.5, 0, 0, 0, 0])
    with torch.no_grad():
        mixed = net.mixture(x, row)
        ends = [net.mixture(x, torch.eye(8)[[3, 3, 3, 3, k]]) for k in (0, 3)]
    assert not any(torch.allclose(mixed, end, atol=1e-3) for end in ends)


def test_no_partial_channels():
    with pytest.raises(InvalidInputError, match="no partial channels"):
        get_supernet(SPACE, TASK, partial=4)


@pytest.mark.parametrize("name", ["one-shot", "one-shot-fairnas", "one-shot-snas", "one-shot-enas", "one-shot-joint"])
def test_predictors_take_the_space(name, few_images):
    small = {"dataset": few_images, "task": Task(width=1, depth=1), "epochs": 1, "batch_size": 16, "images": 8}
    predictor = get_predictor(name, SPACE, **small, random_state=0).init()
    assert np.isfinite(predictor.query(ROWS).mean).all()
    assert SPACE.validate(predictor.derive("perturbation")).shape == (1, 5)
