"""The pass for the synaptic diversity of attention and the saliency of all else, on a net of positive weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.attention import NO_ATTENTION, AttentionFinder
from archcast.proxies.machinery.preservation import swapped
from archcast.proxies.machinery.session import Session
from archcast.proxies.passes import makes
from archcast.proxies.passes.shared import NO_PATH

__all__ = ["run"]


@makes("diversities", needs=("gradients",))
def run(session: Session, _wanted: frozenset[str]) -> dict[str, Any]:
    """Recording ``diversities``: two lists ``[(weight, gradient)]``, float64, of the weights that project queries, keys,
    values and outputs of attention, as matrices, and of the weights of all other linear maps.

    The gradient is that of the summed logits of one sample with every parameter and every real input made positive: ones
    for the inputs, absolute values for the parameters. Whole numbers stay the tokens they are, since ones in all features
    of a token would be normalised away.
    """
    batch = session.one().floats(lambda tensor: torch.ones_like(tensor, dtype=torch.float64))
    finder = AttentionFinder()
    with swapped(session.model, torch.float64):
        with torch.no_grad():
            for parameter in session.parameters.values():
                parameter.abs_()
        inputs, leaves = batch.leaves()
        tracer = session.tracer(leaves, on_call=finder.call, on_step=finder.step)
        logits = session.forward(inputs, tracer)
        if not finder.found:
            raise ProxyFailure(NO_ATTENTION)
        layers = [layer for layer in tracer.layers if id(layer.weight) not in finder.convolutions - finder.projections]
        if not layers or not logits.requires_grad:
            raise ProxyFailure(NO_PATH)
        gradients = torch.autograd.grad(logits.sum(), [layer.weight for layer in layers], allow_unused=True)
        attention: list[tuple[Tensor, Tensor]] = []
        others: list[tuple[Tensor, Tensor]] = []
        for layer, gradient in zip(layers, gradients):
            if gradient is None:
                continue
            if not bool(gradient.isfinite().all()):
                raise ProxyFailure(f"the gradient of {layer.name} is not finite")
            inside = id(layer.weight) in finder.projections and layer.weight.ndim > 1
            pair = (layer.weight.detach().clone(), gradient)
            if inside:
                attention.append((pair[0].flatten(1), pair[1].flatten(1)))
            else:
                others.append(pair)
    return {"diversities": (attention, others)}
