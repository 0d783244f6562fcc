"""DSS-score of TF-TAS: diversity of attention, saliency of feed-forward layers."""

from __future__ import annotations

import torch
from torch import Tensor

from archcast.proxies.base import ProxyFailure, register

__all__ = ["dss"]

Pairs = list[tuple[Tensor, Tensor]]


@register(
    "dss",
    summary="diversity of attention's weights and saliency of the others; no data",
    paper="Zhou et al. 2022, https://arxiv.org/abs/2203.12217",
    recordings=("diversities",),
)
def dss(diversities: tuple[Pairs, Pairs]) -> float:
    """Sum over the weights of attention of ||dR/dw||_nuc ||w||_nuc, plus sum over all other linear maps of |w dR/dw|, R
    the summed logits of an input of ones, all parameters positive, float64.

    A nuclear norm is the sum of the singular values: large where a weight keeps many directions apart. Normalisation stays
    in the net. A weight that holds query, key and value together counts as one matrix, as in the authors' code, and the
    classifier counts with the feed-forward layers. Departures: convolutions, such as that of the patches, do not count; the
    weights of attention are found by what they do; tokens stay as they are, where the inputs are whole numbers.
    """
    attention, others = diversities
    total = sum(float(_nuclear(gradient) * _nuclear(weight)) for weight, gradient in attention)
    total += sum(float((weight * gradient).abs().sum()) for weight, gradient in others)
    if total == 0:
        raise ProxyFailure("every gradient of the logits is exactly 0")
    return total


def _nuclear(matrix: Tensor) -> Tensor:
    return torch.linalg.svdvals(matrix).sum()
