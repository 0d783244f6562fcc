"""Named choices of Bayesian optimisation: what a paper's strategy is, said in parameters of ``bayesian``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from archcast.errors import InvalidInputError, short
from archcast.search.strategies.bayesian import Bayesian
from archcast.spaces.base import SearchSpace

__all__ = ["Preset"]


class Preset(Bayesian):
    """``bayesian`` with other defaults. A subclass is a docstring and two tables.

    Args:
        space: search space.
        as_published: take the settings of the paper to the letter. A parameter that contradicts one of them is refused.
        params: parameters of ``bayesian``, and those of every strategy.

    Attributes:
        choices: defaults that take the place of those of ``bayesian``.
        published: settings of the paper that differ from these defaults.

    Raises:
        InvalidInputError: ``as_published`` is no truth value, or a parameter contradicts the paper.
    """

    choices: ClassVar[Mapping[str, Any]] = {}
    published: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, space: str | SearchSpace, *, as_published: bool = False, **params: Any) -> None:
        if not isinstance(as_published, bool):
            raise InvalidInputError(f"as_published must be True or False, got {short(as_published)}.")
        self.as_published = as_published
        fixed = {**self.choices, **self.published} if as_published else {}
        for name, value in params.items():
            if name in fixed and value != fixed[name] and value != (fixed[name],):
                raise InvalidInputError(
                    f"as_published=True is {name}={fixed[name]!r}, got {short(value)}. Leave out one of the two."
                )
        super().__init__(space, **{**self.choices, **params, **fixed})
