"""A small data set."""

from __future__ import annotations

import pytest
import torch

from archcast.training.datasets import Augmentation, Dataset


@pytest.fixture(scope="session")
def few_images() -> Dataset:
    """Forty images of four classes, eight of them held out; each class is a stripe of its own."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(48) % 4
    images = 0.5 * torch.randn(48, 1, 8, 8, generator=generator)
    for k in range(4):
        images[labels == k, :, 2 * k : 2 * k + 2] += 1.5
    change = Augmentation(noise=0.1)
    return Dataset(
        "stripes", (images[:32], labels[:32]), (images[32:40], labels[32:40]), (images[40:], labels[40:]), 4, change
    )
