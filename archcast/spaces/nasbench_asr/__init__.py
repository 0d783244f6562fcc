"""NAS-Bench-ASR: the space, its network, and what the network costs."""

from archcast.spaces.nasbench_asr.space import NASBenchASR

__all__ = ["NASBenchASR"]
