"""The contract of a search space: what a row of integers means.

An architecture is a row of ``d`` integers, ``archs`` is always an integer array of shape ``(n, d)``. A space says which rows
are valid, how they are written in its benchmark's notation, which graph they stand for, which of them are the same function,
and how to build the network. To add a space, subclass :class:`SearchSpace`, fill in the abstract methods and decorate it with
``@register("my-space", ...)``; ``archcast.testing.check_space`` tells whether it keeps the contract.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from functools import cached_property, wraps
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import Self

from archcast.checks import array_of, generator, numbers, switch, whole
from archcast.costs import COSTS, count
from archcast.costs.conventions import convention_of
from archcast.errors import InvalidInputError, UnknownNameError, short
from archcast.faces import face
from archcast.graphs import CellGraphs, Operation
from archcast.names import SPACES
from archcast.registry import closest
from archcast.spaces.task import Task

if TYPE_CHECKING:
    import torch

__all__ = ["SPACES", "SearchSpace", "Task", "get_space", "register"]

register = SPACES.register
_instances: dict[str, SearchSpace] = {}

OF_ROWS = frozenset({"is_valid", "is_allowed", "active", "settle", "function_keys", "preference"})
"""Methods of rows that may be no architectures of the space."""
ENUMERATION_LIMIT = 2_000_000
"""Largest product of cardinalities that the default ``enumerate`` lists."""


class SearchSpace(ABC):
    """A search space; see the module docstring.

    Attributes:
        name: registry name, e.g. ``"nasbench201"``.
        cardinalities: ``d`` integers; ``0 <= archs[:, j] < cardinalities[j]``.
        columns: ``d`` names, one for each decision.
        operations: name -> what the operation does; :meth:`graphs` hands it on to the encodings.
        sizes: name -> its value in the paper, of the numbers that say how large a network is; ``Task.size`` changes them.
        tasks: name -> task that its networks were trained for; the first is the default. Empty without networks.
        has_graph: whether rows stand for cell graphs; without them predictors use encodings of the decisions themselves.
        beside_graph: decisions that the graphs do not show, such as the width of a network; predictors see them in the costs.
        numbers: for each column the numbers that its values stand for, spaced as they should count (logarithms of a geometric
            range), or ``None`` for categories; empty where a space does not say.
    """

    name: str
    cardinalities: tuple[int, ...]
    columns: tuple[str, ...]
    operations: Mapping[str, Operation] = {}
    sizes: Mapping[str, int] = {}
    tasks: Mapping[str, Task] = {}
    has_graph: bool = True
    beside_graph: tuple[str, ...] = ()
    numbers: tuple[tuple[float, ...] | None, ...] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in {"build", "costs"} & vars(cls).keys():
            setattr(cls, name, _with_a_switch(vars(cls)[name]))
        for name in OF_ROWS & vars(cls).keys():
            setattr(cls, name, _with_rows(vars(cls)[name]))

    # -- what a subclass must say -------------------------------------------------------------------------------------

    @abstractmethod
    def _parse(self, text: str) -> Sequence[int]:
        """Row of one architecture in native notation; raise ``InvalidInputError`` or ``ValueError`` if it is malformed."""

    @abstractmethod
    def format(self, archs: ArrayLike) -> list[str]:
        """Native notation of each row: the exact inverse of :meth:`parse`."""

    @abstractmethod
    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """Cells as operations-on-nodes graphs, not pruned, with the declared operations."""

    # -- what a subclass may refine -----------------------------------------------------------------------------------

    def is_valid(self, archs: NDArray[np.int64]) -> NDArray[np.bool_]:
        """``(n,)`` bool: the rows (already within the cardinalities) that keep the constraints of the space."""
        return np.ones(len(archs), dtype=bool)

    def active(self, archs: NDArray[np.int64]) -> NDArray[np.bool_]:
        """``(n, d)`` bool: the decisions that play a part in each valid row; the others are 0."""
        return np.ones(archs.shape, dtype=bool)

    def settle(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(n, d)`` rows with every inactive decision set to 0; values need not be within the cardinalities."""
        return archs

    def function_keys(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(n, k)`` integers that are equal exactly for rows that compute the same function with equal weights."""
        return archs

    def preference(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(n,)`` the row with the lowest number represents its class; among equals the lexicographically first."""
        return np.zeros(len(archs), dtype=np.int64)

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The network of one row as its paper trained it, with PyTorch's usual initial weights (its global generator).

        Args:
            arch: ``(d,)`` row.
            task: what it is built for, or the name of one of ``tasks``; by default the first of them.
            pruned: leave out what the output does not depend on, where the paper's networks have such parts.
        """
        raise InvalidInputError(f"Space {self.name!r} describes architectures only: it cannot build networks.")

    def costs(
        self,
        archs: ArrayLike,
        convention: str = "macs",
        *,
        task: Task | str | None = None,
        pruned: bool = False,
    ) -> dict[str, NDArray[np.float64]]:
        """What the networks of ``(n, d)`` rows cost, those that :meth:`build` builds.

        The default builds each network without memory for its weights and counts; a space that counts by formulas, for all
        rows at once, overrides it.

        Args:
            archs: rows.
            convention: how operations are counted: ``macs``, ``tensorwatch`` or ``thop``
                (:mod:`archcast.costs.conventions`).
            task: what the networks are built for, as in :meth:`build`.
            pruned: leave out what the output does not depend on, as in :meth:`build`.

        Returns:
            ``params``, ``macs``, ``activations``, ``depth`` and ``resolution``, each ``(n,)``
            (:data:`archcast.costs.COSTS` says what they are).

        Raises:
            UnknownNameError: of a convention or task.
            InvalidInputError: the space cannot build networks.
        """
        import torch

        rows, task = self.validate(archs), self.task_of(task)
        arguments = {"pruned": True} if switch("pruned", pruned) else {}
        distinct, twin = np.unique(rows, axis=0, return_inverse=True)
        inputs = [
            torch.zeros((1, *shape), dtype=getattr(torch, dtype), device="meta")
            for shape, dtype in zip(task.shapes, task.dtypes)
        ]
        counted = []
        for row in distinct:
            with torch.device("meta"):
                network = self.build(row, task, **arguments)
            counted.append(count(network, inputs, convention))
        convention_of(convention)
        return {name: np.array([found[name] for found in counted], dtype=np.float64)[twin.ravel()] for name in COSTS}

    def input_shape(self, arch: ArrayLike) -> tuple[int, ...]:
        """Shape of an input, without the batch, of the network of one row: that of the default task, or the row's own."""
        self.validate(arch, allow_empty=False)
        return self.task_of(None).shapes[0]

    # -- what every space has -----------------------------------------------------------------------------------------

    @property
    def declared(self) -> Mapping[str, Operation]:
        """``operations``, for :class:`CellGraphs`; empty where they are bare names, which declare nothing."""
        return self.operations if isinstance(self.operations, Mapping) else {}

    def task_of(self, task: Task | str | None) -> Task:
        """A task: itself, the one of ``tasks`` with that name, or the default.

        Raises:
            UnknownNameError: with the closest names.
        """
        if isinstance(task, Task):
            return task
        if task is None:
            return next(iter(self.tasks.values()), Task())
        if not isinstance(task, str) or task not in self.tasks:
            near = closest(task, list(self.tasks)) if self.tasks else "It has none: pass an archcast.Task."
            raise UnknownNameError(f"Unknown task {short(task)} of space {self.name!r}. {near}")
        return self.tasks[task]

    def size_of(self, task: Task) -> dict[str, int]:
        """``sizes`` with what the task changes.

        Raises:
            InvalidInputError: the task has a size that networks of this space do not have.
        """
        for name in task.size:
            if name not in self.sizes:
                known = ", ".join(f"{size} ({value})" for size, value in self.sizes.items()) or "none"
                raise InvalidInputError(
                    f"Networks of space {self.name!r} have no size {name!r}, which is {task.size[name]}. Leave it out. "
                    f"Their sizes, with the paper's values: {known}."
                )
        return {**self.sizes, **task.size}

    def image_sizes(self, task: Task | str | None) -> dict[str, int]:
        """What a classifier of images is built from: ``channels`` and ``classes`` of the task, and the sizes.

        Raises:
            InvalidInputError: the task is no classification of images, or has a size that networks of this space do not have.
        """
        task = self.task_of(task)
        if len(task.shapes[0]) != 3 or task.dtypes != ("float32",) or task.loss != "cross_entropy" or task.outputs[1:]:
            raise InvalidInputError(
                f"Networks of space {self.name!r} classify images: task.shape must be a tuple (channels, height, width) of "
                f"float32 and task.outputs a number of classes; got shape {task.shape!r}, outputs {task.outputs!r}, loss "
                f"{task.loss!r}."
            )
        return {"channels": task.shapes[0][0], "classes": task.outputs[0], **self.size_of(task)}

    def validate(self, archs: ArrayLike, *, allow_empty: bool = True, name: str = "archs") -> NDArray[np.int64]:
        """Return ``archs`` as an ``(n, d)`` int64 array; one row of shape ``(d,)`` counts as a batch of one.

        ``name`` is what errors call it.

        Raises:
            InvalidInputError: wrong shape, not integers, out of range, or not in the space; names the first bad row.
        """
        array = self._integers(archs, name)
        switch("allow_empty", allow_empty)
        if len(array) == 0:
            if not allow_empty:
                raise InvalidInputError(f"{name} is empty: at least one architecture is needed.")
            return np.zeros((0, len(self.cardinalities)), dtype=np.int64)
        bad = (array < 0) | (array >= np.asarray(self.cardinalities))
        if bad.any():
            i, j = np.argwhere(bad)[0]
            raise InvalidInputError(
                f"{name}[{i}, {j}] is {short(int(array[i, j]))}, outside 0..{self.cardinalities[j] - 1} "
                f"(column {self.columns[j]!r} of space {self.name!r})."
            )
        out = array.astype(np.int64)
        invalid = ~self.is_valid(out)
        if invalid.any():
            i = int(np.flatnonzero(invalid)[0])
            raise InvalidInputError(f"{name}[{i}] = {out[i].tolist()} is not an architecture of space {self.name!r}.")
        return out

    def _integers(self, archs: Any, name: str = "archs") -> NDArray[Any]:
        """``(n, d)`` integers, whether they are within the cardinalities or not."""
        array = array_of(name, archs)
        d = len(self.cardinalities)
        if array.ndim == 1 and array.shape == (d,):
            array = array[None]
        if array.ndim != 2 or array.shape[1] != d:
            raise InvalidInputError(
                f"{name} must have shape (n, {d}) for space {self.name!r}, got shape {array.shape}. "
                f"Texts are turned into rows by space.parse(texts)."
            )
        if len(array) == 0:
            return np.zeros((0, d), dtype=np.int64)
        if array.dtype.kind not in "iub":
            array = numbers(name, array, of="integers")
            broken = ~np.isfinite(array) | (array != np.floor(array))
            if broken.any():
                i, j = np.argwhere(broken)[0]
                raise InvalidInputError(f"{name} must hold integers, got {array[i, j]:.6g} at [{i}, {j}].")
        elif array.dtype.kind == "b" and max(self.cardinalities) > 2:
            raise InvalidInputError(f"{name} must hold integers, got truth values: {short(archs)}.")
        return array

    def parse(self, texts: str | Sequence[str]) -> NDArray[np.int64]:
        """Rows of architectures in the benchmark's own notation; one text gives one row.

        Raises:
            InvalidInputError: names the first malformed text.
        """
        if not isinstance(texts, (str, Iterable)) or isinstance(texts, (bytes, Mapping)):
            raise InvalidInputError(f"texts must be a text or a list of texts, got {short(texts)}.")
        try:
            texts = [texts] if isinstance(texts, str) else list(texts)
        except Exception as error:  # whatever its own __iter__ raises
            raise InvalidInputError(f"texts must be a text or a list of texts, got {short(texts)}.") from error
        rows = []
        for text in texts:
            with self._reading(text):
                if not isinstance(text, (str, Integral)) or isinstance(text, bool):
                    raise InvalidInputError("expected a text")
                rows.append(self._parse(str(text).strip()))
                if len(rows[-1]) != len(self.cardinalities):
                    raise InvalidInputError(f"expected {len(self.cardinalities)} decisions, got {len(rows[-1])}")
        try:
            return self.validate(self.settle(np.array(rows, dtype=np.int64).reshape(-1, len(self.cardinalities))))
        except InvalidInputError:
            for text, row in zip(texts, rows):
                with self._reading(text):
                    self.validate(self.settle(np.asarray(row).reshape(1, -1)))
            raise

    @contextmanager
    def _reading(self, text: object) -> Iterator[None]:
        """Make an error name the text that it comes from."""
        try:
            yield
        except ValueError as error:
            raise InvalidInputError(
                f"{short(text, 240)} is not an architecture of space {self.name!r}: {error}"
            ) from error

    def sample(self, n: int, rng: np.random.Generator | int | None = None) -> NDArray[np.int64]:
        """``n`` rows, uniform over the valid ones, with replacement."""
        rng = generator("rng", rng)
        n = whole("n", n, 0)
        found = np.zeros((0, len(self.cardinalities)), dtype=np.int64)
        batch = n
        while len(found) < n:
            rows = rng.integers(0, self.cardinalities, size=(batch, len(self.cardinalities)))
            rows = rows[self.is_valid(rows)]
            found = np.concatenate([found, rows])
            batch = min(1_000_000, int(1.2 * batch * n / max(len(rows), 1)) + 16) if len(rows) < batch else batch
        return found[:n]

    def neighbors(self, arch: ArrayLike) -> NDArray[np.int64]:
        """All valid rows that differ from one row in exactly one decision, in column order."""
        row = self.validate(arch, allow_empty=False)[0]
        columns = np.repeat(np.arange(len(row)), [c - 1 for c in self.cardinalities])
        values = np.concatenate([np.delete(np.arange(c), row[j]) for j, c in enumerate(self.cardinalities)])
        rows = np.tile(row, (len(columns), 1))
        rows[np.arange(len(rows)), columns] = values
        return rows[self.is_valid(rows)]

    def mutate(self, archs: ArrayLike, rng: np.random.Generator | int | None = None) -> NDArray[np.int64]:
        """One random valid change each: uniform over the neighbours of each row; a row without any stays as it is."""
        rng = generator("rng", rng)
        out = self.validate(archs)
        todo = np.arange(len(out))
        room = np.asarray(self.cardinalities) - 1
        ends = np.cumsum(room)
        for _ in range(100):
            if len(todo) == 0:
                return out
            move = rng.integers(0, ends[-1], size=len(todo))
            column = np.searchsorted(ends, move, side="right")
            value = move - (ends[column] - room[column])
            trial = out[todo]
            value += value >= trial[np.arange(len(todo)), column]
            trial[np.arange(len(todo)), column] = value
            ok = self.is_valid(trial)
            out[todo[ok]] = trial[ok]
            todo = todo[~ok]
        for i in todo:
            near = self.neighbors(out[i])
            if len(near):
                out[i] = near[rng.integers(len(near))]
        return out

    def enumerate(self) -> NDArray[np.int64]:
        """All valid rows in lexicographic order, where the space is small enough.

        Raises:
            InvalidInputError: for a space too large to list.
        """
        total = math.prod(self.cardinalities)
        if total > ENUMERATION_LIMIT:
            raise InvalidInputError(f"Space {self.name!r} is too large to enumerate. Use space.sample(n, rng).")
        rows = np.indices(self.cardinalities, dtype=np.int64).reshape(len(self.cardinalities), -1).T
        rows = np.ascontiguousarray(rows)
        return rows[self.is_valid(rows)]

    def canonical(self, archs: ArrayLike) -> NDArray[np.int64]:
        """A representative row for each row: rows with the same one are the same function with equal weights.

        Whether all such rows are found, or which of them are not, the docstring of each space says.

        The default looks the representative, the first row of its class by :meth:`preference`, up in a table of the whole
        space that is made once. Where the space is too large for such a table, each row represents itself: nothing is
        merged, whatever :meth:`function_keys` says. A large space with rows that are the same function overrides this.
        """
        rows = self.validate(archs)
        if math.prod(self.cardinalities) > ENUMERATION_LIMIT:
            return rows
        table = self._representatives
        return table[self._ranks(rows)].astype(np.int64)

    def _ranks(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Mixed-radix number of each row."""
        weights = np.concatenate([np.cumprod(self.cardinalities[:0:-1], dtype=np.int64)[::-1], [1]])
        return rows @ weights

    @cached_property
    def _representatives(self) -> NDArray[Any]:
        rows = self.enumerate()
        rows = rows[np.argsort(self.preference(rows), kind="stable")]
        _, first, inverse = np.unique(self.function_keys(rows), axis=0, return_index=True, return_inverse=True)
        dtype = np.min_scalar_type(-max(self.cardinalities))
        table = np.full((math.prod(self.cardinalities), rows.shape[1]), -1, dtype=dtype)
        table[self._ranks(rows)] = rows[first[inverse.ravel()]]
        return table

    def __repr__(self) -> str:
        return f"get_space({self.name!r})"

    def _repr_html_(self) -> str:
        rows = [(name, size, self._meaning(j)) for j, (name, size) in enumerate(zip(self.columns, self.cardinalities))]
        own = self.name in SPACES and SPACES[self.name] is type(self)
        count = (SPACES.entry(self.name).info.get("size") if own else None) or math.prod(self.cardinalities)
        rest, exponent = math.modf(math.log10(count))
        many = f"{count:,}" if count < 10**9 else f"about {10**rest:.2g}e{int(exponent)}"
        kinds = f"Operations: {', '.join(self.operations)}" if self.operations else ""
        title = f"{self.name}: {len(self.columns)} decisions, {many} rows of integers"
        return face(title, ("decision", "values", "which"), rows, [kinds])

    def _meaning(self, column: int) -> str:
        """What the values of a decision stand for, in a few words; empty where a space does not say."""
        values = self.numbers[column] if self.numbers else ()
        if values is None:
            return "categories"
        return ", ".join(f"{value:g}" for value in values) if len(values) < 9 else f"{values[0]:g} to {values[-1]:g}"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__getstate__() == other.__getstate__()

    def __hash__(self) -> int:
        return hash(type(self))

    def __getstate__(self) -> dict[str, Any]:
        """Attributes without the tables that are made on demand: copies and pickles stay small."""
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A copy with the table of representatives, which is long in the making and never changed.

        scikit-learn's ``clone`` copies the space of a predictor: without the table each clone would make it anew.
        """
        twin = copy(self)
        memo[id(self)] = twin
        vars(twin).update(deepcopy(self.__getstate__(), memo))
        if "_representatives" in vars(self):
            vars(twin)["_representatives"] = self._representatives
        return twin


def _with_a_switch(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, which refuses a ``pruned`` that is neither true nor false."""

    @wraps(method)
    def checked(*args: Any, **kwargs: Any) -> Any:
        switch("pruned", kwargs.get("pruned", False))
        return method(*args, **kwargs)

    return checked


def _with_rows(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, which refuses what are no rows of integers; whether they are architectures, it need not ask."""

    @wraps(method)
    def checked(self: SearchSpace, archs: Any) -> Any:
        plain = isinstance(archs, np.ndarray) and archs.ndim == 2 and archs.dtype.kind == "i"
        return method(self, archs if plain and archs.shape[1] == len(self.cardinalities) else self._integers(archs))

    return checked


for _name in OF_ROWS:
    if hasattr(SearchSpace, _name):
        setattr(SearchSpace, _name, _with_rows(getattr(SearchSpace, _name)))


def get_space(space: str | SearchSpace) -> SearchSpace:
    """Return the search space called ``space``; a :class:`SearchSpace` is returned as it is.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> len(space.enumerate())
        15625

    Raises:
        UnknownNameError: with the closest names.
    """
    if isinstance(space, SearchSpace):
        return space
    if not isinstance(space, str) or space not in _instances:
        _instances[space] = SPACES[space]()
    return _instances[space]
