"""Autograd's graph of a tensor: its nodes, its leaves, and gradients of weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.tracing import Layer

__all__ = ["gradients_of", "leaves_of", "nodes_of"]


def nodes_of(tensor: Tensor) -> list[Any]:
    """Every node of the autograd graph of ``tensor``."""
    stack: list[Any] = [tensor.grad_fn]
    seen: dict[Any, None] = {}
    while stack:
        node = stack.pop()
        if node is not None and node not in seen:
            seen[node] = None
            stack.extend(following for following, _ in node.next_functions)
    return list(seen)


def leaves_of(tensor: Tensor) -> set[int]:
    """Ids of the leaves that ``tensor`` was computed from, by its autograd graph."""
    found = {id(node.variable) for node in nodes_of(tensor) if hasattr(node, "variable")}
    return found | {id(tensor)} if tensor.is_leaf else found


def gradients_of(
    loss: Tensor, layers: list[Layer], *, create_graph: bool = False, zero: bool = False
) -> tuple[Tensor | None, ...]:
    """Gradients of ``loss`` with respect to the weights of ``layers``; ``None`` for one that it does not depend on.

    Args:
        loss: a number.
        layers: whose weights.
        create_graph: whether the gradients can be differentiated again.
        zero: whether all of them may be 0.

    Raises:
        ProxyFailure: if it depends on none, or all gradients are exactly 0.
    """
    gradients: tuple[Tensor | None, ...] = ()
    if layers and loss.requires_grad:
        weights = [layer.weight for layer in layers]
        gradients = torch.autograd.grad(loss, weights, allow_unused=True, create_graph=create_graph)
    if all(gradient is None for gradient in gradients):
        raise ProxyFailure("no weight of a convolution or linear map receives a gradient")
    if not zero and not any(bool(gradient.detach().any()) for gradient in gradients if gradient is not None):
        raise ProxyFailure("every gradient of the loss is exactly 0: the loss does not depend on the weights")
    return gradients
