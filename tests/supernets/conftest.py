"""A small data set, and what the supernets of all spaces are checked with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.testing import assert_close

from archcast.supernets.base import Supernet
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


@pytest.fixture(scope="session")
def as_trained() -> Callable[[Supernet], Supernet]:
    """Give scales and shifts the values of a training, so that a shift that is forgotten or doubled shows."""

    def change(net: Supernet) -> Supernet:
        generator = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for value in net.parameters():
                if value.ndim == 1:
                    value.add_(0.3 * torch.randn(value.shape, generator=generator))
        return net

    return change


@pytest.fixture(scope="session")
def check_paths() -> Callable[..., None]:
    """Assert that the paths of rows are the networks that a space builds of them, with the shared weights."""

    def check(net: Supernet, x: torch.Tensor, rows, task, rtol: float = 1e-4, atol: float = 1e-5, **options) -> None:
        for number, logits in net.paths(x, rows):
            alone = net.space.build(rows[number], task, **options).train()
            missing, unexpected = alone.load_state_dict(net.inherited(rows[number]), strict=False)
            assert not unexpected
            assert not [name for name in missing if name.endswith(("weight", "bias"))]
            assert_close(logits, alone(x), rtol=rtol, atol=atol, msg=str(rows[number]))

    return check
