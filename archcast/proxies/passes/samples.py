"""The pass over single samples, each a batch of its own, for the signs of their gradients."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.session import Session, gradients_of
from archcast.proxies.passes import makes

__all__ = ["run"]


@makes("sign_sums", needs=("data", "labels", "gradients"))
def run(session: Session, _wanted: frozenset[str]) -> dict[str, Any]:
    """Recording ``sign_sums``: of each weight, the sum over samples of the sign of the gradient of the sample's
    loss.
    """
    session.labels()
    if not session.batch.divisible or session.doubt:
        raise ProxyFailure("needs inputs that can be cut into samples")
    sums: list[Tensor | None] = []
    for i in range(session.batch.size):
        rows = slice(i, i + 1)
        if session.share(rows) == 0:  # all labels of this sample are ignored
            continue
        inputs, leaves = session.batch[rows].leaves()
        tracer = session.tracer(leaves)
        loss = session.loss_of(session.forward(inputs, tracer), rows)
        gradients = gradients_of(loss, tracer.layers, zero=True)
        sums = sums or [None] * len(gradients)
        for j, gradient in enumerate(gradients):
            if gradient is not None:
                if not bool(gradient.isfinite().all()):
                    raise ProxyFailure("a gradient of the loss is not a finite number")
                before = sums[j]
                sums[j] = gradient.sign() if before is None else before.add_(gradient.sign())
    if not any(bool(total.any()) for total in sums if total is not None):
        raise ProxyFailure("every gradient of the loss is exactly 0: the loss does not depend on the weights")
    return {"sign_sums": [total for total in sums if total is not None]}
