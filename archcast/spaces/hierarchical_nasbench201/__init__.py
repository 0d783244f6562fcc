"""Schrodi et al.'s hierarchical spaces: the grammars, their networks, and what they cost."""

from archcast.spaces.hierarchical_nasbench201.flexible import FlexibleHierarchicalNASBench201
from archcast.spaces.hierarchical_nasbench201.space import HierarchicalNASBench201

__all__ = ["FlexibleHierarchicalNASBench201", "HierarchicalNASBench201"]
