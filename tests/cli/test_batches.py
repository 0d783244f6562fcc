"""Samples of ``archcast score``: images, digits and arrays of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from archcast.cli._batches import read_data
from archcast.cli._targets import Settings, target_of
from archcast.errors import InvalidFileError, InvalidInputError

from .conftest import SMALL, Run, rows_of

CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"


def test_real_images(run: Run, tmp_path: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", x=rng.integers(0, 255, (20, 9, 9, 3), dtype=np.uint8), y=np.arange(20) % 4)
    for label in ("cat", "dog"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(5):
            pixels = rng.integers(0, 255, (7, 11, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{i}.png")
        (tmp_path / "photos" / label / "notes.txt").write_text("not an image")
    scores = []
    for data in ("noise", "mine.npz", "photos"):
        code, out, err = run(
            "nets:small",
            "--input",
            "3x8x8",
            "--batch-size",
            "8",
            "--data",
            data,
            "--proxies",
            "jacob_cov",
            "--format",
            "csv",
        )
        assert (code, err) == (0, "")
        scores.append(rows_of(out)[0]["jacob_cov"])
    assert len(set(scores)) == 3
    code, _, err = run("nets:small", "--data", "digits", "--proxies", "jacob_cov")
    assert code == 2
    assert "the label 9, but the model has 4 outputs. Use --classes 10." in err
    code, _, err = run(f"nasbench201:{CELL}", *SMALL, "--data", "digits", "--proxies", "jacob_cov")
    assert code == 0
    code, _, err = run("nets:small", "--data", "photos", "--batch-size", "11", "--proxies", "snip")
    assert "10 images are fewer than a batch of 11" in err
    code, _, err = run("nets:small", "--data", "photos", "--input", "8", "--proxies", "snip")
    assert code == 2


def test_digits_are_real_and_standardised() -> None:
    data = read_data("digits", None)
    assert data.classes == 10
    images, labels = data.batch((3, 32, 32), 64, 10, 0)
    assert images.shape == (64, 3, 32, 32)
    assert torch.equal(images[:, 0], images[:, 2])
    assert abs(float(images.mean())) < 0.1
    from sklearn.datasets import load_digits

    raw = load_digits()
    small, again = data.batch((1, 8, 8), 64, 10, 0)
    assert torch.equal(labels, again)
    mean, std = raw.images.mean(), raw.images.std()
    originals = {
        ((image - mean) / std).astype(np.float32).tobytes(): int(t) for image, t in zip(raw.images, raw.target)
    }
    near = [
        min(originals, key=lambda key: np.abs(np.frombuffer(key, np.float32) - s.numpy().ravel()).max())
        for s in small[:5]
    ]
    assert [originals[key] for key in near] == labels[:5].tolist()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": np.arange(3)}, "needs an array x, or one for each argument of the model; it has y int64"),
        ({"x": np.array(3.0), "y": np.arange(3)}, "a row for each sample"),
        ({"x": np.full((3, 1, 2, 2), np.nan), "y": np.arange(3)}, "x must be"),
        ({"x": np.zeros((3, 1, 2, 2)), "y": np.arange(4)}, r"as many rows, at least one; it has x .*, y int64 \(4,\)"),
        ({"x": np.zeros((3, 1, 2, 2)), "y": np.arange(3) - 1}, r"y must be \(3,\) labels from 0"),
        ({"x": np.zeros((0, 1, 2, 2)), "y": np.arange(0)}, "holds no image"),
        ({"x": np.array([None]), "y": np.arange(1)}, "holds Python objects, which are not read"),
    ],
)
def test_arrays_that_cannot_be_used(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InvalidFileError, match=message):
        read_data(str(tmp_path / "bad.npz"), None)


def test_data_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "broken.npz").write_text("no archive")
    with pytest.raises(InvalidFileError, match=r"is not a sound file of arrays \(\.npz\)"):
        read_data(str(tmp_path / "broken.npz"), None)
    with pytest.raises(InvalidFileError, match=r"is not noise, digits, a folder of images or a .npz file"):
        read_data("imagenet", None)
    with pytest.raises(InvalidFileError, match="must hold a folder for each class"):
        read_data(str(tmp_path), None)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "broken.png").write_text("no image")
    with pytest.raises(InvalidFileError, match="is not an image that can be read"):
        read_data(str(tmp_path), None)


def test_building_leaves_the_generator_alone() -> None:
    state = torch.get_rng_state()
    target_of(f"nasbench201:{CELL}").build(Settings((3, 8, 8), depth=1))
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(InvalidInputError, match="its networks take images, but --input is 8"):
        target_of(f"nasbench201:{CELL}").build(Settings((8,)))
