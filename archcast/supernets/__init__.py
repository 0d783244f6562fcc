"""Networks that hold every architecture of a space, and the loops that train their shared weights.

A row of integers is one path through a supernet; a *mixture*, a row whose integers became probabilities, is a weighted sum of
operations at every decision. :func:`get_supernet` builds the supernet of a space, :func:`train` trains it by a
:class:`Regime` (a distribution over rows plus an update), :mod:`~archcast.supernets.queries` read it.
"""

from archcast.supernets.base import Supernet, get_supernet
from archcast.supernets.loop import Batch, Regime, Settings, train
from archcast.supernets.queries import evaluate

__all__ = ["Batch", "Regime", "Settings", "Supernet", "evaluate", "get_supernet", "train"]
