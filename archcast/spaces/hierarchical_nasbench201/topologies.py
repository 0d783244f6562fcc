"""How the parts of a production are put together."""

from __future__ import annotations

__all__ = ["EDGES", "HALVINGS", "OPERATIONS"]

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
