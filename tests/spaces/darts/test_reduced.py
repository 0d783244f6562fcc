"""The reduced spaces of DARTS against their definition."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.errors import InvalidInputError
from archcast.spaces.base import get_space
from archcast.spaces.darts.cell import OPERATIONS

WHOLE = get_space("darts")


@pytest.mark.parametrize("name", ["darts-s1", "darts-s2", "darts-s3"])
def test_rows_are_rows_of_darts_with_the_allowed_operations(name):
    space = get_space(name)
    rows = space.sample(400, 0)
    assert np.array_equal(WHOLE.validate(rows), rows)
    names = [{OPERATIONS[op] for op in rows[:, 1 + 2 * slot]} for slot in range(16)]
    if name != "darts-s1":
        assert all(found == {"skip_connect", "sep_conv_3x3"} for found in names)
    text = space.format(rows[:1])[0]
    assert np.array_equal(space.parse(text), rows[:1])


def test_s1_has_the_two_operations_of_the_edge():
    """A few edges of the paper's figure: normal 0->2, 1->3, 3->5 and reduction 0->2, 1->2, 4->5."""
    allowed = get_space("darts-s1").allowed
    for cell, edge, names in (
        (0, 0, {"skip_connect", "dil_conv_3x3"}),
        (0, 3, {"skip_connect", "sep_conv_3x3"}),
        (0, 12, {"dil_conv_3x3", "dil_conv_5x5"}),
        (1, 0, {"max_pool_3x3", "avg_pool_3x3"}),
        (1, 1, {"max_pool_3x3", "dil_conv_3x3"}),
        (1, 13, {"skip_connect", "dil_conv_5x5"}),
    ):
        assert {OPERATIONS[op] for op in np.flatnonzero(allowed[cell, edge])} == names


def test_another_operation_is_refused():
    space = get_space("darts-s2")
    row = space.sample(1, 0)
    row[0, 1] = OPERATIONS.index("max_pool_3x3")
    with pytest.raises(InvalidInputError, match="darts-s2"):
        space.validate(row)


def test_canonical_of_s2_is_that_of_darts_and_stays_within():
    space = get_space("darts-s2")
    rows = space.sample(200, 1)
    assert np.array_equal(space.canonical(rows), WHOLE.canonical(rows))


def test_canonical_of_s1_orders_the_inputs():
    space = get_space("darts-s1")
    rows = space.sample(50, 1)
    turned = rows.reshape(50, 16 // 2, 2, 2)[:, :, ::-1].reshape(50, 32)
    assert np.array_equal(space.canonical(rows), space.canonical(turned))
