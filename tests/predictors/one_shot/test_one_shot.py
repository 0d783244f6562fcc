"""The default one-shot predictor, and what all of them share."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import archcast
from archcast.errors import DivergedError, InvalidFileError, InvalidInputError
from archcast.predictors.base import PREDICTORS, get_predictor
from archcast.predictors.one_shot._predictor import watched
from archcast.spaces.base import Task, get_space
from archcast.training.datasets import Augmentation, Dataset, load_dataset

SPACE = get_space("nasbench201")
NAMES = PREDICTORS.names("one-shot*")
SMALL = {"task": Task(width=4, depth=1, stages=1), "epochs": 1, "batch_size": 384, "images": 20, "random_state": 0}
ROWS = SPACE.sample(12, 1)


def test_rows_of_one_function_get_one_score():
    predictor = get_predictor("one-shot", SPACE, **SMALL).init()
    rows = SPACE.sample(300, 0)
    functions = SPACE.canonical(rows)
    assert np.array_equal(predictor.query(rows).mean, predictor.query(functions).mean)


def test_it_learns_to_tell_cells_apart():
    """A few epochs, and cells of 3x3 convolutions come before those that only pass on, or nothing at all."""
    settings = SMALL | {"task": None, "epochs": 5, "batch_size": 32, "paths": 1, "images": 100}
    predictor = get_predictor("one-shot", SPACE, **settings).init()
    good, plain, nothing = predictor.query([[3, 3, 3, 3, 3, 3], [1, 1, 1, 1, 1, 1], [0] * 6]).mean
    assert good > plain
    assert good > nothing
    assert predictor.losses_[-1] < predictor.losses_[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_measure_is_finite_and_has_its_sign(name):
    predictor = get_predictor(name, SPACE, **SMALL).init()
    loss = predictor.set_params(measure="loss").query(ROWS).mean
    accuracy = predictor.set_params(measure="accuracy").query(ROWS).mean
    apart = predictor.set_params(measure="divergence").query(ROWS).mean
    strength = predictor.set_params(measure="strength").query(ROWS).mean
    assert (loss < 0).all()
    assert ((accuracy >= 0) & (accuracy <= 1)).all()
    assert (apart <= 1e-9).all()
    assert np.isfinite(strength).all()
    assert SPACE.validate(predictor.derive()).shape == (1, 6)
    if "alpha_rate" in predictor.get_params():
        likelihood = predictor.set_params(measure="likelihood").query(ROWS).mean
        assert (likelihood < 0).all()
        assert (
            predictor.set_params(measure="likelihood").query(predictor.derive("weights")).mean[0]
            >= likelihood.max() - 3
        )
    else:
        with pytest.raises(InvalidInputError, match="learns no distribution"):
            predictor.derive("weights")


@pytest.mark.parametrize("kind", ["training", "running"])
def test_statistics_of_other_images(kind, stripes, tmp_path):
    settings = SMALL | {"dataset": stripes, "batch_size": 8}
    predictor = get_predictor("one-shot", SPACE, **settings, statistics=kind).init()
    scores = predictor.query(ROWS).mean
    by_batch = get_predictor("one-shot", SPACE, **settings).init()
    assert not np.array_equal(scores, by_batch.query(ROWS).mean)
    assert np.array_equal(predictor.query(ROWS).mean, scores)
    assert np.array_equal(predictor.set_params(statistics="batch").query(ROWS).mean, by_batch.query(ROWS).mean)
    with pytest.raises(InvalidInputError, match=f"statistics is '{kind}', which init must know"):
        by_batch.set_params(statistics=kind).query(ROWS)


@pytest.mark.parametrize("name", ["one-shot-few-shot", "one-shot-smash", "one-shot-snas"])
def test_moving_averages_of_other_methods(name, stripes):
    predictor = get_predictor(
        name, SPACE, **SMALL | {"dataset": stripes, "batch_size": 8, "epochs": 2}, statistics="running"
    ).init()
    assert np.isfinite(predictor.query(ROWS).mean).all()


def test_derived_by_score_is_the_best_function():
    predictor = get_predictor("one-shot", SPACE, **SMALL).init()
    row = predictor.derive("score")
    rows = SPACE.sample(200, 3)
    rest = predictor.query(rows[predictor.trained().net.has_path(rows)]).mean
    assert predictor.query(row).mean[0] >= rest.max()
    with pytest.raises(InvalidInputError, match="by must be one of"):
        predictor.derive("luck")


def test_checkpoint_continues_and_tells(tmp_path):
    path = tmp_path / "net.safetensors"
    told = []
    first = get_predictor("one-shot", SPACE, **SMALL, checkpoint=str(path))
    with watched(lambda done, total: told.append((done, total))):
        first.init()
    assert told == [(0, 1), (1, 1)]
    again = get_predictor("one-shot", SPACE, **SMALL, checkpoint=path).init()
    assert np.array_equal(first.query(ROWS).mean, again.query(ROWS).mean)
    with pytest.raises(InvalidFileError, match="another training"):
        get_predictor("one-shot-fairnas", SPACE, **SMALL, checkpoint=path).init()


def test_with_permuted_labels_of_the_training_images_nothing_is_left():
    """What a query knows comes from these labels alone: held-out images are then answered as by chance, over all cells."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(192) % 4
    images = 0.5 * torch.randn(192, 1, 6, 6, generator=generator)
    for k in range(4):
        images[labels == k, :, k : k + 2] += 1.5
    parts = [(images[a:b], labels[a:b]) for a, b in ((0, 96), (96, 144), (144, 192))]
    shuffled = parts[0][1][torch.randperm(96, generator=generator)]
    means = []
    for seen in (parts[0][1], shuffled):
        data = Dataset("stripes", (parts[0][0], seen), parts[1], parts[2], 4, Augmentation())
        settings = SMALL | {
            "dataset": data,
            "epochs": 8,
            "batch_size": 16,
            "images": 48,
            "measure": "accuracy",
            "paths": 2,
        }
        means.append(get_predictor("one-shot", SPACE, **settings).init().query(SPACE.sample(40, 0)).mean.mean())
    assert means[0] > 0.45
    assert abs(means[1] - 0.25) < 0.08


