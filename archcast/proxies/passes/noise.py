"""The noise pass: how far a small change of a random input moves the features of a random net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.initialisation import normal, redrawn
from archcast.proxies.machinery.inputs import Batch
from archcast.proxies.machinery.session import Session
from archcast.proxies.machinery.tracing import Tracer
from archcast.proxies.passes import makes

__all__ = ["NoiseResponse", "run"]

STEP = 0.01


@dataclass
class NoiseResponse:
    """What the noise did.

    Attributes:
        change: mean over samples of the summed absolute change of the last feature map before pooling.
        variances: of each batch normalisation, the mean of its running variances after both passes.
    """

    change: float
    variances: list[float]


@makes("noise_response", needs=("data",))
def run(session: Session, _wanted: frozenset[str]) -> dict[str, Any]:
    """Recording ``noise_response``: :class:`NoiseResponse` of N(0, 1) weights to an N(0, 1) input and 0.01 N(0, 1) on
    top of it.
    """
    batch = session.whole()
    with redrawn(session, kaiming=False), torch.no_grad():
        first = batch.floats(normal)
        second = first.floats(lambda tensor: tensor + STEP * normal(tensor))
        before, after = _features(session, first), _features(session, second)
        running = [getattr(module, "running_var", None) for module in session.model.modules()]
        variances = [float(variance.mean()) for variance in running if isinstance(variance, Tensor)]
    change = float((before - after).abs().sum(dtype=torch.float64)) / batch.size
    return {"noise_response": NoiseResponse(change, variances)}


def _features(session: Session, batch: Batch) -> Tensor:
    """The last feature map, ``(samples, ...)`` with more than one position, that appears in a forward pass."""
    found: list[Tensor] = []

    def keep(output: Tensor) -> None:
        if output.ndim > 2 and output.shape[2:].numel() > 1 and output.is_floating_point():
            found[:] = [output]

    session.forward(batch, Tracer({}, on_output=keep))
    if not found:
        raise ProxyFailure("no feature map before pooling seen")
    return found[0].clone()
