"""Every number scaled to 0..1, logarithms where ratios count; categories one-hot."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.encodings._decisions import columns
from archcast.encodings.base import Encoder, register
from archcast.spaces.base import SearchSpace

__all__ = ["LogScaled"]

PAPER = "after White et al. 2020, https://arxiv.org/abs/2007.04965"


@register(
    "log-scaled", summary="numbers scaled to 0..1, logarithms where ratios count; categories one-hot", paper=PAPER
)
class LogScaled(Encoder):
    """Each number scaled to 0..1 over its values, its logarithm where the space says that ratios count; categories are
    one-hot, one of two values is a single feature. Inactive decisions are 0. A decision without a choice is left out.

    Args:
        space: search space.

    Examples:
        >>> import archcast
        >>> space = archcast.Choices(lr=archcast.Log(1e-4, 1), act=["relu", "gelu", "silu"])
        >>> LogScaled(space).transform(space.rows([{"lr": 0.01, "act": "gelu"}]))
        array([[0.5, 0. , 1. , 0. ]], dtype=float32)
    """

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        active = space.active(archs)
        blocks = [np.zeros((len(archs), 0))]
        for c in columns(space):
            codes = c.categories if c.places is None else c.unit[:, None]
            blocks.append(codes[archs[:, c.number]] * active[:, [c.number]])
        return np.concatenate(blocks, axis=1)

    def _names(self, space: SearchSpace) -> list[str]:
        return [
            name
            for c in columns(space)
            for name in ([c.name] if c.places is not None else [f"{c.name}={k}" for k in range(c.size == 2, c.size)])
        ]
