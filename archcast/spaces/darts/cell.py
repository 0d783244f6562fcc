"""What a cell of DARTS is made of."""

from __future__ import annotations

from archcast.graphs import CONVOLUTION, IDENTITY, POOLING, Operation

__all__ = ["CELLS", "DECLARED", "INPUTS", "NODES", "OPERATIONS"]

INPUTS, NODES = 2, 4
CELLS = ("normal", "reduce")
DECLARED = {  # depthwise convolutions have few weights, and separable ones are applied twice
    "max_pool_3x3": Operation(POOLING, reach=3),
    "avg_pool_3x3": Operation(POOLING, reach=3),
    "skip_connect": Operation(IDENTITY),
    "sep_conv_3x3": Operation(CONVOLUTION, weight=2.5, reach=5),
    "sep_conv_5x5": Operation(CONVOLUTION, weight=3.5, reach=9),
    "dil_conv_3x3": Operation(CONVOLUTION, weight=1.2, reach=5),
    "dil_conv_5x5": Operation(CONVOLUTION, weight=1.6, reach=9),
}
OPERATIONS = tuple(DECLARED)
