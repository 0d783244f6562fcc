"""NAS-Bench-NLP: published counts, recipes, canonical form against graph isomorphism, dead nodes."""

from __future__ import annotations

import json
import zipfile
from itertools import combinations

import networkx as nx
import numpy as np
import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space
from archcast.spaces.base import SearchSpace
from archcast.spaces.recurrent.recipes import read, write

SPACE = get_space("nasbench-nlp")
SMALL = Task((6,), outputs=(9, 6), dtype="int64", vocabulary=9, size={"width": 4, "embedding": 3, "depth": 2})
RNN = {"f": {"op": "linear", "input": ["x", "h_prev_0"]}, "h_new_0": {"op": "activation_tanh", "input": ["f"]}}
LSTM = {
    "c": {"op": "linear", "input": ["x", "h_prev_0"]}, "c_act": {"op": "activation_tanh", "input": ["c"]},
    "i": {"op": "linear", "input": ["x", "h_prev_0"]}, "i_act": {"op": "activation_sigm", "input": ["i"]},
    "f": {"op": "linear", "input": ["x", "h_prev_0"]}, "f_act": {"op": "activation_sigm", "input": ["f"]},
    "o": {"op": "linear", "input": ["x", "h_prev_0"]}, "o_act": {"op": "activation_sigm", "input": ["o"]},
    "kept": {"op": "elementwise_prod", "input": ["f_act", "h_prev_1"]},
    "new": {"op": "elementwise_prod", "input": ["i_act", "c_act"]},
    "h_new_1": {"op": "elementwise_sum", "input": ["kept", "new"]},
    "squashed": {"op": "activation_tanh", "input": ["h_new_1"]},
    "h_new_0": {"op": "elementwise_prod", "input": ["squashed", "o_act"]},
}  # fmt: skip


def parse(recipe):
    return SPACE.parse(json.dumps(recipe))[0]


@pytest.mark.parametrize(("recipe", "params"), [(RNN, 15_066_078), (LSTM, 20_230_878)])
def test_published_counts(recipe, params):
    row = parse(recipe)
    assert SPACE.costs(row, task="wikitext-2")["params"] == params
    with torch.device("meta"):
        assert sum(p.numel() for p in SPACE.build(row, "wikitext-2").parameters()) == params


