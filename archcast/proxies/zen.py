"""Zen-score."""

from __future__ import annotations

import math

from archcast.proxies.base import ProxyFailure, register
from archcast.proxies.passes.noise import NoiseResponse

__all__ = ["zen"]


@register(
    "zen",
    summary="sensitivity of the features of a random net to noise",
    paper="Lin et al. 2021, https://arxiv.org/abs/2102.01063",
    recordings=("noise_response",),
)
def zen(response: NoiseResponse) -> float:
    """log mean over samples of ||f(x) - f(x + 0.01 e)||_1, plus the sum over batch normalisations of log sqrt of the
    mean of its variances.

    f is the last feature map before pooling, x and e are N(0, 1), the weights are drawn from N(0, 1). The variances are
    running variances that begin at 1, after the two passes.
    """
    if response.change == 0 or min(response.variances, default=1) <= 0:
        raise ProxyFailure("the features do not depend on the input")
    return math.log(response.change) + sum(0.5 * math.log(variance) for variance in response.variances)
