"""DARTS: the space, its network, and what the network costs."""

from archcast.spaces.darts.cell import CELLS, INPUTS, NODES, OPERATIONS
from archcast.spaces.darts.space import DARTS

__all__ = ["CELLS", "DARTS", "INPUTS", "NODES", "OPERATIONS"]
