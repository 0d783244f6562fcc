"""NAS-Bench-201: the space, its network, and what the network costs."""

from archcast.spaces.nasbench201.space import NASBench201

__all__ = ["NASBench201"]
