"""L-SWAG: layer- and sample-wise activation with gradients."""

from __future__ import annotations

import math

from torch import Tensor

from archcast.proxies.base import ProxyFailure, register

__all__ = ["l_swag"]


@register(
    "l_swag",
    summary="steadiness of gradients over samples, times swap",
    paper="Casarin et al. 2025, https://arxiv.org/abs/2505.07300",
    recordings=("gradient_spreads", "patterns"),
)
def l_swag(spreads: list[Tensor], patterns: float, *, skip_first: float = 0.0, skip_last: float = 0.0) -> float:
    """sum_l log(sum over weights of 1 / std |g|), times ``swap``: g the gradient of a sample's loss, std its population
    deviation over the samples.

    It is ``zico`` without the mean, which the authors show to be of no use, per sample instead of per batch, with the
    number of activation patterns as a second factor. ``skip_first`` and ``skip_last`` are the percentages of layers, in the
    order they run, that are left out at either end: ``options={"l_swag": {"skip_first": 30}}``. Weights whose gradients
    do not differ are left out, and layers without any other. Departures: the authors choose the layers for each space by
    looking at where the statistic peaks; here none is left out unless it is asked for, and the patterns are those of
    all layers, drawn as ``swap`` draws them.
    """
    first, last = skip_first / 100 * len(spreads), (1 - skip_last / 100) * len(spreads)
    chosen = [spread for i, spread in enumerate(spreads) if first <= i + 0.5 <= last]
    sums = [float((1 / spread[spread > 0].double()).sum()) for spread in chosen]
    sums = [total for total in sums if total > 0]
    if not sums:
        raise ProxyFailure("the gradients of all samples are equal in the layers that are looked at")
    return sum(math.log(total) for total in sums) * patterns
