"""Learn from a table of one's own, say how well that works, and rank candidates: behind ``archcast fit``, ``predict``,
``choose``."""

from archcast.choosing.model import Model, fit
from archcast.choosing.recommend import Advice, choose
from archcast.choosing.table import Table, read_table

__all__ = ["Advice", "Model", "Table", "choose", "fit", "read_table"]
