"""AZ-NAS: trainability."""

from __future__ import annotations

from archcast.proxies.base import ProxyFailure, register
from archcast.proxies.passes.stages import Stage

__all__ = ["az_trainability"]


@register(
    "az_trainability",
    summary="how well gradients pass from stage to stage",
    paper="Lee & Ham 2024, https://arxiv.org/abs/2403.19232",
    recordings=("stages",),
)
def az_trainability(stages: list[Stage]) -> float:
    """Mean over stages of 2 - s - 1 / (s + 1e-6), s the spectral norm of the mean product of a random +-1 gradient and
    what arrives of it.

    A stage that passes its gradient on unchanged, an identity, has no trainability, and no net that contains one.
    """
    if any(stage.unchanged for stage in stages):
        raise ProxyFailure("a stage passes its gradient on unchanged: it is an identity")
    gains = [stage.gain for stage in stages if stage.gain is not None]
    if not gains:
        raise ProxyFailure("no gradient passes from a stage to the one before")
    return sum(2 - s - 1 / (s + 1e-6) for s in gains) / len(gains)
