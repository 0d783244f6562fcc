"""The fabric: its paths are the stand-alone networks, its mixtures sums over all paths of the lattice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from archcast.errors import InvalidInputError
from archcast.predictors.base import get_predictor
from archcast.spaces.base import Task, get_space
from archcast.supernets.base import get_supernet

SPACE = get_space("neural-fabrics")
TASK = Task((2, 9, 7), classes=5, width=3)
ROWS = np.concatenate([SPACE.sample(5, 0), SPACE.parse(["dddddddd", "uuuuuuuu", "dduuddus"])])


@pytest.fixture(scope="module")
def net(as_trained):
    return as_trained(get_supernet(SPACE, TASK, seed=0))


@pytest.fixture(scope="module")
def x():
    return torch.randn(6, *TASK.shape, generator=torch.Generator().manual_seed(1))


def test_a_path_is_the_stand_alone_network_with_the_shared_weights(net, x, check_paths):
    check_paths(net, x, ROWS, TASK)


def test_a_path_is_a_mixture_of_ones_and_zeros(net, x):
    for row in ROWS:
        ones = torch.eye(3)[torch.from_numpy(row)]
        assert_close(net.mixture(x, ones), net(x, row), rtol=1e-4, atol=1e-5)
        assert np.array_equal(net.discretised(ones.numpy()), row)


def test_two_moves_in_the_last_layer_add_up_by_their_weights(net, x):
    """The head is linear in the features of the scales: logits less bias of the two paths add up."""
    row, other = SPACE.parse(["sdsssssd", "sdsssssu"])
    weights = torch.eye(3)[torch.from_numpy(row)]
    weights[-1] = torch.tensor([0.0, 0.3, 0.6])
    bias = net.classifier.bias
    expected = bias + 0.3 * (net(x, row) - bias) + 0.6 * (net(x, other) - bias)
    assert_close(net.mixture(x, weights), expected, rtol=1e-4, atol=1e-5)
    scales = torch.ones(8)
    scales[-1] = 2.0
    assert_close(net.mixture(x, weights, scales=scales), 2 * expected - bias, rtol=1e-4, atol=1e-5)


def test_moves_out_of_the_fabric_stay(net, x):
    weights = torch.eye(3)[torch.from_numpy(SPACE.parse("ssssssss")[0])]
    weights[0] = torch.tensor([0.25, 0.0, 0.75])  # up from the finest scale
    assert_close(net.mixture(x, weights), net(x, SPACE.parse("ssssssss")[0]), rtol=1e-4, atol=1e-5)


def test_what_is_not_active_gets_no_gradient_and_a_row_takes_its_edges(net, x):
    row = ROWS[-1]
    net.zero_grad(set_to_none=True)
    net(x, row).square().sum().backward()
    used = {name for name, value in net.named_parameters() if value.grad is not None}
    assert used == {name for name, _ in net.named_parameters() if net.takes(name, row)}
    net.zero_grad(set_to_none=True)
    weights = torch.full((8, 3), 1 / 3, requires_grad=True)
    active = np.ones((8, 3), dtype=bool)
    active[3, 1] = False
    net.mixture(x, weights, active).square().sum().backward()
    assert (weights.grad != 0).tolist() == active.tolist()
    idle = {tuple(name.split(".")[1:3]) for name, value in net.named_parameters() if value.grad is None}
    unreached = {(str(k), f"{s}-{m}") for k in range(3) for s in range(k + 1, 4) for m in range(3)}
    assert idle - unreached == {("3", f"{scale}-1") for scale in range(3)}


def test_partial_channels_are_refused():
    with pytest.raises(InvalidInputError, match="no partial channels"):
        get_supernet(SPACE, TASK, partial=2)


@pytest.mark.parametrize("method", ["one-shot", "one-shot-drnas", "one-shot-enas"])
def test_predictors_take_the_space(method):
    task = Task(width=2)
    predictor = get_predictor(method, SPACE, task=task, epochs=1, batch_size=384, images=8, random_state=0).init()
    assert np.isfinite(predictor.query(ROWS).mean).all()
    assert SPACE.validate(predictor.derive("perturbation")).shape == (1, 8)
