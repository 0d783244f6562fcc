"""Data sets: disjoint parts, augmentation pixel by pixel, files as they are and errors that name them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from archcast.errors import ArchcastError, InvalidFileError, InvalidInputError
from archcast.training import Augmentation, Dataset, load_dataset
from archcast.training.datasets import read_arrays


def test_shift_is_a_crop_of_the_padded_image() -> None:
    images = torch.arange(2 * 3 * 5 * 4, dtype=torch.float32).reshape(2, 3, 5, 4)
    change = Augmentation(shift=2, fill=-7.0)
    seen = set()
    for seed in range(40):
        out = change(images, torch.Generator().manual_seed(seed))
        for image, moved in zip(images, out):
            padded = np.full((3, 9, 8), -7.0, dtype=np.float32)
            padded[:, 2:7, 2:6] = image.numpy()
            places = [
                (r, c) for r in range(5) for c in range(5) if (padded[:, r : r + 5, c : c + 4] == moved.numpy()).all()
            ]
            assert len(places) == 1
            seen |= set(places)
    assert len(seen) > 20, "nearly all of the 25 places are drawn"


def test_flip_and_noise() -> None:
    images = torch.randn(400, 1, 2, 3, generator=torch.Generator().manual_seed(0))
    out = Augmentation(flip=True)(images, torch.Generator().manual_seed(1))
    same = (out == images).flatten(1).all(dim=1)
    mirrored = (out == images.flip(3)).flatten(1).all(dim=1)
    assert (same ^ mirrored).all()
    assert 0.4 < same.float().mean() < 0.6
    noisy = Augmentation(noise=0.5)(images, torch.Generator().manual_seed(1))
    assert float((noisy - images).std()) == pytest.approx(0.5, rel=0.05)
    assert (Augmentation()(images, torch.Generator()) == images).all()


def test_digits_are_those_of_scikit_learn() -> None:
    data = load_dataset("digits", canvas=10, noise=0.0)
    x, y = load_digits(return_X_y=True)
    raw = {x[i].tobytes(): i for i in range(len(x))}
    inner = data.train[0][:, 0, 1:9, 1:9].numpy().astype(np.float64)
    rows = [raw[np.round(16 * (0.4 * image + 0.2)).tobytes()] for image in inner]
    assert len(set(rows)) == 768
    assert (y[rows] == data.train[1].numpy()).all()
    assert [len(part[1]) for part in (data.validation, data.test)] == [432, 6 * 597]
    again = load_dataset("digits", canvas=10, noise=0.0)
    assert (again.test[0] == data.test[0]).all()


def test_held_out_digits_are_placed_and_noisy_as_training_ones() -> None:
    quiet, noisy = (load_dataset("digits", canvas=12, shift=2, noise=noise) for noise in (0.0, 0.2))
    assert quiet.shape == (1, 12, 12)
    background = quiet.validation[0].min()
    rows = (quiet.validation[0] > background).any(dim=3)[:, 0].float().argmax(dim=1)  # the first that is not empty
    assert set(rows.tolist()) >= {0, 1, 2, 3, 4}
    assert float(noisy.validation[0].std()) ** 2 == pytest.approx(
        float(quiet.validation[0].std()) ** 2 + 0.25, rel=0.05
    )


@pytest.mark.parametrize(
    "setting", [{"canvas": 9}, {"canvas": 7}, {"shift": -1}, {"noise": -1}, {"train": 1797}, {"size": 3}]
)
def test_wrong_settings_of_digits(setting: dict[str, int]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(setting))):
        load_dataset("digits", **setting)


def test_npz(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(3, 5, (40, 8, 9, 2)), rng.integers(0, 3, 40)
    np.savez(tmp_path / "one.npz", x=x, y=y)
    data = load_dataset(tmp_path / "one.npz")
    assert data.shape == (2, 8, 9)
    assert [len(part[1]) for part in (data.train, data.validation, data.test)] == [20, 10, 10]
    assert data.train[0].mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert data.train[0].std(dim=(0, 2, 3), unbiased=False) == pytest.approx([1, 1], abs=1e-5)
    parts = {
        f"{kind}_{part}": rows
        for part, cut in zip(("train", "validation", "test"), ((0, 10), (10, 20), (20, 40)))
        for kind, rows in (("x", x[slice(*cut)]), ("y", y[slice(*cut)]))
    }
    np.savez(tmp_path / "three.npz", **parts)
    data = load_dataset(tmp_path / "three.npz")
    assert (data.test[1].numpy() == y[20:]).all()


def test_folder(tmp_path: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    for part in ("train", "validation", "test"):
        for label, name in enumerate(("cat", "dog")):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            for k in range(3):
                pixels = rng.integers(0, 100, (6, 5, 3)) + 100 * label
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{k}.png")
    data = load_dataset(tmp_path, size=8)
    assert data.shape == (3, 8, 8)
    assert data.classes == 2
    assert sorted(data.train[1].tolist()) == [0, 0, 0, 1, 1, 1]
    means = data.train[0].mean(dim=(1, 2, 3))
    assert means[data.train[1] == 1].min() > means[data.train[1] == 0].max()
    assert len(load_dataset(tmp_path / "train" / "..", size=8).test[0]) == 6


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((3, 2))}, "needs arrays x and y; it has x"),
        ({"x": np.zeros((3, 2)), "y": np.zeros(3, int)}, "x must be"),
        ({"x": np.full((3, 4, 4), np.nan), "y": np.zeros(3, int)}, "finite numbers"),
        ({"x": np.zeros((3, 4, 4)), "y": np.zeros(2, int)}, "y must be"),
        ({"x": np.zeros((3, 4, 4)), "y": -np.ones(3, int)}, "labels from 0"),
    ],
)
def test_bad_npz(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InvalidFileError, match=message):
        read_arrays(tmp_path / "bad.npz")


def test_unknown_names_and_files(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="digits"):
        load_dataset("digit")
    (tmp_path / "x.npz").write_text("no")
    with pytest.raises(InvalidFileError, match="not a"):
        load_dataset(tmp_path / "x.npz")
    with pytest.raises(ArchcastError, match=r"torchvision|not in"):
        load_dataset("cifar10", folder=tmp_path)


X, Y = torch.zeros(6, 1, 4, 4), torch.arange(6) % 3


def test_sets_are_pairs_of_tensors() -> None:
    for wrong in (None, (X,), [1, 2], (X, Y, Y), "ab"):
        with pytest.raises(InvalidInputError, match=r"^train must be a pair of tensors, images and labels, got"):
            Dataset("mine", wrong, (X, Y), (X, Y), 3, Augmentation())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ((X[:, 0], Y), r"validation: images must have shape \(n, c, h, w\)"),
        ((X, Y[:5]), r"labels \(n,\).*\(5,\)"),
        ((X[:0], Y[:0]), "n at least 1"),
        ((X.double(), Y), "images must be float32 and labels int64; they are torch.float64"),
        ((X, Y.float()), "they are torch.float32 and torch.float32"),
        ((X / 0, Y), "no finite numbers"),
        ((X, Y + 1), "labels go from 1 to 3, and must be 0 to 2"),
        ((X, Y - 1), "labels go from -1 to 1"),
        ((X[..., :3], Y), "different shapes"),
    ],
)
def test_images_and_labels_that_do_not_fit(part: tuple[torch.Tensor, torch.Tensor], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as caught:
        Dataset("mine", (X, Y), part, (X, Y), 3, Augmentation())
    assert str(caught.value).startswith("dataset 'mine'")
