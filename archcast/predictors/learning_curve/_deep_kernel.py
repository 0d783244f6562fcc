"""A Gaussian process on what a network makes of architecture, curve and budget: the deep kernel of ``dyhpo``.

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
    arrays_of,
    in_chunks,
    one_thread,
    private_random_stream,
    single,
    train,
    with_arrays,
)

__all__ = ["DeepKernel", "embedded", "hyperparameters", "learn"]

CHANNELS, DIMENSIONS = 4, 10
"""Of the convolution over the curve, and of what the kernel sees."""
LEAST_NOISE = 1e-3
"""Variance of the noise, at least, of targets of variance 1."""


class DeepKernel(nn.Module):
    """Features, curve and budgets of ``n`` rows to ``(n, 10)`` points, on which a squared exponential kernel is a Gaussian process.

    Args:
        features: number of features ``k``.
        hidden: units of each hidden layer.
    """

    def __init__(self, features: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(1, CHANNELS, 3, padding=1)
        widths = [features + CHANNELS + 2, *hidden]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.output = nn.Linear(widths[-1], DIMENSIONS)
        # "bias" in the names: training does not decay them
        self.bias_scale = nn.Parameter(torch.zeros(()))
        self.bias_noise = nn.Parameter(torch.tensor(-2.0))

    def forward(self, x: Tensor, curves: Tensor, budgets: Tensor) -> Tensor:
        """Points.

        Args:
            x: ``(n, k)`` features of the architectures.
            curves: ``(n, T)`` curves so far on [0, 1], 0 from there on.
            budgets: ``(n, 2)`` epochs seen and epoch asked for, over T.
        """
        shape = torch.relu(self.convolution(curves[:, None])).amax(dim=2)
        h = torch.cat([x, shape, budgets], dim=1)
        for layer in self.hidden:
            h = silu(layer(h))
        return self.output(h)

    def loss(self, points: Tensor, targets: Tensor) -> Tensor:
        """Negative log marginal likelihood a row of ``(n,)`` targets, up to a constant."""
        covariance = self.bias_scale.exp() * (-torch.cdist(points, points).square() / 2).exp()
        covariance = covariance + (self.bias_noise.exp() + LEAST_NOISE) * torch.eye(len(targets))
        factor = torch.linalg.cholesky(covariance)
        solved = torch.cholesky_solve(targets[:, None], factor)[:, 0]
        return ((targets * solved).sum() / 2 + factor.diagonal().log().sum()) / len(targets)


Inputs = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def learn(
    inputs: Inputs,
    targets: NDArray[np.float64],
    *,
    rng: np.random.Generator,
    hidden: Sequence[int],
    steps: int,
    learning_rate: float,
    weight_decay: float,
) -> Arrays:
    """Network and hyperparameters that maximise the marginal likelihood of ``(n,)`` standardised targets."""
    x, curves, budgets = (single(part) for part in inputs)
    t = single(targets)
    with private_random_stream(rng):
        module = DeepKernel(x.shape[1], hidden)
        train(
            module,
            lambda rows: module.loss(module(x[rows], curves[rows], budgets[rows]), t[rows]),
            len(t),
            epochs=steps,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            batch_size=len(t),
        )
    return arrays_of(module)


def embedded(arrays: Arrays, inputs: Inputs) -> NDArray[np.float64]:
    """``(n, 10)`` points of the kernel."""
    module = _rebuilt(arrays)
    x, curves, budgets = (torch.from_numpy(np.array(part, dtype=np.float64)) for part in inputs)
    with one_thread():
        points = in_chunks(lambda rows: module(x[rows], curves[rows], budgets[rows])[None], np.arange(len(x)))
    return np.asarray(points[0])


def hyperparameters(arrays: Arrays) -> tuple[float, float]:
    """Variance of the process and of the noise."""
    return float(np.exp(arrays["bias_scale"])), float(np.exp(arrays["bias_noise"])) + LEAST_NOISE


def _rebuilt(arrays: Arrays) -> DeepKernel:
    weights = [arrays[f"hidden.{i}.weight"] for i in range(sum(name.startswith("hidden") for name in arrays) // 2)]
    features = weights[0].shape[1] - CHANNELS - 2
    return with_arrays(lambda: DeepKernel(features, [len(weight) for weight in weights]), arrays)
