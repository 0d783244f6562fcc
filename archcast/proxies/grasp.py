"""Gradient signal preservation."""

from __future__ import annotations

from archcast.proxies.base import register

__all__ = ["grasp"]


@register(
    "grasp",
    summary="-sum of w (H g)",
    paper="Wang et al. 2020, https://arxiv.org/abs/2002.07376",
    recordings=("curvature",),
)
def grasp(curvature: float) -> float:
    """-sum over all weights of w (H g), g the gradient and H the Hessian of the loss with respect to the weights.

    Temperature 1, one batch. The sign is that of the zero-cost literature: the paper removes the weights with the
    highest w (H g).
    """
    return -curvature