def test_published_logs(shared):
    with zipfile.ZipFile(shared / "formats" / "nas-bench-nlp" / "logs_wikitext2_62.zip") as archive:
        logs = [json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")]
    rows = SPACE.parse([log["recepie"] for log in logs])
    assert SPACE.costs(rows, task="wikitext-2")["params"].tolist() == [log["num_params"] for log in logs]
    recipes = json.loads((shared / "formats" / "nas-bench-nlp" / "recepies_example.json").read_text())
    rows = np.concatenate([rows, SPACE.parse([json.dumps(recipe) for recipe in recipes])])
    np.testing.assert_array_equal(SPACE.parse(SPACE.format(rows)), rows)


def test_the_lstm_is_torchs():
    """With the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = SPACE.build(parse(LSTM), Task((6,), outputs=(9, 6), dtype="int64", vocabulary=9,
                                              size={"width": 4, "embedding": 3, "depth": 1}))  # fmt: skip
        lstm = torch.nn.LSTM(3, 3, batch_first=True)
    maps = model.layers[0].maps  # c, i, f, o are nodes 0, 2, 4, 6; torch has i, f, g, o
    with torch.no_grad():
        weights = torch.cat([maps[k].weight for k in ("2", "4", "0", "6")])
        lstm.weight_ih_l0.copy_(weights[:, :3])
        lstm.weight_hh_l0.copy_(weights[:, 3:])
        lstm.bias_ih_l0.copy_(torch.cat([maps[k].bias for k in ("2", "4", "0", "6")]))
        lstm.bias_hh_l0.zero_()
    tokens = torch.tensor([[0, 3, 8, 1, 1, 2]])
    hidden, _ = lstm(model.embedding(tokens))
    torch.testing.assert_close(model(tokens), (hidden @ model.embedding.weight.T + model.bias).transpose(1, 2))


def as_graph(row, kept):
    """Operations on nodes; the inputs of a blend are told apart, and each state before leads to the new one."""
    nodes, new = SPACE._recipe(row)
    graph = nx.MultiDiGraph()
    for source in range(4):
        graph.add_node(source, label=("x", "state", "other", "other")[source])
    for k, (op, sources) in enumerate(nodes):
        if not kept[k]:
            continue
        graph.add_node(4 + k, label=op)
        for slot, source in enumerate(sources):
            graph.add_edge(source, 4 + k, slot=slot if op == "blend" else 0)
    for i, node in enumerate(new):
        graph.add_edge(1 + i, 4 + node, slot=9)
    return graph


def isomorphic(a, b):
    slots = nx.algorithms.isomorphism.categorical_multiedge_match("slot", None)
    return nx.is_isomorphic(a, b, node_match=lambda x, y: x["label"] == y["label"], edge_match=slots)


def shuffled(row, rng):
    """The same cell with nodes, inputs of all but blends, and other states in another order."""
    nodes, new = SPACE._recipe(row)
    swap = len(new) == 3 and rng.random() < 0.5
    place, made, todo = {0: 0, 1: 1, 2: 3 if swap else 2, 3: 2 if swap else 3}, [], list(range(len(nodes)))
    while todo:
        k = int(rng.choice([k for k in todo if all(source in place for source in nodes[k][1])]))
        sources = [place[source] for source in nodes[k][1]]
        made.append((nodes[k][0], sources if nodes[k][0] == "blend" else rng.permutation(sources).tolist()))
        place[4 + k] = 3 + len(made)
        todo.remove(k)
    states = [place[4 + node] - 4 for node in new]
    return SPACE._row(made, states[:1] + states[:0:-1] if swap else states)


def test_order_is_free():
    rng = np.random.default_rng(0)
    rows = SPACE.sample(150, 0)
    others = np.array([shuffled(row, rng) for row in rows])
    assert (others != rows).any(axis=1).mean() > 0.7
    np.testing.assert_array_equal(SPACE.canonical(others), SPACE.canonical(rows))
    for before, after in zip(SPACE.costs(rows).values(), SPACE.costs(SPACE.canonical(rows)).values(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_canonical_is_isomorphism():
    """Of small cells, of which many are alike."""
    rng = np.random.default_rng(1)
    rows = SPACE.sample(1_500, 2)
    ops, _, _ = SPACE._parts(rows)
    rows = rows[(ops > 0).sum(axis=1) <= 5][:120]
    rows = np.concatenate([rows, [shuffled(row, rng) for row in rows[:20]]])
    canonical = [tuple(row) for row in SPACE.canonical(rows).tolist()]
    graphs = [as_graph(row, np.ones(24, dtype=bool)) for row in rows]
    alike = 0
    for i, j in combinations(range(len(rows)), 2):
        if sorted(dict(graphs[i].degree).values()) == sorted(dict(graphs[j].degree).values()):
            same = isomorphic(graphs[i], graphs[j])
            alike += same
            assert same == (canonical[i] == canonical[j]), (rows[i].tolist(), rows[j].tolist())
        else:
            assert canonical[i] != canonical[j]
    assert alike >= 20


def test_dead_nodes_are_dropped():
    dead = {
        **RNN,
        "waste": {"op": "linear", "input": ["x", "f"]},
        "more": {"op": "activation_sigm", "input": ["waste"]},
    }
    np.testing.assert_array_equal(SPACE.canonical(parse(dead)), SPACE.canonical(parse(RNN)))
    assert SPACE.costs(parse(dead))["params"] > SPACE.costs(parse(RNN))["params"]
    assert SPACE.costs(parse(dead), pruned=True)["params"] == SPACE.costs(parse(RNN))["params"]


@pytest.mark.parametrize(
    "recipe",
    [
        {"a": {"op": "linear", "input": ["h_prev_0", "h_prev_0"]}, "h_new_0": {"op": "activation_tanh", "input": ["a"]}},
        {**RNN, "h_new_1": {"op": "linear", "input": ["x", "f"]}},
        {"a": {"op": "linear", "input": ["x", "h_prev_1"]}, "h_new_1": {"op": "activation_tanh", "input": ["a"]},
         "h_new_0": {"op": "elementwise_sum", "input": ["h_prev_0", "h_prev_1"]}},
    ],
)  # fmt: skip
def test_parts_that_the_output_does_not_need(recipe):
    """No input, a state that nothing reads, an output that reads the input one step late."""
    row = parse(recipe)
    for pruned in (False, True):
        assert SPACE.costs(row, task=SMALL, pruned=pruned) == SearchSpace.costs(SPACE, row, task=SMALL, pruned=pruned)
    whole = SPACE.build(row, SMALL)
    pruned = SPACE.build(row, SMALL, pruned=True)
    tokens = torch.tensor([[0, 1, 2, 3, 4, 5]])
    pruned(tokens).square().sum().backward()
    assert all(p.grad is not None for p in pruned.parameters())
    assert whole(tokens).shape == pruned(tokens).shape == (1, 9, 6)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ([1], 'expected {"name": {"op": "linear", "input": ["x", "h_prev_0"]}, ...}'),
        ({"h_new_0": {"op": "activation_tanh", "input": ["h_new_0"]}}, "'h_new_0' needs ['h_new_0'], which are no nodes"),
        ({"h_new_0": {"op": "linear", "input": ["x"]}}, "'h_new_0' is linear of 1, not one of linear of 2, linear of 3"),
        ({"a": {"op": "linear", "input": ["x", "h_prev_0"]}}, "one to three nodes must be h_new_0, h_new_1, h_new_2"),
        ({**RNN, "h_new_2": {"op": "linear", "input": ["x", "f"]}}, "one to three nodes must be"),
        ({"h_new_0": {"op": "elementwise_sum", "input": ["x", "h_prev_0"]}}, "is not an architecture"),
        ({"h_new_0": {"op": "linear", "input": ["x", "h_prev_1"]}}, "is not an architecture"),
        ({**{f"n{k}": {"op": "linear", "input": ["x", "h_prev_0"]} for k in range(24)}, **RNN}, "26 nodes, more than 24"),
    ],
)  # fmt: skip
def test_malformed(recipe, message):
    with pytest.raises(InvalidInputError) as caught:
        parse(recipe)
    assert message in str(caught.value)


def test_nodes_may_come_in_any_order():
    backwards = dict(reversed(list(LSTM.items())))
    assert list(backwards) != list(LSTM)
    np.testing.assert_array_equal(SPACE.canonical(parse(backwards)), SPACE.canonical(parse(LSTM)))
    assert read(write(*read(json.dumps(LSTM)))) == read(json.dumps(LSTM))


def test_the_generator_keeps_the_rules_of_the_paper():
    rows = SPACE.sample(800, 3)
    ops, inputs, states = SPACE._parts(rows)
    linear = np.isin(ops, (1, 2))
    assert (inputs == 0).any(axis=(1, 2)).all()
    for i in range(3):
        used = (inputs == 1 + i).any(axis=(1, 2))
        assert (used == (states[:, i] >= 0)).all()
    assert 0.15 < (ops == 2).sum() / linear.sum() < 0.25
    assert 2 <= (ops > 0).sum(axis=1).min() <= (ops > 0).sum(axis=1).max() <= 24


def test_a_task_that_is_no_language_model():
    with pytest.raises(InvalidInputError, match=r"predict the next token: task\.shape must be \(steps,\) of int64"):
        SPACE.build(parse(RNN), Task())
