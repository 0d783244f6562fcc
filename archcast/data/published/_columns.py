"""From columns of decisions to a benchmark, for published tables whose search space is a list of choices."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.data.base import Benchmark
from archcast.errors import InvalidFileError, InvalidInputError
from archcast.graphs import CellGraphs
from archcast.spaces.base import SearchSpace

__all__ = ["ColumnSpace", "as_benchmark", "column_array", "firsts", "flatten", "left_out"]


class ColumnSpace(SearchSpace):
    """Decisions by name, each one of a few values; ``None`` is a decision that does not apply, number 0.

    The notation is JSON: ``{"depth": 3, "kernel": 5}``.
    """

    def __init__(self, name: str, choices: Mapping[str, Sequence[Any]]) -> None:
        self.name = name
        self.choices = {str(column): tuple(values) for column, values in choices.items()}
        self.columns = tuple(self.choices)
        self.cardinalities = tuple(len(values) for values in self.choices.values())

    def rows(self, decisions: Mapping[str, Sequence[Any]]) -> NDArray[np.int64]:
        """``(n, d)`` rows of columns of values.

        Raises:
            InvalidInputError: a value is not one of its column's.
        """
        out = []
        for column, values in self.choices.items():
            numbers = {value: number for number, value in enumerate(values)}
            try:
                out.append([numbers[value] for value in decisions[column]])
            except (KeyError, TypeError) as error:
                raise InvalidInputError(f"{column} must be one of {list(values)}, got {str(error)[:60]}.") from None
        return np.array(out, dtype=np.int64).T.reshape(-1, len(self.columns))

    def _parse(self, text: str) -> Sequence[int]:
        decisions = json.loads(text)
        if not isinstance(decisions, dict) or set(decisions) != set(self.columns):
            raise InvalidInputError(f"expected JSON with the keys {', '.join(self.columns)}")
        return self.rows({column: [value] for column, value in decisions.items()})[0].tolist()

    def format(self, archs: ArrayLike) -> list[str]:
        return [
            json.dumps({column: values[k] for (column, values), k in zip(self.choices.items(), row)})
            for row in self.validate(archs).tolist()
        ]

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        raise InvalidInputError(f"Space {self.name!r} is a list of choices: it has no cell graph.")

    def canonical(self, archs: ArrayLike) -> NDArray[np.int64]:
        return self.validate(archs)

    def __hash__(self) -> int:
        return hash((self.name, self.columns, self.cardinalities))


def as_benchmark(
    name: str,
    decisions: Mapping[str, Sequence[Any]],
    metrics: Mapping[str, Any],
    default_metric: str,
    *,
    choices: Mapping[str, Sequence[Any]] | None = None,
    **fields: Any,
) -> Benchmark:
    """A benchmark whose space is made of its own columns.

    Args:
        name: of the benchmark.
        decisions: column -> a value for each architecture; ``None`` where the decision does not apply to it.
        metrics: as in :class:`Benchmark`.
        default_metric: as in :class:`Benchmark`.
        choices: column -> all values that the space allows, where they are known; else those that occur, sorted.
        **fields: of :class:`Benchmark`.
    """
    allowed = {}
    for column, values in decisions.items():
        known = (choices or {}).get(column) or sorted({value for value in values if value is not None}, key=_by_kind)
        allowed[column] = [*([None] if any(value is None for value in values) else []), *known]
    space = ColumnSpace(name.partition("/")[0], allowed)
    return Benchmark(name, space, space.rows(decisions), metrics, default_metric, **fields)


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
