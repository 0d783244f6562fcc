"""What the networks of Schrodi et al.'s grammar cost, for all rows at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Shape, Tally, halved
from archcast.spaces.nasbench201.costs import CONV1, CONV3, POOL, conv_edge, residual

__all__ = ["Usage", "costs"]


@dataclass(frozen=True)
class Usage:
    """How often networks use what they are made of.

    Attributes:
        operations: ``(stages, 5, n)`` edges of each of NAS-Bench-201's operations, by the stage of the resolution.
        residuals: ``(stages, n)`` blocks that halve it.
        layers: ``(n,)`` convolutions on the longest path, without stem and classifier.
    """

    operations: NDArray[np.int64]
    residuals: NDArray[np.int64]
    layers: NDArray[np.int64]


def costs(
    usage: Usage, shape: Shape, convention: str, *, channels: int, classes: int, width: int
) -> dict[str, NDArray[np.float64]]:
    """Costs of ``n`` networks.

    Args:
        usage: of operations.
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
        for op, kernel in ((CONV1, 1), (CONV3, 3)):
            conv_edge(tally, last, last, kernel, shape, times=times[op])
        tally.pool(last, 3, shape, times=times[POOL])
        if residuals.any():
            residual(tally, last, 2 * last, shape, times=residuals)
    tally.norm(last, shape)
    tally.relu(last, shape)
    tally.global_pool(last, shape)
    tally.linear(last, classes)
    depth: Count = usage.layers + 2
    return tally.costs(depth, image[0])
