"""What a supernet says after every epoch of its training: the figures of Bender et al. (2018) and of Zela et al. (2020)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archcast.supernets.queries import largest_curvature

__all__ = ["Diary"]

IMAGES = 108
"""Most images that the eigenvalue is computed from."""
STEPS = 12
"""Most iterations of the eigenvalue."""


class Diary:
    """Notes of some architectures and, where a mixture is learnt, of the mixture.

    Args:
        rows: ``(n, d)`` architectures that are scored after every epoch.
        x, y: held-out images ``(b, c, h, w)`` and labels ``(b,)`` that answer.

    Attributes:
        entries: one for each epoch, by name: ``loss`` and ``accuracy`` ``(n,)`` of the rows with inherited weights; where a mixture
            is learnt also ``weights`` ``(decisions, choices)``, ``derived`` ``(d,)``, the row that it becomes, ``mixture_loss``
            and ``derived_loss`` in nats (their difference is the discretisation gap), and ``eigenvalue``, the one of largest
            size of the Hessian of the mixture's loss in alpha.
    """

    def __init__(self, rows: NDArray[np.int64], x: Tensor, y: Tensor) -> None:
        self.rows, self.x, self.y = rows, x, y
        self.entries: list[dict[str, NDArray[np.float64]]] = []

    def note(self, regime: Any) -> None:
        """Add an entry on a :class:`~archcast.supernets.loop.Regime`."""
        device = next(regime.net.parameters()).device
        x, y = self.x.to(device), self.y.to(device)
        answers = regime.evaluate(self.rows, x, y)
        entry = {"loss": answers.loss, "accuracy": answers.accuracy}
        if regime.learns_weights:
            weights, derived = regime.final_weights().detach(), regime.derived()
            with torch.no_grad():
                mixture = float(regime.loss(regime.net.mixture(x, weights), y))
            alone = regime.evaluate(derived[None], x, y).loss[0]
            entry |= {"weights": weights.cpu().double().numpy(), "derived": derived.astype(np.float64)}
            entry |= {"mixture_loss": np.array(mixture), "derived_loss": np.array(alone)}
            entry["eigenvalue"] = np.array(self._eigenvalue(regime, x[:IMAGES], y[:IMAGES]))
        self.entries.append(entry)

    @staticmethod
    def _eigenvalue(regime: Any, x: Tensor, y: Tensor) -> float:
        """NaN where no logits are learnt."""
        alpha = getattr(regime, "alpha", None)
        if not isinstance(alpha, Tensor) or not hasattr(regime, "probabilities"):
            return float("nan")
        with torch.enable_grad():
            loss = regime.loss(regime.net.mixture(x, regime.probabilities()), y)
            return largest_curvature(loss, alpha, steps=STEPS, tolerance=1e-2)

    def stacked(self) -> dict[str, NDArray[np.float64]]:
        """Name -> ``(epochs, ...)``."""
        names = self.entries[0] if self.entries else {}
        return {name: np.stack([entry[name] for entry in self.entries]) for name in names}
