"""AutoTinyBERT: notation, the two ways to have heads, counts by hand."""

from __future__ import annotations

import json

import pytest

from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space
from archcast.spaces.transformers.autotinybert import EXAMPLE

SPACE = get_space("autotinybert")
TASK = Task((6,), 3, dtype="int64", vocabulary=11, width=8)


def text(**changes):
    return json.dumps(json.loads(EXAMPLE) | {f"sample_{name}": value for name, value in changes.items()})


@pytest.mark.parametrize(("heads", "qkv"), [(4, 256), (12, 768), (12, 180)])
def test_parameters_by_hand(heads, qkv):
    row = SPACE.parse(text(num_attention_heads=[heads] * 4, qkv_sizes=[qkv] * 4))
    h, f = 432, 384
    layer = 4 * h * qkv + 3 * qkv + h + 2 * h * f + f + h + 4 * h
    assert SPACE.costs(row)["params"] == (30_522 + 128) * h + 2 * h + 4 * layer + 2 * h + 2
    assert SPACE.settings(row)["twelve_heads"] == (qkv == 180)
    assert json.loads(SPACE.format(row)[0])["sample_qkv_sizes"] == [qkv] * 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"qkv_sizes": [250] * 4}, "4 heads with 250 channels: heads have 64 channels, or there are 12 heads"),
        ({"qkv_sizes": [256] * 3}, "'sample_qkv_sizes' must be a list of one and the same value"),
        (
            {"intermediate_sizes": [384, 384, 384, 396]},
            "'sample_intermediate_sizes' must be a list of one and the same",
        ),
        ({"hidden_size": 433}, "hidden is 433, not one of 128, 144, ... 768"),
        ({"layer_num": 9}, "'sample_intermediate_sizes' must be"),
    ],
)
def test_malformed_text(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        SPACE.parse(text(**changes))


def test_size():
    assert len(SPACE.values["qkv"]) == 49, "twelve heads of 64 channels are the other case"


def test_proxies_tell_networks_apart(scored):
    scored(SPACE, TASK, SPACE.sample(3, 0))
