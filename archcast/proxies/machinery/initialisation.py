"""Draw a model's weights anew, as some proxies prescribe, and set what normalises to its identity."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from archcast.proxies.machinery.preservation import swapped
from archcast.proxies.machinery.session import Session

__all__ = ["normal", "redrawn"]


def normal(like: Tensor) -> Tensor:
    """N(0, 1) of the shape of ``like``, the same numbers whatever its memory format."""
    return torch.randn(like.shape, dtype=like.dtype, device=like.device)


@contextmanager
def redrawn(session: Session, *, kaiming: bool, fan_out: bool = False) -> Iterator[None]:
    """Within the context the weights of the model are drawn from the session's seed, or from where its generators are.

    Weights of layers: normal with variance 2 / fan_in (``kaiming``), 2 / fan_out, or 1, in the order of the model's
    parameters. What
    is added, by a layer or a normalisation, is 0; what a normalisation multiplies by is 1; running statistics are those
    of a new model. Other parameters, such as position embeddings and weights that are computed from others, stay.
    """
    layout, layers = session.layout, session.layers
    with swapped(session.model):
        with torch.no_grad():
            for layer in layers:
                if layer.weight.is_leaf:
                    fan = _fan_out(layer.weight) if fan_out else layer.fan_in
                    layer.weight.copy_(normal(layer.weight) * (math.sqrt(2 / fan) if kaiming else 1.0))
            for parameter in session.parameters.values():
                if id(parameter) in layout.shifts:
                    parameter.zero_()
                elif id(parameter) in layout.scales:
                    parameter.fill_(1.0)
            for module in session.model.modules():
                reset: Any = getattr(module, "reset_running_stats", None)
                if callable(reset):
                    reset()
        yield


def _fan_out(weight: Tensor) -> int:
    """Outputs times positions that one input value goes to, as torch counts them."""
    return weight.numel() // weight.shape[1] if weight.ndim > 1 else weight.numel()
