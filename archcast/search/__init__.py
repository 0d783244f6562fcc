"""Search: strategies that ask for architectures and are told their scores, and the loop that trains what they ask for."""

from archcast.search.base import STRATEGIES, Strategy, ZeroCost, get_strategy, load_strategy, register
from archcast.search.history import History, Observation
from archcast.search.objectives import Evaluation, FunctionObjective, Objective, TableObjective
from archcast.search.pareto import hypervolume, pareto_front
from archcast.search.results import SearchResults
from archcast.search.run import DEFAULT_STRATEGIES, run_search
from archcast.search.runner import Step
from archcast.search.trace import Trace
from archcast.search.training import TrainingObjective

__all__ = [
    "DEFAULT_STRATEGIES",
    "STRATEGIES",
    "Evaluation",
    "FunctionObjective",
    "History",
    "Objective",
    "Observation",
    "SearchResults",
    "Step",
    "Strategy",
    "TableObjective",
    "Trace",
    "TrainingObjective",
    "ZeroCost",
    "get_strategy",
    "hypervolume",
    "load_strategy",
    "pareto_front",
    "register",
    "run_search",
]
