"""A toy supernet whose losses and gradients are known in closed form."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from archcast.spaces.base import get_space
from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Settings


class Toy(Supernet):
    """The output for x is x sum_e sum_o weights[e, o] v[e, o], with v the only weights: six decisions of five choices."""

    edge_ends = (1, 2, 2, 3, 3, 3)
    skips, nones = (1,), (0,)

    def __init__(self) -> None:
        super().__init__(get_space("nasbench201"))
        generator = torch.Generator().manual_seed(3)
        self.v = nn.Parameter(0.3 * torch.randn(6, 5, generator=generator, dtype=torch.float64))

    def mixture(self, x, weights, active=None, scales=None):
        v = self.v if active is None else self.v * torch.from_numpy(np.asarray(active))
        terms = (torch.stack(list(weights)) * v).sum(dim=1)
        return x * (terms if scales is None else scales * terms).sum()

    def paths(self, x: Tensor, rows) -> Iterator[tuple[int, Tensor]]:
        for number, row in enumerate(rows):
            yield number, x * self.v[torch.arange(6), torch.from_numpy(row)].sum()

    def forward(self, x, row):
        return next(self.paths(x, [row]))[1]  # x is no batch of images

    def inherited(self, row):
        return {}

    def has_path(self, rows):
        return np.ones(len(rows), dtype=bool)

    def mixes_something(self, active):
        return True


def half_squares(outputs: Tensor, targets: Tensor) -> Tensor:
    """The toy's loss: mean of (output - target)^2 / 2."""
    return (outputs - targets).square().mean() / 2


@pytest.fixture
def toy():
    return Toy()


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    x, y, u, z = torch.randn(4, 8, generator=generator, dtype=torch.float64)
    return Batch(x, y, (u, z), 0.5, 0.1, 5, 10, torch.Generator().manual_seed(2), np.random.default_rng(2))


@pytest.fixture
def made(toy):
    """A function that makes a regime around the toy, in double precision."""

    def make(kind, *arguments):
        regime = kind(toy, Settings(learning_rate=0.1, momentum=0.0, weight_decay=0.0), 0, *arguments).double()
        regime.loss = half_squares
        regime.start()
        return regime

    return make
