"""Liu et al.'s hierarchical space: motifs of operations, and a graph of motifs."""

from archcast.spaces.hierarchical.space import Hierarchical

__all__ = ["Hierarchical"]
