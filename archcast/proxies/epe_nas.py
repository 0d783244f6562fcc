"""EPE-NAS: Jacobian correlations within classes."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from archcast.proxies.base import ProxyFailure, register
from archcast.proxies.machinery.correlation import correlations

__all__ = ["epe_nas"]

MANY = 100
"""Number of classes from which on the classes are compared with each other."""


@register(
    "epe_nas",
    summary="input-gradient correlations within each class",
    paper="Lopes et al. 2021, https://arxiv.org/abs/2102.08099",
    recordings=(
        "input_gradients",
        "labels",
        "classes",
    ),
)
def epe_nas(gradients: Tensor, labels: Tensor, classes: int) -> float:
    """Sum over the classes in the batch of |e|, e = sum of log(|c| + 1e-5), c the correlations of the rows of J of that
    class.

    The rows of J, ``(samples, inputs)``, are the gradients of the summed logits with respect to each sample's input. A
    model with more than 100 outputs gets the paper's other form: e is divided by the number of samples of its class,
    classes with a single sample are left out, and the score is the sum over all pairs of classes of |e - e'|, divided
    by the number of classes.
    """
    if labels.shape != gradients.shape[:1] or labels.is_floating_point():
        raise ProxyFailure("needs one class label for each sample")
    c = correlations(gradients)
    own = labels.cpu().numpy()
    blocks = [c[np.ix_(own == k, own == k)] for k in np.unique(own)]
    if classes <= MANY:
        return float(sum(abs(np.sum(np.log(np.abs(block) + 1e-5))) for block in blocks))
    e = np.array([np.sum(np.log(np.abs(block) + 1e-5)) / len(block) for block in blocks if len(block) > 1])
    if len(e) < 2:
        raise ProxyFailure("needs two classes with at least two samples each")
    return float(np.abs(e[:, None] - e).sum() / len(e))
