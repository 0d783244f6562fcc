"""A space of one's own: named decisions with values, declared in one line or read from a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.checks import label_of, listed, mapping, switch
from archcast.errors import InvalidInputError, short
from archcast.registry import closest
from archcast.spaces._codes import coded, codes_of
from archcast.spaces._described import Described, hashable, in_words, jsonable, parts_of, to_description, where_active
from archcast.spaces._forbidden import Clause, Codes, Rule, allowed
from archcast.spaces._frames import columns_of
from archcast.spaces._inference import infer
from archcast.spaces.conditional import Condition, ConditionalSpace, Rows
from archcast.spaces.decisions import Decision, decision

if TYPE_CHECKING:
    import torch

    from archcast.spaces.task import Task

__all__ = ["Choices"]


class Choices(Described):
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
        readings: of such a space, name -> how values with units were read, such as ``'2GB' is read as 2000 MB``.

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
        self.readings: dict[str, str] = {}
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
        return codes_of(f"{what}: {name}", self._decision(what, name), values)

    def _clause(self, clause: Any) -> Codes | Rule:
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
        rows, unknown = coded(self.decisions, columns, nearest=nearest)
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
        if not self.forbidden:
            return np.ones(len(archs), dtype=bool)
        return allowed(self.forbidden, self.decisions, archs, self.active(archs))

    def format(self, archs: ArrayLike) -> list[str]:
        """One line of JSON for each row, name -> value of its active decisions."""
        return [json.dumps(jsonable(found), ensure_ascii=False) for found in self.dicts(archs)]

    def _parse(self, text: str) -> list[int]:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidInputError(f"it is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise InvalidInputError("expected an object of names and values")
        for name in found:
            self._decision("the text", name)
        return [int(code) for code in self.row({name: hashable(value) for name, value in found.items()})]

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

        Numbers are ordered; ratios count where their levels are geometric; numbers with many levels get a grid. Texts with one kind
        of unit, such as 512MB and 1GB, 1.5k, or 3x, are numbers; other texts and truth values are categories. A column with gaps is
        active only with those values of another column with which it is there, or else may be absent. Columns that count or name
        the rows, and those that look like results, are left out.

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
        space.readings = found.readings
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
        return to_description(self)

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> Choices:
        """The space that :meth:`to_dict` described.

        Raises:
            InvalidInputError: it is no such description.
        """
        try:
            arguments, notes, readings = parts_of(description)
            out = cls(arguments.pop("space"), **arguments)
            out.notes, out.readings = notes, readings
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
        return in_words(self)

    def _meaning(self, column: int) -> str:
        name = self.columns[column]
        return f"{self.decisions[name]}{where_active(self, name)}"

    def __repr__(self) -> str:
        return f"Choices({self.name!r}, decisions {', '.join(self.columns)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Choices) and self._identity() == other._identity()

    __hash__ = ConditionalSpace.__hash__

    def _identity(self) -> tuple[Any, ...]:
        kinds = tuple(tuple(map(type, found.values)) for found in self.decisions.values())
        return self.name, tuple(self.decisions.items()), kinds, self.conditions, self.forbidden


def _listed(what: str, given: Any) -> Sequence[Any]:
    if isinstance(given, Mapping) or callable(given) or not isinstance(given, Sequence) or isinstance(given, str):
        raise InvalidInputError(f"{what} must be a list, got {short(given)}.")
    return given
