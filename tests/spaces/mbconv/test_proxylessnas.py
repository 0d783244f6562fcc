"""ProxylessNAS: counts of the published networks, notations, layers that are left out."""

from __future__ import annotations

import json

import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space

SPACE = get_space("proxylessnas")
MOBILE = "k5e3 k3e3 - - k7e3 k3e3 k5e3 k5e3 k7e6 k5e3 k5e3 k5e3 k5e6 k5e3 k5e3 k5e3 k7e6 k7e6 k7e3 k7e3 k7e6"
CPU = "k3e6 k3e3 k3e3 k3e3 k3e6 k3e3 k3e3 k5e3 k3e6 k3e3 - - k5e6 k3e3 k3e3 k3e3 k5e6 k5e3 k5e3 k3e3 k5e6"


def test_mobile():
    found = SPACE.costs(SPACE.parse(MOBILE))
    assert found["params"] == 4_080_512
    assert round(found["macs"].item() / 1e6, 2) == 320.43


def test_cpu_has_other_widths():
    space = type("CPU", (type(SPACE),), {"widths": (40, 24, 32, 48, 88, 104, 216, 360)})()
    found = space.costs(space.parse(CPU), task=Task((3, 224, 224), 1000, size={"width": 40, "head": 1432}))
    assert found["params"] == 4_361_648
    assert round(found["macs"].item() / 1e6, 2) == 439.24


def test_dictionary_of_nni():
    network = {"s7_i0": "k7e6"}
    for s, words in enumerate((MOBILE.split()[k : k + 4] for k in range(0, 20, 4)), start=2):
        network[f"s{s}_depth"] = sum(word != "-" for word in words)
        network |= {f"s{s}_i{k}": word for k, word in enumerate(words) if word != "-"}
    assert SPACE.format(SPACE.parse(json.dumps(network))) == [MOBILE]
    for change, message in (
        ({"s3_depth": 5}, "s3_depth must be a whole number from 1 to 4, got 5"),
        ({"s2_depth": 3}, "s2_i2 must be one of k3e3"),
        ({"s2_i0": "k9e6"}, "layer s2_i0 is 'k9e6'"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            SPACE.parse(json.dumps(network | change))


def test_the_first_layer_of_a_stage_stays():
    with pytest.raises(InvalidInputError, match=r"layer s3_i0 is '-', not k3e3, k3e6, k5e3, k5e6, k7e3, k7e6$"):
        SPACE.parse(MOBILE.replace("k7e3 k3e3", "- k3e3", 1))


def test_where_a_layer_is_left_out_makes_no_difference():
    a, b = SPACE.parse([MOBILE, MOBILE.replace("k3e3 - -", "- - k3e3", 1)])
    assert (a != b).any()
    assert (SPACE.canonical([a, b]) == a).all()
    outputs = []
    for row in (a, b):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            outputs.append(SPACE.build(row, Task((3, 16, 16), 5, width=8)).eval()(torch.ones(1, 3, 16, 16)))
    torch.testing.assert_close(*outputs)
    c = SPACE.parse(MOBILE.replace("k5e3 k3e3 - -", "k3e3 k5e3 - -", 1))
    assert (SPACE.canonical(c) != a).any()
