"""Checks of what strategies take: numbers, and predictors that are to guide a search."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from archcast.errors import InvalidInputError, short
from archcast.predictors.base import PREDICTORS, Predictor
from archcast.spaces.base import SearchSpace, get_space

__all__ = ["check_predictor_fits", "number"]


def number(
    name: str, value: Any, least: float, most: float = math.inf, *, above: bool = False, below: bool = False
) -> float:
    """``value`` as a float from ``least`` to ``most``; with ``above`` or ``below`` that end itself is not allowed.

    Raises:
        InvalidInputError: it is no finite number, or out of range.
    """
    try:
        real = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an int that no float can hold
        real = False
    if not real or not least <= value <= most or (above and value == least) or (below and value == most):
        low = f"{'above' if above else 'of at least'} {least:g}"
        high = "" if math.isinf(most) else f" and {'below' if below else 'at most'} {most:g}"
        raise InvalidInputError(f"{name} must be a number {low}{high}, got {short(value)}.")
    return float(value)


def check_predictor_fits(predictor: Predictor, space: SearchSpace, *, std: bool) -> None:
    """Whether a predictor can guide a search.

    Raises:
        InvalidInputError: it is of another space, needs evidence of architectures that nobody trained, or has no std where one is
            needed; the message names predictors that have.
    """
    if not isinstance(predictor, Predictor):
        raise InvalidInputError(f"predictor must be a name or an archcast.Predictor, got {type(predictor).__name__}.")
    title = PREDICTORS.name_of(type(predictor)) or type(predictor).__name__
    if get_space(predictor.space) != space:
        raise InvalidInputError(
            f"predictor {title!r} is for space {get_space(predictor.space).name!r}, the search's is {space.name!r}."
        )
    needs = predictor.requires
    what = f"curve {needs.curve!r}" if needs.curve else f"proxies {', '.join(needs.proxies)}" if needs.proxies else ""
    if what:
        raise InvalidInputError(
            f"predictor {title!r} needs the {what} of every candidate, which nobody has trained or scored. Use one that needs only "
            f"the architecture, e.g. 'gp'."
        )
    if std and not predictor.has_std:
        named = ", ".join(name for name in PREDICTORS if PREDICTORS[name].has_std)
        raise InvalidInputError(
            f"predictor {title!r} has no std, which this acquisition needs. "
            f"Use one of: {named}; or acquisition 'mean' or 'thompson'."
        )
