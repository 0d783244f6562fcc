"""Costs by formulas against the networks that are built, counted layer by layer as torch runs them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from archcast.costs import CONVENTIONS, COSTS
from archcast.errors import InvalidInputError
from archcast.spaces.base import SPACES, SearchSpace, Task, get_space
from archcast.testing.spaces._built import built_costs, is_connected

BUILT = [name for name in SPACES.names() if SPACES.entry(name).info["buildable"]]
LAST = [*{SPACES.index[name]: name for name in BUILT}.values()]
"""One of the spaces of each file: they are counted by the same formulas. The battery compares all of them with small networks."""


def of_images(space):
    """Whether the networks of a space classify images."""
    return len(space.task_of(None).shapes[0]) == 3


@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("name", LAST)
def test_formulas_are_what_built_networks_cost(name, convention, pruned):
    """The paper's own network, and a small one with three layers where there was one, for images of odd and unequal sides, or for
    other sequences."""
    space = get_space(name)
    k = list(CONVENTIONS).index(convention)
    few = space.sample(6, 1)[2 * k : 2 * k + 2]
    size = {
        key: value
        for key, value in {"width": 6, "depth": 3, "stages": 2, "embedding": 5, "hidden": 4}.items()
        if key in space.sizes
    }
    for task, rows, counted in (
        (space.task_of(None), few[:1], SearchSpace.costs),
        (other(space, size), few, built_costs),
    ):
        found = space.costs(rows, convention, task=task, pruned=pruned)
        whole = space.costs(rows, convention, task=task)
        if pruned and all((found[cost] == whole[cost]).all() for cost in COSTS):  # nothing is dead
            if task == space.task_of(None):
                continue  # it was compared without pruning; the small network is built pruned, too
            rows = rows[:1]
        built = counted(space, rows, convention, task=task, pruned=pruned)
        for cost in COSTS:
            use = is_connected(space, rows) if cost == "depth" else slice(None)
            np.testing.assert_array_equal(found[cost][: len(rows)][use], built[cost][use], err_msg=cost)


def other(space, size):
    """A task of the space's kind that is not its own: unusual images, or short texts."""
    usual = space.task_of(None)
    if "int64" not in usual.dtypes:
        return Task((2, 37, 50), 7, size=size) if of_images(space) else Task((80, 11), outputs=(5, 3), size=size)
    small = {word: 30 + k for k, word in enumerate(dict.fromkeys(usual.vocabularies))}
    small |= {shape[0]: 13 - k for k, shape in enumerate(usual.shapes)}
    shapes = tuple((small[shape[0]],) for shape in usual.shapes)
    words = tuple(small[word] for word in usual.vocabularies)
    outputs = tuple(small.get(side, side) for side in usual.outputs)
    one = len(shapes) == 1
    return replace(
        usual,
        shape=shapes[0] if one else shapes,
        vocabulary=words[0] if one else words,
        outputs=outputs,
        size=size,
    )


@pytest.mark.parametrize("name", BUILT)
def test_pruning_never_costs(name):
    space = get_space(name)
    rows = space.sample(500, 2)
    whole, pruned = (space.costs(rows, pruned=pruned) for pruned in (False, True))
    assert all((pruned[cost] <= whole[cost]).all() for cost in COSTS)
    np.testing.assert_array_equal(pruned["depth"], whole["depth"])


@pytest.mark.parametrize("name", BUILT)
def test_a_large_batch_is_its_rows(name):
    space = get_space(name)
    rows = space.sample(3_000, 3)
    together = space.costs(rows)
    for k in (0, 17, 2_999):
        assert {cost: values[k] for cost, values in together.items()} == {
            cost: values[0] for cost, values in space.costs(rows[k]).items()
        }


def test_wider_is_dearer_and_no_size_is_ignored():
    for name in BUILT:
        space = get_space(name)
        rows = space.sample(5, 4)
        for size in space.sizes:
            larger = space.costs(rows, task=other(space, {size: space.sizes[size] + 1}))
            usual = space.costs(rows, task=other(space, {}))
            assert (larger["params"] >= usual["params"]).all()
            assert (larger["params"] > usual["params"]).any(), (name, size)


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(InvalidInputError, match="cannot build networks"):
        get_space("nasbench-graph").costs(get_space("nasbench-graph").sample(1, 0))
    with pytest.raises(InvalidInputError, match="no size 'heads'"):
        get_space("darts").costs(get_space("darts").sample(1, 0), task=Task(size={"heads": 2}))
    with pytest.raises(InvalidInputError, match=r"task\.width is too small: 2 channels"):
        get_space("nasbench101").costs(get_space("nasbench101").sample(500, 0), task=Task(width=2))
