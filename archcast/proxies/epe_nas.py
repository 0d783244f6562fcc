"""EPE-NAS: Jacobian correlations within classes."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from archcast.proxies.base import ProxyFailure, register
from archcast.proxies.machinery.correlation import correlations

__all__ = ["epe_nas"]


@register(
    "epe_nas",
    summary="input-gradient correlations within each class",
    paper="Lopes et al. 2021, https://arxiv.org/abs/2102.08099",
    recordings=(
        "input_gradients",
        "labels",
    ),
)
def epe_nas(gradients: Tensor, labels: Tensor) -> float:
    """Sum over the classes in the batch of |sum of log(|c| + 1e-5)|, c the correlations of the rows of J of that class.

    The rows of J, ``(samples, inputs)``, are the gradients of the summed logits with respect to each sample's input.
    """
    if labels.shape != gradients.shape[:1] or labels.is_floating_point():
        raise ProxyFailure("needs one class label for each sample")
    c = correlations(gradients)
    classes = labels.cpu().numpy()
    blocks = (c[np.ix_(classes == k, classes == k)] for k in np.unique(classes))
    return float(sum(abs(np.sum(np.log(np.abs(block) + 1e-5))) for block in blocks))
