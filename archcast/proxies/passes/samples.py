"""The pass over single samples, each a batch of its own, for the signs of their gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.autograd import gradients_of
from archcast.proxies.machinery.session import Session
from archcast.proxies.passes import makes

__all__ = ["run"]


@makes("sign_sums", needs=("data", "labels", "gradients"))
@makes("gradient_spreads", needs=("data", "labels", "gradients"))
def run(session: Session, wanted: frozenset[str]) -> dict[str, Any]:
    """Recordings, each a list with a tensor for each weight, in the order they are used:

    - ``sign_sums``: sum over samples of the sign of the gradient of the sample's loss.
    - ``gradient_spreads``: population deviation over samples of the absolute value of this gradient.
    """
    session.check_labels()
    if not session.batch.divisible or session.doubt:
        raise ProxyFailure("needs inputs that can be cut into samples")
    sums: list[Tensor | None] = []
    spreads: list[_Spread] = []
    for i in range(session.batch.size):
        rows = slice(i, i + 1)
        if session.share(rows) == 0:  # all labels of this sample are ignored
            continue
        inputs, leaves = session.batch[rows].leaves()
        tracer = session.tracer(leaves)
        loss = session.loss_of(session.forward(inputs, tracer), rows)
        gradients = gradients_of(loss, tracer.layers, zero=True)
        sums = sums or [None] * len(gradients)
        spreads = spreads or [_Spread() for _ in gradients]
        for j, gradient in enumerate(gradients):
            if gradient is not None:
                if not bool(gradient.isfinite().all()):
                    raise ProxyFailure("a gradient of the loss is not a finite number")
                before = sums[j]
                sums[j] = gradient.sign() if before is None else before.add_(gradient.sign())
                if "gradient_spreads" in wanted:
                    spreads[j].add(gradient.abs())
    if not any(bool(total.any()) for total in sums if total is not None):
        raise ProxyFailure("every gradient of the loss is exactly 0: the loss does not depend on the weights")
    found = {
        "sign_sums": [total for total in sums if total is not None],
        "gradient_spreads": [spread.deviation() for spread in spreads if spread.count > 1],
    }
    return {name: found[name] for name in wanted}


class _Spread:
    """The deviation of tensors that come one at a time (Welford 1962)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: Tensor
        self.squares: Tensor

    def add(self, values: Tensor) -> None:
        values = values.double()
        self.count += 1
        if self.count == 1:
            self.mean, self.squares = values, torch.zeros_like(values)
            return
        change = values - self.mean
        self.mean = self.mean + change / self.count
        self.squares += change * (values - self.mean)

    def deviation(self) -> Tensor:
        return (self.squares / self.count).sqrt()
