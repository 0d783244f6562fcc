"""Schrodi et al.'s hierarchical space: the grammar, its networks, and what they cost."""

from archcast.spaces.hierarchical_nasbench201.space import HierarchicalNASBench201

__all__ = ["HierarchicalNASBench201"]
