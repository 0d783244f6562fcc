"""Autograd's graph of a tensor: its nodes and its leaves."""

from __future__ import annotations

from typing import Any

from torch import Tensor

__all__ = ["leaves_of", "nodes_of"]


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
