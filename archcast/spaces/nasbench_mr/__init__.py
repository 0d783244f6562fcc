"""NAS-Bench-MR: the space, its network, and what the network costs."""

from archcast.spaces.nasbench_mr.space import NASBenchMR

__all__ = ["NASBenchMR"]
