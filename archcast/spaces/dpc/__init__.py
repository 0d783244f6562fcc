"""Dense prediction cells: the space, its network, and what the network costs."""

from archcast.spaces.dpc.space import DPC

__all__ = ["DPC"]
