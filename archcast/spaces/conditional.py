"""Spaces in which some decisions play a part only after others: the kernel of a fourth layer where there are four layers.

A subclass declares its columns and a list of :class:`Condition`; everything else follows. **Inactive decisions are 0**, and no
other row is in the space, so that one function is one row. A move changes one active decision; what it deactivates becomes 0, and
what it activates is drawn anew. An elastic depth is one condition for each layer that may be missing:

    class Chain(ConditionalSpace):
        '''One to three layers, each with a kernel of 3, 5 or 7.'''

        name = "chain"
        columns = ("depth", "kernel1", "kernel2", "kernel3")
        cardinalities = (3, 3, 3, 3)
        conditions = (Condition("kernel2", "depth", (1, 2)), Condition("kernel3", "depth", (2,)))
        numbers = ((1, 2, 3), *[(3, 5, 7)] * 3)

A subclass with cell graphs sets ``has_graph = True`` and writes ``graphs``; ``_parse`` and ``format`` are its own too, and
``_parse`` may return rows with anything in inactive decisions: :meth:`ConditionalSpace.parse` sets these to 0, because published
tables leave what they like there. Rules that are no conditions go to :meth:`ConditionalSpace.is_allowed`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.checks import generator, whole
from archcast.errors import InvalidInputError, short
from archcast.graphs import CellGraphs
from archcast.spaces.base import ENUMERATION_LIMIT, SearchSpace

__all__ = ["Condition", "ConditionalSpace"]

ATTEMPTS = 100
"""How often a move or a sample that :meth:`ConditionalSpace.is_allowed` refuses is drawn anew."""

Rows = NDArray[np.int64]
Switches = list[tuple[int, NDArray[np.bool_]]]
"""The conditions of one column: number of a parent, and which of its values activate the column."""


@dataclass(frozen=True)
class Condition:
    """A decision is active only where another one is active and has one of some values.

    A column with several conditions is active where all of them hold.

    Attributes:
        column: name of the decision.
        parent: name of the decision that it depends on.
        values: integers of the parent's column with which it is active.
    """

    column: str
    parent: str
    values: tuple[int, ...]


class ConditionalSpace(SearchSpace):
    """Base of spaces with inactive decisions; see the module docstring.

    Attributes:
        conditions: when a column is active; a column without conditions always is.
        chances: for each column the chances of its values, where a sample draws decisions; ``None`` for equal ones.
        most_redrawn: most neighbours that one change of one decision gives, where it activates others with more settings.

    Examples:
        >>> from archcast import Choices
        >>> space = Choices(depth=[1, 2], kernel1=[3, 5], kernel2=[3, 5], conditions={"kernel2": {"depth": 2}})
        >>> space.enumerate().tolist()
        [[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]]
        >>> space.neighbors([0, 1, 0]).tolist()
        [[1, 1, 0], [1, 1, 1], [0, 0, 0]]
    """

    has_graph = False
    conditions: tuple[Condition, ...] = ()
    chances: tuple[tuple[float, ...], ...] | None = None
    most_redrawn: int = 128

    # -- what a subclass may refine -----------------------------------------------------------------------------------

    def is_allowed(self, archs: Rows) -> NDArray[np.bool_]:
        """``(n,)`` bool: rows, with inactive decisions at 0, that keep whatever other rules the space has."""
        return np.ones(len(archs), dtype=bool)

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """Cells as graphs; a space without them says so."""
        raise InvalidInputError(
            f"Space {self.name!r} has no cell graph, which this encoding or predictor reads. Use one that does not, such as "
            f"encoding='mixed', predictor 'stack' or 'gp'."
        )

    # -- conditions ---------------------------------------------------------------------------------------------------

    @cached_property
    def _order(self) -> list[tuple[int, Switches]]:
        """Columns, parents first: number, and for each condition the parent and which of its values activate.

        Raises:
            InvalidInputError: conditions name no columns or values, or go round in a circle.
        """
        number = {name: j for j, name in enumerate(self.columns)}
        found: list[Switches] = [[] for _ in self.columns]
        for condition in self.conditions:
            for name in (condition.column, condition.parent):
                if name not in number:
                    raise InvalidInputError(f"conditions: {name!r} is no column of {', '.join(self.columns)}.")
            parent = number[condition.parent]
            mask = np.zeros(self.cardinalities[parent], dtype=bool)
            if not condition.values or not all(0 <= value < len(mask) for value in condition.values):
                raise InvalidInputError(
                    f"conditions: values {condition.values} of {condition.parent!r} must be in 0..{len(mask) - 1}."
                )
            mask[list(condition.values)] = True
            found[number[condition.column]].append((parent, mask))
        order: list[int] = []
        while len(order) < len(self.columns):
            ready = [
                j for j in range(len(self.columns)) if j not in order and all(parent in order for parent, _ in found[j])
            ]
            if not ready:
                circle = [self.columns[j] for j in range(len(self.columns)) if j not in order]
                raise InvalidInputError(f"conditions go round in a circle: {', '.join(circle)} depend on each other.")
            order += ready
        return [(j, found[j]) for j in order]

    @cached_property
    def _descends(self) -> NDArray[np.bool_]:
        """``(d, d)``: whether the first column is active or not by the value of the second, or of one that depends on it."""
        out = np.zeros((len(self.columns), len(self.columns)), dtype=bool)
        for j, conditions in self._order:
            for parent, _ in conditions:
                out[j] |= out[parent]
                out[j, parent] = True
        return out

    def active(self, archs: Rows) -> NDArray[np.bool_]:
        """``(n, d)`` bool: the decisions that play a part; rows need not be valid."""
        columns = np.ascontiguousarray(archs.T)  # each in one piece, which many columns of many rows need
        out = np.ones(columns.shape, dtype=bool)
        for j, conditions in self._order:
            if conditions:
                out[j] = _holds(columns.T, out.T, conditions)
        return np.ascontiguousarray(out.T)

    def settle(self, archs: Rows) -> Rows:
        """``(n, d)`` rows with every inactive decision set to 0; values need not be within the cardinalities."""
        return np.where(self.active(np.clip(archs, 0, np.asarray(self.cardinalities) - 1)), archs, 0)

    def is_valid(self, archs: Rows) -> NDArray[np.bool_]:
        """``(n,)`` bool: inactive decisions are 0, and the other rules of the space are kept."""
        return ((archs == 0) | self.active(archs)).all(axis=1) & self.is_allowed(archs)

    # -- the contract of a space --------------------------------------------------------------------------------------

    def validate(self, archs: ArrayLike, *, allow_empty: bool = True, name: str = "archs") -> Rows:
        """As :meth:`SearchSpace.validate`; the message for an inactive decision that is not 0 names it."""
        try:
            return super().validate(archs, allow_empty=allow_empty, name=name)
        except InvalidInputError as error:
            if "is not an architecture" not in str(error):
                raise
            rows = np.atleast_2d(np.asarray(archs)).astype(np.int64)
            i = int(np.flatnonzero(~self.is_valid(rows))[0])
            wrong = np.flatnonzero((rows[i] != 0) & ~self.active(rows[i : i + 1])[0])
            if len(wrong) == 0:
                raise
            raise InvalidInputError(
                f"{name}[{i}] has {rows[i, wrong[0]]} in column {self.columns[wrong[0]]!r} of space {self.name!r}, which "
                f"is inactive in this row: inactive decisions are 0. space.settle(archs) sets them."
            ) from None

    def parse(self, texts: str | Sequence[str]) -> Rows:
        """As :meth:`SearchSpace.parse`; whatever a text holds in inactive decisions becomes 0."""
        return super().parse(texts)

    def sample(self, n: int, rng: np.random.Generator | int | None = None, *, by: str = "decision") -> Rows:
        """``n`` rows, with replacement.

        Args:
            n: number of rows.
            rng: generator or seed.
            by: ``"decision"`` draws each decision by its chances, parents first, as the papers of elastic networks do; ``"row"``
                gives every valid row the same chance, so that nearly all are deep. It needs conditions of one parent a column.

        Raises:
            InvalidInputError: another word, or columns with several parents where rows are to be drawn uniformly.
        """
        rng, n = generator("rng", rng), whole("n", n, 0)
        if not isinstance(by, str) or by not in ("decision", "row"):
            raise InvalidInputError(f"by must be 'decision' or 'row', got {short(by)}.")
        chances = self._chances() if by == "row" else self.chances
        out = np.zeros((0, len(self.columns)), dtype=np.int64)
        batch = n
        for _ in range(10_000):
            if len(out) >= n:
                return out[:n]
            rows = np.empty((batch, len(self.columns)), dtype=np.int64)
            for j, size in enumerate(self.cardinalities):
                if chances is None:
                    rows[:, j] = rng.integers(0, size, size=batch)
                else:
                    rows[:, j] = rng.choice(size, p=chances[j], size=batch)
            rows = self.settle(rows)
            out = np.concatenate([out, rows[self.is_allowed(rows)]])
            batch = min(max(n, 1000), 100_000)
        raise InvalidInputError(
            f"Space {self.name!r}: its rules forbid so much that {n} rows could not be drawn at random. Loosen them."
        )

    def _chances(self) -> list[NDArray[np.float64]]:
        """For each column the chances of its values, given that it is active, under which all rows are equally likely."""
        children: list[Switches] = [[] for _ in self.columns]
        for j, conditions in self._order:
            parents = {parent for parent, _ in conditions}
            if len(parents) > 1:
                raise InvalidInputError(
                    f"by='row' needs columns with one parent, {self.columns[j]!r} of space {self.name!r} has several. "
                    "Use by='decision'."
                )
            for parent in parents:
                masks = [mask for _, mask in conditions]
                children[parent].append((j, np.logical_and.reduce(masks)))
        logs = [np.zeros(size) for size in self.cardinalities]
        for j, _ in reversed(self._order):
            for child, mask in children[j]:
                logs[j] = logs[j] + np.where(mask, np.logaddexp.reduce(logs[child]), 0.0)
        chances = [np.exp(log - np.logaddexp.reduce(log)) for log in logs]
        return [chance / chance.sum() for chance in chances]

    def neighbors(self, arch: ArrayLike) -> Rows:
        """All valid rows that one change of one active decision leads to, in column order.

        What the change deactivates is 0, what it activates takes every setting; where there are more than ``most_redrawn``
        (128) of these, at most so many of them, always the same. Without conditions these are the rows that differ in exactly
        one decision.
        """
        row = self.validate(arch, allow_empty=False)[0]
        before = self.active(row[None])[0]
        room = np.where(before, np.asarray(self.cardinalities) - 1, 0)
        column = np.repeat(np.arange(len(row)), room)
        value = np.arange(len(column)) - np.repeat(np.cumsum(room) - room, room)
        row = row.astype(np.min_scalar_type(-max(self.cardinalities)))  # copied many times
        new = (value + (value >= row[column])).astype(row.dtype)
        switches: NDArray[np.bool_] = np.any(self._descends, axis=0)[column]
        number = np.flatnonzero(switches)  # of the move that led to each row
        rows = np.repeat(row[None], len(number), axis=0)
        rows[np.arange(len(number)), column[number]] = new[number]
        active = np.repeat(before[None], len(number), axis=0)
        rng = np.random.default_rng(row.tolist())
        for j, conditions in self._order:
            some = np.flatnonzero(self._descends[j][column[number]])
            if len(some) == 0:
                continue
            active[some, j] = here = _holds(rows[some], active[some], conditions)
            rows[some[~here], j] = 0
            fresh = some[here]
            if before[j] or len(fresh) == 0:
                continue
            size = self.cardinalities[j]
            many = np.bincount(number[fresh], minlength=len(column)) * size > self.most_redrawn
            drawn = fresh[many[number[fresh]]]
            rows[drawn, j] = rng.integers(0, size, size=len(drawn))
            expanded = fresh[~many[number[fresh]]]
            if len(expanded) == 0:
                continue
            copies = np.ones(len(number), dtype=np.int64)
            copies[expanded] = size
            index = np.repeat(np.arange(len(number)), copies)
            within = np.arange(len(index)) - np.repeat(np.cumsum(copies) - copies, copies)
            rows, active, number = rows[index], active[index], number[index]
            rows[:, j] = np.where(copies[index] > 1, within, rows[:, j])
        alone = np.flatnonzero(~switches)
        others = np.repeat(row[None], len(alone), axis=0)
        others[np.arange(len(alone)), column[alone]] = new[alone]
        order = np.argsort(np.concatenate([number, alone]), kind="stable")
        found = np.concatenate([rows, others])[order].astype(np.int64)
        return found[self.is_allowed(found)]

    def mutate(self, archs: ArrayLike, rng: np.random.Generator | int | None = None) -> Rows:
        """One random move each: an active decision takes another value, all of these equally likely; what that activates is drawn
        uniformly, what it deactivates becomes 0. A row without any valid move stays as it is.
        """
        rng = generator("rng", rng)
        out = self.validate(archs)
        todo = np.arange(len(out))
        for _ in range(ATTEMPTS):
            if len(todo) == 0:
                return out
            trial = out[todo]
            before = self.active(trial)
            room = np.cumsum(before * (np.asarray(self.cardinalities) - 1), axis=1)
            movable = room[:, -1] > 0
            todo, trial, before, room = todo[movable], trial[movable], before[movable], room[movable]
            if len(todo) == 0:
                return out
            move = rng.integers(0, room[:, -1])
            column = (room <= move[:, None]).sum(axis=1)
            each = np.arange(len(todo))
            value = move - np.where(column > 0, room[each, column - 1], 0)
            value += value >= trial[each, column]
            trial[each, column] = value
            active = np.ones(trial.shape, dtype=bool)
            for j, conditions in self._order:
                if conditions:
                    active[:, j] = here = _holds(trial, active, conditions)
                    fresh = here & ~before[:, j]
                    trial[~here, j] = 0
                    trial[fresh, j] = rng.integers(0, self.cardinalities[j], size=int(fresh.sum()))
            ok = self.is_allowed(trial)
            out[todo[ok]] = trial[ok]
            todo = todo[~ok]
        for i in todo.tolist():
            near = self.neighbors(out[i])
            if len(near):
                out[i] = near[rng.integers(len(near))]
        return out

    def canonical(self, archs: ArrayLike) -> Rows:
        """The rows themselves: inactive decisions are 0, so that no two rows are the same function."""
        return self.validate(archs)

    def enumerate(self) -> Rows:
        """All valid rows in lexicographic order, where there are at most two million with the forbidden ones.

        Raises:
            InvalidInputError: for a space too large to list.
        """
        always = [self.cardinalities[j] for j, conditions in self._order if not conditions]
        if math.prod(always) > ENUMERATION_LIMIT:
            raise InvalidInputError(f"Space {self.name!r} is too large to enumerate. Use space.sample(n, rng).")
        rows = np.zeros((1, len(self.columns)), dtype=np.int64)
        active = np.ones(rows.shape, dtype=bool)
        for j, conditions in self._order:
            if conditions:
                active[:, j] = _holds(rows, active, conditions)
            copies = np.where(active[:, j], self.cardinalities[j], 1)
            if copies.sum() > ENUMERATION_LIMIT:
                raise InvalidInputError(f"Space {self.name!r} is too large to enumerate. Use space.sample(n, rng).")
            index = np.repeat(np.arange(len(rows)), copies)
            within = np.arange(len(index)) - np.repeat(np.cumsum(copies) - copies, copies)
            rows, active = rows[index], active[index]
            rows[:, j] = within
        rows = rows[np.lexsort(rows.T[::-1])]
        return rows[self.is_allowed(rows)]


def _holds(rows: Rows, active: NDArray[np.bool_], conditions: Switches) -> NDArray[np.bool_]:
    """``(n,)`` bool: all parents are active and have values that activate."""
    out = np.ones(len(rows), dtype=bool)
    for parent, mask in conditions:
        out &= active[:, parent] & mask[rows[:, parent]]
    return out
