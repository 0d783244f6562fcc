"""NAS-Bench-Macro: the space, its network, and what the network costs."""

from archcast.spaces.nasbench_macro.layers import STAGES
from archcast.spaces.nasbench_macro.space import NASBenchMacro

__all__ = ["STAGES", "NASBenchMacro"]
