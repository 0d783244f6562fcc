"""NAS-FPN: the pyramid of the paper, parameters and levels by hand, cells in another order."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import archcast
from archcast.errors import InvalidInputError
from archcast.spaces.nas_fpn.network import attention, resample

SPACE = archcast.get_space("nas-fpn")
FOUND = [
    [4, "attention", [1, 3], False],
    [4, "sum", [1, 5], False],
    [3, "sum", [0, 6], True],
    [4, "sum", [6, 7], True],
    [5, "attention", [7, 8], True],
    [7, "attention", [6, 9], True],
    [6, "attention", [9, 10], True],
]
SMALL = {"width": 4, "backbone": 16, "depth": 2}


def rows_of(cells):
    return SPACE.parse(json.dumps(cells))


def test_the_pyramid_of_the_paper():
    row = rows_of(FOUND)
    assert json.loads(SPACE.format(row)[0]) == FOUND
    np.testing.assert_array_equal(SPACE.parse(str([tuple(cell) for cell in FOUND])), row)
    w, b, depth, classes = 256, 320, 7, 81
    sides = [3, 20, 40, 80, 160, 320]
    backbone = sum(9 * x * y + 2 * y for x, y in pairwise(sides))
    lateral = sum(c * w + 2 * w for c in (b // 4, b // 2, b))
    found = SPACE.costs(row)
    assert found["params"][0] == backbone + lateral + depth * 7 * (9 * w * w + 2 * w) + w * classes + classes


def test_the_pyramid_costs_what_is_published():
    """RetinaNet with ResNet-50 on images of 640 has 34.0 M parameters and 97.0 G multiply-accumulates with an FPN, 60.3 M and
    140.6 G with seven of the paper's pyramids in place of the FPN's five convolutions (model zoo of TensorFlow's TPU models)."""
    sizes = [{"width": 256, "backbone": 320, "depth": depth} for depth in (1, 8)]
    tasks = [archcast.Task((3, 640, 640), outputs=(81, 640, 640), size=size) for size in sizes]
    one, eight = (SPACE.costs(rows_of(FOUND), task=task) for task in tasks)
    replaced = 9 * 256**2
    params = eight["params"][0] - one["params"][0] - 5 * replaced
    macs = eight["macs"][0] - one["macs"][0] - replaced * sum((80 >> k) ** 2 for k in range(5))
    assert params / 1e6 == pytest.approx(60.3 - 34.0, rel=0.015)
    assert macs / 1e9 == pytest.approx(140.6 - 97.0, rel=0.01)


def test_features_that_no_cell_takes_in_are_added_to_the_output_of_their_level():
    """Levels 5 and 7 are used by no cell: without an edge of their own they reach the outputs of these levels alone."""
    unused = [cell.copy() for cell in FOUND]
    unused[0][2] = [1, 0]
    graph = SPACE.graphs(rows_of(unused))
    level_of = [3, 4, 5, 6, 7, *(cell[0] for cell in unused)]
    for feature in (2, 3, 4):
        targets = np.flatnonzero(graph.adjacency[0, feature]).tolist()
        assert [level_of[t] for t in targets] == [level_of[feature]]
        assert targets[0] >= 7
    network = SPACE.build(rows_of(unused)[0], archcast.Task((3, 256, 256), outputs=(2, 256, 256), size=SMALL))
    pyramid = network.pyramids[0].eval()
    features = [torch.randn(1, 4, 32 >> k, 32 >> k) for k in range(5)]
    before = pyramid(features)
    features[4] = features[4] + 1.0
    after = pyramid(features)
    changed = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert changed == [False, False, False, True, True]  # level 6 attends to level 7


def test_a_cell_by_hand():
    network = SPACE.build(rows_of(FOUND)[0], archcast.Task((3, 256, 256), outputs=(2, 256, 256), size=SMALL))
    pyramid = network.pyramids[0].eval()
    seen = {}
    for k in (0, 2):
        pyramid.convolutions[k].register_forward_hook(lambda module, given, out, k=k: seen.update({k: (given[0], out)}))
    pyramid.convolutions[1].register_forward_hook(lambda module, given, out: seen.update({1: (given[0], out)}))
    features = [torch.randn(2, 4, 32 >> k, 32 >> k) for k in range(5)]
    pyramid(features)
    up = features[3].repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    gate = torch.sigmoid(features[1].flatten(2).max(dim=2).values)[:, :, None, None]
    torch.testing.assert_close(seen[0][0], features[1] + gate * up)
    torch.testing.assert_close(seen[1][0], features[1] + seen[0][1])
    six = seen[1][1].repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(seen[2][0], features[0] + six)
    torch.testing.assert_close(attention(features[1], up), features[1] + gate * up)
    down = features[0].reshape(2, 4, 8, 4, 8, 4).amax(dim=(3, 5))
    torch.testing.assert_close(resample(features[0], 2, (8, 8)), down)


def test_pixels_and_classes():
    row = SPACE.sample(1, 0)[0]
    x = torch.randn(2, 3, 40, 24)
    assert SPACE.build(row, archcast.Task((3, 40, 24), outputs=(5, 40, 24), size=SMALL))(x).shape == (2, 5, 40, 24)
    assert SPACE.build(row, archcast.Task((3, 40, 24), 5, size=SMALL))(x).shape == (2, 5)
    with pytest.raises(InvalidInputError, match="classify the pixels"):
        SPACE.build(row, archcast.Task((3, 40, 24), outputs=(5, 40, 24), loss="mse"))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_order_of_cells_and_of_terms_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    cells = json.loads(SPACE.format(SPACE.sample(1, seed))[0])
    order: list[int] = []
    for group in (range(2), range(2, 7)):
        left = set(group)
        while left:  # another topological order
            ready = sorted(k for k in left if all(s < 5 or s - 5 in order for s in cells[k][2]))
            order.append(int(rng.choice(ready)))
            left.remove(order[-1])
    place = [*range(5), *(5 + order.index(k) for k in range(7))]
    twin = []
    for level, name, sources, is_output in (cells[k] for k in order):
        moved = [place[s] for s in sources]
        twin.append([level, name, moved[::-1] if name == "sum" and rng.random() < 0.5 else moved, is_output])
    row, other = rows_of(cells), rows_of(twin)
    np.testing.assert_array_equal(SPACE.canonical(row), SPACE.canonical(other))
    pair = SPACE.costs(np.concatenate([row, other]), task=archcast.Task((3, 64, 64), 5, size=SMALL))
    assert all(values[0] == values[1] for values in pair.values())
    same = json.loads(SPACE.format(SPACE.canonical(row))[0])
    assert sorted(cell[:2] for cell in same) == sorted(cell[:2] for cell in cells)


def test_inputs_of_attention_are_ordered():
    swapped = [cell.copy() for cell in FOUND]
    swapped[0][2] = [3, 1]
    assert (SPACE.canonical(rows_of(FOUND)) != SPACE.canonical(rows_of(swapped))).any()


@pytest.mark.parametrize(
    ("number", "cell", "message"),
    [
        (0, [8, "sum", [1, 3], False], "level of cell 0 is 8"),
        (0, [4, "mean", [1, 3], False], "not sum or attention"),
        (0, [4, "sum", [1, 1], False], "two different ones of 0 to 4"),
        (0, [4, "sum", [1, 5], False], "two different ones of 0 to 4"),
        (0, [4, "sum", [1, 3], True], "the last 5 cells are outputs"),
        (6, [7, "sum", [1, 3], True], "each once"),
        (6, [6, "sum", [1, 3]], "expected"),
    ],
)
def test_texts_that_are_no_rows(number, cell, message):
    cells = [*FOUND[:number], cell, *FOUND[number + 1 :]]
    with pytest.raises(InvalidInputError, match=message):
        rows_of(cells)
