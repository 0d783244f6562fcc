"""NAS-Bench-201's supernet: its paths are the stand-alone networks, whatever is shared."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from archcast.errors import InvalidInputError
from archcast.spaces.base import Task, get_space
from archcast.spaces.nasbench201.network import live_edges
from archcast.supernets.base import get_supernet
from archcast.supernets.mixtures import one_hot

SPACE = get_space("nasbench201")
ONE_CELL = Task((1, 8, 8), width=4, depth=1, stages=1)
THREE_STAGES = Task((3, 9, 7), classes=5, width=4, depth=2, stages=3)


def images(task: Task, n: int = 6) -> torch.Tensor:
    return torch.randn(n, *task.shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("task", [ONE_CELL, THREE_STAGES], ids=["one cell", "three stages"])
def test_a_path_is_the_stand_alone_network_with_the_shared_weights(task, as_trained, check_paths):
    net = as_trained(get_supernet(SPACE, task, seed=0))
    x = images(task)
    rows = np.concatenate([SPACE.sample(25, 0), [[0] * 6, [3] * 6, [3, 0, 0, 0, 1, 2], [0, 0, 3, 0, 3, 3]]])
    check_paths(net, x, rows, task, pruned=True)


@pytest.mark.parametrize("task", [ONE_CELL, THREE_STAGES], ids=["one cell", "three stages"])
def test_sharing_prefixes_changes_nothing(task, as_trained):
    net = as_trained(get_supernet(SPACE, task, seed=0))
    x = images(task)
    rows = SPACE.sample(60, 3)
    together = dict(net.paths(x, rows))
    assert sorted(together) == list(range(60))
    for number in range(60):
        assert torch.equal(together[number], net(x, rows[number]))


def test_a_path_is_a_mixture_of_ones_and_zeros(as_trained):
    net = as_trained(get_supernet(SPACE, THREE_STAGES, seed=0))
    x = images(THREE_STAGES)
    for row in SPACE.canonical(SPACE.sample(20, 4)):  # canonical rows have no dead edge
        assert_close(net.mixture(x, one_hot(row, SPACE.cardinalities)), net(x, row), rtol=1e-4, atol=1e-5)


def test_mixture_is_the_weighted_sum_at_every_edge(as_trained):
    """Against a slow loop over nodes, edges and operations, one module at a time."""
    net = as_trained(get_supernet(SPACE, ONE_CELL, seed=0))
    x, (cell,) = images(ONE_CELL), net.cells
    weights = torch.rand(6, 5, generator=torch.Generator().manual_seed(3))
    nodes = [net.stem(x)]
    edges = {(0, 1): 0, (0, 2): 1, (1, 2): 2, (0, 3): 3, (1, 3): 4, (2, 3): 5}
    for j in (1, 2, 3):
        total = torch.zeros_like(nodes[0])
        for i in range(j):
            for op in range(1, 5):
                total = total + weights[edges[i, j], op] * cell.operation(edges[i, j], op, nodes[i])
        nodes.append(total)
    assert_close(net.mixture(x, weights), net._head(nodes[3]), rtol=1e-4, atol=1e-5)


def test_operations_that_are_not_active_are_left_out_and_get_no_gradient():
    net = get_supernet(SPACE, ONE_CELL, seed=0)
    x, active = images(ONE_CELL), np.zeros((6, 5), dtype=bool)
    active[:, 2] = True
    weights = torch.ones(6, 5, requires_grad=True)
    logits = net.mixture(x, weights, active)
    assert_close(logits, net(x, np.full(6, 2)), rtol=1e-4, atol=1e-5)
    logits.square().sum().backward()
    assert (weights.grad[:, 2] != 0).all()
    assert not weights.grad[:, [0, 1, 3, 4]].any()
    assert all(cell.edges[e]["3"][1].weight.grad is None for cell in net.cells for e in range(6))


def test_only_the_path_gets_gradients():
    net = get_supernet(SPACE, ONE_CELL, seed=0)
    row = np.array([3, 0, 1, 0, 0, 2])
    net(images(ONE_CELL), row).square().sum().backward()
    got = {
        (e, int(op))
        for e in range(6)
        for op, block in net.cells[0].edges[e].items()
        if block[1].weight.grad is not None
    }
    assert got == {(0, 3), (5, 2)}


def test_partial_channels_pass_by_and_are_shuffled():
    task = Task((1, 8, 8), width=8, depth=1, stages=1)
    net = get_supernet(SPACE, task, seed=0, partial=4, affine=False)
    x = torch.randn(3, 8, 5, 5, generator=torch.Generator().manual_seed(0))
    out = net.cells[0].operation(0, 1, x)
    assert_close(out, x[:, [0, 2, 4, 6, 1, 3, 5, 7]])
    out = net.cells[0].operation(0, 3, x)
    assert_close(out[:, [1, 5, 2, 6, 3, 7]], x[:, [2, 3, 4, 5, 6, 7]])
    assert not torch.equal(out[:, 0], x[:, 0])
    rows = SPACE.canonical(SPACE.sample(8, 4))
    images_ = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for row in rows:
        assert_close(net.mixture(images_, one_hot(row, SPACE.cardinalities)), net(images_, row), rtol=1e-4, atol=1e-5)
    assert not [name for name, _ in net.cells.named_parameters() if name.endswith("bias")]


def test_calibration_images_give_the_statistics():
    net = get_supernet(SPACE, ONE_CELL, seed=0)
    x, row = images(ONE_CELL, 12), np.array([3, 3, 1, 0, 2, 4])
    with net.calibrated_by(8):
        calibrated = net(x, row)
    assert_close(calibrated[:8], net(x[:8], row), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(calibrated[8:], net(x, row)[8:], atol=1e-3)


def test_has_path():
    net = get_supernet(SPACE, ONE_CELL, seed=0)
    rows = SPACE.enumerate()
    expected = [bool(live_edges(row)) for row in rows.tolist()]
    assert net.has_path(rows).tolist() == expected
    assert 0 < (~net.has_path(rows)).sum() < len(rows)


def test_initial_weights_come_from_the_seed_and_no_global_state(request):
    torch.manual_seed(5)
    request.getfixturevalue("no_device_is_seeded")
    before = torch.get_rng_state()
    first, again, other = (get_supernet(SPACE, ONE_CELL, seed=s) for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    assert not torch.equal(first.stem[0].weight, other.stem[0].weight)


# -- channels in stages ------------------------------------------------------------------------------------------------


def first_kernels(wide, narrow):
    """Give the narrow net the first channels of the wide one's kernels."""
    with torch.no_grad():
        for name, value in narrow.named_parameters():
            value.copy_(wide.get_parameter(name)[tuple(slice(side) for side in value.shape)])


