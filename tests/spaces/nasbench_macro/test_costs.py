"""Costs against those in the file of NAS-Bench-Macro."""

from __future__ import annotations

import json

import numpy as np
import pytest

from archcast.spaces import get_space

SPACE = get_space("nasbench-macro")


@pytest.mark.parametrize(
    ("arch", "params", "flops"),
    [
        ("02012100", 890_666, 47_327_744),
        ("11111221", 2_181_386, 65_012_224),
        ("00011110", 1_118_378, 31_390_208),
        ("02012220", 1_886_890, 65_495_552),
        ("00220121", 2_038_570, 54_901_248),
    ],
)
def test_published_networks(arch, params, flops):
    found = SPACE.costs(SPACE.parse(arch))
    assert (found["params"], found["macs"]) == (params, flops)


def test_all_published_networks(shared):
    table = json.loads((shared / "formats" / "nas-bench-macro" / "nas-bench-macro_cifar10_first600.json").read_text())
    found = SPACE.costs(SPACE.parse(list(table)))
    for ours, theirs in (("params", "params"), ("macs", "flops")):
        np.testing.assert_array_equal(found[ours], [entry[theirs] for entry in table.values()])
