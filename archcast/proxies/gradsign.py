"""GradSign: agreement of per-sample gradient signs."""

from __future__ import annotations

import torch
from torch import Tensor

from archcast.proxies.base import register

__all__ = ["gradsign"]


@register(
    "gradsign",
    summary="agreement of the signs of per-sample gradients",
    paper="Zhang & Jia 2022, https://arxiv.org/abs/2110.08616",
    recordings=("sign_sums",),
)
def gradsign(sums: list[Tensor]) -> float:
    """Sum over weights of |sum over samples of sign g|, g the gradient of the loss of one sample, which is a batch of
    its own.
    """
    return sum(float(total.abs().sum(dtype=torch.float64)) for total in sums)
