"""Schrodi et al.'s largest space: counts by hand, layers as the text names them, cells that are one function."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from torch import nn

import archcast
from archcast.spaces.grammar import GrammarSpace
from archcast.spaces.hierarchical_nasbench201.flexible import GRAMMAR
from archcast.spaces.hierarchical_nasbench201.topologies import FLEXIBLE

SPACE = archcast.get_space("hierarchical-nasbench201-flexible")
SKIP = "(CELL Cell (OPS zero) (OPS zero) (OPS zero) (OPS id) (OPS zero) (OPS zero))"
DOWN = f"(DOWN Linear2 {SKIP} resBlock)"


def conv(activation, kernel, norm):
    return f"(OPS Linear1 (CONVBLOCK Linear3 (ACT {activation}) (CONV {kernel}) (NORM {norm})))"


def network(first):
    """Chains of three stages whose cells are skips but for the very first one."""
    two = f"(C Linear2 {SKIP} {SKIP})"
    d1, d0 = f"(D1 Linear3 {two} {two} {DOWN})", f"(D0 Linear3 {two} {two} {SKIP})"
    return f"(D2 Linear3 {d1} {d1} {d0})".replace(SKIP, first, 1)


def test_sizes():
    """The authors write the convolution twice; with both counted they are the 1e446 networks of the paper."""
    twice = GRAMMAR.replace('"Linear1" CONVBLOCK |', '"again" CONVBLOCK |', 1)
    assert math.log10(GrammarSpace(twice).size) == pytest.approx(446, abs=0.5)
    paths = [edges for edges in np.ndindex(*[2] * 6) if passes(edges)]
    assert SPACE._size(next(n for n in SPACE.root.walk() if n.symbol == "CELL")) == sum(29 ** sum(e) for e in paths)
    assert math.log10(SPACE.size) == pytest.approx(375.845, abs=1e-3)


def passes(edges):
    a, b, c, d, e, f = edges
    return d or (a and e) or (b and f) or (a and c and f)


def test_convolutions_are_drawn_as_often_as_the_two_of_nasbench201():
    texts = SPACE.format(SPACE.sample(40, 0))
    found = re.findall(r"\(OPS (\w+)", " ".join(texts))
    assert found.count("Linear1") / len(found) == pytest.approx(0.4, abs=0.04)  # cells without a path are drawn again


@pytest.mark.parametrize("activation", ["relu", "hardswish", "mish"])
@pytest.mark.parametrize(("kernel", "weights"), [("conv3x3o", 9 * 256), ("conv1x1o", 256), ("dconv3x3o", 9 * 16)])
@pytest.mark.parametrize(("norm", "scales"), [("batch", 32), ("instance", 32), ("layer", 2 * 16 * 12 * 10)])
def test_a_convolution_has_the_layers_that_its_text_names(activation, kernel, weights, norm, scales):
    cell = SKIP.replace("(OPS id)", conv(activation, kernel, norm))
    task = archcast.Task((3, 12, 10), 10)
    rows = SPACE.parse([network(SKIP), network(cell)])
    without, given = SPACE.costs(rows, task=task)["params"]
    assert given - without == weights + scales
    built = SPACE.build(rows[1], task)
    layers = built.parts.parts[0].parts[0].parts[0].edges["3"]
    names = {"relu": nn.ReLU, "hardswish": nn.Hardswish, "mish": nn.Mish}
    norms = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d, "layer": nn.LayerNorm}
    assert isinstance(layers[0], names[activation])
    assert isinstance(layers[2], norms[norm])
    assert layers[1].groups == (16 if kernel.startswith("d") else 1)
    assert sum(p.numel() for p in built.parameters()) == given


def test_cells_that_are_one_function():
    """Three different convolutions in a row, by way of a skip or not; and the order of a sum."""
    a, b, c = (
        conv("relu", "conv3x3o", "batch"),
        conv("mish", "conv1x1o", "layer"),
        conv("relu", "dconv3x3o", "instance"),
    )
    edges = [
        [a, "(OPS zero)", b, "(OPS zero)", "(OPS zero)", c],
        [a, b, "(OPS zero)", "(OPS zero)", b, c],
        [b, a, "(OPS zero)", "(OPS zero)", c, b],
        [a, b, "(OPS zero)", "(OPS zero)", c, b],
    ]
    rows = SPACE.canonical(SPACE.parse([network(f"(CELL Cell {' '.join(cell)})") for cell in edges]))
    np.testing.assert_array_equal(rows[1], rows[2])
    assert len(np.unique(rows, axis=0)) == 3
    dead = SPACE.parse(network(f"(CELL Cell {a} (OPS zero) (OPS zero) (OPS id) (OPS zero) {c})"))
    np.testing.assert_array_equal(SPACE.canonical(dead), SPACE.canonical(SPACE.parse(network(SKIP))))
    assert len(FLEXIBLE) == 30


def test_what_two_rows_of_one_canonical_form_compute():
    task = archcast.Task((3, 8, 8), 3, width=4)
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    for row in SPACE.sample(2, 0):
        outputs = []
        for same in (row, SPACE.canonical(row)[0]):
            built = SPACE.build(same, task, pruned=True).eval()
            for p in built.parameters():
                nn.init.constant_(p, 1 / max(p[0].numel(), 4) if p.ndim > 1 else 0.1)
            outputs.append(built(x))
        torch.testing.assert_close(*outputs)
