"""Regimes that train the whole supernet at once, with all operations or with those that a dropout leaves."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Regime, Settings

__all__ = ["Dropped", "kept_weights"]


def kept_weights(kept: NDArray[np.bool_]) -> Tensor:
    """``(d, c)`` bool -> weights: at every decision the mean of the operations that are kept."""
    return torch.from_numpy(kept / np.maximum(kept.sum(axis=1, keepdims=True), 1)).float()


class Dropped(Regime):
    """Each ghost batch drops every operation with probability p, and trains what is left.

    Args:
        rate: p of a step at which so much of the training is over is ``rate`` times the rise.
        scheduled: whether p rises linearly from 0 at the start; else it is constant.
        ghosts: equal parts of a batch, each with its own dropout and its own batch statistics.
    """

    def __init__(self, net: Supernet, settings: Settings, seed: int, rate: float, scheduled: bool, ghosts: int) -> None:
        super().__init__(net, settings, seed)
        self.rate, self.scheduled, self.ghosts = rate, scheduled, ghosts

    def probability(self, progress: float) -> float:
        """p when so much of the training is over."""
        return self.rate * progress if self.scheduled else self.rate

    def kept(self, p: float, rng: np.random.Generator) -> NDArray[np.bool_]:
        """``(d, c)`` the operations of a ghost batch; drawn again where nothing would reach the output."""
        decisions, choices = self.net.mixed_shape
        while True:
            kept = rng.random((decisions, choices)) >= p
            if self.net.mixes_something(kept):
                return kept

    def step(self, batch: Batch) -> Tensor:
        p = self.probability(batch.progress)
        count = max(1, min(self.ghosts, len(batch.y) // 2))
        total: Tensor | None = None
        for x, y in zip(batch.x.tensor_split(count), batch.y.tensor_split(count), strict=True):
            weights = kept_weights(self.kept(p, batch.rng)).to(x.device)
            loss = self.loss(self.net.mixture(x, weights), y) * (len(y) / len(batch.y))
            total = loss if total is None else total + loss
        assert total is not None
        return self.descend(batch, total)
