"""Costs against the published size of DARTS' own network."""

from __future__ import annotations

import pytest

from archcast.spaces import Task, get_space

SPACE = get_space("darts")
DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=range(2, 6), "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), "
    "('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=range(2, 6))"
)


def test_the_network_of_the_paper():
    """3.3 M parameters in the paper, 3.349342 M in the authors' logs, where the auxiliary head is not counted."""
    found = SPACE.costs(SPACE.parse(DARTS_V2), task=Task(width=36, depth=20))
    assert found["params"] == 3_349_342
    assert found["macs"] == pytest.approx(528e6, rel=0.01)


def test_an_image_of_one_pixel():
    """Nothing is left to halve, and reductions still widen."""
    task = Task((3, 1, 1), 10, width=4, depth=4)
    assert (SPACE.costs(SPACE.sample(20, 0), task=task)["macs"] > 0).all()
