"""Common checks of the strategy contract, for archcast's own strategies and for yours.

``check_strategy(MyStrategy("nasbench201"))`` runs them all; :func:`strategy_checks` lists them, so that a test suite can be
parametrised over them. Each check takes a strategy that it never uses itself: it makes new ones of the same class and
parameters. Strategies with a costly predictor are checked with a cheap one.
"""

from __future__ import annotations

from collections.abc import Callable

from archcast.search.base import Strategy
from archcast.testing._assertions import checks_in, run
from archcast.testing.strategies import asking, state, telling

__all__ = ["check_strategy", "strategy_checks"]


def strategy_checks() -> list[Callable[[Strategy], None]]:
    """The checks, each a function of a strategy."""
    return checks_in(asking, telling, state)


def check_strategy(strategy: Strategy) -> None:
    """Run every check on ``strategy``.

    Examples:
        >>> import archcast
        >>> check_strategy(archcast.get_strategy("regularized-evolution", "nasbench201"))

    Raises:
        AssertionError: names the first check that failed and says why.
    """
    run(strategy_checks(), strategy)
