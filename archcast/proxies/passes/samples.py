"""The pass over single samples, each a batch of its own, for the signs of their gradients."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.session import Session, gradients_of
from archcast.proxies.machinery.tracing import Tracer
from archcast.proxies.passes import makes

__all__ = ["run"]


@makes("sign_sums", needs=("data", "labels", "gradients"))
def run(session: Session, _wanted: frozenset[str]) -> dict[str, Any]:
    """Recording ``sign_sums``: of each weight, the sum over samples of the sign of the gradient of the sample's
    loss.
    """
    labels = session.labels()
    if not session.batch.divisible:
        raise ProxyFailure("needs inputs that can be cut into samples")
    sums: list[Tensor | None] = []
    for i in range(session.batch.size):
        inputs, leaves = session.batch[slice(i, i + 1)].leaves()
        tracer = Tracer(session.parameters, leaves)
        loss = session.loss(session.forward(inputs, tracer), labels[i : i + 1])
        gradients = gradients_of(loss, tracer.layers)
        sums = sums or [None] * len(gradients)
        for j, gradient in enumerate(gradients):
            if gradient is not None:
                before = sums[j]
                sums[j] = gradient.sign() if before is None else before.add_(gradient.sign())
    return {"sign_sums": [total for total in sums if total is not None]}
