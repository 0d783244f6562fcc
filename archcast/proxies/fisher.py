"""Fisher saliency of the channels."""

from __future__ import annotations

from archcast.proxies.base import ProxyFailure, register
from archcast.proxies.passes.shared import Saliency

__all__ = ["fisher"]


@register(
    "fisher",
    summary="Fisher saliency of layer outputs",
    paper="Turner et al. 2020, https://arxiv.org/abs/1906.04113",
    recordings=("saliencies",),
)
def fisher(saliencies: list[Saliency]) -> float:
    """Sum over the outputs a of all layers, and over their channels, of fan_in / 2 * mean over samples of (sum over
    positions of a dL/da)².

    ``fan_in`` is the number of weights of one channel, so a channel counts once for each of its weights.
    """
    if not saliencies:
        raise ProxyFailure("no layer output receives a gradient")
    return sum(0.5 * s.fan_in * float(s.sums.double().square().mean(dim=0).sum()) for s in saliencies)
