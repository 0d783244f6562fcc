"""The Bayesian neural network of ``bohamiann``: a feed-forward network whose weights are one flat vector.

Not imported before a network is needed, because it imports torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import silu

from archcast.predictors.networks import in_chunks, one_thread, private_random_stream, single
from archcast.predictors.neural._sghmc import sample

__all__ = ["forward", "learn", "outputs", "potential", "size"]

GAIN = math.sqrt(2)
"""Weights are ``GAIN / sqrt(inputs)`` times their coordinate, so that under the prior signals keep their size."""
NOISE_SHAPE, NOISE_RATE = 2.0, 0.1
"""Gamma prior of the noise precision: the mean of the noise variance is .1, a tenth of that of the targets."""


def size(widths: Sequence[int]) -> int:
    """Number of coordinates of a network of these widths with one output."""
    return sum((a + 1) * b for a, b in pairwise([*widths, 1]))


def forward(theta: Tensor, x: Tensor, widths: Sequence[int]) -> Tensor:
    """``(c, p)`` networks on ``(n, widths[0])`` inputs: ``(c, n)`` outputs."""
    h, start = x.expand(len(theta), -1, -1), 0
    for inputs, units in pairwise([*widths, 1]):
        h = silu(h) if start else h
        stop = start + inputs * units
        weight, bias = theta[:, start:stop].view(-1, inputs, units), theta[:, None, stop : stop + units]
        h = torch.baddbmm(bias, h, weight * (GAIN / math.sqrt(inputs)))
        start = stop + units
    return h[..., 0]


def potential(theta: Tensor, x: Tensor, targets: Tensor, widths: Sequence[int]) -> Tensor:
    """``(c,)`` negative log posterior of ``(c, p)`` networks up to a constant, noise precision integrated out."""
    error = (forward(theta, x, widths) - targets).square().sum(dim=1) / 2
    return (NOISE_SHAPE + len(targets) / 2) * (NOISE_RATE + error).log() + theta.square().sum(dim=1) / 2


def learn(
    inputs: NDArray[np.float64],
    targets: NDArray[np.float64],
    widths: Sequence[int],
    *,
    rng: np.random.Generator,
    chains: int,
    burn_in: int,
    draws: int,
    thinning: int,
    step_size: float,
) -> tuple[NDArray[np.float32], float]:
    """Sampled weights ``(draws * chains, p)`` and the posterior mean of the noise variance."""
    x, t = single(inputs), single(targets)
    with private_random_stream(rng), one_thread():
        theta = sample(
            lambda theta: potential(theta, x, t, widths),
            torch.randn(chains, size(widths)) / 2,
            burn_in=burn_in,
            draws=draws,
            thinning=thinning,
            step_size=step_size,
        ).flatten(0, 1)
    error = (forward(theta, x, widths) - t).square().sum(dim=1) / 2
    noise = (NOISE_RATE + error) / (NOISE_SHAPE + len(t) / 2 - 1)
    return theta.cpu().numpy(), float(noise.mean())


def outputs(samples: NDArray[np.float32], widths: Sequence[int], inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(s, n)`` outputs of the sampled networks."""
    theta = torch.from_numpy(np.array(samples, dtype=np.float64))
    return in_chunks(lambda rows: forward(theta, torch.from_numpy(rows), widths), inputs)
