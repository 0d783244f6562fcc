"""NAS-BERT: layers that are left out, where channels change, counts by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archcast.errors import InvalidInputError
from archcast.graphs import ATTENTION, IDENTITY
from archcast.spaces import Task, get_space

SPACE = get_space("nas-bert")
TASK = Task((6,), 3, dtype="int64", vocabulary=11, width=4)


def text(*ops):
    return "|".join([*ops, *["identity"] * (24 - len(ops))])


def test_it_makes_no_difference_where_a_layer_is_left_out():
    a, b = SPACE.parse([text("mha_128", "identity", "sep5_256"), text("identity", "mha_128", "sep5_256")])
    assert (SPACE.canonical([a, b]) == SPACE.parse(text("mha_128", "sep5_256"))).all()
    outputs = []
    for row in (a, b):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            outputs.append(SPACE.build(row, TASK).eval()(torch.arange(6)[None]))
    torch.testing.assert_close(*outputs)


def test_parameters_by_hand():
    """Tables and norm, then attention, MLP, convolution, with a linear layer where channels change."""
    ends = (30_522 + 128) * 512 + 2 * 512
    attention = 4 * 512**2 + 4 * 512 + 2 * 512
    mlp = (512 * 128 + 128) + (2 * 4 * 128**2 + 5 * 128) + 2 * 128
    conv = (7 * 128 + 128) + (128**2 + 128) + 2 * 128
    classifier = 128 * 2 + 2
    row = SPACE.parse(text("mha_512", "ffn_128", "sep7_128"))
    assert SPACE.costs(row)["params"] == ends + attention + mlp + conv + classifier
    network = SPACE.build(row[0], TASK)
    assert sum(isinstance(part, nn.Linear) for part in network.body) == 1
    assert SPACE.costs(SPACE.parse(text()))["params"] == ends + 512 * 2 + 2


def test_graph_and_operations():
    graphs = SPACE.graphs(SPACE.parse(text("mha_512", "ffn_128")))
    assert [graphs.op_names[code] for code in graphs.operations[0]][:4] == ["input", "mha_512", "ffn_128", "identity"]
    assert SPACE.operations["mha_512"].kind == ATTENTION
    assert SPACE.operations["identity"].kind == IDENTITY
    assert len(SPACE.operations) == 26


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (text("mha_100"), "'mha_100' is no operation such as"),
        (text()[9:], "expected 24 operations with | between them, got 23"),
    ],
)
def test_malformed_text(bad, message):
    with pytest.raises(InvalidInputError, match=message.replace("|", r"\|")):
        SPACE.parse(bad)


def test_proxies_tell_networks_apart(scored):
    scored(SPACE, TASK, SPACE.sample(3, 0))
