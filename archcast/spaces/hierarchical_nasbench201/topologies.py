"""How the parts of a production are put together."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ACTIVATIONS",
    "EDGES",
    "FLEXIBLE",
    "HALVINGS",
    "KERNELS",
    "NORMS",
    "OPERATIONS",
    "POOL",
    "USUAL",
    "Convolution",
]

EDGES: dict[str, tuple[tuple[int, int], ...]] = {
    "Linear2": ((0, 1), (1, 2)),
    "Linear3": ((0, 1), (1, 2), (2, 3)),
    "Linear4": ((0, 1), (1, 2), (2, 3), (3, 4)),
    "Residual2": ((0, 1), (0, 2), (1, 2)),
    "Residual3": ((0, 1), (1, 2), (0, 3), (2, 3)),
}
"""Edge of each part, from one node to another in topological order; a node is the sum of what comes in."""

HALVINGS = {"D2": 2, "D1": 1, "D0": 0, "DOWN": 1, "C": 0, "CELL": 0, "resBlock": 1}
"""How often each symbol halves the resolution and doubles the channels."""

OPERATIONS = {"zero": 0, "id": 1, "conv1x1": 2, "conv3x3": 3, "avg_pool": 4}
"""Name in the grammar -> number in NAS-Bench-201."""


@dataclass(frozen=True)
class Convolution:
    """Activation, convolution without bias, normalisation.

    Attributes:
        kernel: side of the window.
        depthwise: whether each channel is convolved by itself.
        activation: ``"relu"``, ``"hardswish"`` or ``"mish"``.
        norm: ``"batch"``, ``"instance"``, or ``"layer"``, which has a scale and a shift for each place of the map.
    """

    kernel: int
    depthwise: bool = False
    activation: str = "relu"
    norm: str = "batch"


POOL = "pool"
USUAL: tuple[Convolution | str | None, ...] = (None, None, Convolution(1), Convolution(3), POOL)
"""What each of NAS-Bench-201's operations is; ``None`` for nothing and for the identity."""

ACTIVATIONS, NORMS = ("relu", "hardswish", "mish"), ("batch", "instance", "layer")
KERNELS = {"conv3x3o": (3, False), "conv1x1o": (1, False), "dconv3x3o": (3, True)}
"""Name of a convolution in the grammar -> its kernel, and whether it is depthwise."""

FLEXIBLE: tuple[Convolution | str | None, ...] = (
    *(None, None, POOL),
    *(
        Convolution(*conv, activation, norm)
        for activation in ACTIVATIONS
        for conv in KERNELS.values()
        for norm in NORMS
    ),
)
"""The same where the parts of a convolution are free: nothing, identity, pooling, 27 convolutions."""
