"""Feed-forward networks, one or an ensemble trained at once: what ``mlp``, ``bananas`` and ``dngo`` share.

Not imported before a network is needed, because it imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import silu

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
from archcast.predictors.neural.losses import Loss

__all__ = ["BatchedMLP", "basis", "inputs_of", "learn", "outputs"]

NORM = 4.0
"""Euclidean norm of a typical input row, however many features there are: more of it fits wigglier functions."""


class BatchedMLP(nn.Module):
    """``m`` feed-forward networks with the activation ``x * sigmoid(x)``: ``(n, inputs) -> (m, n)``.

    Args:
        members: number of networks ``m``.
        widths: number of features, then of units in each hidden layer.
    """

    def __init__(self, members: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(BatchedLinear(members, a, b) for a, b in pairwise(widths))
        self.output = BatchedLinear(members, widths[-1], 1)

    def basis(self, x: Tensor) -> Tensor:
        """Activations of the last hidden layer, ``(m, n, widths[-1])``."""
        h = x[None]
        for layer in self.hidden:
            h = silu(layer(h))
        return h

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.basis(x))[..., 0]


def inputs_of(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(n, k)`` standardised features scaled to the norm that the networks are tuned for."""
    return features * (NORM / np.sqrt(features.shape[1]))


def learn(
    inputs: NDArray[np.float64],
    targets: NDArray[np.float64],
    loss: Loss,
    *,
    rng: np.random.Generator,
    members: int,
    hidden: Sequence[int],
    epochs: int,
    learning_rate: float,
    weight_decay: float,
    weights: NDArray[np.float64] | None = None,
) -> Arrays:
    """Weights of ``members`` networks trained on ``(n, k)`` inputs and ``(n,)`` targets.

    Args:
        loss: of ``(m, b)`` outputs, ``(b,)`` targets and ``(m, b)`` weights of the rows of a batch, ``(m,)``.
        weights: ``(m, n)`` of the rows in the loss, for each member its own; equal by default.
    """
    x, t, w = single(inputs), single(targets), single(np.ones((members, len(targets))) if weights is None else weights)
    with private_random_stream(rng):
        module = BatchedMLP(members, [inputs.shape[1], *hidden])
        train(
            module,
            lambda rows: loss(module(x[rows]), t[rows], w[:, rows]).sum(),
            len(t),
            epochs=epochs,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
        )
    return arrays_of(module)


def outputs(arrays: Arrays, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(m, n)`` outputs of the networks."""
    module = _rebuilt(arrays)
    return in_chunks(lambda rows: module(torch.from_numpy(rows)), inputs)


def basis(arrays: Arrays, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(n, m * width)`` last hidden activations of all networks side by side."""
    module = _rebuilt(arrays)
    return np.concatenate(in_chunks(lambda rows: module.basis(torch.from_numpy(rows)), inputs), axis=1)


def _rebuilt(arrays: Arrays) -> BatchedMLP:
    weights = [arrays[f"hidden.{i}.weight"] for i in range((len(arrays) - 2) // 2)]
    members, inputs = arrays["output.weight"].shape[0], (weights[0] if weights else arrays["output.weight"]).shape[1]
    return with_arrays(lambda: BatchedMLP(members, [inputs, *(w.shape[2] for w in weights)]), arrays)
