"""Paths through a fabric: their scales, classes and networks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.spaces.base import Task, get_space
from archcast.spaces.neural_fabrics import SCALES

SPACE = get_space("neural-fabrics")


def test_scales_follow_the_moves_and_stay_within():
    for text in ("dddddddd", "uuuuuuuu", "dduusdsd", "sdusduds"):
        scale, walked = 0, []
        for letter in text:
            scale = min(max(scale + {"s": 0, "d": 1, "u": -1}[letter], 0), SCALES - 1)
            walked.append(scale)
        assert SPACE.scales(SPACE.parse(text))[0].tolist() == walked


def test_a_class_is_a_walk_through_the_scales():
    """As many as a transfer matrix counts: walks of eight steps on a line of four scales, from the finest."""
    matrix = np.array([[abs(i - j) <= 1 for j in range(SCALES)] for i in range(SCALES)], dtype=int)
    count = int(np.linalg.matrix_power(matrix, 8)[0].sum())
    rows = SPACE.canonical(SPACE.enumerate())
    assert len(np.unique(rows, axis=0)) == count
    assert np.array_equal(SPACE.scales(rows), SPACE.scales(SPACE.enumerate()))


def test_a_network_has_the_resolutions_of_its_scales():
    row = SPACE.parse("sdduusdd")[0]
    net = SPACE.build(row, Task((3, 11, 6), classes=4, width=2))
    seen = []
    for layer in net.layers:
        layer.register_forward_hook(lambda _, given, out: seen.append(tuple(out.shape[2:])))
    assert net(torch.randn(2, 3, 11, 6)).shape == (2, 4)
    sizes = [(11, 6), (6, 3), (3, 2), (2, 1)]
    assert seen == [sizes[scale] for scale in SPACE.scales(row)[0]]


def test_parameters_are_those_of_eight_convolutions():
    costs = SPACE.costs(SPACE.parse(["ssssssss", "dddsssss"]), task=Task((3, 8, 8), classes=10, width=4))
    one = 9 * 4 * 4 + 2 * 4
    assert costs["params"].tolist() == [9 * 3 * 4 + 8 + 8 * one + 50] * 2
    stem, head = 64 * 9 * 3 * 4, 40
    pixels = [sum(64 // 4**s for s in scales) for scales in ([0] * 8, [1, 2, *[3] * 6])]
    assert costs["macs"].tolist() == [stem + head + 9 * 16 * many for many in pixels]


@pytest.mark.parametrize("text", ["ddd", "ddddddddd", "sdusdusx"])
def test_other_texts_are_refused(text):
    with pytest.raises(InvalidInputError, match="eight letters"):
        SPACE.parse(text)


def test_every_word_of_the_alphabet_is_a_row():
    texts = ["".join(word) + "ssssss" for word in itertools.product("sdu", repeat=2)]
    assert SPACE.format(SPACE.parse(texts)) == texts
