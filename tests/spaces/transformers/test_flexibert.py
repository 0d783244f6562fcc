"""FlexiBERT: the size of the space, notation, hidden layers that are not there, counts by hand."""

from __future__ import annotations

import json

import pytest

from archcast.errors import InvalidInputError
from archcast.names import SPACES
from archcast.spaces import Task, get_space
from archcast.spaces.transformers.flexibert import EXAMPLE, OPS

SPACE = get_space("flexibert")
TASK = Task((6,), 3, dtype="int64", vocabulary=11, width=8)


def text(**changes):
    return json.dumps(json.loads(EXAMPLE) | changes)


def test_size_is_the_papers():
    assert round(SPACES.entry("flexibert").info["size"] / 1e9, 2) == 3.32
    layer = SPACE.cardinalities[1:8]
    assert layer[0] * layer[1] * layer[2] * (layer[4] + layer[4] * layer[5] * layer[6]) == 240


def test_parameters_by_hand():
    def dense(a, b):
        return a * b + b

    ends = (50_265 + 128) * 128 + 2 * 128 + dense(256, 2)
    first = 4 * dense(128, 128) + dense(128, 512) + dense(512, 128) + 4 * 128
    mlp = dense(256, 512) + dense(512, 1024) + dense(1024, 512) + dense(512, 256)
    conv = 4 * dense(256, 256) + 5 * 256 + dense(256, 4 * 5)
    row = SPACE.parse(EXAMPLE)
    assert SPACE.costs(row)["params"] == ends + first + dense(128, 256) + conv + mlp + 4 * 256
    weighted = SPACE.parse(text(o=["sa_wma", "dsc_5"]))
    assert SPACE.costs(weighted)["params"] - SPACE.costs(row)["params"] == 64**2  # one matrix for both heads


@pytest.mark.parametrize("op", OPS)
def test_every_operation_learns(op, scored):
    rows = SPACE.parse([text(o=[op, other], h=[128, 128]) for other in ("sa_sdp", "lt_dct")])
    found = scored(SPACE, TASK, rows)
    assert all(one["snip"] > 0 for one in found)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"l": 3}, r"l is 3, not one of \(2, 4\)"),
        ({"o": ["sa_sdp"]}, "'o' must be a list of 2 values"),
        ({"o": ["sa_sdp", "x"]}, "op2 is 'x', not one of"),
        ({"f": [[512], [512, 512]]}, "'f' must hold lists of 1 or 3 numbers"),
        ({"f": [[512], [512, 512, 100]]}, r"ffn3_2 is 100, not one of \(512, 1024\)"),
        ({"n": [2, 3]}, r"heads2 is 3, not one of \(2, 4\)"),
    ],
)
def test_malformed_text(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        SPACE.parse(text(**changes))
