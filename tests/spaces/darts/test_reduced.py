"""The reduced spaces of DARTS against their definition."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.spaces.base import Task, get_space
from archcast.spaces.darts.cell import OPERATIONS
from archcast.spaces.darts.network import Noise

WHOLE = get_space("darts")


@pytest.mark.parametrize("name", ["darts-s1", "darts-s2", "darts-s3"])
def test_rows_are_rows_of_darts_with_the_allowed_operations(name):
    space = get_space(name)
    rows = space.sample(400, 0)
    assert np.array_equal(WHOLE.validate(rows), rows)
    names = [{OPERATIONS[op] for op in rows[:, 1 + 2 * slot]} for slot in range(16)]
    if name != "darts-s1":
        assert all(found == {"skip_connect", "sep_conv_3x3"} for found in names)
    text = space.format(rows[:1])[0]
    assert np.array_equal(space.parse(text), rows[:1])


def test_s1_has_the_two_operations_of_the_edge():
    """A few edges of the paper's figure: normal 0->2, 1->3, 3->5 and reduction 0->2, 1->2, 4->5."""
    allowed = get_space("darts-s1").allowed
    for cell, edge, names in (
        (0, 0, {"skip_connect", "dil_conv_3x3"}),
        (0, 3, {"skip_connect", "sep_conv_3x3"}),
        (0, 12, {"dil_conv_3x3", "dil_conv_5x5"}),
        (1, 0, {"max_pool_3x3", "avg_pool_3x3"}),
        (1, 1, {"max_pool_3x3", "dil_conv_3x3"}),
        (1, 13, {"skip_connect", "dil_conv_5x5"}),
    ):
        assert {OPERATIONS[op] for op in np.flatnonzero(allowed[cell, edge])} == names


def test_another_operation_is_refused():
    space = get_space("darts-s2")
    row = space.sample(1, 0)
    row[0, 1] = OPERATIONS.index("max_pool_3x3")
    with pytest.raises(InvalidInputError, match="darts-s2"):
        space.validate(row)


def test_canonical_of_s2_is_that_of_darts_and_stays_within():
    space = get_space("darts-s2")
    rows = space.sample(200, 1)
    assert np.array_equal(space.canonical(rows), WHOLE.canonical(rows))


def test_canonical_of_s1_orders_the_inputs():
    space = get_space("darts-s1")
    rows = space.sample(50, 1)
    turned = rows.reshape(50, 16 // 2, 2, 2)[:, :, ::-1].reshape(50, 32)
    assert np.array_equal(space.canonical(rows), space.canonical(turned))


# -- S4, noise ---------------------------------------------------------------------------------------------------------

NOISY = get_space("darts-s4")


def described(cell):
    """What a cell computes, with its nodes in all possible orders: the operations of each node, and what a convolution takes in."""
    nodes = [sorted((op, source if op else -1) for source, op in zip(four[0::2], four[1::2])) for four in cell]
    found = []
    for order in permutations(range(4)):
        place = {0: 0, 1: 1, -1: -1, **{2 + k: 2 + order.index(k) for k in range(4)}}
        found.append(tuple(tuple(sorted((op, place[source]) for op, source in nodes[k])) for k in order))
    return min(found)


def test_canonical_of_s4_is_equality_up_to_orders_and_what_noise_takes_in():
    rng = np.random.default_rng(0)
    rows = NOISY.sample(30, 1)
    others = [rows, NOISY.mutate(rows, 2)]
    for _ in range(3):  # other sources of noise, other orders of inputs
        same = rows.copy().reshape(-1, 8, 2, 2)
        for pair in same.reshape(-1, 2, 2):
            for side in (0, 1):
                free = {0, 1} - {int(pair[1 - side, 0])}
                if pair[side, 1] == 0:
                    pair[side, 0] = rng.choice(sorted(free))
        others.append(same[:, :, rng.permutation(2)].reshape(rows.shape))
    every = np.concatenate(others)
    told = [tuple(described(half.reshape(4, 4).tolist()) for half in np.split(row, 2)) for row in every]
    numbers = {one: k for k, one in enumerate(dict.fromkeys(told))}
    canonical = NOISY.canonical(every)
    assert [tuple(described(half.reshape(4, 4).tolist()) for half in np.split(row, 2)) for row in canonical] == told
    _, classes = np.unique(canonical, axis=0, return_inverse=True)
    assert len(np.unique(np.stack([classes.ravel(), [numbers[one] for one in told]]), axis=1).T) == len(numbers)
    assert len(numbers) == len(np.unique(canonical, axis=0))


def test_two_draws_are_not_one():
    """Nodes 2 and 3 are noise both: whether 4 and 5 take in the same one counts."""
    noise = [0, 0, 1, 0]
    one, two = [*noise, *noise, 0, 1, 2, 1, 0, 1, 2, 1], [*noise, *noise, 0, 1, 2, 1, 0, 1, 3, 1]
    rest = NOISY.sample(1, 0)[0, 16:].tolist()
    canonical = NOISY.canonical([one + rest, two + rest])
    assert not np.array_equal(*canonical)


@pytest.mark.parametrize("stride", [1, 2])
def test_noise_is_standard_normal_and_does_not_look_at_its_input(stride):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        noise, other = Noise(stride), Noise(stride)
        x, y = torch.zeros(20, 5, 9, 9), torch.full((20, 5, 9, 9), 7.0)
        torch.manual_seed(1)
        first, second = noise(x), noise(y)
        torch.manual_seed(1)
        assert torch.equal(noise(y), first)  # by the seed, as dropout is
    assert first.shape == (20, 5, 9 if stride == 1 else 5, 9 if stride == 1 else 5)
    assert not torch.equal(first, second)
    assert abs(float(first.mean())) < 5 / first.numel() ** 0.5
    assert abs(float(first.var()) - 1) < 0.1
    before = torch.get_rng_state()
    noise.eval(), other.eval()
    assert torch.equal(noise(x), noise(y))
    assert not torch.equal(noise(x), other(x))
    assert torch.equal(torch.get_rng_state(), before)
    other.load_state_dict(noise.state_dict())
    assert torch.equal(noise(x), other(x))


def test_networks_of_s4_answer_alike_and_dead_parts_are_left_out():
    task = Task((1, 8, 8), 3, width=2, depth=4)
    x = torch.randn(2, 4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    blind = NOISY.sample(1, 3)
    blind[:, 1:16:2], blind[:, 17::2] = 1, 0  # reduction cells of noise alone
    for row, sees in ((NOISY.sample(1, 5)[0], True), (blind[0], False)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = NOISY.build(row, task, pruned=True)
            network(x[0])  # running statistics
        network.eval()
        assert torch.equal(network(x[0]), network(x[0]))
        assert torch.equal(network(x[0]), network(x[1])) is not sees
        whole = NOISY.build(row, task)
        assert sum(p.numel() for p in whole.parameters()) == NOISY.costs(row, task=task)["params"][0]
        pruned = NOISY.costs(row, task=task, pruned=True)["params"][0]
        assert sum(p.numel() for p in network.parameters()) == pruned
        assert (pruned < NOISY.costs(row, task=task)["params"][0]) is not sees


def test_s4_refuses_the_operations_of_darts():
    text = WHOLE.format(WHOLE.sample(1, 0))[0]
    with pytest.raises(InvalidInputError, match="must be one of noise, sep_conv_3x3"):
        NOISY.parse(text)
