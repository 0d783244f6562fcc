"""Graph batches against graphs built one at a time by torch_geometric."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from archcast.encodings.base import get_encoding


def one_at_a_time(space, row, cells_of, pruned, names):
    """``Data`` of one architecture from its networkx graphs."""
    import torch
    from torch_geometric.data import Data

    cells = cells_of(space, row, pruned=pruned)
    nodes = [(c, i) for c, cell in enumerate(cells) for i in sorted(cell.graph)]
    x = torch.zeros(len(nodes), len(names))
    for k, (c, i) in enumerate(nodes):
        x[k, names.index(cells[c].op(i))] = 1
        if len(cells) > 1:
            x[k, names.index(f"cell{c}")] = 1
    edges = [(nodes.index((c, i)), nodes.index((c, j))) for c, cell in enumerate(cells) for i, j in cell.graph.edges]
    return Data(x=x, edge_index=torch.tensor(sorted(edges), dtype=torch.int64).reshape(-1, 2).T)


@pytest.mark.parametrize("pruned", [False, True])
def test_batch_equals_graphs_built_one_at_a_time(space, cells_of, pruned):
    import torch
    from torch_geometric.data import Batch

    encoder = get_encoding("gnn", space, pruned=pruned)
    rows = space.sample(40, 14)
    single = [one_at_a_time(space, row, cells_of, pruned, encoder.node_features) for row in rows]
    expected, found = Batch.from_data_list(single), encoder.batch(rows)
    assert found.num_graphs == 40
    assert found.keys() == expected.keys()
    for key in ("x", "edge_index", "batch", "ptr"):
        assert found[key].dtype == expected[key].dtype
        assert torch.equal(found[key], expected[key])
    for one, other in zip(found.to_data_list(), single, strict=True):
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.edge_index, other.edge_index)
    assert torch.equal(found[3].x, single[3].x)


@pytest.mark.parametrize("pruned", [False, True])
def test_array_holds_the_same_graph(space, cells_of, pruned):
    encoder = get_encoding("gnn", space, pruned=pruned)
    rows = space.sample(40, 15)
    names = encoder.get_feature_names_out().tolist()
    for row, features in zip(rows, encoder.transform(rows), strict=True):
        expected = set()
        cells = cells_of(space, row, pruned=pruned)
        for c, cell in enumerate(cells):
            prefix = f"cell{c}:" if len(cells) > 1 else ""
            start = cell.inputs[0]
            expected |= {f"{prefix}{i - start}->{j - start}" for i, j in cell.graph.edges}
            interior = set(cell.graph) - {*cell.inputs, cell.output}
            expected |= {f"{prefix}node{i - start}={cell.op(i)}" for i in interior}
        assert {name for name, value in zip(names, features, strict=True) if value} == expected


def test_a_network_runs_on_a_batch():
    import torch
    from torch_geometric.nn import GCNConv, global_mean_pool

    encoder = get_encoding("gnn", "darts")
    batch = encoder.batch(np.array([[0, 3, 1, 3] * 8, [0, 3, 1, 4] * 8]))
    with torch.random.fork_rng(devices=[]):
        convolution = GCNConv(len(encoder.node_features), 4)
    out = global_mean_pool(convolution(batch.x, batch.edge_index), batch.batch)
    assert out.shape == (2, 4)
    assert not torch.equal(out[0], out[1])


def test_edges_follow_the_flow():
    batch = get_encoding("gnn", "nasbench101").batch([[1] + [0] * 9 + [1] + [0] * 10 + [2, 0, 0, 0, 0]])
    graph = nx.DiGraph(batch.edge_index.T.tolist())
    assert list(nx.topological_sort(graph)) == [0, 1, 2]
    assert batch.x.argmax(dim=1).tolist() == [0, 4, 1]


def test_no_rows_give_an_empty_batch():
    batch = get_encoding("gnn", "nasbench201").batch(np.zeros((0, 6), dtype=int))
    assert batch.num_graphs == 0
    assert batch.x.shape == (0, 6)
    assert batch.to_data_list() == []
