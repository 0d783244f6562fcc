"""Condition number of the neural tangent kernel."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from archcast.proxies.base import ProxyFailure, register

__all__ = ["ntk"]


@register(
    "ntk",
    summary="minus the condition number of the neural tangent kernel",
    paper="Chen et al. 2021 (TE-NAS), https://arxiv.org/abs/2102.11535",
    recordings=("tangent_kernels",),
)
def ntk(kernels: list[Tensor]) -> float:
    """-largest / smallest eigenvalue of the neural tangent kernel of the first 16 samples, mean over three draws of
    Kaiming weights. TE-NAS prefers small condition numbers: the sign is flipped.

    The kernel holds the inner products of the gradients of the samples' summed logits with respect to all weights.
    TE-NAS takes 72 images, and nets of one cell a stage (``--width 3 --depth 1``).
    """
    conditions = []
    for kernel in kernels:
        if not bool(kernel.isfinite().all()):
            raise ProxyFailure("the kernel is not finite")
        values = np.linalg.eigvalsh(kernel.numpy())
        if values[0] <= values[-1] * len(values) * np.finfo(np.float64).eps:
            raise ProxyFailure("the kernel is singular")
        conditions.append(float(values[-1] / values[0]))
    return -float(np.mean(conditions))
