"""The recurrent cell of DARTS (Liu et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping

from archcast.spaces.base import register
from archcast.spaces.recurrent.trees import RecurrentTree

__all__ = ["DARTSRecurrent"]


@register(
    "darts-rnn",
    summary="DARTS' recurrent cell: a tree of 8 nodes with 4 activation functions; 2.6e9 rows",
    paper="Liu et al. 2019, https://arxiv.org/abs/1806.09055",
    size=40_320 * 4**8,
    buildable=True,
)
class DARTSRecurrent(RecurrentTree):
    """DARTS' recurrent cell in :class:`RecurrentTree`: eight nodes, the mean of all, 850 numbers a state."""

    name = "darts-rnn"
    nodes, rooted = 8, False
    sizes: Mapping[str, int] = {"width": 850}
