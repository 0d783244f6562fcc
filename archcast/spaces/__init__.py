"""Search spaces: what a row of integers means."""

from archcast.graphs import CellGraphs
from archcast.spaces.base import SPACES, SearchSpace, Task, get_space, register

__all__ = ["SPACES", "CellGraphs", "SearchSpace", "Task", "get_space", "register"]
