"""The pass over the heads of attention: what they look at, and what the loss loses without them."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.attention import NO_ATTENTION, Attention, AttentionFinder, by_head
from archcast.proxies.machinery.session import Session, reason
from archcast.proxies.machinery.tracing import Watched
from archcast.proxies.passes import makes

__all__ = ["run"]


@makes("head_confidences", needs=("data",))
@makes("head_importances", needs=("data", "labels", "gradients"))
def run(session: Session, wanted: frozenset[str]) -> dict[str, Any]:
    """Recordings, each a list with ``(heads,)`` float64 for each attention of the model, in the order they run:

    - ``head_confidences``: mean over samples and queries of the largest attention weight; queries that see nothing do
      not count.
    - ``head_importances``: mean over samples of |sum over queries and features of the head's output times its gradient
      of the sample's loss|.
    """
    failures: dict[str, ProxyFailure] = {}
    if "head_importances" in wanted and not session.has_loss:
        failures["head_importances"] = ProxyFailure("needs labels: pass targets=")
    if session.doubt:
        raise ProxyFailure(session.doubt)
    heads = _Heads(session, importance="head_importances" in wanted - set(failures))
    found = heads.record()
    return {name: found[name] for name in wanted} | failures


class _Heads:
    """The pass while it runs; with micro-batches, means over them."""

    def __init__(self, session: Session, *, importance: bool) -> None:
        self.session, self.importance = session, importance
        self.confidences: list[Tensor] = []
        self.importances: dict[int, Tensor] = {}
        self.failure: str | None = None
        self.calls = 0

    def record(self) -> dict[str, Any]:
        for rows, piece in self.session.pieces():
            self.calls = 0
            with torch.set_grad_enabled(self.importance):
                inputs, leaves = piece.leaves()
                finder = AttentionFinder()
                tracer = self.session.tracer(leaves, on_call=finder.call, on_step=finder.step)
                finder.on_attention = lambda a, n=piece.size, t=tracer: self.seen(a, n, t.watch)
                logits = self.session.forward(inputs, tracer)
            if tracer.coupled and piece.size < self.session.batch.size:
                raise ProxyFailure("batch normalisation ties the samples together, so micro-batches would change it")
            if not finder.found:
                raise ProxyFailure(NO_ATTENTION)
            if self.importance and self.failure is None:
                self.differentiate(logits, rows, leaves)
        importances: Any = [self.importances[i] for i in sorted(self.importances)]
        if self.failure is not None:
            importances = ProxyFailure(self.failure)
        return {"head_confidences": self.confidences, "head_importances": importances}

    def seen(self, attention: Attention, samples: int, watch: Any) -> None:
        """Called with each attention when it has run."""
        position, share = self.calls, samples / self.session.batch.size
        self.calls += 1
        peaks = by_head(attention.peaks.double(), samples)
        seeing = peaks.isfinite()
        counts = seeing.sum(dim=(0, 2)).clamp(min=1)
        confidence = peaks.where(seeing, 0.0).sum(dim=(0, 2)) / counts * share
        if position == len(self.confidences):
            self.confidences.append(torch.zeros_like(confidence))
        self.confidences[position] += confidence
        if self.importance and attention.output.requires_grad:
            hook = partial(self.arrived, position, attention.peaks.shape, watch(attention.output), samples)
            attention.output.register_hook(hook)  # type: ignore[no-untyped-call]

    def differentiate(self, logits: Tensor, rows: slice, leaves: list[Tensor]) -> None:
        loss = self.session.loss_of(logits, rows) * self.session.share(rows)
        if not loss.requires_grad:
            raise ProxyFailure("the loss does not depend on the model's parameters")
        sources = [*leaves, *(p for p in self.session.parameters.values() if p.requires_grad)]
        torch.autograd.grad(loss, sources, allow_unused=True)

    def arrived(self, position: int, shape: torch.Size, output: Watched, samples: int, gradient: Tensor) -> None:
        """Called with the gradient of an attention's output."""
        try:
            products = _like(output.get() * gradient.detach(), shape)
            importance = by_head(products, samples).sum(dim=2).abs().sum(dim=0)
            self.importances[position] = self.importances.get(position, 0) + importance
        except Exception as error:
            self.failure = self.failure or reason(error)


def _like(products: Tensor, shape: torch.Size) -> Tensor:
    """The sum over features of ``products``, with the axes of ``shape``: (..., heads, queries)."""
    products = products.double()
    candidates = [products.sum(dim=-1)]
    if products.ndim > 2:
        candidates += [candidates[0].transpose(-1, -2), products.sum(dim=-2)]
    for found in candidates:
        if found.shape == shape:
            return found
    raise ProxyFailure(f"an attention's output of shape {tuple(products.shape)} cannot be divided into heads")
