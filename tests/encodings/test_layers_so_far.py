from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import ArrayLike

from archcast.encodings.base import get_encoding
from archcast.encodings.layers_so_far import reshapes
from archcast.errors import InvalidInputError
from archcast.graphs import CONVOLUTION, POOLING, Operation
from archcast.spaces.base import get_space
from archcast.spaces.chains import ChainSpace


@pytest.mark.parametrize("name", ["nasbench-macro", "nats-size"])
def test_by_counting(name):
    space = get_space(name)
    archs = space.sample(5, 0)
    encoder = get_encoding("layers-so-far", space)
    names, rows = encoder.get_feature_names_out().tolist(), encoder.transform(archs)
    assert not reshapes(space)
    for row, layers in zip(rows, space.layers(space.canonical(archs)).tolist()):
        for feature, value in zip(names, row):
            kind, place = feature.rsplit(":", 1)
            assert value == layers[: int(place)].count(list(space.operations).index(kind))


def test_modules_of_transnas_by_following_channels_and_pixels():
    space = get_space("transnasbench101-macro")
    archs = space.sample(20, 0)
    encoder = get_encoding("layers-so-far", space)
    names, rows = encoder.get_feature_names_out().tolist(), encoder.transform(archs)
    assert {name.split(":")[0] for name in names} == {"normal", "channels", "resolution"}
    for arch, row in zip(archs.tolist(), rows):
        channels, pixels, depth = 64, 64, 0
        for k, module in enumerate(arch, start=1):
            channels *= 2 if module in (2, 4) else 1
            pixels //= 2 if module in (3, 4) else 1
            depth += module > 0
            found = {what: row[names.index(f"{what}:{k}")] for what in ("channels", "resolution", "normal")}
            assert (64 * 2 ** found["channels"], 64 * 2 ** found["resolution"]) == (channels, pixels)
            assert found["normal"] == depth


class _Mixed(ChainSpace):
    """Layers of which only some change the shape; one that does has no twin that does not."""

    name = "mixed-chain"
    cardinalities, columns = (4,) * 3, ("a", "b", "c")
    operations: Mapping[str, Operation] = {
        "conv": Operation(CONVOLUTION, weight=9, reach=3),
        "pool": Operation(POOLING, reach=3, stride=2),
        "wide": Operation(CONVOLUTION, weight=18, reach=3, widens=2),
        "large": Operation(CONVOLUTION, weight=25, reach=5, stride=2),
    }

    def _parse(self, text: str) -> list[int]:
        return [int(digit) for digit in text]

    def format(self, archs: ArrayLike) -> list[str]:
        return ["".join(map(str, row)) for row in self.validate(archs).tolist()]


def test_layers_that_differ_in_shape_alone_are_of_one_kind():
    encoder = get_encoding("layers-so-far", _Mixed())
    names = encoder.get_feature_names_out().tolist()
    assert [name.split(":")[0] for name in names[:5]] == ["conv", "pool", "large", "channels", "resolution"]
    row = dict(zip(names, encoder.transform([[2, 1, 3]])[0].tolist()))
    assert [row[f"{name}:3"] for name in ("conv", "pool", "large", "channels", "resolution")] == [1, 1, 1, 1, -2]


def test_cells_are_refused_in_one_line():
    with pytest.raises(InvalidInputError, match=r"space 'nasbench201' are none. Use 'graph-features'"):
        get_encoding("layers-so-far", "nasbench201").transform(np.zeros((1, 6), dtype=int))
