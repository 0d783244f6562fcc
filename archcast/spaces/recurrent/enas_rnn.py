"""The recurrent cell of ENAS (Pham et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping

from archcast.spaces.base import register
from archcast.spaces.recurrent.trees import RecurrentTree

__all__ = ["ENASRecurrent"]


@register(
    "enas-rnn",
    summary="ENAS' recurrent cell: a tree of 12 nodes with 4 activation functions; 6.7e14 rows",
    paper="Pham et al. 2018, https://arxiv.org/abs/1802.03268",
    size=39_916_800 * 4**12,
    buildable=True,
)
class ENASRecurrent(RecurrentTree):
    """ENAS' recurrent cell in :class:`RecurrentTree`: twelve nodes, the mean of the loose ends, 748 numbers a state, which gives
    22 M parameters (the paper says 24 M)."""

    name = "enas-rnn"
    nodes, rooted = 12, True
    sizes: Mapping[str, int] = {"width": 748}
