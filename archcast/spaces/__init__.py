"""Search spaces: what a row of integers means."""

from archcast.graphs import CellGraphs, Operation
from archcast.spaces.base import SPACES, SearchSpace, Task, get_space, register

__all__ = ["SPACES", "CellGraphs", "Operation", "SearchSpace", "Task", "get_space", "register"]
