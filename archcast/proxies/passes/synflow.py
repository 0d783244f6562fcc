"""The synflow pass: how much flows through a linearised net, without data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.autograd import leaves_of
from archcast.proxies.machinery.functions import NORMS
from archcast.proxies.machinery.preservation import swapped
from archcast.proxies.machinery.session import ModelError, Session, reason
from archcast.proxies.passes import makes
from archcast.proxies.passes.shared import NO_PATH

__all__ = ["run"]


@makes("flow", needs=("gradients",))
@makes("flow_with_norms", needs=("gradients",))
def run(session: Session, wanted: frozenset[str]) -> dict[str, Any]:
    """Recordings, each a number, the sum over the weights of |w dR/dw|:

    - ``flow``: normalisations (batch, instance, group, layer) pass their input on;
    - ``flow_with_norms``: they work as in training.

    R is the sum of the logits of an input of ones, the parameters have their absolute values, in float64. Only the
    shape of the inputs matters. A model that insists on its own precision is run in that.
    """
    return {name: _flow(session, norms=name == "flow_with_norms") for name in wanted}


def _flow(session: Session, *, norms: bool) -> float | ProxyFailure:
    """One of the numbers, or why there is none: the other one does not depend on it."""
    try:
        try:
            return _run(session, torch.float64, norms=norms)
        except ModelError:
            return _run(session, None, norms=norms)
    except ModelError as error:
        if session.memory_format == torch.channels_last:
            raise
        session.check_inputs()
        return ProxyFailure(reason(error))
    except Exception as error:
        return ProxyFailure(reason(error))


def _run(session: Session, dtype: torch.dtype | None, *, norms: bool) -> float:
    batch = session.one().floats(lambda tensor: torch.ones_like(tensor, dtype=dtype))
    replace: dict[str, Callable[..., Any]] = {"embedding": _embed_ones}
    if not norms:
        replace |= dict.fromkeys(NORMS, _pass_on)
    with swapped(session.model, dtype):
        with torch.no_grad():
            for parameter in session.parameters.values():
                parameter.abs_()
        inputs, leaves = batch.leaves()
        tracer = session.tracer(leaves, replace=replace)
        logits = session.forward(inputs, tracer)
        if leaves and leaves_of(logits).isdisjoint(id(leaf) for leaf in leaves):
            raise ProxyFailure(NO_PATH)
        weights = [layer.weight for layer in tracer.layers]
        gradients = torch.autograd.grad(logits.sum(), weights, allow_unused=True) if weights else ()
        return sum(float((w.detach() * g).abs().sum()) for w, g in zip(weights, gradients) if g is not None)


def _pass_on(_function: Any, input: Tensor, *_args: Any, **_kwargs: Any) -> Tensor:
    return input


def _embed_ones(function: Any, *args: Any, **kwargs: Any) -> Tensor:
    """Embeddings stand for the input of models that take whole numbers."""
    return torch.ones_like(function(*args, **kwargs))
