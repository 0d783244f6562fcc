"""Every decision as one number between 0 and 1: its place among its values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.encodings._decisions import columns
from archcast.encodings.base import Encoder, register
from archcast.spaces.base import SearchSpace

__all__ = ["Ordinal"]

PAPER = "after White et al. 2020, https://arxiv.org/abs/2007.04965"


@register("ordinal", summary="place of every decision among its values, 0 to 1", paper=PAPER)
class Ordinal(Encoder):
    """The integer of each decision divided by the largest; 0 where it is inactive. A decision without a choice is left out.

    Args:
        space: search space.

    Examples:
        >>> import archcast
        >>> space = archcast.Choices(width=[16, 32, 64], act=["relu", "gelu", "silu"])
        >>> Ordinal(space).transform([[1, 2]])
        array([[0.5, 1. ]], dtype=float32)
    """

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        chosen = [c.number for c in columns(space)]
        return archs[:, chosen] / (np.asarray(space.cardinalities)[chosen] - 1)

    def _names(self, space: SearchSpace) -> list[str]:
        return [c.name for c in columns(space)]
