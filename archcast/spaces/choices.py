"""A space of one's own: named decisions with values, declared in one line or read from a table."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.checks import label_of, listed, mapping, switch
from archcast.errors import InvalidInputError, short
from archcast.registry import closest
from archcast.spaces._frames import columns_of, is_number
from archcast.spaces._inference import infer
from archcast.spaces.conditional import Condition, ConditionalSpace, Rows
from archcast.spaces.decisions import Decision, decision

if TYPE_CHECKING:
    import torch

    from archcast.spaces.task import Task

__all__ = ["Choices"]

TOLERANCE = 1e-6
"""Part of a number, or of the step to the next value, by which it may differ from a value of the space."""

Clause = Mapping[str, Any]
Rule = Callable[[Mapping[str, NDArray[Any]]], NDArray[np.bool_]]


class Choices(ConditionalSpace):
    """A search space made of named decisions; a row holds the number of each decision's value.

    A decision is a ``range``, a list of values, a constant, or :class:`~archcast.Int`, :class:`~archcast.Float`,
    :class:`~archcast.Log` or :class:`~archcast.Categorical`. Numbers are ordered, and ratios count where a list is geometric, as
    16, 32, 64; texts and truth values are categories. No cell graph is needed: predictors use encodings of the decisions.

    Args:
        space: name -> decision, for names that are no words of Python; or leave it out and use ``decisions``.
        conditions: name -> {parent: value or values}: the decision plays a part only where all its parents have one of
            these values. Otherwise its column is 0.
        forbidden: combinations, each a mapping of names to a value or a list of values that may not occur together; or a function
            from name -> ``(n,)`` array of values to ``(n,)`` bool, true where a row is forbidden.
        name: what the space is called.
        builder: function of a mapping of active decisions to values that returns a ``torch.nn.Module``, for :meth:`build`.
        decisions: name -> decision.

    Attributes:
        decisions: name -> :class:`~archcast.spaces.decisions.Decision`.
        notes: of a space that was read from a table, what was left out, and why.

    Examples:
        >>> import archcast
        >>> space = archcast.Choices(
        ...     width=range(16, 257, 16), depth=[1, 2], kernel1=[3, 5, 7], kernel2=[3, 5, 7], act=["relu", "gelu"],
        ...     lr=archcast.Log(1e-4, 1e-1), conditions={"kernel2": {"depth": 2}}, forbidden=[{"act": "gelu", "width": [16, 32]}],
        ... )
        >>> row = space.row({"width": 64, "depth": 1, "kernel1": 5, "act": "relu", "lr": 0.01})
        >>> row
        array([ 3,  0,  1,  0,  0, 20])
        >>> space.format(row)
        ['{"width": 64, "depth": 1, "kernel1": 5, "act": "relu", "lr": 0.01}']
        >>> archs = space.sample(30, 0)
        >>> scores = archs[:, 0] - (archs[:, 5] - 15) ** 2 / 10                    # stands in for accuracies
        >>> gp = archcast.get_predictor("gp", space=space).init(archs, scores)
        >>> gp.query(space.neighbors(row)).mean.shape
        (51,)

    Raises:
        InvalidInputError: names the decision, condition or combination that is wrong.
    """

    def __init__(
        self,
        space: Mapping[str, Any] | None = None,
        /,
        *,
        conditions: Mapping[str, Mapping[str, Any]] | None = None,
        forbidden: Sequence[Clause | Rule] = (),
        name: str = "choices",
        builder: Callable[[dict[str, Any]], torch.nn.Module] | None = None,
        **decisions: Any,
    ) -> None:
        given = {**({} if space is None else mapping("space", space, "names to decisions")), **decisions}
        if not given:
            raise InvalidInputError("A space needs at least one decision, e.g. archcast.Choices(width=[16, 32, 64]).")
        label_of("name", name)
        if not all(isinstance(key, str) and key for key in given):
            raise InvalidInputError(f"decisions must have names, got {short(list(given))}.")
        self.name = name
        self.decisions = {key: decision(key, value) for key, value in given.items()}
        self.columns = tuple(self.decisions)
        self.cardinalities = tuple(len(found.values) for found in self.decisions.values())
        self.numbers = tuple(found.numbers for found in self.decisions.values())
        mapping("conditions", {} if conditions is None else conditions, "decisions to their parents")
        self.conditions = tuple(
            Condition(child, parent, self._codes("conditions", parent, values))
            for child, parents in mapping(
                "conditions", {} if conditions is None else conditions, "decisions to their parents"
            ).items()
            for parent, values in self._parents(child, parents)
        )
        self.forbidden = tuple(self._clause(clause) for clause in _listed("forbidden", forbidden))
        self.builder = builder
        self.notes: tuple[str, ...] = ()
        _ = self._order  # conditions in a circle are an error here, not at first use

    def _parents(self, child: str, parents: Any) -> Iterable[tuple[str, Any]]:
        self._decision("conditions", child)
        if not isinstance(parents, Mapping) or not parents:
            raise InvalidInputError(
                f"conditions[{child!r}] must be a mapping of a parent to its values, such as {{'depth': [3, 4]}}, got "
                f"{short(parents)}."
            )
        return parents.items()

    def _decision(self, what: str, name: str) -> Decision:
        if not isinstance(name, str) or name not in self.decisions:
            raise InvalidInputError(
                f"{what}: {short(name)} is no decision of the space. {closest(str(name), list(self.columns))}"
            )
        return self.decisions[name]

    def _codes(self, what: str, name: str, values: Any) -> tuple[int, ...]:
        """Numbers of one or several values of a decision."""
        found = self._decision(what, name)
        several = (
            values
            if (
                (isinstance(values, np.ndarray) and values.ndim)
                or isinstance(values, (list, tuple, set, frozenset, range))
            )
            and not _is_value(values, found)
            else [values]
        )
        return tuple(sorted({_code(f"{what}: {name}", found, value) for value in several}))

    def _clause(self, clause: Any) -> tuple[tuple[str, tuple[int, ...]], ...] | Rule:
        if callable(clause):
            return clause
        if not isinstance(clause, Mapping) or not clause:
            raise InvalidInputError(
                f"forbidden must hold mappings such as {{'act': 'gelu', 'depth': 4}}, or functions, got {short(clause)}."
            )
        return tuple((name, self._codes("forbidden", name, values)) for name, values in clause.items())

    # -- values -------------------------------------------------------------------------------------------------------

    def row(self, architecture: Mapping[str, Any]) -> NDArray[np.int64]:
        """``(d,)`` row of one architecture, name -> value; inactive decisions may be left out."""
        given = mapping("architecture", architecture, "names to values")
        try:
            return np.asarray(self.rows([dict.fromkeys(self.columns) | given])[0])
        except InvalidInputError as error:
            told = str(error).removeprefix("row 1: ").removeprefix("frame ")
            raise InvalidInputError(f"architecture: {told}") from None

    def rows(self, frame: Any, *, nearest: bool = False) -> Rows:
        """``(n, d)`` rows of a DataFrame, a mapping of columns, a list of architectures (name -> value) or the path of a table.

        Other columns are passed over. A missing value is right where its decision is inactive, has one value only, or
        may be ``None``.

        Args:
            frame: the table.
            nearest: take the nearest value of the space for any number that is none of its values; one between two values of a grid
                (:class:`~archcast.Float`, :class:`~archcast.Log`) stands for the nearer one anyway.

        Raises:
            InvalidInputError: names the first row and column whose value is not in the space.
        """
        switch("nearest", nearest)
        columns = columns_of(frame)
        n = len(next(iter(columns.values()), []))
        rows, unknown = np.zeros((n, len(self.columns)), dtype=np.int64), np.zeros((n, len(self.columns)), dtype=bool)
        for j, (name, found) in enumerate(self.decisions.items()):
            values = columns.get(name, [None] * n)
            codes: dict[Any, int | None] = {}
            for i, value in enumerate(values):
                if not isinstance(value, Hashable):
                    raise InvalidInputError(
                        f"row {i + 1}: {name}: {short(value)} is none of its values, {_which(found)}."
                    )
                key = (type(value), value)
                try:
                    if key not in codes:
                        missing = value is None and len(found.values) > 1 and None not in found.values
                        codes[key] = (
                            None if missing else 0 if value is None else _code(name, found, value, nearest=nearest)
                        )
                except InvalidInputError as error:
                    raise InvalidInputError(f"row {i + 1}: {error}") from None
                code = codes[key]
                rows[i, j], unknown[i, j] = (0, True) if code is None else (code, False)
        active = self.active(rows)
        lacking = np.argwhere(unknown & active)
        if len(lacking):
            i, j = lacking[0]
            what = "has no value" if self.columns[j] in columns else "is missing: the table has no such column"
            raise InvalidInputError(
                f"row {i + 1}: {self.columns[j]!r} {what}. Its values are {self.decisions[self.columns[j]]}."
            )
        rows = np.where(active, rows, 0)
        wrong = np.flatnonzero(~self.is_allowed(rows))
        if len(wrong):
            raise InvalidInputError(f"row {wrong[0] + 1}: this combination is forbidden in space {self.name!r}.")
        return rows

    def dicts(self, archs: ArrayLike) -> list[dict[str, Any]]:
        """Name -> value of the active decisions of each row."""
        rows = self.validate(archs)
        values = [found.values for found in self.decisions.values()]
        return [
            {name: values[j][code] for j, (name, code) in enumerate(zip(self.columns, row, strict=True)) if there[j]}
            for row, there in zip(rows.tolist(), self.active(rows).tolist(), strict=True)
        ]

    def frame(self, archs: ArrayLike) -> Any:
        """A pandas DataFrame with a column for each decision; inactive ones are missing values."""
        import pandas as pd

        return pd.DataFrame(self.dicts(archs), columns=list(self.columns))

    # -- the contract of a space --------------------------------------------------------------------------------------

    def is_allowed(self, archs: Rows) -> NDArray[np.bool_]:
        """``(n,)`` bool: rows that hold no forbidden combination."""
        out = np.ones(len(archs), dtype=bool)
        if not self.forbidden:
            return out
        active = self.active(archs)
        number = {name: j for j, name in enumerate(self.columns)}
        for clause in self.forbidden:
            if callable(clause):
                out &= ~self._ruled(clause, archs, active)
                continue
            holds = [active[:, number[name]] & np.isin(archs[:, number[name]], codes) for name, codes in clause]
            out &= ~np.logical_and.reduce(holds)
        return out

    def _ruled(self, rule: Rule, archs: Rows, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """``(n,)`` answers of a rule; it sees NaN or ``None`` where a decision is inactive."""
        values: dict[str, NDArray[Any]] = {}
        for j, (name, found) in enumerate(self.decisions.items()):
            plain = all(is_number(value) for value in found.values)
            column = np.array(
                found.values, dtype=float if plain and not active[:, j].all() else None if plain else object
            )
            empty: Any = np.nan if plain else None
            values[name] = np.where(active[:, j], column[archs[:, j]], empty)
            if plain and active[:, j].all():
                values[name] = column[archs[:, j]]
        answer = np.asarray(rule(values))
        if answer.shape != (len(archs),) or answer.dtype != bool:
            raise InvalidInputError(
                f"forbidden: the function must return ({len(archs)},) true or false, got {answer.dtype} of shape {answer.shape}."
            )
        return answer

    def format(self, archs: ArrayLike) -> list[str]:
        """One line of JSON for each row, name -> value of its active decisions."""
        return [json.dumps(_jsonable(found), ensure_ascii=False) for found in self.dicts(archs)]

    def _parse(self, text: str) -> list[int]:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidInputError(f"it is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise InvalidInputError("expected an object of names and values")
        for name in found:
            self._decision("the text", name)
        return [int(code) for code in self.row({name: _hashable(value) for name, value in found.items()})]

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The network that ``builder`` makes of one row; it knows its task itself, and what may be left out.

        Raises:
            InvalidInputError: the space was made without a builder.
        """
        row = self.validate(arch, allow_empty=False)
        if self.builder is None:
            raise InvalidInputError(
                f"Space {self.name!r} cannot build networks: give it builder=a function of a mapping of decisions to values."
            )
        return self.builder(self.dicts(row)[0])

    # -- from and to elsewhere ----------------------------------------------------------------------------------------

    @classmethod
    def from_table(cls, frame: Any, columns: Sequence[str] | None = None, *, name: str = "choices") -> Choices:
        """The space that the columns of a table suggest; ``print(space.describe())`` says what it is and what was left out.

        Numbers are ordered; ratios count where their levels are geometric; numbers with many levels get a grid; texts
        and truth values are categories. A column with gaps is active only with those values of another column with
        which it is there, or else may be absent. Columns that count or name the rows, and those that look like results,
        are left out.

        Args:
            frame: a DataFrame, a mapping of columns, a list of records, or the path of a CSV, TSV or JSON file.
            columns: names of the columns that are decisions; by default all that look like one.
            name: what the space is called.

        Examples:
            >>> table = {"width": [16, 32, 64, 128], "act": ["relu", "gelu", "relu", "relu"], "accuracy": [0.1, 0.4, 0.3, 0.2]}
            >>> print(Choices.from_table(table).describe())
            Space 'choices': 2 decisions, 8 combinations.
              width  16, 32, 64, 128 (numbers, ratios count)
              act    'gelu', 'relu' (categories)
            Left out:
              accuracy: its name looks like a result; name it among the columns if it is a decision

        Raises:
            InvalidInputError: no column is a decision, or a name is no column.
        """
        table = columns_of(frame)
        columns = (
            None if columns is None else [label_of("each of columns", c) for c in listed("columns", columns, "names")]
        )
        label_of("name", name)
        for column in columns or ():
            if column not in table:
                raise InvalidInputError(f"columns: the table has no column {column!r}. {closest(column, list(table))}")
        found = infer(table, chosen=columns)
        if not found.decisions:
            why = "; ".join(f"{column}: {reason}" for column, reason in found.left_out.items())
            raise InvalidInputError(f"No column of the table is a decision ({why}). Name some with columns=[...].")
        space = cls(found.decisions, conditions=found.conditions, name=name)
        space.notes = tuple(f"{column}: {reason}" for column, reason in found.left_out.items())
        return space

    @classmethod
    def from_configspace(cls, space: Any, *, levels: int | None = None, name: str | None = None) -> Choices:
        """The space of a ``ConfigSpace.ConfigurationSpace``: its hyperparameters, conditions and forbidden combinations.

        Args:
            space: the configuration space.
            levels: numbers of the grid of each continuous hyperparameter; by default as :class:`~archcast.Float` has it.
            name: what the space is called; by default what it is called there.

        Raises:
            InvalidInputError: it holds a condition or clause that has no counterpart here.
        """
        from archcast.spaces._imports import of_configspace

        decisions, conditions, forbidden = of_configspace(space, levels)
        return cls(decisions, conditions=conditions, forbidden=forbidden, name=name or space.name or "choices")

    @classmethod
    def from_optuna(
        cls, distributions: Mapping[str, Any], *, levels: int | None = None, name: str = "choices"
    ) -> Choices:
        """The space of Optuna's distributions, name -> distribution, such as ``study.best_trial.distributions``.

        Args:
            distributions: the distributions.
            levels: numbers of the grid of each continuous one; by default as :class:`~archcast.Float` has it.
            name: what the space is called.
        """
        from archcast.spaces._imports import of_optuna

        return cls({key: of_optuna(key, value, levels) for key, value in distributions.items()}, name=name)

    def to_dict(self) -> dict[str, Any]:
        """The space as JSON has it; :meth:`from_dict` is the way back. A builder is not part of it.

        Raises:
            InvalidInputError: a value, or a rule that is a function, has no form in JSON.
        """
        if any(callable(clause) for clause in self.forbidden):
            raise InvalidInputError("forbidden: a function has no form in JSON. Write it as combinations of values.")
        return {
            "name": self.name,
            "decisions": {
                name: {
                    "values": _jsonable(list(found.values)),
                    "ordered": found.ordered,
                    "log": found.log,
                    "between": found.between,
                }
                for name, found in self.decisions.items()
            },
            "conditions": [[c.column, c.parent, list(c.values)] for c in self.conditions],
            "forbidden": [[[name, list(codes)] for name, codes in clause] for clause in self.forbidden],  # type: ignore[union-attr]
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> Choices:
        """The space that :meth:`to_dict` described.

        Raises:
            InvalidInputError: it is no such description.
        """
        try:
            decisions = {
                name: Decision(
                    tuple(_hashable(value) for value in found["values"]),
                    bool(found["ordered"]),
                    bool(found["log"]),
                    bool(found.get("between")),
                )
                for name, found in description["decisions"].items()
            }
            conditions: dict[str, dict[str, list[Any]]] = {}
            for child, parent, codes in description["conditions"]:
                conditions.setdefault(child, {})[parent] = [decisions[parent].values[code] for code in codes]
            forbidden = [
                {name: [decisions[name].values[code] for code in codes] for name, codes in clause}
                for clause in description["forbidden"]
            ]
            out = cls(decisions, conditions=conditions, forbidden=forbidden, name=description["name"])
            out.notes = tuple(str(note) for note in description.get("notes", ()))
        except InvalidInputError as error:
            raise InvalidInputError(f"description: {error}") from error
        except Exception as error:  # whatever a foreign or broken description makes the lines above stumble over
            raise InvalidInputError(
                f"description must be what Choices.to_dict returns, got {short(description)}: {short(error)}."
            ) from error
        return out

    def to_json(self) -> str:
        """:meth:`to_dict` as text."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Choices:
        """The space that :meth:`to_json` wrote.

        Raises:
            InvalidInputError: the text is something else.
        """
        try:
            description = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInputError(
                f"text must be what Choices.to_json returns, got {short(text)}: {error}."
            ) from error
        if not isinstance(description, dict):
            raise InvalidInputError(
                f"text must be what Choices.to_json returns, got {short(text)}: it holds no object."
            )
        return cls.from_dict(description)

    def describe(self) -> str:
        """The decisions, conditions and rules in words, a line each, and what of a table was left out."""
        total = math.prod(self.cardinalities)
        count = f"{total:,}" if total < 10**9 else f"{Decimal(total):.1e}"  # which may be larger than any float
        width = max(map(len, self.columns))
        lines = [
            f"Space {self.name!r}: {len(self.columns)} decision{'s' * (len(self.columns) > 1)}, {count} combinations."
        ]
        for name, found in self.decisions.items():
            lines.append(f"  {name.ljust(width)}  {found}{self._where(name)}")
        if self.forbidden:
            lines.append(f"  {len(self.forbidden)} forbidden combination{'s' * (len(self.forbidden) > 1)}")
        return "\n".join([*lines, *["Left out:"] * bool(self.notes), *(f"  {note}" for note in self.notes)])

    def _where(self, name: str) -> str:
        """When a decision plays a part, in words; empty if always."""
        parents = [
            f"{c.parent} is {' or '.join(repr(self.decisions[c.parent].values[code]) for code in c.values)}"
            for c in self.conditions
            if c.column == name
        ]
        return f"; only where {' and '.join(parents)}" if parents else ""

    def _meaning(self, column: int) -> str:
        name = self.columns[column]
        return f"{self.decisions[name]}{self._where(name)}"

    def __repr__(self) -> str:
        return f"Choices({self.name!r}, decisions {', '.join(self.columns)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Choices) and self._identity() == other._identity()

    __hash__ = ConditionalSpace.__hash__

    def _identity(self) -> tuple[Any, ...]:
        kinds = tuple(tuple(map(type, found.values)) for found in self.decisions.values())
        return self.name, tuple(self.decisions.items()), kinds, self.conditions, self.forbidden


def _which(found: Decision) -> str:
    """The values of a decision as the end of a sentence."""
    return f"which are {found}" if len(found.values) > 1 else f"it is {found}"


def _is_value(values: Any, found: Decision) -> bool:
    """Whether a list or tuple is itself a value of a decision."""
    return not isinstance(values, np.ndarray) and any(known == values for known in found.values)


def _listed(what: str, given: Any) -> Sequence[Any]:
    if isinstance(given, Mapping) or callable(given) or not isinstance(given, Sequence) or isinstance(given, str):
        raise InvalidInputError(f"{what} must be a list, got {short(given)}.")
    return given


def _code(what: str, found: Decision, value: Any, *, nearest: bool = False) -> int:
    """Number of a value of a decision; of the nearest one, if that will do.

    Raises:
        InvalidInputError: there is no such value.
    """
    value = value.item() if isinstance(value, np.generic) else tuple(value) if isinstance(value, list) else value
    for code, known in enumerate(found.values):
        if known == value and isinstance(known, bool) == isinstance(value, bool):
            return code
    numbers = found.numbers
    if is_number(value) and numbers is not None and (not found.log or value > 0) and is_number(found.values[-1]):
        place = np.log(value) if found.log else float(value)
        code = int(np.nanargmin(np.abs(np.asarray(numbers) - place)))
        close = abs(found.values[code] - value) <= TOLERANCE * max(abs(value), abs(found.values[code]))
        inside = next(v for v in found.values if v is not None) <= value <= found.values[-1]
        if nearest or close or (found.between and inside):
            return code
    elif isinstance(value, str) and value in (texts := [str(known) for known in found.values]):
        return texts.index(value)
    elif isinstance(value, (bool, int, float)) and str(value) in found.values:
        return found.values.index(str(value))
    raise InvalidInputError(f"{what}: {short(value)} is none of its values, {_which(found)}.")


def _jsonable(value: Any) -> Any:
    """Values as JSON has them; tuples become lists."""
    if isinstance(value, dict):
        return {name: _jsonable(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise InvalidInputError(
        f"The value {short(value)} has no form in JSON. Use texts, numbers, truth values or tuples of them."
    )


def _hashable(value: Any) -> Any:
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value
