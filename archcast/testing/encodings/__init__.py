"""Common checks of the encoder contract, for archcast's own encodings and for yours.

``check_encoding(MyEncoder("nasbench201"))`` runs them all; :func:`encoding_checks` lists them, so that a test suite can be
parametrised over them. Each check takes an encoder that it never changes (it works on clones), and raises
``AssertionError`` with what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable

from archcast.encodings.base import Encoder
from archcast.testing._assertions import checks_in, run
from archcast.testing.encodings import contract

__all__ = ["check_encoding", "encoding_checks"]


def encoding_checks() -> list[Callable[[Encoder], None]]:
    """The checks, each a function of an encoder that has not been fitted."""
    return checks_in(contract)


def check_encoding(encoder: Encoder) -> None:
    """Run every check on ``encoder``.

    Examples:
        >>> import archcast
        >>> check_encoding(archcast.get_encoding("adjacency", "nasbench201"))

    Raises:
        AssertionError: names the first check that failed and says why.
    """
    run(encoding_checks(), encoder)
