"""The pass for the Fisher information of a few weights: how each logit of each sample depends on them.

A layer's output is linear in each of its parameters, so the derivative of a sample's logit with respect to one entry of
a parameter is the inner product of the gradient at the layer's output with the output that this entry alone would give.
The latter is found in the forward pass, the former by one backward pass for each class that goes no further than it
must: it forms no gradient of a weight. Parameters that are used in another way are differentiated sample by sample.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.autograd import nodes_of
from archcast.proxies.machinery.curvature import geometry_of
from archcast.proxies.machinery.functions import CONVOLUTIONS, TRANSPOSED
from archcast.proxies.machinery.initialisation import redrawn
from archcast.proxies.machinery.session import Session
from archcast.proxies.machinery.tracing import Call, Tracer, by_sample
from archcast.proxies.passes import makes
from archcast.proxies.passes.shared import NO_PATH

__all__ = ["run"]

SAMPLES = 64
PARAMETERS = 128
CLASSES = 256


@makes("logit_jacobian", needs=("data", "gradients"))
@makes("logits", needs=("data",))
def run(session: Session, wanted: frozenset[str]) -> dict[str, Any]:
    """Recordings, with Kaiming weights, the net in evaluation mode and its running statistics those of a new one:

    - ``logit_jacobian``: (n, k, p) float64, derivatives of the k logits of each sample with respect to the first entry
      of each of the first 128 parameters. The samples are the first 64.
    - ``logits``: (n, k) float64.
    """
    with redrawn(session, kaiming=True):
        session.model.eval()
        try:
            logits, jacobian = _Jacobian(session).compute()
        finally:
            session.train()
    found = {"logits": logits, "logit_jacobian": jacobian}
    return {name: found[name] for name in wanted}


class _Jacobian:
    """The pass while it runs."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.batch = session.whole(SAMPLES)
        self.parameters = list(session.parameters.values())[:PARAMETERS]
        self.columns = {id(parameter): column for column, parameter in enumerate(self.parameters)}
        self.uses: Counter[int] = Counter()
        self.arrivals: Counter[int] = Counter()
        self.column: Tensor
        self.jacobian: Tensor
        self.current = 0

    def compute(self) -> tuple[Tensor, Tensor]:
        inputs, leaves = self.batch.leaves()
        tracer = self.session.tracer(leaves, on_call=self.follow)
        logits = self.session.forward(inputs, tracer)
        n = self.batch.size
        if not self.parameters:
            raise ProxyFailure("the model has no parameters")
        if logits.ndim != 2 or len(logits) != n:
            raise ProxyFailure(f"the logits have shape {tuple(logits.shape)}, not one row for each of the {n} samples")
        classes = logits.shape[1]
        if classes < 2:
            raise ProxyFailure("needs at least two outputs")
        if classes > CLASSES:
            raise ProxyFailure(f"needs a backward pass for each of the {classes} classes; at most {CLASSES} are made")
        self.jacobian = torch.zeros(n, classes, len(self.parameters), dtype=torch.float64, device=logits.device)
        sources = leaves or tracer.embedded
        for k in range(classes):
            self.current = k
            gradients = torch.autograd.grad(logits[:, k].sum(), sources, retain_graph=True, allow_unused=True)
            if all(gradient is None for gradient in gradients):
                raise ProxyFailure(NO_PATH)
        edges = Counter(
            id(node.variable)
            for parent in nodes_of(logits)
            for node, _ in parent.next_functions
            if node is not None and hasattr(node, "variable")
        )
        others = [
            parameter for parameter in self.parameters if edges[id(parameter)] * classes != self.arrivals[id(parameter)]
        ]
        if others:
            self.one_by_one(others, logits)
        return logits.detach().double(), self.jacobian

    def follow(self, call: Call) -> None:
        """Prepare the output's hook: what the first entry of each parameter of the call adds to channel 0 of the
        output.
        """
        parts: list[tuple[Tensor, Tensor | None]] = []
        weight, tangent = _tangent(call)
        if weight is not None and id(weight) in self.columns:
            parts.append((weight, tangent))
        if call.bias is not None and id(call.bias) in self.columns:
            parts.append((call.bias, None))
        if parts and call.channels is not None and call.output.requires_grad:
            hook = partial(self.arrived, parts, call.channels, call.sequence_first)
            call.output.register_hook(hook)  # type: ignore[no-untyped-call]

    def arrived(
        self, parts: list[tuple[Tensor, Tensor | None]], channels: int, sequence_first: bool, gradient: Tensor
    ) -> None:
        at = gradient.select(channels, 0)
        for parameter, tangent in parts:
            product = at if tangent is None else at * tangent
            rows = by_sample(product.unsqueeze(-1), self.batch.size, sequence_first=sequence_first)
            if rows is not None:
                sums = rows.flatten(1).sum(dim=1, dtype=torch.float64)
                self.jacobian[:, self.current, self.columns[id(parameter)]] += sums
                self.arrivals[id(parameter)] += 1

    def one_by_one(self, parameters: list[Tensor], logits: Tensor) -> None:
        """Fill the columns of ``parameters`` with ordinary gradients of one logit of one sample at a time."""
        columns = [self.columns[id(parameter)] for parameter in parameters]
        for i in range(self.batch.size):
            row = logits[i]
            if self.batch.divisible:
                row = self.session.forward(self.batch[slice(i, i + 1)], Tracer({}))[0]
            for k in range(len(row)):
                gradients = torch.autograd.grad(row[k], parameters, retain_graph=True, allow_unused=True)
                for column, gradient in zip(columns, gradients):
                    self.jacobian[i, k, column] = 0.0 if gradient is None else gradient.flatten()[0]


def _tangent(call: Call) -> tuple[Tensor | None, Tensor | None]:
    """The parameter that multiplies in a call, and channel 0 of the output it would give if it were 1 in its first
    entry, else 0.
    """
    x = call.args[0] if call.args else call.kwargs["input"]
    if call.name in (*CONVOLUTIONS, *TRANSPOSED):
        x, weight, _, geometry = geometry_of(call.function, call.args, dict(call.kwargs))
        if geometry is None or x.ndim != weight.ndim:
            return None, None
        unit = torch.zeros_like(weight[:1, :1], dtype=x.dtype)
        unit.view(-1)[0] = 1
        return weight, torch.ops.aten.convolution(x[:, :1].detach(), unit.detach(), None, *geometry[:-1], 1)[:, 0]
    if call.name == "linear":
        return call.args[1] if len(call.args) > 1 else call.kwargs["weight"], x.detach()[..., 0]
    if call.function is F.batch_norm:
        values = dict(zip(("x", "mean", "variance", "weight", "bias", "training", "momentum", "eps"), call.args))
        values = {"mean": None, "weight": None, "eps": 1e-5, **values, **call.kwargs}
        if values["mean"] is None or values["training"]:
            return None, None
        centred = x.detach()[:, 0] - values["mean"][0]
        return values["weight"], centred / torch.sqrt(values["variance"][0] + values["eps"])
    return None, None
