"""What a cell of NAS-Bench-101 is made of."""

from __future__ import annotations

from archcast.graphs import CONVOLUTION, POOLING, Operation

__all__ = ["DECLARED", "EDGES", "MAX_EDGES", "NODES", "OPERATIONS"]

NODES, MAX_EDGES = 7, 9
EDGES = tuple((i, j) for i in range(NODES) for j in range(i + 1, NODES))
DECLARED = {
    "conv3x3-bn-relu": Operation(CONVOLUTION, weight=9, reach=3),
    "conv1x1-bn-relu": Operation(CONVOLUTION, weight=1),
    "maxpool3x3": Operation(POOLING, reach=3),
}
OPERATIONS = tuple(DECLARED)
