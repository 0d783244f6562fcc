"""One decision of a space of one's own: the values that it may take, and what their order and spacing mean."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from archcast.checks import listed, switch, whole
from archcast.errors import InvalidInputError, short

__all__ = ["Categorical", "Decision", "Float", "Int", "Log", "decision", "looks_geometric"]

MOST_VALUES = 1000
"""Most values of an ordered decision."""
MOST_CATEGORIES = 100_000
"""Most values of one decision: each is a move of a search."""

LINEAR_LEVELS, LEVELS_PER_DECADE = 21, 10
"""Grid of a real number that is told no number of levels."""


@dataclass(frozen=True)
class Decision:
    """The values that one decision may take.

    Attributes:
        values: at least one, all different, none of them a float that is not finite. The first of several numbers may be ``None``:
            the decision is not taken.
        ordered: whether the values have an order, the given one; numbers always have.
        log: whether ratios of numbers count, and not differences.
        between: whether the values are a grid in a range, so that a number between two of them stands for the nearer one.
    """

    values: tuple[Any, ...]
    ordered: bool = False
    log: bool = False
    between: bool = False

    @property
    def numbers(self) -> tuple[float, ...] | None:
        """What each value counts, logarithms where ``log``; the place in the order of other ordered values; NaN of ``None``; and
        ``None`` in all for categories."""
        if not self.ordered:
            return None
        start = 1 if self.values[0] is None else 0
        if all(_is_number(value) for value in self.values[start:]):
            numbers = [math.log(value) if self.log else float(value) for value in self.values[start:]]
        else:
            numbers = [float(k) for k in range(len(self.values) - start)]
        return (*[math.nan] * start, *numbers)

    def __str__(self) -> str:
        """In words, such as ``16 to 256 in steps of 16``."""
        values = self.values
        if len(values) == 1:
            return f"always {values[0]!r}"
        if not self.ordered or len(values) <= 6 or not _is_number(values[-1]):
            listed = [*map(repr, values)] if len(values) <= 8 else [*map(repr, values[:7]), f"... {len(values)} in all"]
            kind = (
                "numbers" if self.ordered and _is_number(values[-1]) else "in order" if self.ordered else "categories"
            )
            return f"{', '.join(listed)} ({kind}{', ratios count' if self.log else ''})"
        inner = [value for value in values if value is not None]
        steps = set(np.round(np.diff([float(value) for value in inner]), 9).tolist())
        step = f" in steps of {steps.pop():g}" if len(steps) == 1 else f", {len(inner)} levels"
        absent = "absent, or " if len(inner) < len(values) else ""
        return f"{absent}{inner[0]:g} to {inner[-1]:g}{step}{', ratios count' if self.log else ''}"


class Categorical(Decision):
    """Values without an order, or with one.

    Args:
        values: any that can be compared and hashed.
        ordered: whether they have an order, the given one.

    Examples:
        >>> Categorical(["relu", "gelu"]).numbers is None, Categorical(["low", "high"], ordered=True).numbers
        (True, (0.0, 1.0))
    """

    def __init__(self, values: Iterable[Hashable], *, ordered: bool = False) -> None:
        if isinstance(values, (set, frozenset)):
            raise InvalidInputError(f"values must be a list, which has an order, got {short(values)}.")
        try:
            _set(self, tuple(listed("values", values, "values")), ordered=switch("ordered", ordered), log=False)
        except InvalidInputError as error:
            told = str(error)
            raise InvalidInputError(told if told.startswith(("values", "ordered")) else f"values: {told}") from None


class Int(Decision):
    """Whole numbers from ``low`` to ``high``, both included.

    Args:
        low, high: bounds; ``high`` is left out where no step leads to it.
        step: of a grid on which differences count.
        log: whether ratios count; a grid without a step is then geometric.
        levels: most numbers of the grid; by default 10 for each factor of ten of a geometric one, else all.

    Examples:
        >>> Int(16, 256, log=True, levels=5).values
        (16, 32, 64, 128, 256)
    """

    def __init__(self, low: int, high: int, *, step: int | None = None, log: bool = False, levels: int | None = None):
        bounds = _bounds(low, high, switch("log", log), whole=True)
        if step is not None or (not log and levels is None):
            values: Sequence[int] = range(
                int(bounds[0]), int(bounds[1]) + 1, _whole("step", 1 if step is None else step, 1)
            )
            _few("step", len(values))
        else:
            grid = _grid(*bounds, log, _levels(*bounds, log, levels))
            values = sorted({round(value) for value in grid})
        _set(
            self, tuple(values), ordered=True, log=log, between=step is None and len(values) < bounds[1] - bounds[0] + 1
        )


class Float(Decision):
    """Real numbers from ``low`` to ``high``, both included, on a grid.

    Args:
        low, high: bounds.
        step: of the grid; ``high`` is left out where no step leads to it.
        log: whether ratios count; the grid is then geometric.
        levels: numbers of the grid; by default 21, and 10 for each factor of ten of a geometric one.

    Examples:
        >>> Float(0, 0.5, levels=6).values
        (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    """

    def __init__(
        self, low: float, high: float, *, step: float | None = None, log: bool = False, levels: int | None = None
    ):
        low, high = _bounds(low, high, switch("log", log), whole=False)
        if step is not None:
            if not _is_number(step) or not step > 0 or log:
                raise InvalidInputError(f"step must be a number above 0, without log, got {short(step)}.")
            _few("step", min((high - low) / step, 1e9))
            count = math.floor((high - low) / step * (1 + 1e-12)) + 1
            grid = [low + step * k for k in range(count)]
        else:
            grid = _grid(low, high, log, _levels(low, high, log, levels))
        values = dict.fromkeys(float(f"{value:.10g}") for value in grid)
        _set(self, tuple(values), ordered=True, log=log, between=step is None)


class Log(Float):
    """Real numbers from ``low`` to ``high`` whose ratios count, such as learning rates: ``Float(low, high, log=True)``.

    Args:
        low, high: bounds, above 0.
        levels: numbers of the geometric grid, by default 10 for each factor of ten.

    Examples:
        >>> Log(1e-4, 1e-1, levels=4).values
        (0.0001, 0.001, 0.01, 0.1)
    """

    def __init__(self, low: float, high: float, *, levels: int | None = None) -> None:
        super().__init__(low, high, log=True, levels=levels)


def decision(name: str, given: Any) -> Decision:
    """A decision from what a user writes: a :class:`Decision`, a ``range``, a list of values, or one constant value.

    Numbers in a list are put in order, and ratios count where these are more even than the differences, as of 16, 32, 64. Other
    lists are categories.

    Raises:
        InvalidInputError: names the decision and what is wrong with it.
    """
    if isinstance(given, Decision):
        return _set(Decision(()), given.values, ordered=given.ordered, log=given.log, between=given.between)
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        given = [given]
    if isinstance(given, (set, frozenset, dict)):
        raise InvalidInputError(f"{name} is a {type(given).__name__}, which has no order. Give a list: {name}=[...].")
    if isinstance(given, range):
        _few(name, len(given))
    try:
        values = [value.item() if isinstance(value, np.generic) else value for value in given]
    except Exception as error:  # whatever a value's own __iter__ raises
        raise InvalidInputError(f"{name} must be a list of values, got {short(given)}.") from error
    try:
        if values and all(_is_number(value) for value in values):
            ordered = sorted(values)
            return _set(Decision((), True), tuple(ordered), ordered=True, log=looks_geometric(ordered))
        return _set(Decision(()), tuple(values), ordered=False, log=False)
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: {error}") from None


def looks_geometric(values: Sequence[float]) -> bool:
    """Whether ratios of increasing numbers count: they are positive, span a factor of four at least, and their
    logarithms are spaced more evenly than they are themselves.

    Examples:
        >>> looks_geometric([16, 32, 64, 128]), looks_geometric([1, 2, 3, 4]), looks_geometric([3, 5, 7])
        (True, False, False)
    """
    if len(values) < 3 or values[0] <= 0 or values[-1] < 4 * values[0]:
        return False

    def unevenness(x: Any) -> float:
        gaps = np.diff(np.asarray(x, dtype=np.float64))
        return float(gaps.std() / gaps.mean())

    return unevenness(np.log(np.asarray(values, dtype=np.float64))) < unevenness(values)


def _set(into: Decision, values: tuple[Any, ...], *, ordered: bool, log: bool, between: bool = False) -> Decision:
    """Check and store."""
    values = tuple(value.item() if isinstance(value, np.generic) else value for value in values)
    if not values:
        raise InvalidInputError("a decision needs at least one value.")
    most = MOST_VALUES if ordered else MOST_CATEGORIES
    if len(values) > most:
        raise InvalidInputError(
            f"a decision may have {most} values, this one has {len(values)}. Use a coarser step, or levels=..."
        )
    try:
        keys = {_key(value) for value in values}
    except TypeError as error:
        raise InvalidInputError(f"values must be hashable: {error}.") from None
    if len(keys) < len(values):
        twice = next(value for i, value in enumerate(values) if _key(value) in map(_key, values[:i]))
        raise InvalidInputError(f"the value {short(twice)} is there twice.")
    if any(isinstance(value, float) and not math.isfinite(value) for value in values):
        raise InvalidInputError("values must be finite. Leave a missing value out, or name it None.")
    if log and not (ordered and all(_is_number(v) and v > 0 for v in values if v is not None)):
        raise InvalidInputError("ratios count only of numbers above 0.")
    object.__setattr__(into, "values", values)
    object.__setattr__(into, "ordered", bool(ordered))
    object.__setattr__(into, "log", bool(log))
    object.__setattr__(into, "between", bool(between))
    return into


def _key(value: Any) -> Hashable:
    """What makes a value another one: 1 and 1.0 are the same, 1 and True are not."""
    return (isinstance(value, bool), value)


def _is_number(value: object) -> bool:
    if not isinstance(value, Real) or isinstance(value, (bool, np.bool_)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond all floats
        return False


def _bounds(low: Any, high: Any, log: bool, *, whole: bool) -> tuple[float, float]:
    kind, what = (Integral, "whole numbers") if whole else (Real, "numbers")
    if not all(isinstance(value, kind) and _is_number(value) for value in (low, high)) or low > high:
        raise InvalidInputError(f"low and high must be {what} with low <= high, got {short(low)} and {short(high)}.")
    if whole and max(abs(low), abs(high)) > 2**53:
        raise InvalidInputError(f"low and high must lie within -2**53 and 2**53, got {short(low)} and {short(high)}.")
    if log and low <= 0:
        raise InvalidInputError(f"low must be above 0 where ratios count, got {short(low)}.")
    return float(low), float(high)


def _whole(name: str, value: Any, least: int) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise InvalidInputError(f"{name} must be a whole number of at least {least}, got {short(value)}.")
    return int(value)


def _few(what: str, number: float) -> None:
    if number > MOST_VALUES:
        raise InvalidInputError(
            f"{what}: a decision may have {MOST_VALUES} values, this one has {number:.0f}. Use a coarser step, or levels=..."
        )


def _levels(low: float, high: float, log: bool, levels: int | None) -> int:
    if levels is not None:
        _few("levels", whole("levels", levels, 1))
        return whole("levels", levels, 1 if low == high else 2)
    if low == high:
        return 1
    if not log:
        return LINEAR_LEVELS
    levels = max(2, math.ceil(LEVELS_PER_DECADE * (math.log10(high) - math.log10(low)) - 1e-9) + 1)
    _few("low and high", levels)
    return levels


def _grid(low: float, high: float, log: bool, levels: int) -> list[float]:
    if log:
        return [float(value) for value in np.geomspace(low, high, levels)]
    return [float(value) for value in np.linspace(low, high, levels)]
