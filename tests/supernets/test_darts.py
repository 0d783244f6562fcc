"""The supernet of DARTS' cells: its paths are the stand-alone networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from archcast.predictors.base import get_predictor
from archcast.predictors.one_shot._predictor import watched
from archcast.spaces.base import Task, get_space
from archcast.spaces.darts.network import Noise
from archcast.supernets.base import get_supernet
from archcast.supernets.darts import EDGES

SPACE = get_space("darts")
TASK = Task((2, 8, 8), classes=5, width=4, depth=4)
ROWS = SPACE.sample(6, 0)


@pytest.fixture(scope="module")
def net(as_trained):
    return as_trained(get_supernet(SPACE, TASK, seed=0))


@pytest.fixture(scope="module")
def x():
    return torch.randn(4, *TASK.shape, generator=torch.Generator().manual_seed(1))


def test_a_path_is_the_stand_alone_network_with_the_shared_weights(net, x, check_paths):
    check_paths(net, x, ROWS, TASK)


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
def test_predictors_take_the_space(name, few_images):
    small = {"dataset": few_images, "task": Task(width=1, depth=3), "epochs": 1, "batch_size": 16, "images": 8}
    predictor = get_predictor(name, SPACE, **small, random_state=0).init()
    assert np.isfinite(predictor.query(ROWS).mean).all()
    if predictor.trained().learns_weights:
        assert SPACE.validate(predictor.derive("weights")).shape == (1, 32)


# -- reduced spaces ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "choices"), [("darts-s1", 2), ("darts-s2", 2), ("darts-s3", 3)])
def test_reduced_spaces_hold_few_operations_and_their_paths_are_those_of_the_rows(name, choices, x, check_paths):
    space = get_space(name)
    rows, net = space.sample(3, 0), get_supernet(space, TASK)
    assert net.mixed_shape == (28, choices)
    check_paths(net, x, rows, TASK)
    chosen = net.choices_of(rows)
    taken = chosen >= 0 if choices == 2 else chosen > 0
    assert (taken.sum(axis=1) == 16).all()
    weights = np.where(taken[0][:, None], np.eye(choices)[np.maximum(chosen[0], 0)], 0.0)
    assert_close(net.mixture(x, torch.from_numpy(weights).float()), net(x, rows[0]), rtol=1e-4, atol=1e-5)
    assert np.array_equal(space.canonical(net.discretised(weights)), space.canonical(rows[:1]))
    skips, nones = net.shares(rows)
    assert np.allclose(skips, (rows[:, 1::2] == 2).mean(axis=1))
    assert not nones.any()


def test_a_mixture_of_s2_is_one_of_darts_without_the_other_operations(x):
    """Same weights: the mean of a skip and a separable convolution on every edge."""
    small, whole = get_supernet("darts-s2", TASK), get_supernet("darts", TASK)
    whole.load_state_dict(small.state_dict(), strict=False)
    weights = torch.zeros(28, 8)
    weights[:, [3, 4]] = 0.5
    assert_close(small.mixture(x, torch.full((28, 2), 0.5)), whole.mixture(x, weights), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["one-shot", "one-shot-darts"])
def test_predictors_run_on_a_reduced_space(method, few_images):
    small = {"dataset": few_images, "task": Task(width=2, depth=3), "epochs": 1, "batch_size": 16, "images": 8}
    predictor = get_predictor(method, "darts-s2", **small, random_state=0).init()
    rows = get_space("darts-s2").sample(3, 0)
    assert np.isfinite(predictor.query(rows).mean).all()
    assert get_space("darts-s2").validate(predictor.derive("perturbation")).shape == (1, 32)


# -- S4, noise ---------------------------------------------------------------------------------------------------------


def test_paths_of_s4_are_the_networks_without_dead_parts(x):
    space = get_space("darts-s4")
    rows, net = space.sample(4, 0), get_supernet("darts-s4", TASK).eval()
    assert net.mixed_shape == (28, 2)
    for number, logits in net.paths(x, rows):
        alone = space.build(rows[number], TASK, pruned=True).train()
        missing, unexpected = alone.load_state_dict(net.inherited(rows[number]), strict=False)
        assert not unexpected
        assert not [part for part in missing if part.endswith(("weight", "bias", "key"))]
        for layer in alone.modules():
            layer.train(not isinstance(layer, Noise))
        assert_close(logits, alone(x), rtol=1e-4, atol=1e-5)
    for row, sees in zip(rows, net.has_path(rows)):
        assert torch.equal(net(x, row), net(x.flip(0).roll(1, 3), row)) is not bool(sees)
    blind = rows.copy()
    blind[:, 17::2] = 0  # reduction cells of noise alone
    assert net.has_path(rows).any()
    assert not net.has_path(blind).any()
    assert np.allclose(net.shares(blind)[1], (blind[:, 1::2] == 0).mean(axis=1))


@pytest.mark.parametrize("method", ["one-shot", "one-shot-darts"])
def test_noise_makes_no_answer_random(method, few_images, tmp_path):
    """Training follows its seed, in the middle too; a query is a function of the weights."""
    rows = get_space("darts-s4").sample(3, 0)
    small = {"dataset": few_images, "task": Task(width=1, depth=3), "epochs": 2, "random_state": 0}

    def stop(done, total):
        if done == 1:
            raise KeyboardInterrupt

    first = get_predictor(method, "darts-s4", **small).init()
    again = get_predictor(method, "darts-s4", **small, checkpoint=str(tmp_path / "net.safetensors"))
    with pytest.raises(KeyboardInterrupt), watched(stop):
        again.init()
    torch.rand(3)
    again.init()
    assert np.array_equal(first.query(rows).mean, again.query(rows).mean)
    assert np.array_equal(first.query(rows).mean, first.query(rows).mean)
