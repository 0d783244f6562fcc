"""The supernet of DARTS' cells: its paths are the stand-alone networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from archcast.predictors.base import get_predictor
from archcast.spaces.base import Task, get_space
from archcast.supernets.base import get_supernet
from archcast.supernets.darts import EDGES

SPACE = get_space("darts")
TASK = Task((2, 8, 8), classes=5, width=4, depth=4)
ROWS = SPACE.sample(6, 0)


@pytest.fixture(scope="module")
def net():
    net = get_supernet(SPACE, TASK, seed=0)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for value in net.parameters():
            if value.ndim == 1:
                value.add_(0.3 * torch.randn(value.shape, generator=generator))
    return net


@pytest.fixture(scope="module")
def x():
    return torch.randn(4, *TASK.shape, generator=torch.Generator().manual_seed(1))


def test_a_path_is_the_stand_alone_network_with_the_shared_weights(net, x):
    for number, logits in net.paths(x, ROWS):
        alone = SPACE.build(ROWS[number], TASK).train()
        missing, unexpected = alone.load_state_dict(net.inherited(ROWS[number]), strict=False)
        assert not unexpected
        assert not [name for name in missing if name.endswith(("weight", "bias"))]
        assert_close(logits, alone(x), rtol=1e-4, atol=1e-5)


def test_a_path_is_a_mixture_of_ones_and_zeros(net, x):
    for row, choices in zip(ROWS, net.choices_of(ROWS)):
        mixture = torch.eye(8)[torch.from_numpy(choices)]
        assert_close(net.mixture(x, mixture), net(x, row), rtol=1e-4, atol=1e-5)


def test_every_row_makes_sixteen_choices_and_comes_back(net):
    choices = net.choices_of(ROWS)
    assert choices.shape == (6, 28)
    assert ((choices > 0).sum(axis=1) == 16).all()
    for row, chosen in zip(ROWS, choices):
        back = net.discretised(np.eye(8)[chosen])
        assert np.array_equal(net.choices_of(back[None])[0], chosen)
        assert np.array_equal(SPACE.canonical(back), SPACE.canonical(row))


def test_the_two_edges_of_largest_weight_stay_and_none_is_left_out(net):
    weights = np.full((28, 8), 0.01)
    weights[:, 0] = 0.9  # none
    node = [edge for edge, (_, end) in enumerate(EDGES) if end == 4]
    weights[node[1], 3], weights[node[3], 6] = 0.3, 0.4
    row = net.discretised(weights)
    assert row[8:12].tolist() == [1, 2, 3, 5]
    assert SPACE.validate(row).shape == (1, 32)


@pytest.mark.parametrize(
    "name", ["one-shot", "one-shot-fairnas", "one-shot-darts", "one-shot-gdas", "one-shot-p-darts", "one-shot-enas"]
)
def test_predictors_take_the_space(name):
    task = Task(width=1, depth=3)
    predictor = get_predictor(name, SPACE, task=task, epochs=1, batch_size=384, images=8, random_state=0).init()
    assert np.isfinite(predictor.query(ROWS).mean).all()
    if predictor._trained().learns_weights:
        assert SPACE.validate(predictor.derive("weights")).shape == (1, 32)
