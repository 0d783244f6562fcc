"""Jacobian covariance."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from archcast.proxies.base import register
from archcast.proxies.machinery.correlation import correlations

__all__ = ["jacob_cov"]


@register(
    "jacob_cov",
    summary="how decorrelated the input gradients of the samples are",
    paper="Mellor et al. 2020, https://arxiv.org/abs/2006.04647v1",
    recordings=("input_gradients",),
)
def jacob_cov(gradients: Tensor) -> float:
    """-sum over the eigenvalues v of the correlation matrix of J of log(v + 1e-5) + 1 / (v + 1e-5).

    The rows of J, ``(samples, inputs)``, are the gradients of the summed logits with respect to each sample's input.
    """
    v = np.linalg.eigvalsh(correlations(gradients))
    return -float(np.sum(np.log(v + 1e-5) + 1 / (v + 1e-5)))
