"""What the networks of Schrodi et al.'s grammar cost, for all rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Shape, Tally, halved
from archcast.spaces.hierarchical_nasbench201.topologies import POOL, Convolution
from archcast.spaces.nasbench201.costs import residual

__all__ = ["Usage", "costs"]


@dataclass(frozen=True)
class Usage:
    """How often networks use what they are made of.

    Attributes:
        operations: ``(stages, k, n)`` edges of each operation, by the stage of the resolution.
        residuals: ``(stages, n)`` blocks that halve it.
        layers: ``(n,)`` convolutions on the longest path, without stem and classifier.
    """

    operations: NDArray[np.int64]
    residuals: NDArray[np.int64]
    layers: NDArray[np.int64]


def costs(
    usage: Usage,
    kinds: Sequence[Convolution | str | None],
    shape: Shape,
    convention: str,
    *,
    channels: int,
    classes: int,
    width: int,
) -> dict[str, NDArray[np.float64]]:
    """Costs of ``n`` networks.

    Args:
        usage: of operations.
        kinds: what each of them is.
        shape: height and width of an image.
        convention: of counting.
        channels, classes: of the task.
        width: of the stem.
    """
    tally, image = Tally(len(usage.layers), convention), shape
    tally.conv(channels, width, 3, shape)
    tally.norm(width, shape)
    last = width
    for stage, (times, residuals) in enumerate(zip(usage.operations, usage.residuals, strict=True)):
        if stage:
            shape, last = halved(shape), 2 * last
        for number, kind in zip(times, kinds, strict=True):
            if isinstance(kind, Convolution):
                _conv(tally, kind, last, shape, number)
            elif kind == POOL:
                tally.pool(last, 3, shape, times=number)
        if residuals.any():
            residual(tally, last, 2 * last, shape, times=residuals)
    tally.norm(last, shape)
    tally.relu(last, shape)
    tally.global_pool(last, shape)
    tally.linear(last, classes)
    depth: Count = usage.layers + 2
    return tally.costs(depth, image[0])


def _conv(tally: Tally, kind: Convolution, channels: int, shape: Shape, times: Count) -> None:
    """Activation, convolution, normalisation."""
    if kind.activation == "relu":
        tally.relu(channels, shape, times=times)
    tally.conv(channels, channels, kind.kernel, shape, groups=channels if kind.depthwise else 1, times=times)
    tally.norm(channels, shape, times=times)
    if kind.norm == "layer":
        tally.weights(2 * channels * (shape[0] * shape[1] - 1), times=times)