def test_a_narrowed_net_is_one_of_more_groups_with_the_first_channels_of_the_kernels():
    task = Task((1, 8, 8), width=8, depth=2, stages=1)
    wide, four = (get_supernet(SPACE, task, seed=0, affine=False, partial=k) for k in (2, 4))
    first_kernels(wide, four)
    wide.narrow(4)
    x, rows = images(task), SPACE.sample(12, 0)
    weights = torch.softmax(torch.randn(6, 5, generator=torch.Generator().manual_seed(3)), dim=1)
    one = torch.eye(5)[[3, 2, 1, 4, 3, 0]]  # one convolution from a node
    for mixture in (weights, one):
        assert_close(wide.mixture(x, mixture), four.mixture(x, mixture), rtol=1e-4, atol=1e-5)
    for (a, logits), (b, others) in zip(wide.paths(x, rows), four.paths(x, rows), strict=True):
        assert a == b
        assert_close(logits, others, rtol=1e-4, atol=1e-5)


def test_a_widened_convolution_gives_its_old_channels_twice_where_its_new_inputs_are_copies():
    """Net2Wider: with inputs that repeat, the function stays and the outputs repeat."""
    task = Task((1, 8, 8), width=8, depth=1, stages=1)
    net = get_supernet(SPACE, task, seed=0, affine=False, partial=2)
    net.narrow(4)
    cell = net.cells[0]
    x = torch.randn(3, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    before = cell.convolved(cell.edges[2]["3"], x)
    net.widen(2)
    assert (cell.seen, cell.partial) == (4, 2)
    after = cell.convolved(cell.edges[2]["3"], x.repeat(1, 2, 1, 1))
    assert_close(after, before.repeat(1, 2, 1, 1), rtol=1e-4, atol=1e-5)


def test_channels_that_are_no_multiple_are_refused():
    net = get_supernet(SPACE, Task((1, 8, 8), width=6, depth=1, stages=1), affine=False, partial=2)
    with pytest.raises(InvalidInputError, match=r"task.width is 6.*multiple of 4"):
        net.narrow(4)
