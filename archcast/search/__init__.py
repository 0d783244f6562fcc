"""Search: strategies that ask for architectures and are told their scores, and the loop that trains what they ask for."""

from archcast.search.base import STRATEGIES, Strategy, ZeroCost, get_strategy, load_strategy, register
from archcast.search.history import History, Observation

__all__ = [
    "STRATEGIES",
    "History",
    "Observation",
    "Strategy",
    "ZeroCost",
    "get_strategy",
    "load_strategy",
    "register",
]
