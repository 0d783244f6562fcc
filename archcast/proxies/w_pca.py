"""W-PCA: parameters times principal components of hidden states."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from archcast.proxies.base import ProxyFailure, register
from archcast.proxies.passes.hidden import NO_FEED_FORWARD

__all__ = ["w_pca"]


@register(
    "w_pca",
    summary="parameters times principal components of feed-forward layers",
    paper="Wang 2025, https://arxiv.org/abs/2504.15983",
    recordings=("feed_forward_dimensions", "parameters"),
)
def w_pca(dimensions: list[int], parameters: Mapping[str, Tensor]) -> float:
    """P sum_l k_l: P the number of parameters, k_l the least number of principal components of the hidden states of
    feed-forward layer l, (tokens of all samples, features) before the activation function, that explain 99 % of their
    variance.

    No gradient, no label. Departures: all parameters count, embeddings and head included; a gated layer counts by the map
    whose output goes through the activation function.
    """
    if not dimensions:
        raise ProxyFailure(NO_FEED_FORWARD)
    return float(sum(parameter.numel() for parameter in parameters.values())) * sum(dimensions)
