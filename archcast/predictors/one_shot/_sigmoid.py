"""The regime of sigmoid gates."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archcast.predictors.one_shot._mixed import Mixed, annealed
from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Settings

__all__ = ["SigmoidGates"]


class SigmoidGates(Mixed):
    """Gates sigmoid(alpha / T), T from ``first`` to ``last``."""

    def __init__(
        self, net: Supernet, settings: Settings, seed: int, alpha_rate: float, first: float, last: float
    ) -> None:
        super().__init__(net, settings, seed, alpha_rate)
        self.first, self.last = first, last

    def mixture(self, batch: Batch) -> tuple[Tensor, NDArray[np.bool_] | None]:
        return torch.sigmoid(self.alpha / annealed(self.first, self.last, batch.progress)), None

    def probabilities(self) -> Tensor:
        """The gates of the last temperature, divided by their sum."""
        gates = torch.sigmoid(self.alpha / self.last).clamp_min(1e-12)
        return gates / gates.sum(dim=1, keepdim=True)
