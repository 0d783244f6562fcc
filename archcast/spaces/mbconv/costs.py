"""What chains of inverted residual blocks cost, for all rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Shape, Tally, halved
from archcast.spaces.mbconv.layers import Block, Chain, Conv

__all__ = ["costs"]

RECTIFIERS = ("relu", "relu6")
PIXEL: Shape = (1, 1)


def costs(chain: Chain, n: int, shape: Shape, convention: str) -> dict[str, NDArray[np.float64]]:
    """Costs of the networks of ``n`` rows.

    Args:
        chain: what they are made of.
        n: number of rows.
        shape: height and width of an image.
        convention: of counting.
    """
    tally, image = Tally(n, convention), shape
    depth = np.ones(n, dtype=np.int64)  # the classifier
    for layer in chain.layers:
        shape, given = halved(shape) if layer.stride == 2 else shape, shape
        if isinstance(layer, Block):
            depth += _block(tally, layer, given, shape)
        else:
            depth += _conv(tally, layer, shape)
    last = (chain.head or chain.layers)[-1].c_out
    tally.global_pool(chain.layers[-1].c_out, shape)
    for layer in chain.head:
        depth += _conv(tally, layer, PIXEL)
    tally.linear(last, chain.classes, bias=chain.bias)
    return tally.costs(depth, image[0])


def _conv(tally: Tally, layer: Conv, out: Shape) -> Count:
    """Layers on the longest path."""
    _unit(tally, layer.c_in, layer.c_out, out, kernel=layer.kernel, norm=layer.norm, activation=layer.activation,
          times=layer.there)  # fmt: skip
    return 1 * np.asarray(layer.there)


def _block(tally: Tally, block: Block, given: Shape, out: Shape) -> Count:
    """Layers on the longest path."""
    mid, groups, activation, there = block.mid, block.groups, block.activation, np.asarray(block.there)
    expand, gated = there & np.asarray(block.expand), there & (np.asarray(block.squeeze) > 0)
    _unit(tally, block.c_in, mid, given, groups=groups, activation=activation, times=expand)
    _unit(tally, mid, mid, out, kernel=block.kernel, groups=mid, activation=activation, times=there)
    tally.global_pool(mid, out, times=gated)
    tally.conv(mid, block.squeeze, 1, PIXEL, bias=True, times=gated)
    if block.gate[0] in RECTIFIERS:
        tally.relu(block.squeeze, PIXEL, times=gated)
    tally.conv(block.squeeze, mid, 1, PIXEL, bias=True, times=gated)
    _unit(tally, mid, block.c_out, out, groups=groups, times=there)
    return 2 * there + expand + 2 * gated


def _unit(
    tally: Tally,
    c_in: Count,
    c_out: Count,
    out: Shape,
    *,
    kernel: Count = 1,
    groups: Count = 1,
    norm: bool = True,
    activation: str = "",
    times: Count = 1,
) -> None:
    """Convolution, batch norm, activation."""
    tally.conv(c_in, c_out, kernel, out, groups=groups, times=times)
    if norm:
        tally.norm(c_out, out, times=times)
    if activation in RECTIFIERS:
        tally.relu(c_out, out, times=times)
