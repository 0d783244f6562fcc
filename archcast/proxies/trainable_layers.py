"""Number of trainable layers."""

from __future__ import annotations

from torch import nn

from archcast.proxies.base import register

__all__ = ["trainable_layers"]


@register(
    "trainable_layers",
    summary="number of layers with parameters that the output depends on",
    paper="Tybl & Neumann 2025, https://arxiv.org/abs/2502.04975",
    recordings=(
        "modules",
        "reached",
    ),
)
def trainable_layers(modules: list[nn.Module], reached: set[int]) -> float:
    """Number of modules that own a parameter which receives a gradient: layers that are off every path do not count."""
    return float(sum(any(id(p) in reached for p in module.parameters(recurse=False)) for module in modules))
