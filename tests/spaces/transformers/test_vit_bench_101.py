"""ViT-Bench-101's two spaces: the published rows, PiT's pooling and counts by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from archcast.data._torch_archive import read_torch
from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space
from archcast.spaces.transformers.embeddings import TokenPooling

PIT = get_space("vit-bench-101-pit")
TEXT = '{"base_dim": 16, "mlp_ratio": 6, "depth": [2, 8, 4], "num_heads": [2, 4, 4]}'


def test_notation_of_the_published_tables():
    assert PIT.format(PIT.parse(TEXT)) == [TEXT]
    assert PIT.parse(TEXT).tolist() == [[0, 2, 1, 2, 1, 0, 1, 1]]
    assert len(PIT.enumerate()) == 11_664


@pytest.mark.parametrize(("which", "space"), [("autoformer", "vit-bench-101-autoformer"), ("pit", "vit-bench-101-pit")])
def test_all_published_rows(shared, which, space):
    jobs = read_torch(shared / "formats" / "vit-bench-101" / f"gt_{which}.pth")
    rows = get_space(space).parse([json.dumps(job["arch"]) for job in jobs])
    assert [json.loads(text) for text in get_space(space).format(rows)] == [job["arch"] for job in jobs]
    if which == "pit":
        assert (np.diff(rows[:, -3:], axis=1) >= 0).all(), "heads never become fewer"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_dim": 20}, r"base_dim is 20, not one of \(16, 24, 32, 40\)"),
        ({"depth": [2, 8]}, "'depth' must be a list of 3 numbers"),
        ({"depth": [4, 8, 4]}, r"depth1 is 4, not one of \(1, 2, 3\)"),
        ({"num_heads": 4}, "'num_heads' must be a list of 3 numbers"),
        ({"mlp_ratio": "6"}, "mlp_ratio is '6'"),
    ],
)
def test_malformed_text(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        PIT.parse(json.dumps(json.loads(TEXT) | changes))


def test_parameters_of_pit_by_hand():
    """PiT's formulas: layers 12 D^2 + 13 D for a ratio of 4, in general (4 + 2 r) D^2 + (9 + r) D."""
    widths, depths, ratio = (32, 64, 64), (2, 8, 4), 6
    layers = sum(n * ((4 + 2 * ratio) * d**2 + (9 + ratio) * d) for d, n in zip(widths, depths, strict=True))
    ends = 3 * 16**2 * 32 + 32 + 32 + 27**2 * 32 + 2 * 64 + 64 * 1000 + 1000
    pooling = (9 * 64 + 64) + (32 * 64 + 64) + (9 * 64 + 64) + (64 * 64 + 64)
    assert PIT.costs(PIT.parse(TEXT))["params"] == layers + ends + pooling


def test_pooling_is_depthwise_where_heads_do_not_become_fewer():
    for heads, groups in (([2, 4, 8], (32, 64)), ([8, 4, 2], (64, 32))):
        with torch.device("meta"):
            network = PIT.build(PIT.parse(json.dumps(json.loads(TEXT) | {"num_heads": heads}))[0])
        pools = [module for module in network.modules() if isinstance(module, TokenPooling)]
        assert tuple(pool.patches.groups for pool in pools) == groups
        assert [pool.grid for pool in pools] == [(27, 27), (14, 14)]


def test_proxies_tell_networks_apart(scored):
    task = Task((3, 10, 12), 4, width=4, size={"patch": 4})
    for name in ("vit-bench-101-pit", "vit-bench-101-autoformer"):
        space = get_space(name)
        scored(space, task, space.sample(2, 0))
