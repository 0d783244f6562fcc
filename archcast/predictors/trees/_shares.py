"""How many features trees are shown at a time: a small share of many, but never too few to see how decisions act together."""

from __future__ import annotations

from archcast.spaces.base import SearchSpace

__all__ = ["share_of"]


def share_of(space: SearchSpace, share: float, width: int, least: int) -> float:
    """The share of ``width`` features; where these are the decisions of a space without cell graphs, few and each with a meaning of
    its own, at least ``least`` of them.

    Examples:
        >>> import archcast
        >>> share_of(archcast.Choices(width=[16, 32], depth=[1, 2]), 0.15, 20, 10)
        0.5
    """
    return share if space.has_graph else max(share, min(1.0, least / max(width, 1)))
