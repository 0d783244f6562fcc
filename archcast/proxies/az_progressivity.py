"""AZ-NAS: progressivity."""

from __future__ import annotations

from itertools import pairwise

from archcast.proxies.base import register
from archcast.proxies.passes.stages import Stage

__all__ = ["az_progressivity"]


@register(
    "az_progressivity",
    summary="smallest growth of expressivity from stage to stage",
    paper="Lee & Ham 2024, https://arxiv.org/abs/2403.19232",
    recordings=("stages",),
)
def az_progressivity(stages: list[Stage]) -> float:
    """Smallest difference between the entropies of a stage and the one before."""
    return min(after.entropy - before.entropy for before, after in pairwise(stages))
