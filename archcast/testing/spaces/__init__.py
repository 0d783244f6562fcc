"""Common checks of the search space contract, for archcast's own spaces and for yours.

``check_space(MySpace())`` runs them all; :func:`space_checks` lists them, so that a test suite can be parametrised over them. Each
check takes a space that it does not change, and raises ``AssertionError`` with what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable

from archcast.spaces.base import SearchSpace
from archcast.testing._assertions import checks_in, run
from archcast.testing.spaces import graphs, networks, notation, objects, rows

__all__ = ["check_space", "space_checks"]


def space_checks() -> list[Callable[[SearchSpace], None]]:
    """The checks, each a function of a space."""
    return checks_in(rows, notation, graphs, objects, networks)


def check_space(space: SearchSpace) -> None:
    """Run every check on ``space``.

    Examples:
        >>> import archcast
        >>> check_space(archcast.get_space("transnasbench101-macro"))

    Raises:
        AssertionError: names the first check that failed and says why.
    """
    run(space_checks(), space)
