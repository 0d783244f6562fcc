"""Confidence of the heads of attention."""

from __future__ import annotations

from torch import Tensor

from archcast.proxies.base import register

__all__ = ["attention_confidence"]


@register(
    "attention_confidence",
    summary="largest attention weight of a query, mean, summed over heads",
    paper="Serianni & Kalita 2023, https://arxiv.org/abs/2306.00288",
    recordings=("head_confidences",),
)
def attention_confidence(confidences: list[Tensor]) -> float:
    """Sum over heads of mean over samples and queries of the largest attention weight (after Voita et al. 2019,
    https://arxiv.org/abs/1905.09418).

    At least heads / keys, at most the number of heads, so it counts heads, and rises where keys are few. Departures: the
    query of the end of a sentence counts like the others, since what stands for it is not known here; the authors' code
    takes the maximum over another axis.
    """
    return sum(float(heads.sum()) for heads in confidences)
