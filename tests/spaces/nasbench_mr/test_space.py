"""NAS-Bench-MR: published counts, notations."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch

from archcast.data._unpickle import unpickle
from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space

SPACE = get_space("nasbench-mr")
PUBLISHED = {  # millions of parameters in the tables
    "128_128-2_1_4_128-2_2_4_4_128_128-2_3_4_4_4_128_128_128-2_4_4_4_4_4_128_128_128_128-128": 28.290994,
}
EXAMPLE = "32_16-1_1_1_32-3_2_3_2_16_32-1_3_1_1_1_112_48_32-2_4_4_3_4_2_32_64_32_112-128"


@pytest.mark.parametrize(("text", "params"), PUBLISHED.items())
def test_published_networks(text, params):
    row = SPACE.parse(text)
    assert SPACE.costs(row)["params"] == round(params * 1e6)
    with torch.device("meta"):
        assert sum(p.numel() for p in SPACE.build(row[0]).parameters()) == round(params * 1e6)


def test_the_published_table(shared):
    """All parameters exactly; the published FLOPs also count what is no multiplication."""
    with gzip.open(shared / "formats" / "nas-bench-mr" / "cls-50-1000.trainval.pkl.gz") as file:
        table, _ = unpickle(file.read(), {}, label=file.name)
    rows = SPACE.parse([str(entry["embedding"]) for entry in table])
    found = SPACE.costs(rows)
    np.testing.assert_array_equal(found["params"], np.round([entry["params"] * 1e6 for entry in table]))
    np.testing.assert_allclose(found["macs"], [entry["flops"] * 1e9 for entry in table], rtol=0.035)


def test_notations():
    row = SPACE.parse(EXAMPLE)
    assert SPACE.format(row) == [EXAMPLE]
    numbers = [32, 16, 1, 1, 32, 3, 3, 2, 16, 32, 1, 1, 1, 1, 112, 48, 32, 2, 4, 3, 4, 2, 32, 64, 32, 112, 128]
    np.testing.assert_array_equal(SPACE.parse(str(numbers)), row)
    named = dict(zip(SPACE.columns, numbers, strict=True))
    assert (named["blocks2"], named["units2_1"], named["channels3_1"], named["last"]) == (3, 3, 112, 128)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (EXAMPLE.replace("3_2_3_2_16_32", "3_3_3_2_16_32"), "stage 2 must have 2 branches"),
        (EXAMPLE.replace("-128", "-130"), "last is 130, not one of"),
        (EXAMPLE.replace("32_16-", "32-16-"), "expected 2 numbers, four stages and a number"),
        ("[1, 2]", "got 2"),
        (str([1.5] * 27), "stem1 is 1.5"),
        ("[" * 5000, "..."),
    ],
)
def test_malformed(text, message):
    with pytest.raises(InvalidInputError) as caught:
        SPACE.parse(text)
    assert message in str(caught.value)


def test_branches_of_odd_sizes_meet():
    row = SPACE.parse(EXAMPLE)[0]
    assert SPACE.build(row, Task((2, 37, 21), 3, width=8, depth=2))(torch.zeros(2, 2, 37, 21)).shape == (2, 3)
