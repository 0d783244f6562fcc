"""AutoFormer's three spaces: published counts, notation, elastic depth, relative positions, what proxies say of them."""

from __future__ import annotations

import json

import pytest
import torch

import archcast
from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space
from archcast.spaces.transformers.attention import AttentionLayer
from archcast.spaces.transformers.layers import Attention

FOUND = {
    "tiny": (192, [*[3] * 10, 4, 3, 3], [3.5, 3.5, 3, 3.5, 3, 3, 4, 4, 3.5, 4, 3.5, 4, 3.5], 5_867_944),
    "small": (384, [6, 6, 5, 7, 5, 5, 5, 6, 6, 7, 7, 6, 7], [3, 3.5, 3, 3.5, *[4] * 7, 3.5, 4], 22_891_432),
    "base": (
        576,
        [*[9] * 5, 10, 9, 9, 10, 9, 10, 9, 9, 10],
        [3.5, 3.5, 4, 3.5, 4, 3.5, 3.5, 3, 4, 4, 3, 4, 3, 3.5],
        53_691_688,
    ),
}
SMALL = Task((3, 12, 8), 5, width=4, size={"patch": 4})


def text(width, heads, ratios, **changes):
    return json.dumps({"hidden_dim": width, "depth": len(heads), "mlp_ratio": ratios, "num_heads": heads} | changes)


@pytest.mark.parametrize("size", FOUND)
def test_the_networks_that_the_paper_found(size):
    *described, params = FOUND[size]
    space = get_space(f"autoformer-{size}")
    row = space.parse(text(*described))
    assert space.costs(row)["params"] == params
    with torch.device("meta"):
        network = space.build(row[0])
    assert sum(part.numel() for part in network.parameters()) == params
    assert json.loads(space.format(row)[0]) == json.loads(text(*described))


def test_what_is_listed_beyond_the_depth_is_read_over():
    space = get_space("autoformer-tiny")
    row = space.parse(text(216, [3] * 12, [3.5] * 12))
    longer = text(216, [3] * 13 + [99], [3.5] * 14, depth=12, embed_dim=216)
    assert (space.parse(longer) == row).all()
    assert (space.parse(longer.replace("hidden_dim", "x")) == row).all()
    assert (row[:, [14, 15, 28, 29]] == 0).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 15}, "'mlp_ratio' must be a list of 15 values"),
        ({"depth": 11}, r"depth is 11, not one of \(12, 13, 14\)"),
        ({"depth": True}, "depth is True"),
        ({"hidden_dim": 200}, r"hidden_dim is 200, not one of \(192, 216, 240\)"),
        ({"hidden_dim": None}, "hidden_dim is None"),
        ({"num_heads": [3] * 11 + [5]}, r"num_heads12 is 5, not one of \(3, 4\)"),
        ({"num_heads": [3] * 11 + ["3"]}, "num_heads12 is '3'"),
        ({"mlp_ratio": 4}, "'mlp_ratio' must be a list of 12 values"),
    ],
)
def test_malformed_text(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        get_space("autoformer-tiny").parse(text(192, [3] * 12, [4.0] * 12, **changes))


def test_sizes_of_the_three_spaces():
    for size, rows in (("tiny", 2.8e11), ("small", 7.7e13), ("base", 1.0e13)):
        assert archcast.get_space(f"autoformer-{size}").name == f"autoformer-{size}"
        assert abs(archcast.names.SPACES.entry(f"autoformer-{size}").info["size"] / rows - 1) < 0.05


def test_a_layer_is_a_node_and_the_width_is_one_too():
    space = get_space("autoformer-tiny")
    graphs = space.graphs(space.parse(text(240, [3] * 11 + [4], [3.5] * 11 + [4.0])))
    names = [graphs.op_names[code] for code in graphs.operations[0] if code >= 0]
    assert names == ["input", "embed240", *["heads3_mlp3.5"] * 11, "heads4_mlp4", "output"]


def test_relative_positions_against_their_definition():
    """For each pair of tokens, by loops."""
    torch.manual_seed(0)
    layer = AttentionLayer(Attention(8, 2, 6, grid=(2, 3))).double()
    x = torch.randn(2, 7, 8, dtype=torch.float64)
    q, k, v = (part(x).view(2, 7, 2, 3) for part in (layer.query, layer.key, layer.value))
    places = [None, *((y, x) for y in range(2) for x in range(3))]
    tables = layer.relative.keys, layer.relative.values

    def relative(table, i, j):
        if places[i] is None or places[j] is None:
            return table[0, 0] + table[1, 0]
        down, right = (b - a for a, b in zip(places[i], places[j], strict=True))
        return table[0, down + 15] + table[1, right + 15]

    expected = torch.zeros(2, 7, 2, 3, dtype=torch.float64)
    for b in range(2):
        for head in range(2):
            for i in range(7):
                scores = torch.stack(
                    [q[b, i, head] @ (k[b, j, head] + relative(tables[0], i, j)) / 3**0.5 for j in range(7)]
                )
                weights = scores.softmax(0)
                expected[b, i, head] = sum(weights[j] * (v[b, j, head] + relative(tables[1], i, j)) for j in range(7))
    torch.testing.assert_close(layer(x), layer.out(expected.flatten(2)))


def test_far_patches_are_all_alike():
    near = AttentionLayer(Attention(4, 1, 4, grid=(1, 20))).relative.places
    assert near.max() == 29
    assert near[1, 1].tolist() == [0, *range(15, 30), *[29] * 5]


def test_proxies_tell_networks_apart(scored):
    space = get_space("autoformer-tiny")
    scored(space, SMALL, space.sample(3, 0))
