"""NEAR: network expressivity by activation rank."""

from __future__ import annotations

from archcast.proxies.base import ProxyFailure, register
from archcast.proxies.passes.hidden import NO_ACTIVATION

__all__ = ["near"]


@register(
    "near",
    summary="effective rank before and after each activation function",
    paper="Husistein et al. 2024, https://arxiv.org/abs/2408.08776",
    recordings=("activation_ranks",),
)
def near(ranks: list[tuple[float, float]]) -> float:
    """Sum over activation functions of the effective rank of what they get plus that of what they give.

    The effective rank is exp(-sum p log p), p the singular values of a matrix (positions, channels) over their sum. It has as
    many rows as channels, at most 1,024: positions of the batch that follow one another, from a random one on. No
    label, any activation function. Departures: the weights are those of the model, once, where the authors average over new
    ones; no more than 1,024 rows; a function that is written out counts by the ``tanh`` or ``erf`` in it.
    """
    if not ranks:
        raise ProxyFailure(NO_ACTIVATION)
    return sum(before + after for before, after in ranks)
