"""The batch that ``archcast score`` feeds to models: noise, real images with their labels, or arrays of any type as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidFileError, InvalidInputError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Arrays", "Data", "read_data"]

IMAGE = (3, 32, 32)
PER_CLASS = 64
"""Most images of a class that are read from a folder."""


class Data:
    """Real images with labels, or none: then images are N(0, 1) noise and labels are drawn uniformly.

    Args:
        name: as it was given.
        images: ``(n, c, h, w)`` float32, of mean 0 and variance 1, or ``None``.
        labels: ``(n,)``.
    """

    def __init__(self, name: str, images: NDArray[np.float32] | None = None, labels: NDArray[np.int64] | None = None):
        self.name, self.images, self.labels = name, images, labels

    @property
    def classes(self) -> int | None:
        """Number of classes of the labels."""
        return None if self.labels is None else int(self.labels.max()) + 1

    def batch(self, image: tuple[int, ...], size: int, outputs: int, seed: int) -> tuple[Tensor, Tensor]:
        """``(size, *image)`` images and their labels, resized and with channels repeated as need be.

        Raises:
            InvalidInputError: if a label has no output, or there are too few images.
        """
        import torch
        import torch.nn.functional as F

        generator = torch.Generator().manual_seed(seed)
        if self.images is None or self.labels is None:
            images = torch.randn(size, *image, generator=generator)
            return images, torch.randint(0, max(outputs, 2), (size,), generator=generator)
        if len(image) != 3:
            raise InvalidInputError(f"--data {self.name} holds images, but --input is {'x'.join(map(str, image))}.")
        if len(self.images) < size:
            raise InvalidInputError(f"--data {self.name}: {len(self.images)} images are fewer than a batch of {size}.")
        rows = torch.randperm(len(self.images), generator=generator)[:size]
        labels = torch.from_numpy(self.labels)[rows]
        if int(labels.max()) >= max(outputs, 2):  # one output tells 0 from 1
            raise InvalidInputError(
                f"--data {self.name} has the label {int(labels.max())}, but the model has {outputs} outputs. "
                f"Use --classes {self.classes}."
            )
        images = torch.from_numpy(self.images[rows.numpy()])
        if images.shape[1] != image[0]:
            images = images.mean(dim=1, keepdim=True).expand(-1, image[0], -1, -1)
        if tuple(images.shape[2:]) != image[1:]:
            images = F.interpolate(images, image[1:], mode="bilinear", align_corners=False, antialias=True)
        return images.contiguous(), labels


class Arrays:
    """Arrays of a file as they are: tokens, masks, sequences, images with a label for each pixel.

    Args:
        name: as it was given.
        arrays: name of an argument -> ``(n, ...)`` numbers; ``x`` alone is the first positional argument.
        labels: ``(n, ...)``, or ``None``.
    """

    def __init__(self, name: str, arrays: Mapping[str, NDArray[Any]], labels: NDArray[Any] | None) -> None:
        self.name, self.arrays, self.labels = name, arrays, labels

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def batch(
        self, size: int | None, usual: int, seed: int, names: Sequence[str] = (), axis: int = 0
    ) -> tuple[Any, Tensor | None]:
        """``size`` samples and their labels; if it is ``None``, ``usual`` ones, or as many as there are.

        Args:
            size, usual: number of samples.
            seed: of the choice of samples.
            names: of the arguments, if ``--input`` gave them; a single one is that of the array ``x``.
            axis: where the model takes the samples; they are on the first axis of the arrays.

        Raises:
            InvalidInputError: there are too few samples, or the names are others.
        """
        import torch

        n = len(self)
        if size is not None and size > n:
            raise InvalidInputError(f"--data {self.name}: {n} samples are fewer than a batch of {size}.")
        if names and set(names) != set(self.arrays) and not (len(names) == len(self.arrays) == 1):
            raise InvalidInputError(
                f"--data {self.name} has arrays {', '.join(self.arrays)}, but --input names {', '.join(names)}."
            )
        chosen = torch.randperm(n, generator=torch.Generator().manual_seed(seed))[: size or min(usual, n)].numpy()
        tensors = {key: _tensor(array[chosen]).movedim(0, axis) for key, array in self.arrays.items()}
        labels = None if self.labels is None else _tensor(self.labels[chosen])
        if labels is not None and labels.ndim > axis:
            labels = labels.movedim(0, axis)
        if names and len(tensors) == 1:
            return {names[0]: next(iter(tensors.values()))}, labels
        return (tensors["x"] if set(tensors) == {"x"} else tensors), labels


def _tensor(array: NDArray[Any]) -> Tensor:
    """Whole numbers as int64, others as float32, truth values as they are."""
    import torch

    kind = {"b": np.bool_, "u": np.int64, "i": np.int64, "f": np.float32}[array.dtype.kind]
    return torch.from_numpy(np.ascontiguousarray(array, dtype=kind))


def read_data(text: str, image: tuple[int, ...] | None) -> Data | Arrays:
    """``noise``, ``digits`` (real 8x8 images of scikit-learn), a folder with a folder of images for each class, or an ``.npz``
    file: images ``x`` with a label each, ``y``; or arrays of any type, one for each argument of the model, ``y`` the labels.

    Raises:
        InvalidFileError: naming the file and what is wrong with it.
    """
    if text == "noise":
        return Data(text)
    if text == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        return Data(text, _standardised(digits.images[:, None]), digits.target.astype(np.int64))
    from archcast import files
    from archcast.training.datasets import read_arrays, read_folder

    path = Path(text)
    if path.is_dir():
        images, labels = read_folder(path, (image or IMAGE)[-2:], PER_CLASS)
    elif path.suffix == ".npz" and path.is_file():
        arrays = files.read_arrays(path)
        if not _are_images(arrays, image):
            return _arrays(text, arrays)
        images, labels = read_arrays(path)
    else:
        raise InvalidFileError(f"--data {text!r} is not noise, digits, a folder of images or a .npz file.")
    return Data(text, _standardised(images), labels)


def _are_images(arrays: Mapping[str, NDArray[Any]], image: tuple[int, ...] | None) -> bool:
    """Whether a file holds images with a label each: they are standardised, and resized to what the model takes."""
    if not {"x", "y"} <= set(arrays) or (image is not None and len(image) != 3):
        return False
    x, y = arrays["x"], arrays["y"]
    return x.ndim in (3, 4) and x.dtype.kind in "uif" and y.shape == x.shape[:1] and y.dtype.kind in "ui"


def _arrays(text: str, arrays: dict[str, NDArray[Any]]) -> Arrays:
    labels = arrays.pop("y", None)
    everything = {**arrays, **({} if labels is None else {"y": labels})}
    shown = ", ".join(f"{key} {array.dtype} {array.shape}" for key, array in everything.items()) or "none"
    if not arrays:
        raise InvalidFileError(
            f"--data {text!r} needs an array x, or one for each argument of the model; it has {shown}."
        )
    if any(array.dtype.kind not in "buif" or array.ndim == 0 for array in everything.values()):
        raise InvalidFileError(f"--data {text!r}: arrays must hold numbers, a row for each sample; it has {shown}.")
    if len({len(array) for array in everything.values()}) > 1 or not len(next(iter(arrays.values()))):
        raise InvalidFileError(f"--data {text!r}: all arrays must have as many rows, at least one; it has {shown}.")
    if not all(np.isfinite(array).all() for array in everything.values()):
        raise InvalidFileError(f"--data {text!r}: an array holds a value that is not a finite number; it has {shown}.")
    return Arrays(text, arrays, labels)


def _standardised(images: NDArray[Any]) -> NDArray[np.float32]:
    images = images.astype(np.float32)
    spread = images.std()
    return (images - images.mean()) / (spread if spread > 0 else 1)
