"""The pass over two halves of the batch, whose gradients are compared."""

from __future__ import annotations

from typing import Any

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.autograd import gradients_of
from archcast.proxies.machinery.session import Session
from archcast.proxies.passes import makes

__all__ = ["run"]


@makes("half_gradients", needs=("data", "labels", "gradients"))
def run(session: Session, _wanted: frozenset[str]) -> dict[str, Any]:
    """Recording ``half_gradients``: ``[(g, g')]``, each weight's gradient of the loss on either half of the batch."""
    session.check_labels()
    batch = session.whole()
    if not batch.divisible or batch.size < 2:
        raise ProxyFailure("needs inputs that can be cut into two batches, with at least two samples")
    middle = batch.size // 2
    halves = []
    for rows in (slice(0, middle), slice(middle, 2 * middle)):
        inputs, leaves = batch[rows].leaves()
        tracer = session.tracer(leaves)
        loss = session.loss_of(session.forward(inputs, tracer), rows)
        halves.append(gradients_of(loss, tracer.layers))
        if not all(bool(gradient.isfinite().all()) for gradient in halves[-1] if gradient is not None):
            raise ProxyFailure("a gradient of the loss is not a finite number")
    return {"half_gradients": [(a, b) for a, b in zip(*halves) if a is not None and b is not None]}
