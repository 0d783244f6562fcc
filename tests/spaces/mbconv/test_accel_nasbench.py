"""Accel-NASBench: counts of published networks, notations, the chain."""

from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest

from archcast.errors import InvalidInputError
from archcast.spaces import get_space

SPACE = get_space("accel-nasbench")
SMALL = "e 6466611 k 3535533 l 1233222 se 0000000"
PUBLISHED = "e 4164611 k 5533333 l 1133133 se 1001000", 2_402_898, 294_666_256


def test_efficientnet_b0_and_the_papers_example():
    found = SPACE.costs(SPACE.parse(["e 1666666 k 3353553 l 1223341 se 1111111", SMALL]))
    assert found["params"].tolist() == [5_288_548, 2_501_160]
    assert round(found["macs"][0] / 1e6, 1) == 385.8


def test_a_published_network():
    text, params, macs = PUBLISHED
    found = SPACE.costs(SPACE.parse(text), "thop")
    assert (found["params"], found["macs"]) == (params, macs)


def test_all_published_networks(shared):
    archive = next((shared / "formats" / "accel-nasbench").glob("*.tar.gz"))
    with tarfile.open(archive) as files:
        parts = [files.extractfile(member) for member in files.getmembers() if member.name.endswith(".json")]
        table = [json.load(io.TextIOWrapper(part)) for part in parts]
    assert len(table) > 100
    found = SPACE.costs(SPACE.parse([json.dumps(entry["architecture"]) for entry in table]), "thop")
    for name in ("params", "macs"):
        np.testing.assert_allclose(found[name], [1e6 * entry["model_info"][name] for entry in table], rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SMALL.replace("e 6", "e 5", 1), r"block0_e is 5, not one of \(1, 4, 6\)"),
        (SMALL.replace("l 1", "l 4"), r"block0_l is 4, not one of \(1, 2, 3\)"),
        (SMALL.replace("k 3535533", "k 353553"), "expected a digit for each of 7 blocks"),
        ('{"block0_e": 6}', "block0_k is missing"),
        ('{"block0_e": 6', "must be JSON"),
    ],
)
def test_malformed_text(text, message):
    with pytest.raises(InvalidInputError, match=message):
        SPACE.parse(text)


def test_graph_has_a_node_for_each_layer():
    graphs = SPACE.graphs(SPACE.parse(SMALL))
    names = [graphs.op_names[code] for code in graphs.operations[0] if code >= 0]
    assert names == [
        "input", "k3_e6", *["k5_e4"] * 2, *["k3_e6"] * 3, *["k5_e6"] * 3, *["k5_e6"] * 2, *["k3_e1"] * 4, "output"
    ]  # fmt: skip
