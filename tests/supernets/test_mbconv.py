"""The supernet of inverted residual blocks: its paths are the stand-alone networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from archcast.predictors.base import get_predictor
from archcast.spaces.base import Task, get_space
from archcast.supernets.base import get_supernet
from archcast.supernets.mbconv import ElasticBlock
from archcast.supernets.mixtures import one_hot
from archcast.supernets.sampling import extremes, size_order

TASK = Task((2, 24, 24), classes=5, size={"width": 4, "head": 8})


@pytest.fixture(scope="module", params=["ofa-mobilenetv3", "accel-nasbench"])
def net(request):
    net = get_supernet(request.param, TASK, seed=0)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for value in net.parameters():
            if value.ndim == 1 or (value.ndim == 2 and value.shape[0] == value.shape[1]):
                value.add_(0.2 * torch.randn(value.shape, generator=generator))
    return net


@pytest.fixture(scope="module")
def x():
    return torch.randn(8, *TASK.shape, generator=torch.Generator().manual_seed(1))


def test_a_path_is_the_stand_alone_network_with_the_shared_weights(net, x, check_paths):
    rows = np.concatenate([net.space.sample(3, 0), extremes(net)])
    check_paths(net, x, rows, TASK, rtol=1e-3, atol=1e-4)


def test_a_path_is_a_mixture_of_ones_and_zeros(net, x):
    row = net.space.sample(1, 3)[0]
    with torch.no_grad():
        assert_close(net.mixture(x, one_hot(row, net.cardinalities)), net(x, row), rtol=1e-4, atol=1e-5)


def test_a_mixed_layer_is_the_sum_of_its_blocks(x):
    """One column mixed, the last layer of the last stage being there or not: the output before the tail is the mean."""
    net = get_supernet("ofa-mobilenetv3", TASK)
    row = np.array(net.cardinalities) - 1
    kinds = [one_hot(row, net.cardinalities) for _ in range(2)]
    column = net.space.columns.index("d5")
    for choice, parts in zip((1, 2), kinds):
        parts[column] = torch.eye(3)[choice]
    both = [0.5 * (a + b) for a, b in zip(*kinds)]
    seen = []
    net._tail = lambda value: seen.append(value) or value
    net.features[-1] = torch.nn.Identity()
    with torch.no_grad():
        for parts in (*kinds, both):
            net.mixture(x, parts)
    assert_close(seen[2], (seen[0] + seen[1]) / 2, rtol=1e-4, atol=1e-5)


def test_a_smaller_kernel_is_the_inner_part_of_the_larger_by_a_matrix():
    net = get_supernet("ofa-mobilenetv3", TASK)
    block = next(layer for layer in net.features if isinstance(layer, ElasticBlock) and layer.shrink)
    torch.nn.init.normal_(block.shrink["5"])
    inner = block.depthwise[:2, 0, 1:6, 1:6].reshape(2, 25) @ block.shrink["5"]
    assert_close(block.kernel(2, 5)[:, 0], inner.view(2, 5, 5))
    assert_close(
        block.kernel(2, 3)[:, 0], inner.view(2, 5, 5)[:, 1:4, 1:4]
    )  # the second matrix is the identity at first


def test_kernels_then_depths_then_widths_are_shrunk():
    net = get_supernet("ofa-mobilenetv3", TASK)
    columns = net.space.columns
    assert [{columns[k][0] for k in group} for group in net.shrinking] == [{"k"}, {"d"}, {"e"}]
    assert all(order.tolist() == [0, 1, 2] for order in size_order(net))
    small, large = extremes(net)
    assert (large == 2).all()
    assert not small.any()


@pytest.mark.parametrize("method", ["one-shot-sandwich", "one-shot-progressive-shrinking"])
def test_predictors_run_on_it(method, few_images):
    task = Task(size={"width": 2, "head": 4})
    small = {"dataset": few_images, "task": task, "epochs": 1, "batch_size": 16, "images": 8}
    predictor = get_predictor(method, "ofa-mobilenetv3", **small, random_state=0).init()
    rows = get_space("ofa-mobilenetv3").sample(3, 0)
    assert np.isfinite(predictor.query(rows).mean).all()
