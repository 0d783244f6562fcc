"""The loop: continued as if never interrupted, divergence by name, global state untouched."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from archcast.errors import DivergedError, InvalidFileError
from archcast.predictors.one_shot._gumbel import Concrete
from archcast.predictors.one_shot._paths import SampledPaths
from archcast.spaces.base import Task
from archcast.supernets.base import get_supernet
from archcast.supernets.diary import Diary
from archcast.supernets.loop import Settings, train

TASK = Task((1, 8, 8), 4, width=4, depth=1, stages=1)
SETTINGS = Settings(epochs=4, batch_size=8, learning_rate=0.1)


def make(kind=SampledPaths, settings=SETTINGS, seed=0):
    net = get_supernet("nasbench201", TASK, seed)
    if kind is SampledPaths:
        return SampledPaths(net, settings, seed, "functions", 2)
    return Concrete(net, settings, seed, 0.01, 1.0, 0.1)


def state(regime):
    return {name: value.clone() for name, value in regime.state_dict().items()}


@pytest.mark.parametrize("kind", [SampledPaths, Concrete])
@pytest.mark.parametrize("epoch", [1, 3])
def test_an_interrupted_training_ends_as_one_that_was_not(kind, epoch, few_images, tmp_path):
    whole = make(kind)
    losses = train(whole, few_images, 5)

    def interrupt(done):
        if done == epoch + 1:
            raise KeyboardInterrupt

    path = tmp_path / "net.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(make(kind), few_images, 5, checkpoint=path, after_epoch=interrupt)
    told = []
    second = make(kind)
    again = train(second, few_images, 5, checkpoint=path, progress=lambda done, total: told.append((done, total)))
    assert told[0] == (epoch, 4)
    assert told[-1] == (4, 4)
    assert again == losses
    for name, value in state(whole).items():
        assert torch.equal(value, second.state_dict()[name]), name
    assert train(make(kind), few_images, 5, checkpoint=path) == losses  # nothing is left to do


@pytest.mark.parametrize("kind", [SampledPaths, Concrete])
def test_a_diary_is_continued_too(kind, few_images, tmp_path):
    """What was noted before an interruption is in the checkpoint; notes change nothing of the training."""
    rows, path = get_supernet("nasbench201", TASK).space.sample(3, 0), tmp_path / "net.safetensors"

    def diary():
        return Diary(rows, *few_images.validation)

    def interrupt(done):
        if done == 3:
            raise KeyboardInterrupt

    whole, first, second = diary(), diary(), diary()
    losses = train(make(kind), few_images, 5, diary=whole)
    assert losses == train(make(kind), few_images, 5)
    with pytest.raises(KeyboardInterrupt):
        train(make(kind), few_images, 5, checkpoint=path, after_epoch=interrupt, diary=first)
    train(make(kind), few_images, 5, checkpoint=path, diary=second)
    for name, values in whole.stacked().items():
        np.testing.assert_array_equal(second.stacked()[name], values)
        assert len(values) == 4
    with pytest.raises(InvalidFileError, match="another training"):
        train(make(kind), few_images, 5, checkpoint=path, diary=Diary(rows[:2], *few_images.validation))


def test_a_checkpoint_of_another_training_is_refused(few_images, tmp_path):
    path = tmp_path / "net.safetensors"
    train(make(settings=dataclasses.replace(SETTINGS, epochs=1)), few_images, 5, checkpoint=path)
    for other, seed, word in (
        (make(settings=dataclasses.replace(SETTINGS, epochs=1)), 6, "seed"),
        (make(settings=dataclasses.replace(SETTINGS, epochs=2)), 5, "settings"),
        (make(Concrete, dataclasses.replace(SETTINGS, epochs=1)), 5, "Concrete"),
    ):
        before = state(other)
        with pytest.raises(InvalidFileError, match="another training") as caught:
            train(other, few_images, seed, checkpoint=path)
        assert word in str(caught.value)
        assert "\n" not in str(caught.value)
        assert all(torch.equal(value, other.state_dict()[name]) for name, value in before.items())
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(InvalidFileError, match="not a checkpoint"):
        train(make(), few_images, 5, checkpoint=path)


def test_divergence_is_a_named_failure(few_images):
    with pytest.raises(DivergedError, match=r"epoch \d.*learning rate, which is 1e\+20"):
        train(make(settings=dataclasses.replace(SETTINGS, learning_rate=1e20)), few_images, 0)


def test_it_learns_and_touches_no_global_state(few_images):
    torch.manual_seed(3)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    losses = train(make(settings=dataclasses.replace(SETTINGS, epochs=12)), few_images, 0)
    assert np.mean(losses[-3:]) < 0.95 * losses[0]
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


def test_weights_that_take_no_part_stay_as_they_are(few_images):
    """Neither momentum nor decay moves them: L2 acts on the paths that were kept."""
    regime = make(settings=dataclasses.replace(SETTINGS, epochs=1, batch_size=32))
    row = np.array([[3, 0, 0, 0, 3, 0]])
    regime.functions = row
    before = state(regime)
    train(regime, few_images, 0)
    moved = {name for name, value in before.items() if not torch.equal(value, regime.state_dict()[name])}
    edges = {name.split(".")[4] + name.split(".")[5] for name in moved if ".edges." in name}
    assert edges == {"03", "43"}
