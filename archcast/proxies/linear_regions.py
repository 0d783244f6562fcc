"""Number of linear regions that the samples lie in."""

from __future__ import annotations

import numpy as np

from archcast.proxies.base import ProxyFailure, register
from archcast.proxies.machinery.agreement import NO_RECTIFIER, Agreement

__all__ = ["linear_regions"]


@register(
    "linear_regions",
    summary="number of distinct rectifier codes of the samples",
    paper="Chen et al. 2021 (TE-NAS), https://arxiv.org/abs/2102.11535",
    recordings=("agreement",),
)
def linear_regions(agreement: Agreement) -> float:
    """Number of samples whose codes of all rectified units differ: the linear regions the batch falls into.

    At most the batch size, which any net of usual width reaches; it tells very narrow nets apart, on a large batch.
    """
    if agreement.units == 0:
        raise ProxyFailure(NO_RECTIFIER)
    same = agreement.matrix() == agreement.units
    return float((~np.tril(same, -1).any(axis=1)).sum())
