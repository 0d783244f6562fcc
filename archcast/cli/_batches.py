"""The batch that ``archcast score`` feeds to models: noise, or real images with their labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidFileError, InvalidInputError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Data", "read_data"]

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


def read_data(text: str, image: tuple[int, ...] | None) -> Data:
    """``noise``, ``digits`` (real 8x8 images of scikit-learn), a folder with a folder of images for each class, or a
    file with arrays ``x`` and ``y``.

    Raises:
        InvalidFileError: naming the file and what is wrong with it.
    """
    if text == "noise":
        return Data(text)
    if text == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        return Data(text, _standardised(digits.images[:, None]), digits.target.astype(np.int64))
    from archcast.training.datasets import read_arrays, read_folder

    path = Path(text)
    if path.is_dir():
        images, labels = read_folder(path, (image or IMAGE)[-2:], PER_CLASS)
    elif path.suffix == ".npz" and path.is_file():
        images, labels = read_arrays(path)
    else:
        raise InvalidFileError(f"--data {text!r} is not noise, digits, a folder of images or a .npz file.")
    return Data(text, _standardised(images), labels)


def _standardised(images: NDArray[Any]) -> NDArray[np.float32]:
    images = images.astype(np.float32)
    spread = images.std()
    return (images - images.mean()) / (spread if spread > 0 else 1)
