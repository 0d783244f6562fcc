"""Training: against a plain loop, the same for a seed, nothing global touched, and a divergence that is told."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

import archcast
from archcast.errors import InvalidInputError
from archcast.training import Dataset, Recipe, Trainer

ARCH = [1, 3, 0, 0, 2, 1]
SMALL = Recipe(epochs=3, batch_size=16, learning_rate=0.05)


def trainer(data: Dataset, recipe: Recipe = SMALL, **settings: object) -> Trainer:
    return Trainer("nasbench201", data, recipe, width=2, depth=1, **settings)  # type: ignore[arg-type]


def test_it_is_the_plain_loop(stripes: Dataset) -> None:
    run = trainer(stripes).train(ARCH, seed=3)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = archcast.get_space("nasbench201").build(ARCH, archcast.Task((1, 6, 6), 2, 2, 1))
    network = network.to(memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(3)
    optimizer = torch.optim.SGD(network.parameters(), lr=1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    x, y = stripes.train
    step = 0
    for epoch in range(3):
        images = x + 0.1 * torch.randn(x.shape, generator=generator)
        order = torch.randperm(48, generator=generator)
        losses = []
        for rows in order.split(16):
            optimizer.param_groups[0]["lr"] = SMALL.rate(step, 9)
            loss = F.cross_entropy(network(images[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            weight = max(1 - SMALL.averaging, 2 / (step + 2))
            new, old = network.state_dict(), average.state_dict()
            average.load_state_dict(
                {k: (1 - weight) * old[k] + weight * new[k] if new[k].is_floating_point() else new[k] for k in new}
            )
            step += 1
        average.eval()
        with torch.no_grad():
            out = average(stripes.validation[0])
        average.train()
        assert run.curves["train_loss"][epoch] == pytest.approx(np.mean(losses), rel=1e-3)
        assert run.curves["val_loss"][epoch] == pytest.approx(
            float(F.cross_entropy(out, stripes.validation[1])), rel=1e-3
        )
    assert run.params == sum(p.numel() for p in network.parameters())
    assert run.flops > 0


def test_it_learns(stripes: Dataset) -> None:
    run = trainer(stripes, Recipe(epochs=12, batch_size=12, learning_rate=0.1)).train(ARCH)
    assert run.curves["train_loss"][-1] < run.curves["train_loss"][0]
    assert run.test_accuracy > 0.9
    assert run.seconds > 0


@pytest.mark.usefixtures("no_device_is_seeded")
def test_equal_seeds_give_equal_runs_and_nothing_global_is_touched(stripes: Dataset) -> None:
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    one, two, other = (trainer(stripes).train(ARCH, seed) for seed in (0, 0, 1))
    assert one.curves == two.curves
    assert one.test_loss == two.test_loss
    assert one.curves != other.curves
    assert (torch.get_rng_state() == before).all()
    assert torch.get_num_threads() == threads


def test_weights_are_those_that_were_evaluated(stripes: Dataset, tmp_path: Path) -> None:
    keeping = trainer(stripes, weights=tmp_path / "weights")
    run = keeping.train(ARCH, seed=2)
    network = keeping.space.build(ARCH, archcast.Task((1, 6, 6), 2, 2, 1))
    network.load_state_dict(load_file(keeping.weights_file(ARCH, 2)))
    network.eval()
    with torch.no_grad():
        right = network(stripes.test[0]).argmax(dim=1) == stripes.test[1]
    assert float(right.float().mean()) == pytest.approx(run.test_accuracy, abs=1e-6)
    with pytest.raises(InvalidInputError, match="keeps no weights"):
        trainer(stripes).weights_file(ARCH)


def test_a_call_is_an_objective(stripes: Dataset) -> None:
    accuracy, curves = trainer(stripes)(ARCH)
    assert accuracy == curves["val_accuracy"][-1]
    assert {len(curve) for curve in curves.values()} == {3}


def test_a_divergence_is_a_failure_with_its_reason(stripes: Dataset) -> None:
    x = torch.full_like(stripes.train[0], 1e38)
    huge = Dataset("huge", (x, stripes.train[1]), stripes.validation, stripes.test, 2, stripes.augmentation)
    broken = trainer(huge, Recipe(epochs=4, batch_size=16))
    run = broken.train(ARCH)
    assert run.failure is not None
    assert "epoch" in run.failure
    assert np.isnan(run.test_accuracy)
    assert [len(curve) for curve in run.curves.values()] == [4] * 4
    with pytest.raises(FloatingPointError, match="training loss"):
        broken(ARCH)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "tpu9"}, "device 'tpu9' cannot be used"),
        ({"mixed_precision": True}, "mixed_precision is for accelerators"),
        ({"recipe": Recipe(batch_size=49)}, "batch_size 49 is more than the 48 training images"),
    ],
)
def test_wrong_settings(stripes: Dataset, settings: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        trainer(stripes, **settings)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda(stripes: Dataset) -> None:
    plain = trainer(stripes, device="cuda").train(ARCH)
    mixed = trainer(stripes, device="cuda", mixed_precision=True).train(ARCH)
    host = trainer(stripes).train(ARCH)
    assert plain.curves["train_loss"][0] == pytest.approx(host.curves["train_loss"][0], rel=0.01)
    assert mixed.curves["train_loss"][0] == pytest.approx(host.curves["train_loss"][0], rel=0.1)


def test_a_size_that_the_networks_do_not_have_is_refused(stripes: Dataset) -> None:
    with pytest.raises(InvalidInputError, match="Networks of space 'darts' have no size 'stages'"):
        Trainer("darts", stripes, SMALL, stages=2)
    with pytest.raises(
        InvalidInputError, match=r"task\.width must be a positive integer of at most 65,536, got 1000000"
    ):
        Trainer("darts", stripes, SMALL, width=10**30)
