"""What the operations of all spaces do to a signal: the one table that features of function and flow are computed from."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CONVOLUTION", "IDENTITY", "POOLING", "TABLE", "Operation", "operation"]

CONVOLUTION, POOLING, IDENTITY = "convolution", "pooling", "identity"


@dataclass(frozen=True)
class Operation:
    """What is known of an operation by its name.

    Attributes:
        kind: ``CONVOLUTION`` for a learned map followed by normalisation, ``POOLING``, or ``IDENTITY``.
        weight: number of weights in units of a 1x1 convolution, as far as they help.
        kernel: side of the window that one output depends on.
    """

    kind: str
    weight: float = 0.0
    kernel: int = 1


TABLE = {
    # NAS-Bench-201 and TransNAS-Bench-101
    "skip_connect": Operation(IDENTITY),
    "nor_conv_1x1": Operation(CONVOLUTION, 1, 1),
    "nor_conv_3x3": Operation(CONVOLUTION, 9, 3),
    "avg_pool_3x3": Operation(POOLING, 0, 3),
    "normal": Operation(CONVOLUTION, 1, 3),
    "double": Operation(CONVOLUTION, 2, 3),
    "halve": Operation(CONVOLUTION, 1, 3),
    "double-and-halve": Operation(CONVOLUTION, 2, 3),
    # NAS-Bench-101
    "conv3x3-bn-relu": Operation(CONVOLUTION, 9, 3),
    "conv1x1-bn-relu": Operation(CONVOLUTION, 1, 1),
    "maxpool3x3": Operation(POOLING, 0, 3),
    # SpikeNAS-Bench: neurons of three thresholds, each before a convolution
    **{f"lif_{threshold}_conv_3x3": Operation(CONVOLUTION, 9, 3) for threshold in ("0.5", "1.0", "1.5")},
    # DARTS: depthwise convolutions have few weights, and separable ones are applied twice
    "max_pool_3x3": Operation(POOLING, 0, 3),
    "sep_conv_3x3": Operation(CONVOLUTION, 2.5, 5),
    "sep_conv_5x5": Operation(CONVOLUTION, 3.5, 9),
    "dil_conv_3x3": Operation(CONVOLUTION, 1.2, 5),
    "dil_conv_5x5": Operation(CONVOLUTION, 1.6, 9),
    # NAS-Bench-Macro
    "identity": Operation(IDENTITY),
    "mb3_k3": Operation(CONVOLUTION, 3, 3),
    "mb6_k5": Operation(CONVOLUTION, 6, 5),
    # NATS-Bench's size space: the name is the number of channels
    **{str(8 * k): Operation(CONVOLUTION, k, 3) for k in range(1, 9)},
    # NAS-Bench-Graph: a layer sees the neighbours of a vertex, a fully connected one the vertex alone; only the former count as
    # weights, because more of them do help, and more parameters do not
    **{layer: Operation(CONVOLUTION, 1, 3) for layer in ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph")},
    "fc": Operation(CONVOLUTION, 0, 1),
    "skip": Operation(IDENTITY),
}


def operation(name: str) -> Operation:
    """What is known of the operation called ``name``; one that is not in the table counts as a learned map.

    Examples:
        >>> operation("nor_conv_3x3").weight
        9
        >>> operation("fancy_layer").kind
        'convolution'
    """
    return TABLE.get(name, Operation(CONVOLUTION))
