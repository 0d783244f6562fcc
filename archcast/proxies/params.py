"""Number of parameters."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from archcast.proxies.base import register

__all__ = ["params"]


@register(
    "params",
    summary="number of parameters",
    paper="Abdelfattah et al. 2021, https://arxiv.org/abs/2101.08134",
    recordings=("parameters",),
)
def params(parameters: Mapping[str, Tensor]) -> float:
    """Number of entries of all parameters, each counted once."""
    return float(sum(parameter.numel() for parameter in parameters.values()))
