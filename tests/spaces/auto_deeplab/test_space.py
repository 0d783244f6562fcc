"""Auto-DeepLab: the network of the paper, its shapes as the authors test them, parameters by hand, blocks in another order."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import archcast
from archcast.errors import InvalidInputError
from archcast.spaces.auto_deeplab.cell import KIND, NONE

SPACE = archcast.get_space("auto-deeplab")
PATH = [0, 0, 0, 1, 2, 1, 2, 2, 3, 3, 2, 1]
CELL = [[0, 7], [1, 4], [2, 4], [3, 6], [5, 4], [8, 4], [11, 5], [13, 5], [19, 7], [18, 5]]
TEXT = json.dumps({"path": PATH, "cell": CELL})


def parameters_by_hand(path, ops, halving_skips, width, stem, head, classes):
    total = 3 * 9 * stem + 9 * stem**2 + 9 * stem * 2 * stem + 2 * 4 * stem
    c0, c1, low = stem, 2 * stem, 2 * stem
    for k, level in enumerate(path):
        c = width * 2**level
        total += (c0 * c + 2 * c) * (c0 != c) + c1 * c + 2 * c
        for op in ops:
            name, size = KIND.operations[op], int(KIND.operations[op][-1]) if "_conv" in KIND.operations[op] else 0
            if name.startswith("sep"):
                total += 2 * (size**2 * c + c * c + 2 * c)
            elif name.startswith("dil"):
                total += size**2 * c * c + 2 * c
        total += halving_skips * (c * c + 2 * c) * (level > ([0, *path])[k])
        c0, c1 = c1, 5 * c
        low = c1 if not any(path[: k + 1]) else low
    pooling = (1 + 3 * 9 + 1) * c1 * head + 5 * head * head + 6 * 2 * head
    decoder = low * 48 + 2 * 48 + 9 * (head + 48) * head + 9 * head**2 + 4 * head
    return total + pooling + decoder + head * classes + classes


def test_the_network_of_the_paper():
    row = SPACE.parse(TEXT)
    assert json.loads(SPACE.format(row)[0]) == {"path": PATH, "cell": CELL}
    assert row[0, 12:].tolist() == [0, 7, 1, 4, 0, 4, 1, 6, 0, 4, 3, 4, 2, 5, 4, 5, 5, 7, 4, 5]
    ops = [op for _, op in CELL]
    for width, published in ((20, 10.15), (32, 21.62), (48, 44.42)):  # of the paper's three networks
        task = archcast.Task((3, 65, 65), outputs=(19, 65, 65), width=width)
        params = SPACE.costs(row, task=task)["params"][0]
        assert params == parameters_by_hand(PATH, ops, 0, width, 64, 256, 19)
        assert round(params / 1e6, 2) == published


@pytest.mark.parametrize("path", [[1, *PATH[1:]], [1, 2, 3, 2, 1, 0, 0, 0, 1, 1, 0, 0]])
def test_where_the_path_leaves_a_quarter_at_once_the_decoder_reads_the_stem(path):
    cell = [[0, 3], [1, 4], *CELL[2:]]
    row = SPACE.parse(json.dumps({"path": path, "cell": cell}))
    task = archcast.Task((3, 33, 33), outputs=(5, 33, 33), size={"width": 4, "stem": 4, "head": 6})
    assert SPACE.costs(row, task=task)["params"][0] == parameters_by_hand(path, [op for _, op in cell], 1, 4, 4, 6, 5)


def test_layers_have_the_shapes_of_the_authors_own_test():
    """Ten channels and images of 321 pixels: the outputs of the stem and of twelve cells."""
    expected = [(64, 161), (128, 81)] + [(50 * 2**level, {0: 81, 1: 41, 2: 21, 3: 11}[level]) for level in PATH]
    with torch.device("meta"):
        task = archcast.Task((3, 321, 321), outputs=(19, 321, 321), width=10)
        network = SPACE.build(SPACE.parse(TEXT)[0], task).eval()
        shapes = []
        for layer in (network.stem_half, network.stem_quarter, *network.cells):
            layer.register_forward_hook(lambda module, x, out: shapes.append((out.shape[1], out.shape[2])))
        assert network(torch.zeros(1, 3, 321, 321)).shape == (1, 19, 321, 321)
    assert shapes == expected


def test_paths_are_drawn_evenly_and_there_are_as_many_as_by_counting():
    ways = [1, 1, 0, 0]
    for _ in range(11):
        ways = [sum(ways[max(level - 1, 0) : level + 2]) for level in range(4)]
    assert len(SPACE._paths) == sum(ways) == 75_025
    assert len(np.unique(SPACE._paths, axis=0)) == 75_025
    rows = SPACE.sample(20_000, 0)
    assert SPACE.is_valid(rows).all()
    share = np.bincount(rows[:, 11], minlength=4) / len(rows)
    np.testing.assert_allclose(share, np.array(ways) / sum(ways), atol=0.02)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_order_of_blocks_and_inputs_and_sources_of_none_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    row = SPACE.sample(1, seed)[0]
    edges = row[12:].reshape(5, 2, 2)
    left, order = set(range(5)), []
    while left:  # another topological order
        ready = sorted(k for k in left if all(s < 2 or s - 2 in order for s in edges[k, :, 0]))
        order.append(int(rng.choice(ready)))
        left.remove(order[-1])
    place = np.array([0, 1, *(2 + order.index(k) for k in range(5))])
    twin = row.copy()
    for new, k in enumerate(order):
        moved = edges[k][rng.permutation(2)].copy()
        moved[:, 0] = place[moved[:, 0]]
        free = moved[:, 1] == NONE
        moved[free, 0] = rng.integers(0, 2 + new, size=free.sum())
        twin[12 + 4 * new : 16 + 4 * new] = moved.ravel()
    np.testing.assert_array_equal(SPACE.canonical(row), SPACE.canonical(twin))
    same = SPACE.canonical(row)[0]
    assert Counter(same[13::2].tolist()) == Counter(row[13::2].tolist())
    np.testing.assert_array_equal(same[:12], row[:12])
    task = archcast.Task((3, 32, 32), outputs=(2, 32, 32), size={"width": 4, "stem": 4, "head": 4})
    pair = SPACE.costs(np.stack([row, twin]), task=task, pruned=True)
    assert all(values[0] == values[1] for values in pair.values())


def test_pixels_and_classes_and_what_pruning_leaves_out():
    cell = [[1, 4], [1, 0], *[[e, 4] for e in (3, 3, 6, 6, 10, 10, 15, 15)]]  # nothing reads the layer before the last
    row = SPACE.parse(json.dumps({"path": PATH, "cell": cell}))[0]
    size = {"width": 2, "stem": 3, "head": 4}
    whole = SPACE.build(row, archcast.Task((3, 20, 12), outputs=(5, 20, 12), size=size))
    pruned = SPACE.build(row, archcast.Task((3, 20, 12), outputs=(5, 20, 12), size=size), pruned=True)
    pruned.load_state_dict({k: v for k, v in whole.state_dict().items() if ".preprocess.0." not in k})
    x = torch.randn(2, 3, 20, 12)
    assert whole(x).shape == (2, 5, 20, 12)
    pruned.load_state_dict({k: v for k, v in whole.state_dict().items() if ".preprocess.0." not in k})
    torch.testing.assert_close(pruned.eval()(x), whole.eval()(x))
    assert SPACE.build(row, archcast.Task((3, 20, 12), 5, size=size)).eval()(x).shape == (2, 5)
    every_other = [[0, 4], [0, 0], [2, 4], [2, 0], *[[e, 4] for e in (7, 7, 11, 11, 16, 16)]]  # only the layer before
    row = SPACE.parse(json.dumps({"path": [0, 0, 0, *[1] * 9], "cell": every_other}))[0]
    task = archcast.Task((3, 20, 12), outputs=(5, 20, 12), size=size)
    sizes = [len(SPACE.build(row, task, pruned=pruned).cells) for pruned in (False, True)]
    assert sizes == [12, 8]  # every other layer, and for the decoder the third and the first

    with pytest.raises(InvalidInputError, match="classify the pixels"):
        SPACE.build(row, archcast.Task((3, 20, 12), outputs=(5, 20, 12), loss="mse"))


@pytest.mark.parametrize(
    ("path", "cell", "message"),
    [
        ([2, *PATH[1:]], CELL, "layer 1 has the level 2"),
        ([0, 0, 2, *PATH[3:]], CELL, "layer 3 has the level 2"),
        (PATH[1:], CELL, "expected"),
        ([True, *PATH[1:]], CELL, "expected"),
        (PATH, [[2, 7], *CELL[1:]], "edge 0 is"),
        (PATH, [*CELL[:2], [1, 4], *CELL[3:]], "not an edge of 2 to 4"),
        (PATH, [[0, 8], *CELL[1:]], "not one of 0 to 7"),
        (PATH, CELL[1:], "expected"),
    ],
)
def test_texts_that_are_no_rows(path, cell, message):
    with pytest.raises(InvalidInputError, match=message):
        SPACE.parse(json.dumps({"path": path, "cell": cell}))