@pytest.fixture(scope="module")
def stripes():
    """Forty small images of four classes."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(40) % 4
    images = torch.randn(40, 1, 6, 6, generator=generator) + labels[:, None, None, None]
    parts = [(images[a:b], labels[a:b]) for a, b in ((0, 24), (24, 32), (32, 40))]
    return Dataset("stripes", parts[0], parts[1], parts[2], 4, Augmentation(noise=0.1))


@pytest.mark.parametrize("name", NAMES)
def test_every_method_is_continued_as_if_never_interrupted(name, stripes, tmp_path):
    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    settings = SMALL | {"dataset": stripes, "epochs": 4, "batch_size": 8}
    whole = get_predictor(name, SPACE, **settings).init()
    path = tmp_path / "net.safetensors"
    with pytest.raises(KeyboardInterrupt), watched(stop):
        get_predictor(name, SPACE, **settings, checkpoint=path).init()
    assert path.exists()
    continued = get_predictor(name, SPACE, **settings, checkpoint=path).init()
    assert continued.losses_ == whole.losses_
    for key, value in whole.weights_.items():
        assert np.array_equal(continued.weights_[key], value), key


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"dataset": "shuffled"}, "labels"),
        ({"dataset": "darker"}, "first images"),
        ({"keep": (5, 4, 2)}, "keep"),
        ({"most_skips": 1}, "most_skips"),
        ({"space": "nats-size"}, "nats-size"),
        ({"task": Task(width=8, depth=1, stages=1)}, "another training"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(other, words, stripes, tmp_path):
    """Of another data set of the same name, space, network, or setting."""
    settings = (
        {"space": SPACE} | SMALL | {"dataset": stripes, "batch_size": 8, "checkpoint": tmp_path / "net.safetensors"}
    )
    get_predictor("one-shot-p-darts", settings.pop("space"), **settings).init()
    (x, y), rest = stripes.train, (stripes.validation, stripes.test, 4, stripes.augmentation)
    known = {
        "shuffled": Dataset("stripes", (x, y.flip(0)), *rest),
        "darker": Dataset("stripes", (x / 2, y), *rest),
    }
    changed = {"space": SPACE} | settings | other
    changed["dataset"] = known.get(changed["dataset"] if isinstance(changed["dataset"], str) else "", stripes)
    if changed["space"] == "nats-size":
        changed["task"] = None
    with pytest.raises(InvalidFileError, match="another training") as caught:
        get_predictor("one-shot-p-darts", changed.pop("space"), **changed).init()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_network_and_another_data_set(tmp_path):
    """The sizes are the task's; the images and classes those of the data set: nothing is known of either."""
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(64, 3, 9, 10)).astype(np.float32), np.arange(64) % 3
    np.savez(tmp_path / "mine.npz", x=x, y=y)
    task = Task(width=4, depth=1, stages=2)
    settings = SMALL | {"task": task, "batch_size": 16}
    predictor = get_predictor("one-shot", SPACE, **settings, dataset=tmp_path / "mine.npz").init()
    assert predictor.task_.shape == (3, 9, 10)
    assert predictor.task_.classes == 3
    assert predictor.task_.size == {"width": 4, "depth": 1, "stages": 2}
    assert predictor.query(ROWS).mean.shape == (12,)


