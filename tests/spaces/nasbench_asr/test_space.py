"""NAS-Bench-ASR: published count, classes of functions, notation, dead nodes, frames."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space
from archcast.spaces.base import SearchSpace

SPACE = get_space("nasbench-asr")
SMALL = Task((5, 9), outputs=(4, 3), size={"width": 6, "depth": 1, "hidden": 3})


def test_the_published_network():
    """26,338,848 parameters in the authors' file."""
    row = SPACE.parse("((1, 0), (1, 0, 0), (1, 0, 0, 0))")
    assert SPACE.costs(row)["params"] == 26_338_848
    with torch.device("meta"):
        assert sum(p.numel() for p in SPACE.build(row[0]).parameters()) == 26_338_848


def written_out(row):
    """The last node as a multiset of terms; an operation on nothing is a constant of its own."""
    nodes = [Counter({"x": 1})]
    for k, start in enumerate((0, 2, 5)):
        total = Counter()
        if row[start] != 5:
            total[row[start], tuple(sorted(nodes[-1].items(), key=repr))] += 1
        for source in range(k + 1):
            if row[start + 1 + source]:
                total += nodes[source]
        nodes.append(total)
    return repr(sorted(nodes[-1].items(), key=repr))


def test_canonical_is_equality_of_functions():
    rows = SPACE.enumerate()
    assert len(rows) == 13_824
    canonical = [tuple(row) for row in SPACE.canonical(rows).tolist()]
    functions = [written_out(row) for row in rows.tolist()]
    assert len(set(functions)) == len(set(canonical)) == len(set(zip(functions, canonical, strict=True))) == 9_135


def test_dead_nodes_are_zero_in_canonical_rows():
    """Nothing takes node 1 in, whatever it is."""
    a, b, best = SPACE.parse([
        "[[0, 1], [5, 1, 0], [1, 0, 0, 0]]", "[[3, 0], [5, 1, 0], [1, 0, 0, 0]]", "[[5, 0], [5, 1, 0], [1, 0, 0, 0]]"
    ])  # fmt: skip
    assert len(np.unique(SPACE.canonical([a, b, best]), axis=0)) == 1
    assert SPACE.costs(a)["params"] > SPACE.costs(a, pruned=True)["params"] == SPACE.costs(best)["params"]
    for pruned in (False, True):
        found, built = (
            of(a, task=SMALL, pruned=pruned) for of in (SPACE.costs, lambda r, **k: SearchSpace.costs(SPACE, r, **k))
        )
        assert found == built


def test_depth_begins_at_the_input():
    """The second node is nothing, so that what the third makes of it is a constant: the longest path is a skip."""
    rows = SPACE.parse(["[[1, 0], [5, 0, 0], [2, 1, 0, 1]]", "[[5, 0], [3, 0, 0], [2, 1, 1, 1]]"])
    found, built = SPACE.costs(rows, task=SMALL), SearchSpace.costs(SPACE, rows, task=SMALL)
    assert (found["depth"] == built["depth"]).all()


def test_names_of_operations_are_read():
    np.testing.assert_array_equal(
        SPACE.parse("[['conv5', 1], ['zero', 0, 1], ['linear', 0, 0, 1]]"), [[1, 1, 5, 0, 1, 0, 0, 0, 1]]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[1, 0], [1, 0], [1, 0, 0, 0]]", "expected [[operation, skip]"),
        ("[[6, 0], [1, 0, 0], [1, 0, 0, 0]]", "operation 1 is 6, not 0 to 5"),
        ("[[true, 0], [1, 0, 0], [1, 0, 0, 0]]", "operation 1 is True, not 0 to 5"),
        ("[[1, 0], [1, 0, 2], [1, 0, 0, 0]]", "the skips of node 2 are [0, 2], not 0 or 1"),
    ],
)
def test_malformed(text, message):
    with pytest.raises(InvalidInputError) as caught:
        SPACE.parse(text)
    assert message in str(caught.value)


def test_the_last_two_blocks_halve_the_frames():
    model = SPACE.build(SPACE.parse("[[2, 1], [4, 0, 0], [0, 0, 1, 0]]")[0], SMALL)
    assert model(torch.zeros(2, 5, 9)).shape == (2, 4, 3)
    with pytest.raises(InvalidInputError, match=r"label frames of speech: task\.shape must be"):
        SPACE.build(SPACE.sample(1, 0)[0], Task((5, 9), outputs=(4, 2)))
    with pytest.raises(InvalidInputError, match=r"label frames of speech: task\.shape must be"):
        SPACE.costs(SPACE.sample(1, 0), task=Task())
