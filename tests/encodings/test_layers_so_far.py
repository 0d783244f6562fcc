from __future__ import annotations

import numpy as np
import pytest

from archcast.encodings.base import get_encoding
from archcast.errors import InvalidInputError
from archcast.spaces.base import get_space


@pytest.mark.parametrize("name", ["transnasbench101-macro", "nasbench-macro", "nats-size"])
def test_by_counting(name):
    space = get_space(name)
    archs = space.sample(5, 0)
    encoder = get_encoding("layers-so-far", space)
    names, rows = encoder.get_feature_names_out().tolist(), encoder.transform(archs)
    for row, layers in zip(rows, space.layers(space.canonical(archs)).tolist()):
        for feature, value in zip(names, row):
            kind, place = feature.rsplit(":", 1)
            assert value == layers[: int(place)].count(list(space.operations).index(kind))


def test_cells_are_refused_in_one_line():
    with pytest.raises(InvalidInputError, match=r"space 'nasbench201' are none. Use 'graph-features'"):
        get_encoding("layers-so-far", "nasbench201").transform(np.zeros((1, 6), dtype=int))
