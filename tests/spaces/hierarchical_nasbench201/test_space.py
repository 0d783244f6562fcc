"""Schrodi et al.'s space: derivations, stages and cells, against networks that are put together by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import archcast
from archcast.errors import InvalidInputError
from archcast.spaces.nasbench201.network import Cell, Residual

SPACE = archcast.get_space("hierarchical-nasbench201")
CONV = "(CELL Cell" + " (OPS conv3x3)" * 6 + ")"
SKIP = "(CELL Cell (OPS zero) (OPS zero) (OPS zero) (OPS id) (OPS zero) (OPS zero))"
TWO = f"(C Linear2 {CONV} {SKIP})"
DOWN = f"(DOWN Linear2 {SKIP} resBlock)"
D1, D0 = f"(D1 Linear3 {TWO} {TWO} {DOWN})", f"(D0 Linear3 {TWO} {TWO} {SKIP})"


def params(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("text", "last_stage"), [(f"(D2 Linear3 {D1} {D1} {D0})", 2), (f"(D2 Linear3 {D0} {D1} {D1})", 0)]
)
def test_parameters_are_those_of_the_parts(text, last_stage):
    """Two full cells in each of the three blocks; where D0 stands decides at which width its cells are."""
    row = SPACE.parse(text)
    widths = [16, 32, 64 if last_stage == 2 else 16]
    cells = sum(2 * params(Cell([3] * 6, c, c)) for c in widths)
    blocks = params(Residual(16, 32)) + params(Residual(32, 64))
    ends = 27 * 16 + 2 * 16 + 2 * 64 + 64 * 10 + 10
    assert params(SPACE.build(row[0])) == cells + blocks + ends
    assert SPACE.costs(row)["params"][0] == cells + blocks + ends
    full = 2 * 3 * 3  # two cells of three convolutions in a row in each of three blocks
    assert SPACE.costs(row)["depth"][0] == full + 2 * 2 + 2


def test_residual_parts_add_up():
    """A residual block of three cells without weights doubles: x + x."""
    text = f"(D2 Linear3 {D1} {D1} {D0})".replace(TWO, f"(C Residual2 {SKIP} {SKIP} {SKIP})")
    row = SPACE.parse(text)[0]
    network = SPACE.build(row)
    seen = []
    block = network.parts.parts[0].parts[0]
    block.register_forward_hook(lambda module, given, out: seen.append((given[0], out)))
    network.eval()(torch.randn(2, 3, 8, 8))
    torch.testing.assert_close(seen[0][1], 2 * seen[0][0])


def test_every_cell_has_a_path():
    assert SPACE.is_allowed(SPACE.sample(100, 0)).all()
    dead = SKIP.replace("id", "zero")
    with pytest.raises(InvalidInputError, match="not an architecture"):
        SPACE.parse(f"(D2 Linear3 {D1} {D1} {D0})".replace(SKIP, dead, 1))


def test_size():
    assert 2.2e179 < SPACE.size < 2.4e179
    assert math.log10(15_284) * 42 < math.log10(SPACE.size)


def test_canonical_cells_are_those_of_nasbench201():
    pooled = "(CELL Cell (OPS avg_pool) (OPS zero) (OPS zero) (OPS avg_pool) (OPS id) (OPS zero))"
    twin = "(CELL Cell (OPS zero) (OPS avg_pool) (OPS zero) (OPS avg_pool) (OPS zero) (OPS id))"
    text = f"(D2 Linear3 {D1} {D1} {D0})"
    one, two = SPACE.canonical(SPACE.parse([text.replace(CONV, pooled), text.replace(CONV, twin)]))
    np.testing.assert_array_equal(one, two)
