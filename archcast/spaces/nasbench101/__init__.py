"""NAS-Bench-101: the space, its network, and what the network costs."""

from archcast.spaces.nasbench101.cell import EDGES, OPERATIONS
from archcast.spaces.nasbench101.space import NASBench101

__all__ = ["EDGES", "OPERATIONS", "NASBench101"]
