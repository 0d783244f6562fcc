"""Importance of the heads of attention."""

from __future__ import annotations

from torch import Tensor

from archcast.proxies.base import register

__all__ = ["head_importance"]


@register(
    "head_importance",
    summary="how much the loss depends on each head of attention, summed",
    paper="Serianni & Kalita 2023, https://arxiv.org/abs/2306.00288",
    recordings=("head_importances",),
)
def head_importance(importances: list[Tensor]) -> float:
    """Sum over heads of mean over samples of |A' dL/dA|, A the output of the head (queries, features) for a sample.

    To first order, what the loss of a sample would change by if the head were removed (Michel et al. 2019,
    https://arxiv.org/abs/1905.10650, whose formula the paper takes). Departures: the authors' code sums |w dL/dw| over the
    weights of attention instead, which is a part of ``snip``; here it is the formula.
    """
    return sum(float(heads.sum()) for heads in importances)