def test_without_a_task_digits_has_the_network_of_the_embedded_benchmark():
    predictor = get_predictor("one-shot", SPACE, **SMALL | {"task": None})
    assert predictor._task(load_dataset("digits")) == Task((1, 8, 8), 10, width=16, depth=1, stages=1)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"space": "nasbench-macro"}, "no supernet"),
        ({"task": Task(size={"heads": 2})}, "no size 'heads'"),
        ({"dataset": "no such data"}, "no such data"),
        ({"device": "no such device"}, "device"),
        ({"device": "meta"}, "device 'meta' cannot be used"),
        ({"checkpoint": "x" * 5000}, "checkpoint must be the path of a file.*too long"),
        ({"checkpoint": f"{__file__}/net.safetensors"}, "checkpoint .*folder cannot be made"),
        ({"dataset": "x" * 5000}, "dataset must be the path.*too long"),
        ({"mixed_precision": True}, "mixed_precision"),
        ({"measure": "likelihood"}, "measure"),
        ({"name": "one-shot-progressive-drnas", "groups": (4, 3)}, "each must be a multiple of the next"),
        ({"name": "one-shot-progressive-drnas", "groups": (1,)}, "groups has 1 stages and keep has 2"),
        ({"name": "one-shot-progressive-drnas", "space": "nats-size", "task": None}, "no partial channels"),
        ({"name": "one-shot-smash", "space": "neural-fabrics", "task": None}, "SMASH writes the kernels of edges"),
    ],
)
def test_bad_input_gets_one_line(params, words):
    settings = {"space": SPACE} | SMALL | params
    with pytest.raises(InvalidInputError, match=words) as caught:
        get_predictor(settings.pop("name", "one-shot"), settings.pop("space"), **settings).init()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["one-shot", "one-shot-darts", "one-shot-relax"])
def test_weights_that_are_no_numbers_are_a_named_failure(name, stripes, tmp_path):
    """In a predictor as in a checkpoint, and never a score."""
    path = tmp_path / "net.safetensors"
    settings = SMALL | {"dataset": stripes, "batch_size": 8, "epochs": 2}
    predictor = get_predictor(name, SPACE, **settings, checkpoint=path).init()
    broken = "alpha" if "alpha" in predictor.weights_ else next(iter(predictor.weights_))
    with safe_open(str(path), framework="pt") as file:
        metadata, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    tensors[f"regime.{broken}"].view(-1)[0] = torch.nan
    save_file(tensors, path, metadata)
    with pytest.raises(DivergedError, match=rf"{broken} is not finite after epoch 2"):
        get_predictor(name, SPACE, **settings, checkpoint=path).init()
    predictor.weights_[broken].flat[0] = np.nan
    for ask in (lambda: predictor.query(ROWS), predictor.derive, lambda: predictor.derive("perturbation")):
        with pytest.raises(DivergedError, match=f"{broken} is not finite"):
            ask()


def test_a_loaded_data_set_is_taken_but_cannot_be_saved(tmp_path):
    predictor = get_predictor("one-shot", SPACE, **SMALL, dataset=load_dataset("digits")).init()
    assert np.array_equal(predictor.query(ROWS).mean, get_predictor("one-shot", SPACE, **SMALL).init().query(ROWS).mean)
    with pytest.raises(InvalidInputError, match=r"dataset is a Dataset.*name a folder of images or an \.npz file"):
        predictor.save(tmp_path / "predictor.npz")


def test_no_line_reads_a_table_of_results():
    """Neither the supernets nor the predictors import what reads benchmarks."""
    root = Path(archcast.__file__).parent
    for path in [*(root / "supernets").rglob("*.py"), *(root / "predictors" / "one_shot").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            assert not [name for name in names if "archcast.data" in name or "load_benchmark" in name], path.name
