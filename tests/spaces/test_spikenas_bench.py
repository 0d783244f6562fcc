"""SpikeNAS-Bench: its notation is that of the published table, not the order of the columns."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.errors import InvalidInputError
from archcast.spaces import get_space
from archcast.spaces.edge_cells import EDGES

SPACE = get_space("spikenas-bench")
PUBLISHED = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


def test_a_digit_names_its_edge() -> None:
    for position, edge in enumerate(PUBLISHED):
        text = "".join("3" if i == position else "0" for i in range(6))
        row = SPACE.parse(text)[0]
        assert row.tolist() == [3 * (edge == other) for other in EDGES]
        assert SPACE.format(row) == [text]


def test_there_are_as_many_functions_as_in_nasbench201_but_for_its_linear_pooling() -> None:
    """Same topology, the same two weightless operations, three others, of which none is linear here and one is there."""
    other = get_space("nasbench201")
    rows = SPACE.enumerate()
    ours = np.unique(SPACE.canonical(rows), axis=0, return_inverse=True)[1].ravel()
    theirs = np.unique(other.canonical(rows), axis=0, return_inverse=True)[1].ravel()
    assert len(np.unique(ours)) == len(np.unique(np.stack([ours, theirs]), axis=1).T) == 4_930
    assert len(np.unique(theirs)) == 4_660


@pytest.mark.parametrize("text", ["12345", "012345", "1234000", "abcdef", ""])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="six digits"):
        SPACE.parse(text)
