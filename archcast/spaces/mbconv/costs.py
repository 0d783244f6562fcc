"""What chains of inverted residual blocks cost, for all rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Shape, Tally, halved
from archcast.spaces.mbconv.layers import Block, Chain, Conv, Full, Shuffle

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
    c: Count = 0
    for place in chain.places():
        shape, given = halved(shape) if place[0].stride == 2 else shape, shape
        for layer in place:
            if isinstance(layer, Block):
                depth += _block(tally, layer, given, shape)
            elif isinstance(layer, Full):
                depth += _full(tally, layer, shape)
            elif isinstance(layer, Shuffle):
                depth += _shuffle(tally, layer, given, shape)
            else:
                depth += _conv(tally, layer, shape)
        c = place[0].c_out
    tally.global_pool(c, shape)
    for conv in chain.head:
        depth += _conv(tally, conv, PIXEL)
        c = conv.c_out
    tally.linear(c, chain.classes, bias=chain.bias)
    return tally.costs(depth, image[0])


def _conv(tally: Tally, layer: Conv, out: Shape) -> Count:
    """Layers on the longest path."""
    _unit(
        tally,
        layer.c_in,
        layer.c_out,
        out,
        kernel=layer.kernel,
        norm=layer.norm,
        activation=layer.activation,
        times=layer.there,
    )
    return 1 * np.asarray(layer.there)


def _block(tally: Tally, block: Block, given: Shape, out: Shape) -> Count:
    """Layers on the longest path."""
    mid, groups, activation, there = block.mid, block.groups, block.activation, np.asarray(block.there)
    expand, gated = there & np.asarray(block.expand), there & (np.asarray(block.squeeze) > 0)
    _unit(tally, block.c_in, mid, given, groups=groups, activation=activation, times=expand)
    _unit(tally, mid, mid, out, kernel=block.kernel, groups=mid, activation=activation, times=there)
    _gate(tally, block, mid, out, gated)
    _unit(tally, mid, block.c_out, out, groups=groups, times=there)
    _skip(tally, block, out)
    return 2 * there + expand + 2 * gated


def _full(tally: Tally, block: Full, out: Shape) -> Count:
    """Layers on the longest path."""
    there = np.asarray(block.there)
    gated = there & (np.asarray(block.squeeze) > 0)
    _unit(tally, block.c_in, block.c_out, out, kernel=block.kernel, activation=block.activation, times=there)
    _gate(tally, block, block.c_out, out, gated)
    _skip(tally, block, out)
    return 1 * there + 2 * gated


def _gate(tally: Tally, block: Block | Full, channels: Count, out: Shape, gated: Count) -> None:
    """Squeeze and excitation."""
    tally.global_pool(channels, out, times=gated)
    tally.conv(channels, block.squeeze, 1, PIXEL, bias=True, times=gated)
    if block.gate[0] in RECTIFIERS:
        tally.relu(block.squeeze, PIXEL, times=gated)
    tally.conv(block.squeeze, channels, 1, PIXEL, bias=True, times=gated)


def _skip(tally: Tally, block: Block | Full, out: Shape) -> None:
    """A pooling beside the layers."""
    pooled = np.asarray(block.there) & (np.asarray(block.skip) == 2) & (np.asarray(block.c_in) == block.c_out)
    if block.stride == 1:
        tally.pool(block.c_out, 3, out, times=pooled)


def _shuffle(tally: Tally, unit: Shuffle, given: Shape, out: Shape) -> Count:
    """Layers on the longest path."""
    (c_in, c_out), mid, there = unit.branch, unit.mid, np.asarray(unit.there)
    deep = there & np.asarray(unit.xception)
    short = there & ~np.asarray(unit.xception)
    _unit(tally, c_in, mid, given, activation="relu", times=short)
    _unit(tally, mid, mid, out, kernel=unit.kernel, groups=mid, times=short)
    for before, after in ((c_in, mid), (mid, mid)):
        _unit(tally, before, before, out, kernel=unit.kernel, groups=before, times=deep)
        _unit(tally, before, after, out, activation="relu", times=deep)
    _unit(tally, mid, mid, out, kernel=unit.kernel, groups=mid, times=deep)
    _unit(tally, mid, c_out, out, activation="relu", times=there)
    if unit.stride == 2:
        _unit(tally, c_in, c_in, out, kernel=unit.kernel, groups=c_in, times=there)
        _unit(tally, c_in, c_in, out, activation="relu", times=there)
    return 3 * short + 6 * deep


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
    elif activation:
        tally.activation(c_out, out, times=times)
