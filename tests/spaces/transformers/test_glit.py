"""GLiT: what is inactive without local or global heads, notation, counts by hand."""

from __future__ import annotations

import json

import pytest

from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space

SPACE = get_space("glit")


def text(*blocks):
    return json.dumps([*blocks, *[[1, 17, 2, 192, 4]] * (12 - len(blocks))])


def test_what_is_inactive_is_written_as_0():
    row = SPACE.parse(text([0, 17, 4, 96, 2], [3, 45, 1, 999, 6]))
    assert json.loads(SPACE.format(row)[0])[:2] == [[0, 0, 0, 96, 2], [3, 45, 1, 0, 6]]
    assert (SPACE.parse(SPACE.format(row)) == row).all()


def test_parameters_by_hand():
    def dense(a, b):
        return a * b + b

    d = 192
    ends = 3 * 256 * d + d + d + 197 * d + 2 * d + dense(d, 1000)
    mlp = dense(d, 4 * d) + dense(4 * d, d)
    mixed = 4 * dense(128, 128) + dense(64, 256) + 128 * (17 + 1) + 2 * 128 + dense(128, 64)
    block = mixed + mlp + 4 * d
    assert SPACE.costs(SPACE.parse(text()))["params"] == ends + 12 * block
    attention = SPACE.parse(text(*[[0, 0, 0, 192, 4]] * 12))
    assert SPACE.costs(attention)["params"] == ends + 12 * (4 * dense(d, d) + mlp + 4 * d), "DeiT-Tiny"
    assert round(SPACE.costs(attention)["params"].item() / 1e6, 1) == 5.7


def test_parameters_of_the_network_of_the_authors_code():
    """GLiT-Tiny: where all heads attend the channels of the keys were searched, where none or some do the expansion."""
    blocks = [
        *(
            [0, 0, 0, 96, 4],
            [3, 31, 2, 0, 4],
            [2, 31, 4, 192, 6],
            [0, 0, 0, 192, 4],
            [3, 45, 4, 0, 4],
            [2, 31, 4, 192, 6],
        ),
        *(
            [0, 0, 0, 192, 2],
            [2, 31, 4, 192, 2],
            [3, 45, 4, 0, 4],
            [0, 0, 0, 192, 4],
            [3, 31, 4, 0, 4],
            [0, 0, 0, 384, 6],
        ),
    ]
    assert SPACE.costs(SPACE.parse(json.dumps(blocks)))["params"] == 7_264_456


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (text([4, 17, 2, 192, 4]), r"local1 is 4, not one of \(0, 1, 2, 3\)"),
        (text([1, 18, 2, 192, 4]), r"kernel1 is 18, not one of \(17, 31, 45\)"),
        (text([1, 17, 2, 192]), "block 1 must be"),
        ("[[1, 17, 2, 192, 4]]", "expected a list of 12 blocks"),
    ],
)
def test_malformed_text(bad, message):
    with pytest.raises(InvalidInputError, match=message):
        SPACE.parse(bad)


def test_proxies_tell_networks_apart(scored):
    scored(SPACE, Task((3, 8, 12), 4, width=4, size={"patch": 4}), SPACE.sample(3, 0))
