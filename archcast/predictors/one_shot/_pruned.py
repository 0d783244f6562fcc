"""Regimes whose edges lose operations while they train."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archcast.predictors.one_shot._mixed import Mixed, annealed
from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Settings

__all__ = ["Annealed", "Staged"]


class _Pruned(Mixed):
    """``left`` ``(decisions, choices)`` says which operations are there yet."""

    left: Tensor

    def __init__(self, net: Supernet, settings: Settings, seed: int, alpha_rate: float) -> None:
        super().__init__(net, settings, seed, alpha_rate)
        self.register_buffer("left", torch.ones(*self.alpha.shape))

    def softmax(self, temperature: float = 1.0) -> Tensor:
        """Over what is left."""
        return torch.softmax((self.alpha / temperature).masked_fill(self.left == 0, -math.inf), dim=1)

    def probabilities(self) -> Tensor:
        return self.softmax()

    def mixture(self, batch: Batch) -> tuple[Tensor, NDArray[np.bool_] | None]:
        return self.probabilities(), self.left.cpu().numpy() > 0


class Annealed(_Pruned):
    """ASAP: softmax(alpha / T), pruned where it is below a threshold."""

    temperature: Tensor

    def __init__(
        self,
        net: Supernet,
        settings: Settings,
        seed: int,
        alpha_rate: float,
        threshold: float,
        first: float,
        last: float,
    ) -> None:
        super().__init__(net, settings, seed, alpha_rate)
        self.threshold, self.first, self.last = threshold, first, last
        self.register_buffer("temperature", torch.tensor(float(first)))

    def probabilities(self) -> Tensor:
        return self.softmax(float(self.temperature))

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        if epoch:
            self.prune()
        self.temperature.fill_(annealed(self.first, self.last, epoch / max(epochs - 1, 1)))

    @torch.no_grad()
    def prune(self) -> None:
        """Take away what is below the threshold, but the best of each decision, and no more than leaves a path."""
        p = self.probabilities()
        keep = (p >= self.threshold / p.shape[1]) | (p == p.max(dim=1, keepdim=True).values)
        left = self.left * keep.to(self.left)
        if self.net.mixes_something(left.cpu().numpy() > 0):
            self.left.copy_(left)


class Staged(_Pruned):
    """P-DARTS: stages that keep fewer operations, dropout on skips, and few skips in the derived row.

    Args:
        keep: operations of each decision, by stage.
        skip_dropout: rate at the start of a stage.
        most_skips: of the derived row.
    """

    def __init__(
        self,
        net: Supernet,
        settings: Settings,
        seed: int,
        alpha_rate: float,
        keep: tuple[int, ...],
        skip_dropout: float,
        most_skips: int,
    ) -> None:
        super().__init__(net, settings, seed, alpha_rate)
        self.keep, self.skip_dropout, self.most_skips = keep, skip_dropout, most_skips

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        starts = [len(self.keep) * epoch // epochs, len(self.keep) * (epoch - 1) // epochs]
        if epoch and starts[0] != starts[1]:
            self.narrow(self.keep[starts[0]])

    @torch.no_grad()
    def narrow(self, count: int) -> None:
        """Keep the ``count`` operations of largest alpha of each decision, and begin alpha anew."""
        order = self.probabilities().argsort(dim=1, descending=True)[:, : min(count, self.alpha.shape[1])]
        left = torch.zeros_like(self.left).scatter_(1, order, 1.0)
        if self.net.mixes_something(left.cpu().numpy() > 0):
            self.left.copy_(left)
        self.alpha.zero_()
        self.optimizers["alpha"].state.clear()

    def mixture(self, batch: Batch) -> tuple[Tensor, NDArray[np.bool_] | None]:
        active = self.left.cpu().numpy() > 0
        rate = self.skip_dropout * (1 - (len(self.keep) * batch.progress) % 1)
        dropped = np.zeros_like(active)
        for skip in self.net.skips:
            dropped[:, skip] = batch.rng.random(len(active)) < rate
        if self.net.mixes_something(active & ~dropped):
            active = active & ~dropped
        return self.probabilities(), active

    def derived(self) -> NDArray[np.int64]:
        weights = self.final_weights().cpu().double().numpy()
        weights[:, list(self.net.nones)] = -1.0
        while True:
            chosen = weights.argmax(axis=1)
            skipping = np.flatnonzero(np.isin(chosen, self.net.skips))
            if len(skipping) <= self.most_skips:
                return self.net.discretised(weights)
            weakest = skipping[weights[skipping, chosen[skipping]].argmin()]
            weights[weakest, list(self.net.skips)] = -2.0
