"""Regularised SWAP-Score."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from archcast.proxies.base import ProxyFailure, register

__all__ = ["swap_reg"]


@register(
    "swap_reg",
    summary="swap times a bell curve over the number of parameters",
    paper="Peng et al. 2024, https://arxiv.org/abs/2403.04161",
    recordings=(
        "patterns",
        "parameters",
    ),
)
def swap_reg(
    patterns: float, parameters: Mapping[str, Tensor], *, mu: float = 2000.0, sigma: float = 2_000_000.0
) -> float:
    """``swap`` times exp(-(P - mu)² / sigma), P the number of parameters in thousands.

    mu and sigma say which size is wanted: ``archcast.score(..., options={"swap_reg": {"mu": 40, "sigma": 40}})``. Their
    defaults suit nets of up to a few million parameters.
    """
    thousands = sum(parameter.numel() for parameter in parameters.values()) / 1000
    factor = math.exp(-((thousands - mu) ** 2) / sigma)
    if factor == 0:
        raise ProxyFailure(f"{thousands:.0f} thousand parameters are too far from the wanted mu = {mu:g}")
    return patterns * factor
