"""SMASH's regime and its hypernetwork."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from archcast.errors import InvalidInputError
from archcast.predictors.one_shot._paths import SampledPaths
from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Settings
from archcast.supernets.queries import Answers, answers_of
from archcast.torch_state import seeded

__all__ = ["Written"]


class _Reading(nn.Module):
    """A supernet that is given its kernels anew for every row; what :func:`answers_of` needs of a supernet."""

    def __init__(self, regime: Written) -> None:
        super().__init__()
        self.regime = regime

    def calibrated_by(self, images: int | None) -> Any:
        return self.regime.net.calibrated_by(images)

    def paths(self, x: Tensor, rows: NDArray[np.int64]) -> Any:
        for number, row in enumerate(rows):
            yield number, self.regime.logits(x, row)


class Written(SampledPaths):
    """One random path a batch; a hypernetwork adds to the kernels what the row calls for."""

    def __init__(self, net: Supernet, settings: Settings, seed: int, sampling: str, hidden: int) -> None:
        super().__init__(net, settings, seed, sampling, 1)
        self.hidden = hidden
        kernels = {name: value for name, value in net.named_parameters() if ".edges." in name and value.ndim == 4}
        if not kernels:
            raise InvalidInputError(
                f"SMASH writes the kernels of edges, and the supernet of space {net.space.name!r} has none: take another method."
            )
        with seeded(seed):
            self.first = nn.Linear(sum(net.cardinalities), hidden)
            self.writers = nn.ModuleDict(
                {
                    name.replace(".", "-"): nn.Linear(hidden, value.numel(), bias=False)
                    for name, value in kernels.items()
                }
            )
        with torch.no_grad():
            for value in self.writers.parameters():
                value.mul_(0.1)

    def start(self) -> None:
        super().start()
        self.optimizers["weights"].add_param_group({"params": [*self.first.parameters(), *self.writers.parameters()]})

    def logits(self, x: Tensor, row: NDArray[np.int64]) -> Tensor:
        """Logits ``(b, classes)`` of one row with the kernels that the hypernetwork writes for it."""
        parts = [np.eye(c, dtype=np.float32)[value] for c, value in zip(self.net.cardinalities, row.tolist())]
        code = torch.tanh(self.first(torch.from_numpy(np.concatenate(parts)).to(x.device)))
        written = {}
        for name, value in self.net.named_parameters():
            key = name.replace(".", "-")
            if key in self.writers and self.net.takes(name, row):
                written[name] = value + self.writers[key](code).reshape(value.shape)
        return functional_call(self.net, written, (x, row))

    def step(self, batch: Batch) -> Tensor:
        return self.descend(batch, self.loss(self.logits(batch.x, self.rows(batch)[0]), batch.y))

    def evaluate(self, rows: NDArray[np.int64], x: Tensor, y: Tensor, **rest: Any) -> Answers:
        return answers_of(_Reading(self), rows, x, y, **rest)
