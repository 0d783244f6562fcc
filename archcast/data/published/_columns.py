"""From columns of decisions to a benchmark, for published tables whose search space is a list of choices."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data.base import Benchmark
from archcast.errors import InvalidFileError, InvalidInputError
from archcast.spaces.base import SPACES, SearchSpace, get_space
from archcast.spaces.choices import Choices
from archcast.spaces.decisions import Decision, decision

__all__ = ["as_benchmark", "column_array", "firsts", "flatten", "in_space", "left_out"]


def as_benchmark(
    name: str,
    decisions: Mapping[str, Sequence[Any]],
    metrics: Mapping[str, Any],
    default_metric: str,
    *,
    choices: Mapping[str, Sequence[Any]] | None = None,
    conditions: Mapping[str, Mapping[str, Any]] | None = None,
    **fields: Any,
) -> Benchmark:
    """A benchmark whose space is made of its own columns, as :class:`archcast.spaces.choices.Choices`.

    Args:
        name: of the benchmark.
        decisions: column -> a value for each architecture; ``None`` where the decision does not apply to it.
        metrics: as in :class:`Benchmark`.
        default_metric: as in :class:`Benchmark`.
        choices: column -> all values that the space allows, where they are known; else those that occur, sorted.
        conditions: as in ``Choices``: when a decision applies. Without one, to be absent is a value of its own.
        **fields: of :class:`Benchmark`.
    """
    allowed, columns = {}, {}
    for column, given in decisions.items():
        values = list(given)
        if any(isinstance(value, str) for value in values):
            values = ["none" if value is None else value for value in values]
        known = (choices or {}).get(column) or sorted({value for value in values if value is not None}, key=_by_kind)
        made = decision(column, list(known))
        if None in values and column not in (conditions or {}):
            made = Decision((None, *made.values), made.ordered, made.log)
        allowed[column], columns[column] = made, values
    space = Choices(allowed, conditions=conditions, name=name.partition("/")[0])
    return Benchmark(name, space, space.rows(columns), metrics, default_metric, **fields)


def in_space(name: str, texts: Sequence[str]) -> tuple[SearchSpace, NDArray[np.int64]] | None:
    """A space and the rows of its architectures; ``None`` if there is no such space or it lacks one of them."""
    if name not in SPACES:
        return None
    space = get_space(name)
    try:
        return space, space.parse(texts)
    except InvalidInputError:
        return None


def _by_kind(value: Any) -> tuple[bool, Any]:
    """Order of values: numbers before texts."""
    return isinstance(value, str), value


def flatten(value: Any, name: str = "", depth: int = 0) -> dict[str, Any]:
    """The numbers and texts of nested dictionaries and lists by name: ``{"ds": [2, 4]}`` gives ``ds1`` and ``ds2``.

    A list of pairs (operation, source), as in a genotype, gives ``normal1_op`` and ``normal1_input``.

    Raises:
        InvalidInputError: nested too deeply, or too many.
    """
    if depth > 6:
        raise InvalidInputError("a description is nested too deeply")
    if isinstance(value, Mapping):
        parts = [flatten(part, f"{name}_{key}".lstrip("_"), depth + 1) for key, part in value.items()]
    elif isinstance(value, (list, tuple)):
        pair = len(value) == 2 and isinstance(value[0], str) and not isinstance(value[1], str) and depth > 1
        ends = ("_op", "_input") if pair else [str(k) for k in range(1, len(value) + 1)]
        parts = [flatten(part, f"{name}{end}", depth + 1) for end, part in zip(ends, value)]
    else:
        return {name: value}
    out = {key: part for some in parts for key, part in some.items()}
    if len(out) > 500:
        raise InvalidInputError(f"a description has {len(out)} decisions")
    return out


def firsts(keys: Sequence[Hashable]) -> list[int]:
    """Places of the first occurrence of each key."""
    return sorted({key: place for place, key in reversed(list(enumerate(keys)))}.values())


def left_out(**counts: int) -> str:
    """One line: how many of what were left out; underscores in a name are spaces."""
    return ", ".join(f"{count:,} {what.replace('_', ' ')}" for what, count in counts.items() if count)


def column_array(values: Sequence[Any], part: object, what: str) -> NDArray[np.float64]:
    """Numbers, ``None`` as NaN.

    Raises:
        InvalidFileError: something else.
    """
    try:
        array = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidFileError(f"{part}: {what} must be numbers: {str(error)[:120]}.") from error
    return np.where(np.isfinite(array), array, np.nan)
