"""SpikeNAS-Bench: 15,625 spiking cells with one of five operations on each of six edges."""

from __future__ import annotations

import re
from collections.abc import Mapping

from numpy.typing import ArrayLike

from archcast.errors import InvalidInputError
from archcast.graphs import CONVOLUTION, IDENTITY, NOTHING, Operation
from archcast.spaces.base import register
from archcast.spaces.edge_cells import EdgeCellSpace

__all__ = ["SpikeNASBench"]

_PUBLISHED = (0, 1, 3, 2, 4, 5)
"""Published edge order 0->1, 0->2, 0->3, 1->2, 1->3, 2->3 as columns of a row; its own inverse."""


@register(
    "spikenas-bench",
    summary="4-node cells of spiking neurons, 5 operations on 6 edges; 15,625 rows",
    paper="Sun et al. 2025, https://doi.org/10.1109/TAI.2025.3534136",
    size=15_625,
    buildable=False,
)
class SpikeNASBench(EdgeCellSpace):
    """SpikeNAS-Bench (Sun et al. 2025, https://doi.org/10.1109/TAI.2025.3534136).

    The topology is that of NAS-Bench-201. A row holds the operation of the edges 0->1, 0->2, 1->2, 0->3, 1->3, 2->3: 0 none,
    1 skip_connect, and leaky integrate-and-fire neurons with threshold 0.5 (2), 1.0 (3) or 1.5 (4), each followed by a
    normalised 3x3 convolution. The notation is six digits in another order of edges: 0->1, 0->2, 0->3, 1->2, 1->3, 2->3.

    Examples:
        >>> space = SpikeNASBench()
        >>> space.parse("123400")
        array([[1, 2, 4, 3, 0, 0]])
        >>> space.format([[1, 2, 4, 3, 0, 0]])
        ['123400']
    """

    name = "spikenas-bench"
    operations: Mapping[str, Operation] = {
        "none": Operation(NOTHING),
        "skip_connect": Operation(IDENTITY),
        "lif_0.5_conv_3x3": Operation(CONVOLUTION, weight=9, reach=3),
        "lif_1.0_conv_3x3": Operation(CONVOLUTION, weight=9, reach=3),
        "lif_1.5_conv_3x3": Operation(CONVOLUTION, weight=9, reach=3),
    }
    cardinalities = (5,) * 6

    def _parse(self, text: str) -> list[int]:
        if not re.fullmatch("[0-4]{6}", text):
            raise InvalidInputError("expected six digits, each 0 to 4")
        return [int(text[column]) for column in _PUBLISHED]

    def format(self, archs: ArrayLike) -> list[str]:
        return ["".join(map(str, row)) for row in self.validate(archs)[:, _PUBLISHED].tolist()]
