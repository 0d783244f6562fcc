"""One-hot of every decision that plays a part."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.encodings._decisions import columns
from archcast.encodings.base import Encoder, register
from archcast.spaces.base import SearchSpace

__all__ = ["OneHot"]

PAPER = "after White et al. 2020, https://arxiv.org/abs/2007.04965"


@register("one-hot", summary="one-hot of every decision, zeros where it is inactive", paper=PAPER)
class OneHot(Encoder):
    """A feature for each value of each decision: 1 where the row has it, 0 otherwise and where the decision is inactive.

    In a space without conditions a decision of two values has one feature; one that leaves no choice has none.

    Args:
        space: search space.

    Examples:
        >>> import archcast
        >>> space = archcast.Choices(depth=[1, 2], act=["relu", "gelu", "silu"])
        >>> OneHot(space).transform([[1, 0], [0, 2]])
        array([[1., 1., 0., 0.],
               [0., 0., 0., 1.]], dtype=float32)
    """

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        active = space.active(archs)
        blocks = [
            (archs[:, [c.number]] == _values(c.size, c.conditional)) & active[:, [c.number]] for c in columns(space)
        ]
        return np.concatenate([np.zeros((len(archs), 0), dtype=bool), *blocks], axis=1)

    def _names(self, space: SearchSpace) -> list[str]:
        return [f"{c.name}={value}" for c in columns(space) for value in _values(c.size, c.conditional)]


def _values(size: int, conditional: bool) -> NDArray[np.int64]:
    return np.arange(1 if size == 2 and not conditional else 0, size)
