"""Checks of rows: sampled, validated, moved."""

from __future__ import annotations

import pickle

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError
from archcast.spaces.base import SearchSpace
from archcast.testing._assertions import expect_error, require, require_equal
from archcast.testing.spaces._material import rows_of


def check_description(space: SearchSpace) -> None:
    d = len(space.cardinalities)
    require(isinstance(space.name, str) and space.name, "name must be a text")
    require(d and all(isinstance(c, int) and c >= 1 for c in space.cardinalities), "cardinalities: positive integers")
    require(len(set(space.columns)) == len(space.columns) == d, f"columns must be {d} different names")
    require((type(space).__doc__ or "").strip(), "the class has no docstring")


def check_sample(space: SearchSpace) -> None:
    rows = space.sample(50, 0)
    require(rows.shape == (50, len(space.cardinalities)) and rows.dtype == np.int64, f"sample gave {rows.shape}")
    require_equal(space.validate(rows), rows, "sample gave rows that are not in the space")
    require_equal(space.sample(50, 0), rows, "the same seed gave other rows")
    require_equal(space.sample(50, np.random.default_rng(0)), rows, "a generator and its seed gave different rows")
    require(not np.array_equal(space.sample(50, 1), rows), "another seed gave the same rows")
    require(space.sample(0, 0).shape == (0, rows.shape[1]), "sample(0) must have shape (0, d)")
    many = space.sample(max(2000, min(20 * max(space.cardinalities), 100_000)), 2)
    drawn = space.active(many).sum(axis=0)
    near = space.neighbors(rows[0])
    for j, c in enumerate(space.cardinalities):
        if 20 * c > drawn[j]:  # too many values to expect each of them
            continue
        found = np.unique(many[:, j])
        usable = {*near[:, j].tolist(), int(rows[0, j])}
        require(usable <= set(found.tolist()), f"column {j} of {c} values: sample never gives some that are valid")


def check_global_generators_are_left_alone(space: SearchSpace) -> None:
    before = pickle.dumps(np.random.get_state())  # noqa: NPY002
    rows = space.sample(5)
    space.mutate(rows)
    space.canonical(rows)
    require(pickle.dumps(np.random.get_state()) == before, "numpy's global generator was used")  # noqa: NPY002


def check_validate(space: SearchSpace) -> None:
    rows = rows_of(space)
    require(space.is_valid(rows).tolist() == [True] * len(rows), "is_valid must be (n,) bool, True for sampled rows")
    small = np.min_scalar_type(-max(space.cardinalities))
    for same in (rows.tolist(), rows.astype(small), rows.astype(np.float64), np.asfortranarray(rows)):
        require_equal(space.validate(same), rows, "validate must accept integers of any type")
    require_equal(space.validate(rows[0]), rows[:1], "one row must count as a batch of one")
    out = space.validate(rows)
    require(out.dtype == np.int64 and not np.shares_memory(out, rows), "validate must return a new int64 array")


def check_errors(space: SearchSpace) -> None:
    rows = space.sample(4, 0)
    column = int(np.argmax(space.cardinalities))
    for value in (-1, space.cardinalities[column]):
        bad = rows.copy()
        bad[2, column] = value
        with expect_error(InvalidInputError, "a value out of range", f"archs[2, {column}] is {value}"):
            space.validate(bad)
    for fraction in (np.nan, np.inf, 0.5):
        fractional = rows.astype(np.float64)
        fractional[1, 0] = fraction
        with expect_error(InvalidInputError, f"the value {fraction}", "integers"):
            space.validate(fractional)
    for wrong in (rows[:, 1:], rows[None], 3, rows[0, 1:]):
        with expect_error(InvalidInputError, "a wrong shape", "shape"):
            space.validate(wrong)
    with expect_error(InvalidInputError, "texts instead of rows", "integers"):
        space.validate(rows.astype(str))
    with expect_error(InvalidInputError, "no rows", "empty"):
        space.validate(rows[:0], allow_empty=False)
    grid = np.random.default_rng(0).integers(0, space.cardinalities, size=(500, rows.shape[1]))
    outside = grid[~space.is_valid(grid)]
    if len(outside):
        with expect_error(InvalidInputError, "a row that is not in the space", "archs[1]"):
            space.validate(np.stack([rows[0], outside[0]]))


def check_inactive_decisions(space: SearchSpace) -> None:
    rows = space.sample(200, 0)
    active = space.active(rows)
    require(active.shape == rows.shape and active.dtype == np.bool_, "active must be (n, d) bool")
    require((rows[~active] == 0).all(), "an inactive decision is not 0")
    if active.all():
        return
    i, j = next((i, j) for i, j in np.argwhere(~active).tolist() if space.cardinalities[j] > 1)
    wrong = rows[i].copy()
    wrong[j] = 1
    with expect_error(InvalidInputError, "an inactive decision that is not 0", "archs[0"):
        space.validate(wrong)


def _is_neighbor(space: SearchSpace, row: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """``(n,)`` bool: of the decisions that are active in both rows exactly one differs, and it is not one that the change of
    another has switched on or off."""
    both = space.active(row[None]) & space.active(others)
    return ((row != others) & both).sum(axis=1) == 1


def check_neighbors(space: SearchSpace) -> None:
    if not space.active(space.sample(200, 0)).all():
        for row in rows_of(space, 5):
            near = space.neighbors(row)
            require_equal(space.validate(near), near, "a neighbour is not in the space")
            require(
                _is_neighbor(space, row, near).all(), f"neighbours of {row.tolist()} differ in other decisions than one"
            )
            require(len(np.unique(near, axis=0)) == len(near), f"{row.tolist()} has a neighbour twice")
            require_equal(space.neighbors(row), near, "the same row has other neighbours")
        return
    for row in rows_of(space, 5):
        expected = []
        for j, c in enumerate(space.cardinalities):
            for value in range(c):
                other = row.copy()
                other[j] = value
                if value != row[j] and space.is_valid(other[None])[0]:
                    expected.append(other.tolist())
        require_equal(space.neighbors(row), np.array(expected).reshape(-1, len(row)), f"neighbours of {row.tolist()}")


def check_mutate(space: SearchSpace) -> None:
    rows = rows_of(space, 20)
    mutated = space.mutate(rows, 0)
    require_equal(space.mutate(rows, 0), mutated, "the same seed gave other mutations")
    require_equal(space.validate(mutated), mutated, "a mutation is not in the space")
    for row, other in zip(rows, mutated, strict=True):
        stays = np.array_equal(row, other) and len(space.neighbors(row)) == 0
        require(
            stays or bool(_is_neighbor(space, row, other[None])[0]), f"{other.tolist()} is no move from {row.tolist()}"
        )


def check_empty_batch(space: SearchSpace) -> None:
    none = np.zeros((0, len(space.cardinalities)), dtype=np.int64)
    require_equal(space.parse([]), none, "parse([]) must have shape (0, d)")
    require_equal(space.canonical(none), none, "canonical of no rows")
    require_equal(space.mutate(none, 0), none, "mutate of no rows")
    require(space.format(none) == [], "format of no rows")
    require(not space.has_graph or len(space.graphs(none)) == 0, "graphs of no rows")
