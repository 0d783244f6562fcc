"""The pass for the neural tangent kernel: the gradient of each sample's logits with respect to the weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.initialisation import redrawn
from archcast.proxies.machinery.inputs import Batch
from archcast.proxies.machinery.session import Session
from archcast.proxies.machinery.tracing import Tracer
from archcast.proxies.passes import makes

__all__ = ["run"]

SAMPLES = 16
DRAWS = 3
LARGEST = 1 << 30
"""Most numbers that the gradients may hold together."""


@makes("tangent_kernels", needs=("data", "gradients"))
def run(session: Session, _wanted: frozenset[str]) -> dict[str, Any]:
    """Recording ``tangent_kernels``: three matrices (n, n) float64, inner products of the gradients of each sample's
    summed logits, each for new weights: Kaiming normal with the fan-out.

    The gradients are with respect to the parameters whose name contains ``weight``, those of normalisations included. The
    samples are the first 16 of the batch, n in number, taken through the net together.
    """
    batch = session.whole(SAMPLES)
    weights = [w for name, w in session.parameters.items() if "weight" in name and w.requires_grad]
    if not weights:
        raise ProxyFailure("no parameter is named weight")
    numbers = sum(weight.numel() for weight in weights) * batch.size
    if numbers > LARGEST:
        raise ProxyFailure(f"the gradients of {batch.size} samples hold {numbers:,} numbers, more than {LARGEST:,}")
    kernels = []
    for _ in range(DRAWS):
        with redrawn(session, kaiming=True, fan_out=True):
            kernels.append(_kernel(session, batch, weights))
    return {"tangent_kernels": kernels}


def _kernel(session: Session, batch: Batch, weights: list[Tensor]) -> Tensor:
    logits = session.forward(batch.leaves()[0], Tracer(session.parameters))
    axis = 1 if batch.axis == 1 and logits.ndim > 2 else 0
    if logits.ndim == 0 or logits.shape[axis] != batch.size:
        raise ProxyFailure("the output does not have one row for each sample")
    rows = []
    for i in range(batch.size):
        one = logits.select(axis, i).sum()
        gradients = torch.autograd.grad(one, weights, retain_graph=i + 1 < batch.size, allow_unused=True)
        rows.append(torch.cat([gradient.flatten() for gradient in gradients if gradient is not None]))
    jacobian = torch.stack(rows)
    kernel = torch.zeros(len(rows), len(rows), dtype=torch.float64)
    for block in jacobian.split(1 << 20, dim=1):  # type: ignore[no-untyped-call]
        kernel += (block.double() @ block.double().t()).cpu()
    return kernel
