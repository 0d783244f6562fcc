"""VKDNW: variance of knowledge for deep network weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from archcast.proxies.base import register

__all__ = ["vkdnw"]


@register(
    "vkdnw",
    summary="entropy of the Fisher spectrum plus the number of parameter tensors",
    paper="Tybl & Neumann 2025, https://arxiv.org/abs/2502.04975",
    recordings=(
        "logit_jacobian",
        "logits",
        "parameters",
    ),
)
def vkdnw(jacobian: Tensor, logits: Tensor, parameters: Mapping[str, Tensor]) -> float:
    """Number of parameter tensors plus the entropy of the deciles of the eigenvalues of the Fisher information F,
    divided by their sum.

    F = mean over samples of (L J)' (L J), J the derivatives of the logits with respect to one entry of each of the
    first 128 parameters, L L' = diag(p) - p p' the covariance of the labels under p = .95 softmax + .05 / classes.
    """
    p = 0.95 * torch.softmax(logits, dim=1) + 0.05 / logits.shape[1]
    q = 1 - p.cumsum(dim=1)
    q[:, -1] = 0
    before = torch.cat([torch.ones_like(q[:, :1]), q[:, :-1]], dim=1)
    d = torch.sqrt(p * q.clamp(min=0) / before)
    ratios = torch.where(q > 0, d / q, 0.0)
    factor = torch.diag_embed(d) - torch.tril(p[:, :, None] * ratios[:, None, :], diagonal=-1)
    rows = (factor @ jacobian).flatten(0, 1)
    fisher = rows.t() @ rows / len(logits)
    eigenvalues = torch.linalg.eigvalsh(fisher).clamp(min=0).cpu()
    deciles = torch.quantile(eigenvalues, torch.arange(1, 10, dtype=torch.float64) / 10)
    shares = deciles / (deciles.sum() + 1e-10)
    return len(parameters) - float((shares * torch.log(shares + 1e-10)).sum())
