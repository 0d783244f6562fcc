"""AZ-NAS: expressivity."""

from __future__ import annotations

from archcast.proxies.base import register
from archcast.proxies.passes.stages import Stage

__all__ = ["az_expressivity"]


@register(
    "az_expressivity",
    summary="entropy of the feature spectra of all stages",
    paper="Lee & Ham 2024, https://arxiv.org/abs/2403.19232",
    recordings=("stages",),
)
def az_expressivity(stages: list[Stage]) -> float:
    """Sum over stages of the entropy of the eigenvalues of the covariance of their channels, divided by their sum."""
    return sum(stage.entropy for stage in stages)
