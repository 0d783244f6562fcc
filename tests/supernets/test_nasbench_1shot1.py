"""The supernets of NAS-Bench-1Shot1: their paths are the networks of NAS-Bench-101."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from archcast.errors import InvalidInputError
from archcast.predictors.base import get_predictor
from archcast.spaces.base import Task, get_space
from archcast.supernets import sampling
from archcast.supernets.base import get_supernet
from archcast.supernets.sampling import functions_of

NAMES = [f"nasbench-1shot1-{k}" for k in (1, 2, 3)]
TASK = Task((2, 8, 8), classes=5, width=7, depth=2, stages=2)  # an odd width, so that channels do not divide evenly


@pytest.fixture(scope="module")
def supernet(as_trained):
    return lambda name: as_trained(get_supernet(name, TASK, seed=0))


@pytest.fixture(scope="module")
def x():
    return torch.randn(4, *TASK.shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NAMES)
def test_a_path_is_the_network_of_nasbench101_with_the_shared_weights(name, x, supernet, check_paths):
    net = supernet(name)
    rows = net.space.sample(12, 0)
    into_output = net.choices_of(rows)[:, [edge == (0, net.end) for edge in net.edges]]
    assert len(np.unique(into_output)) == 2  # with and without the input among the parents of the output
    check_paths(net, x, rows, TASK)


@pytest.mark.parametrize("name", NAMES)
def test_a_path_is_a_mixture_of_ones_and_zeros_and_comes_back(name, x, supernet):
    net, space = supernet(name), get_space(name)
    rows = space.sample(8, 1)
    for row, choices in zip(rows, net.choices_of(rows)):
        ones = np.eye(4)[choices]
        assert_close(net.mixture(x, torch.from_numpy(ones).float()), net(x, row), rtol=1e-4, atol=1e-5)
        assert np.array_equal(net.discretised(ones), row)
        assert net.mixes_something(ones.astype(bool))


def test_a_block_of_a_mixture_shares_out_its_operations_over_its_gated_sources(supernet):
    """Space 1 with the chain input, block 1, output: the cell of NAS-Bench-101 by hand."""
    net = supernet(NAMES[0])
    cell, number = net.cells[0], {edge: k for k, edge in enumerate(net.edges)}
    weights = torch.zeros(len(net.edges), 4)
    weights[number[0, 1]] = torch.tensor([0.2, 0.1, 0.3, 0.4])
    weights[number[1, net.end]] = torch.tensor([0.5, 0.1, 0.2, 0.2])
    features = torch.randn(3, 7, 6, 6, generator=torch.Generator().manual_seed(3))
    seen = {}
    handle = cell.register_forward_hook(lambda _, given, out: seen.update(given=given, out=out))
    net.mixture(torch.randn(3, *TASK.shape), weights)
    handle.remove()
    (features, _, _), (out, places) = seen["given"], seen["out"]
    some = slice(7)  # one block feeds the output: all channels of the cell
    gated = 0.8 * cell.inputs[0](features, slice(None), some)
    conv3, conv1 = (cell.operations[0][op](gated, some, some) for op in "01")
    pooled = torch.nn.functional.max_pool2d(gated, 3, 1, padding=1)
    assert places.tolist() == list(range(7))
    assert_close(out, 0.5 * (conv3 * 0.1 + conv1 * 0.3 + pooled * 0.4) / 0.8, rtol=1e-5, atol=1e-6)


def test_every_weight_gets_a_gradient_from_the_full_mixture_and_none_from_what_is_not_active(x, supernet):
    net = supernet(NAMES[1])
    weights = torch.full(net.mixed_shape, 0.25, requires_grad=True)
    net.mixture(x, weights).square().sum().backward()
    assert all(value.grad is not None for value in net.parameters())
    assert (weights.grad[:, 1:] != 0).all()
    net.zero_grad(set_to_none=True)
    active = np.ones(net.mixed_shape, dtype=bool)
    active[net.edge_ends.index(1), 2] = False
    net.mixture(x, weights.detach(), active).square().sum().backward()
    idle = [name for name, value in net.named_parameters() if value.grad is None]
    assert {name.split(".")[2:5][0] + name.split(".")[3] + name.split(".")[4] for name in idle} == {"operations01"}


def test_what_reaches_the_output(x, supernet):
    net = supernet(NAMES[0])
    active, number = np.zeros(net.mixed_shape, dtype=bool), {edge: k for k, edge in enumerate(net.edges)}
    active[number[1, 2], 1] = active[number[2, net.end], 3] = True
    assert not net.mixes_something(active)
    assert torch.equal(net.mixture(x, torch.from_numpy(active).float())[0], net.classifier.bias)
    active[number[0, 1], 2] = True
    assert net.mixes_something(active)
    active[:] = False
    active[number[0, net.end], 1] = True  # the input alone, through its projection
    assert net.mixes_something(active)
    assert net.mixture(x, torch.from_numpy(active).float()).shape == (4, 5)


def test_a_row_takes_the_weights_that_its_path_uses(x, supernet):
    net, row = supernet(NAMES[2]), get_space(NAMES[2]).sample(1, 5)[0]
    net(x, row).square().sum().backward()
    used = {name for name, value in net.named_parameters() if value.grad is not None}
    assert {name for name, _ in net.named_parameters() if net.takes(name, row)} == used


def test_functions_of_a_large_space_are_those_of_a_sample(monkeypatch):
    net, space = get_supernet(NAMES[0], TASK), get_space(NAMES[0])
    whole = functions_of(net)
    assert len(whole) == 2685
    monkeypatch.setattr(sampling, "LISTED", 10_000)
    monkeypatch.setattr(sampling, "DRAWS", 500)
    few = functions_of(net)
    assert len(few) < 500
    assert np.array_equal(few, np.unique(space.canonical(space.sample(500, 0)), axis=0))


def test_sizes_that_do_not_work_get_one_line():
    with pytest.raises(InvalidInputError, match="width is 1: it must be at least 2"):
        get_supernet(NAMES[0], Task((1, 8, 8), classes=3, width=1, depth=1, stages=1))
    with pytest.raises(InvalidInputError, match="no partial channels"):
        get_supernet(NAMES[0], Task((1, 8, 8), classes=3, width=4, depth=1, stages=1), partial=2)


@pytest.mark.parametrize("method", ["one-shot", "one-shot-darts", "one-shot-gdas", "one-shot-p-darts"])
def test_predictors_take_the_space(method):
    task = Task(width=2, depth=1, stages=1)
    predictor = get_predictor(method, NAMES[0], task=task, epochs=1, batch_size=384, images=8, random_state=0).init()
    space = get_space(NAMES[0])
    assert np.isfinite(predictor.query(space.sample(4, 0)).mean).all()
    by = "weights" if predictor.trained().learns_weights else "perturbation"
    assert space.validate(predictor.derive(by)).shape == (1, 9)
