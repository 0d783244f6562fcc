"""Images to train on: ``digits``, CIFAR through torchvision, a folder of images, or an ``.npz`` file.

Each comes as three sets of arrays (train, validation, test) with the changes that training makes to an image. ``digits`` is
scikit-learn's 1,797 real 8x8 images, made hard enough to tell architectures apart: each is moved by up to a pixel, and noise
is added. The same is done once, with a fixed seed, to its validation and test images, several copies of each, so that what is
measured is the task that is trained.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archcast import files
from archcast.checks import instance, label_of, path_of, real, switch, whole
from archcast.errors import DataNotFoundError, InvalidFileError, InvalidInputError, MissingDependencyError, short
from archcast.registry import closest

__all__ = ["DATASETS", "Augmentation", "Dataset", "load_dataset", "read_arrays", "read_folder"]

DATASETS = ("digits", "cifar10", "cifar100")
VALIDATION_COPIES, TEST_COPIES = 1, 6
"""How often each held-out digit is placed and made noisy: more often at the end, where a figure is made of it."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".webp")

Split = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Augmentation:
    """What happens to a training image each time it is seen.

    Attributes:
        shift: it moves by up to so many pixels, each way.
        fill: what comes in from outside.
        flip: it is mirrored half of the time.
        noise: standard deviation of Gaussian noise that is added.
    """

    shift: int = 0
    fill: float = 0.0
    flip: bool = False
    noise: float = 0.0

    def __post_init__(self) -> None:
        whole("shift", self.shift, 0)
        real("fill", self.fill)
        switch("flip", self.flip)
        real("noise", self.noise, 0)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """``(n, c, h, w)`` -> the same shape, drawn anew."""
        n, _, height, width = images.shape
        device = images.device
        if self.shift:
            padded = torch.nn.functional.pad(images, (self.shift,) * 4, value=self.fill)
            offsets = torch.randint(0, 2 * self.shift + 1, (2, n), generator=generator).to(device)
            rows = offsets[0, :, None] + torch.arange(height, device=device)
            columns = offsets[1, :, None] + torch.arange(width, device=device)
            index = torch.arange(n, device=device)
            images = padded[index[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
        if self.flip:
            mirrored = (torch.rand(n, generator=generator) < 0.5).to(device)
            images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        if self.noise:
            images = images + self.noise * torch.randn(images.shape, generator=generator).to(device)
        return images


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images in three sets.

    Attributes:
        name: as it was asked for.
        train, validation, test: images ``(n, c, h, w)`` float32 of about mean 0 and variance 1, and labels ``(n,)`` int64.
        classes: number of labels.
        augmentation: of training images.

    Raises:
        InvalidInputError: a set is empty or has other shapes or types, a pixel is no finite number, or a label is none of the
            classes.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: int
    augmentation: Augmentation

    def __post_init__(self) -> None:
        label_of("name", self.name)
        whole("classes", self.classes, 1)
        instance("augmentation", self.augmentation, Augmentation, "an archcast.training.Augmentation")
        for part in ("train", "validation", "test"):
            split = getattr(self, part)
            if not isinstance(split, (tuple, list)) or [isinstance(x, Tensor) for x in split] != [True, True]:
                raise InvalidInputError(f"{part} must be a pair of tensors, images and labels, got {short(split)}.")
            images, labels = split
            _check_split(f"dataset {self.name!r}, {part}", images, labels, self.classes)
        shapes = {part: tuple(getattr(self, part)[0].shape[1:]) for part in ("train", "validation", "test")}
        if len(set(shapes.values())) > 1:
            raise InvalidInputError(f"dataset {self.name!r}: its sets have images of different shapes, {shapes}.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        c, h, w = self.train[0].shape[1:]
        return c, h, w

    def to(self, device: str) -> Dataset:
        """The same images on another device."""
        moved = [(x.to(device), y.to(device)) for x, y in (self.train, self.validation, self.test)]
        return Dataset(self.name, moved[0], moved[1], moved[2], self.classes, self.augmentation)


def _check_split(title: str, images: Tensor, labels: Tensor, classes: int) -> None:
    """Raise unless images and labels are what :class:`Dataset` says."""
    if images.ndim != 4 or labels.shape != images.shape[:1] or not len(images):
        raise InvalidInputError(
            f"{title}: images must have shape (n, c, h, w) and labels (n,), n at least 1; they have {tuple(images.shape)} and "
            f"{tuple(labels.shape)}."
        )
    if images.dtype != torch.float32 or labels.dtype != torch.int64:
        raise InvalidInputError(
            f"{title}: images must be float32 and labels int64; they are {images.dtype} and {labels.dtype}."
        )
    if not bool(torch.isfinite(images).all()):
        raise InvalidInputError(f"{title}: some pixels are no finite numbers.")
    least, most = int(labels.min()), int(labels.max())
    if least < 0 or most >= classes:
        raise InvalidInputError(f"{title}: labels go from {least} to {most}, and must be 0 to {classes - 1}.")


def load_dataset(name: str | Path, **settings: Any) -> Dataset:
    """Images by name, folder or file.

    Args:
        name: ``digits``, ``cifar10``, ``cifar100``, a folder with a folder of images for each class (or with such folders
            ``train``, ``validation`` and ``test``), or an ``.npz`` file with ``x`` and ``y`` (or ``x_train``, ``y_train``,
            ``x_validation``, ...). What has no split is split at random, the same way each time: half, a quarter, a quarter.
        **settings: of ``digits``: ``canvas`` and ``shift`` (pixels), ``noise``, ``train``, ``validation`` (images); of CIFAR:
            ``folder``; of a folder: ``size`` (pixels).

    Examples:
        >>> digits = load_dataset("digits")
        >>> digits.shape, digits.classes, len(digits.train[0])
        ((1, 8, 8), 10, 768)

    Raises:
        InvalidInputError: unknown name or setting.
        DataNotFoundError: CIFAR is not in its folder.
        InvalidFileError: a file cannot be read.
        MissingDependencyError: torchvision is needed and not installed.
    """
    readers = {"digits": _digits, "cifar10": _cifar10, "cifar100": _cifar100}
    path = path_of("dataset", name)
    try:
        if str(name) in readers:
            return readers[str(name)](**settings)
        if path.is_dir():
            return _folder(path, **settings)
        if path.suffix == ".npz" and path.is_file():
            return _arrays(path, **settings)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        raise InvalidInputError(f"dataset {str(name)!r} has no such setting: {error}.") from None
    raise InvalidInputError(
        f"dataset {str(name)!r} is not a name, a folder of images or an .npz file. {closest(str(name), list(DATASETS))}"
    )


@lru_cache(maxsize=1)
def _scikit_learn_digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Pixels and labels, read once: it takes as long as a small training."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return x, y


def _digits(
    *, canvas: int = 8, shift: int = 1, noise: float = 0.25, train: int = 768, validation: int = 432
) -> Dataset:
    for what, given, least in (
        ("canvas", canvas, 1),
        ("shift", shift, 0),
        ("train", train, 1),
        ("validation", validation, 1),
    ):
        whole(what, given, least)
    if canvas not in range(8, 65, 2):
        raise InvalidInputError(f"canvas must be an even number of pixels from 8 to 64, got {short(canvas)}.")
    if shift not in range(canvas):
        raise InvalidInputError(
            f"shift must be a whole number of pixels below the canvas of {canvas}, got {short(shift)}."
        )
    real("noise", noise, 0, 10)
    x, y = _scikit_learn_digits()
    if not (train > 0 and validation > 0 and train + validation < len(y)):
        raise InvalidInputError(
            f"train {train} and validation {validation} must leave some of {len(y)} digits to test on."
        )
    mean, spread = 0.2, 0.4  # near those of the pixels, and constant: noise means the same on every canvas
    border = (canvas - 8) // 2
    padded = np.pad(x.reshape(-1, 1, 8, 8) / 16, ((0, 0), (0, 0), (border, border), (border, border)))
    images = torch.from_numpy((padded - mean) / spread).float()
    labels = torch.from_numpy(y).long()
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(y)))
    change = Augmentation(shift, -mean / spread, noise=noise / spread)
    generator = torch.Generator().manual_seed(0)

    def held_out(rows: Tensor, copies: int) -> Split:
        return change(images[rows].repeat(copies, 1, 1, 1), generator), labels[rows].repeat(copies)

    first, second, third = order[:train], order[train : train + validation], order[train + validation :]
    validate, test = held_out(second, VALIDATION_COPIES), held_out(third, TEST_COPIES)
    return Dataset("digits", (images[first], labels[first]), validate, test, int(y.max()) + 1, change)


def _cifar10(**settings: Any) -> Dataset:
    return _cifar("CIFAR10", 10, **settings)


def _cifar100(**settings: Any) -> Dataset:
    return _cifar("CIFAR100", 100, **settings)


def _cifar(kind: str, classes: int, *, folder: str | Path = "data") -> Dataset:
    """NAS-Bench-201's split: half of the training images train, half validate; nothing is downloaded."""
    try:
        datasets = importlib.import_module("torchvision.datasets")
    except (ImportError, RuntimeError) as error:
        raise MissingDependencyError(
            f'dataset {kind.lower()!r} is read by torchvision, which does not import ({error}). pip install "archcast[vision]"'
        ) from error
    try:
        seen, unseen = (getattr(datasets, kind)(str(folder), train=train, download=False) for train in (True, False))
    except RuntimeError as error:
        raise DataNotFoundError(
            f"dataset {kind.lower()!r} is not in {str(folder)!r}. Fetch it once: "
            f'python -c "from torchvision.datasets import {kind}; {kind}({str(folder)!r}, download=True)"'
        ) from error
    x, y = (
        np.concatenate([np.asarray(part) for part in pair])
        for pair in zip(*((d.data, d.targets) for d in (seen, unseen)))
    )
    order = np.random.default_rng(0).permutation(len(seen))
    rows = order[: len(seen) // 2], order[len(seen) // 2 :], np.arange(len(seen), len(x))
    sets = [(x[r].transpose(0, 3, 1, 2), y[r].astype(np.int64)) for r in rows]
    return _standardised(kind.lower(), sets, Augmentation(shift=4, flip=True), classes)


def _folder(path: Path, *, size: int = 32) -> Dataset:
    whole("size", size, 1, 4096)
    if all((path / part).is_dir() for part in ("train", "validation", "test")):
        sets = [read_folder(path / part, (size, size)) for part in ("train", "validation", "test")]
    else:
        sets = _split(path, *read_folder(path, (size, size)))
    return _standardised(str(path), sets, Augmentation(shift=size // 8, flip=True))


def _arrays(path: Path) -> Dataset:
    try:
        sets = _split(path, *read_arrays(path))
    except InvalidFileError as error:
        if "needs arrays" not in str(error):
            raise
        sets = [read_arrays(path, f"x_{part}", f"y_{part}") for part in ("train", "validation", "test")]
    return _standardised(str(path), sets, Augmentation(shift=sets[0][0].shape[2] // 8))


def _split(path: Path, x: NDArray[Any], y: NDArray[np.int64]) -> list[tuple[NDArray[Any], NDArray[np.int64]]]:
    """Half, a quarter, a quarter."""
    if len(x) < 8:
        raise InvalidInputError(
            f"dataset {str(path)!r}: {len(x)} images are too few to train, validate and test. Give at least 8."
        )
    order = np.random.default_rng(0).permutation(len(x))
    cuts = len(x) // 2, len(x) * 3 // 4
    return [(x[rows], y[rows]) for rows in np.split(order, cuts)]


def _standardised(
    name: str,
    sets: list[tuple[NDArray[Any], NDArray[np.int64]]],
    augmentation: Augmentation,
    classes: int | None = None,
) -> Dataset:
    """Mean 0 and variance 1 in each channel of the training images."""
    train = sets[0][0].astype(np.float32)
    mean, spread = train.mean(axis=(0, 2, 3), keepdims=True), train.std(axis=(0, 2, 3), keepdims=True)
    spread[spread == 0] = 1
    tensors = [(torch.from_numpy(((x - mean) / spread).astype(np.float32)), torch.from_numpy(y)) for x, y in sets]
    classes = max(int(y.max()) for _, y in sets) + 1 if classes is None else classes
    return Dataset(name, tensors[0], tensors[1], tensors[2], classes, augmentation)


def read_arrays(path: Path, x_name: str = "x", y_name: str = "y") -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Images ``(n, c, h, w)`` and labels ``(n,)`` of an ``.npz`` file; channels may come last or be left out.

    Raises:
        InvalidFileError: naming the file and what is wrong with it.
    """
    arrays = files.read_arrays(path)
    if not {x_name, y_name} <= set(arrays):
        raise InvalidFileError(f"{str(path)!r} needs arrays {x_name} and {y_name}; it has {', '.join(arrays)}.")
    x, y = arrays[x_name], arrays[y_name]
    if x.ndim == 4 and x.shape[1] > 4 >= x.shape[3]:
        x = x.transpose(0, 3, 1, 2)
    if x.ndim == 3:
        x = x[:, None]
    if x.ndim != 4 or x.dtype.kind not in "uif" or not np.isfinite(x).all():
        raise InvalidFileError(
            f"{str(path)!r}: {x_name} must be (n, channels, height, width) finite numbers, got {x.shape}."
        )
    if y.shape != (len(x),) or y.dtype.kind not in "ui" or (len(y) and y.min() < 0):
        raise InvalidFileError(f"{str(path)!r}: {y_name} must be ({len(x)},) labels from 0, got {y.dtype} {y.shape}.")
    if len(x) == 0:
        raise InvalidFileError(f"{str(path)!r} holds no image.")
    return x, y.astype(np.int64)


def read_folder(
    path: Path, size: tuple[int, ...], per_class: int | None = None
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Images ``(n, 3, *size)`` and labels ``(n,)`` of a folder with a folder of images for each class, in order of name.

    Raises:
        InvalidFileError: naming the file and what is wrong with it.
    """
    from PIL import Image

    images, labels = [], []
    for label, folder in enumerate(sorted(folder for folder in path.iterdir() if folder.is_dir())):
        files = [file for file in sorted(folder.iterdir()) if file.suffix.lower() in SUFFIXES]
        for file in files[:per_class]:
            try:
                with Image.open(file) as picture:
                    pixels = np.asarray(picture.convert("RGB").resize((size[1], size[0]), Image.Resampling.BILINEAR))
            except (OSError, ValueError) as error:
                raise InvalidFileError(f"{str(file)!r} is not an image that can be read: {error}") from error
            images.append(pixels.transpose(2, 0, 1))
            labels.append(label)
    if not images:
        raise InvalidFileError(f"{str(path)!r} must hold a folder for each class, with images in it.")
    return np.stack(images), np.array(labels, dtype=np.int64)
