"""Mixtures: rows whose integers became probabilities, and the distributions that methods draw them from.

A mixture of ``d`` decisions is a sequence of ``d`` simplices, one a decision: a ``(d, c)`` tensor where all decisions have
``c`` choices. An architecture is the mixture of ones and zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

__all__ = ["Mixture", "dirichlet", "gumbel", "gumbel_softmax", "one_hot", "straight_through"]

Mixture = Sequence[Tensor] | Tensor
"""One simplex a decision."""


def one_hot(row: ArrayLike, cardinalities: Sequence[int]) -> list[Tensor]:
    """The mixture of one architecture.

    Examples:
        >>> [part.tolist() for part in one_hot([1, 0], (3, 2))]
        [[0.0, 1.0, 0.0], [1.0, 0.0]]
    """
    return [torch.eye(c)[int(value)] for value, c in zip(np.asarray(row).tolist(), cardinalities, strict=True)]


def gumbel(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Standard Gumbel numbers, -log(-log u): mean .5772, variance pi^2 / 6. The argmax of log p + g is a draw from p."""
    uniform = torch.rand(*shape, generator=generator).clamp(1e-10, 1 - 1e-7)
    return -torch.log(-torch.log(uniform))


def gumbel_softmax(log_probabilities: Tensor, temperature: float, noise: Tensor) -> Tensor:
    """softmax((log p + g) / T) along the last axis (Maddison et al. 2017, https://arxiv.org/abs/1611.00712; Jang et al. 2017,
    https://arxiv.org/abs/1611.01144)."""
    return torch.softmax((log_probabilities + noise.to(log_probabilities)) / temperature, dim=-1)


def straight_through(soft: Tensor) -> Tensor:
    """One-hot at the largest entry going forward, ``soft`` going backward."""
    hard = torch.zeros_like(soft).scatter_(-1, soft.argmax(dim=-1, keepdim=True), 1.0)
    return hard - soft.detach() + soft


def dirichlet(concentration: Tensor, generator: torch.Generator) -> Tensor:
    """A draw from Dir(concentration) along the last axis; gradients are pathwise (implicit reparameterisation, Figurnov et
    al. 2018, https://arxiv.org/abs/1805.08498, as PyTorch has it).

    The draw itself is made of gamma numbers of numpy, so that it depends on ``generator`` alone.
    """
    seed = int(torch.randint(2**62, (1,), generator=generator))
    shape = concentration.detach().cpu().double().numpy()
    # gamma(a) = gamma(a + 1) u^(1/a) in logarithms, so that small concentrations do not vanish
    rng = np.random.default_rng(seed)
    logs = np.log(rng.standard_gamma(shape + 1)) + np.log(rng.uniform(1e-300, 1.0, shape.shape)) / shape
    logs -= logs.max(axis=-1, keepdims=True)
    draw = np.exp(logs) / np.exp(logs).sum(axis=-1, keepdims=True)
    value = torch.from_numpy(np.clip(draw, 1e-12, None)).to(concentration)
    value = value / value.sum(dim=-1, keepdim=True)
    return _Dirichlet.apply(value, concentration)  # type: ignore[no-untyped-call]


class _Dirichlet(torch.autograd.Function):
    """A draw as a differentiable function of its concentration."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, value: Tensor, concentration: Tensor) -> Tensor:
        ctx.save_for_backward(value, concentration)
        return value.clone()

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> tuple[None, Tensor]:
        value, concentration = ctx.saved_tensors  # type: ignore[attr-defined]
        total = concentration.sum(dim=-1, keepdim=True).expand_as(concentration)
        slope = torch._dirichlet_grad(value, concentration, total)
        return None, slope * (grad - (value * grad).sum(dim=-1, keepdim=True))
