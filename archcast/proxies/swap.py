"""SWAP-Score: sample-wise activation patterns."""

from __future__ import annotations

from archcast.proxies.base import register

__all__ = ["swap"]


@register(
    "swap",
    summary="number of distinct sample-wise activation patterns",
    paper="Peng et al. 2024, https://arxiv.org/abs/2403.04161",
    recordings=("patterns",),
)
def swap(patterns: float) -> float:
    """Number of distinct columns of the binary matrix (samples, rectified units), on feature maps, N(0, 1) weights,
    mean of three draws.

    At most 2**samples, so a batch of at least 32 samples is needed to tell nets apart; the first 32 are used.
    """
    return patterns
