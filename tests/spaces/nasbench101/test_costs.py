"""Costs against the numbers of parameters that the benchmark publishes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from archcast.spaces import get_space

SPACE = get_space("nasbench101")
EXAMPLE = (
    "0111010;0000001;0000001;0000100;0000001;0000001;0000000|input,conv1x1-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,"
    "conv3x3-bn-relu,maxpool3x3,output"
)


def test_the_example_of_the_benchmark():
    """The cell in the documentation of its package."""
    assert SPACE.costs(SPACE.parse(EXAMPLE))["params"] == 2_694_282


def test_every_class():
    """The paper says 227,274 to 49,979,274 trainable parameters."""
    found = SPACE.costs(SPACE.enumerate())
    assert found["params"].shape == (423_624,)
    assert (found["params"].min(), found["params"].max()) == (227_274, 49_979_274)


def test_the_order_of_nodes_decides_who_gets_the_remainder():
    """128 channels for three nodes are 43, 43 and 42, so isomorphic rows may differ in parameters, as their networks do."""
    one = SPACE.parse("01110;00001;00001;00001;00000|input,conv3x3-bn-relu,conv1x1-bn-relu,conv1x1-bn-relu,output")
    two = SPACE.parse("01110;00001;00001;00001;00000|input,conv1x1-bn-relu,conv1x1-bn-relu,conv3x3-bn-relu,output")
    np.testing.assert_array_equal(SPACE.canonical(one), SPACE.canonical(two))
    assert SPACE.costs(one)["params"] > SPACE.costs(two)["params"]


def test_published_cells(shared):
    """All cells with published counts, by TensorWatch's rule; and those of up to five nodes, exactly."""
    table = pd.read_csv(shared / "benchmarks" / "nb101.csv.gz", dtype={"ops": str}).dropna(subset=["params", "flops"])
    labels = {"0": "input", "1": "output", "2": "maxpool3x3", "3": "conv1x1-bn-relu", "4": "conv3x3-bn-relu"}
    texts = [f"{a}|{','.join(labels[code] for code in ops)}" for a, ops in zip(table.adjacency, table.ops, strict=True)]
    found = SPACE.costs(SPACE.parse(texts), "tensorwatch")
    np.testing.assert_allclose(found["params"] / 1e6, table.params, rtol=5e-6)
    np.testing.assert_allclose(found["macs"] / 1e6, table.flops, rtol=5e-6)
    table = pd.read_csv(shared / "benchmarks" / "nb101_ecnas_4ep.csv.gz")
    found = SPACE.costs(SPACE.parse([f"{a}|{ops}" for a, ops in zip(table.adjacency, table.labels, strict=True)]))
    np.testing.assert_array_equal(found["params"], table.params)
