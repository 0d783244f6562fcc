"""Networks that give each architecture a power law: the ensemble of ``dpl``.

Not imported before a network is needed, because it imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import silu, softplus

from archcast.predictors.networks import (
    Arrays,
    BatchedLinear,
    arrays_of,
    in_chunks,
    private_random_stream,
    single,
    train,
    with_arrays,
)

__all__ = ["PowerLaws", "coefficients", "learn"]


class PowerLaws(nn.Module):
    """``m`` feed-forward networks from features ``(n, k)`` to the coefficients of power laws ``(m, n, 3)``.

    The curve is ``y(b) = a - c b^-g`` at epoch b, with ``c`` and ``g`` positive.

    Args:
        members: number of networks.
        widths: number of features, then of units in each hidden layer.
    """

    def __init__(self, members: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(BatchedLinear(members, a, b) for a, b in pairwise(widths))
        self.output = BatchedLinear(members, widths[-1], 3, gain=0.3)

    def forward(self, x: Tensor) -> Tensor:
        """Coefficients a, c, g."""
        h = x[None]
        for layer in self.hidden:
            h = silu(layer(h))
        a, c, g = self.output(h).unbind(-1)
        return torch.stack([0.6 + a, softplus(c), softplus(g)], dim=-1)


def learn(
    inputs: NDArray[np.float64],
    curves: NDArray[np.float64],
    *,
    rng: np.random.Generator,
    seen: NDArray[np.bool_],
    hidden: Sequence[int],
    epochs: int,
    learning_rate: float,
    weight_decay: float,
) -> Arrays:
    """Weights of networks trained by the mean absolute error over all known epochs of ``(n, T)`` curves on [0, 1].

    Args:
        seen: ``(m, n)``, whether the member sees the row.
    """
    x, y = single(inputs), single(np.nan_to_num(curves))
    known, w = single(np.isfinite(curves)), single(seen)
    budgets = torch.arange(1, y.shape[1] + 1, dtype=torch.float32).log()
    with private_random_stream(rng):
        module = PowerLaws(len(seen), [x.shape[1], *hidden])

        def loss(rows: Tensor) -> Tensor:
            a, c, g = module(x[rows]).unbind(-1)
            found = a[..., None] - c[..., None] * (-g[..., None] * budgets).exp()
            weights = known[rows] * w[:, rows, None]
            errors = ((found - y[rows]).abs() * weights).sum(dim=(1, 2)) / weights.sum(dim=(1, 2)).clamp_min(1)
            return errors.sum()

        train(module, loss, len(x), epochs=epochs, learning_rate=learning_rate, weight_decay=weight_decay)
    return arrays_of(module)


def coefficients(arrays: Arrays, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(m, n, 3)`` coefficients."""
    weights = [arrays[f"hidden.{i}.weight"] for i in range((len(arrays) - 2) // 2)]
    widths = [weights[0].shape[1], *(w.shape[2] for w in weights)]
    module = with_arrays(lambda: PowerLaws(len(weights[0]), widths), arrays)
    return in_chunks(lambda rows: module(torch.from_numpy(rows)), inputs)
