"""The pass for the neural tangent kernel: the gradient of each sample's logits with respect to all parameters."""

from __future__ import annotations

from typing import Any

import torch

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.session import Session
from archcast.proxies.machinery.tracing import Tracer
from archcast.proxies.passes import makes

__all__ = ["run"]

SAMPLES = 16
LARGEST = 1 << 30
"""Most numbers that the gradients may hold together."""


@makes("tangent_kernel", needs=("data", "gradients"))
def run(session: Session, _wanted: frozenset[str]) -> dict[str, Any]:
    """Recording ``tangent_kernel``: (n, n) float64, inner products of the gradients of each sample's summed logits.

    The samples are the first 16 of the batch, n in number, taken through the net together.
    """
    batch = session.whole(SAMPLES)
    numbers = sum(parameter.numel() for parameter in session.parameters.values()) * batch.size
    if numbers > LARGEST:
        raise ProxyFailure(f"the gradients of {batch.size} samples hold {numbers:,} numbers, more than {LARGEST:,}")
    logits = session.forward(batch.leaves()[0], Tracer(session.parameters))
    if len(logits) != batch.size:
        raise ProxyFailure("the output does not have one row for each sample")
    parameters = [parameter for parameter in session.parameters.values() if parameter.requires_grad]
    rows = []
    for i in range(batch.size):
        gradients = torch.autograd.grad(logits[i].sum(), parameters, retain_graph=i + 1 < batch.size, allow_unused=True)
        rows.append(torch.cat([gradient.flatten() for gradient in gradients if gradient is not None]))
    jacobian = torch.stack(rows)
    kernel = torch.zeros(len(rows), len(rows), dtype=torch.float64)
    for block in jacobian.split(1 << 20, dim=1):  # type: ignore[no-untyped-call]
        kernel += (block.double() @ block.double().t()).cpu()
    return {"tangent_kernel": kernel}
