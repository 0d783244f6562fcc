"""Costs against published ones: the benchmark's own, and NAS-Bench-Suite-Zero's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from archcast.spaces import get_space

SPACE = get_space("nasbench201")


def test_the_largest_cell():
    """The benchmark says 1.531546 M parameters and 220.11969 M operations, of which ten are the biases of the classifier."""
    found = SPACE.costs([[3] * 6])
    assert found["params"] == 1_531_546
    assert found["macs"] + 10 == 220_119_690
    assert found["depth"] == 1 + 3 * 5 * 3 + 2 * 2 + 1


@pytest.mark.parametrize(
    ("arch", "params", "flops"),
    [
        (
            "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
            0.129306,
            17.9586,
        ),
        (
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
            0.802426,
            116.693,
        ),
        (
            "|avg_pool_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|avg_pool_3x3~0|avg_pool_3x3~1|avg_pool_3x3~2|",
            0.559386,
            84.7439,
        ),
    ],
)
def test_published_cells(arch, params, flops):
    """Millions with six digits, as NAS-Bench-Suite-Zero gives them for CIFAR-10."""
    found = SPACE.costs(SPACE.parse(arch), "tensorwatch")
    assert float(f"{found['params'][0] / 1e6:.6g}") == params
    assert float(f"{found['macs'][0] / 1e6:.6g}") == flops


def test_dead_edges_are_counted_as_published():
    """The first half of the cell is dead, and was counted."""
    row = SPACE.parse("|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|")
    whole, pruned = SPACE.costs(row), SPACE.costs(row, pruned=True)
    assert whole["params"] - pruned["params"] == sum(5 * (9 * c * c + 2 * c) for c in (16, 32, 64))


def test_all_published_cells(shared):
    table = pd.read_csv(shared / "benchmarks" / "nb201_zc_cifar10.csv.gz", usecols=["index", "params", "flops"])
    archs = pd.read_csv(shared / "benchmarks" / "nb201_cifar10.csv.gz", usecols=["arch"]).arch
    table = table.dropna()
    assert len(table) == 9_723
    found = SPACE.costs(SPACE.parse(archs[table["index"]]), "tensorwatch")
    np.testing.assert_allclose(found["params"] / 1e6, table.params, rtol=5e-6)
    np.testing.assert_allclose(found["macs"] / 1e6, table.flops, rtol=5e-6)
