"""arch2vec: its layers and its loss against slow definitions, and what the latent vectors hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import archcast
from archcast.encodings import _graph_autoencoder as module
from archcast.encodings._pretraining import Graphs, pretrained, restored
from archcast.encodings.arch2vec import Arch2Vec
from archcast.errors import InvalidInputError
from archcast.torch_state import one_thread, seeded

SPACE = archcast.get_space("nasbench201")


@pytest.fixture(scope="module")
def graphs():
    return Graphs.of(SPACE.graphs(SPACE.canonical(SPACE.sample(7, 3))).pruned())


@pytest.fixture(scope="module")
def network(graphs):
    with seeded(0), one_thread():
        network = module.GraphAutoencoder(graphs.kinds, 1, 3).double().eval()
        for layer in network.layers:
            torch.nn.init.constant_(layer.epsilon, 0.3)
    return network


def test_nodes_are_those_of_a_loop_over_edges(graphs, network):
    """Each layer, node by node: itself times 1.3 plus its predecessors and successors, through the layer's own maps."""
    means, log_variances = network(graphs)
    for n in range(len(graphs)):
        nodes = [i for i in range(graphs.present.shape[1]) if graphs.present[n, i]]
        h = {i: torch.zeros(graphs.kinds + 1, dtype=torch.float64) for i in nodes}
        for i in nodes:
            h[i][int(graphs.operations[n, i])] = h[i][graphs.kinds] = 1.0
        for layer in network.layers:
            after = {}
            for i in nodes:
                total = 1.3 * h[i]
                for j in nodes:
                    total = total + (graphs.adjacency[n, i, j] + graphs.adjacency[n, j, i]) * h[j]
                after[i] = layer.norm(layer.second(layer.first(total).clamp(min=0))).clamp(min=0)
            h = after
        for i in nodes:
            torch.testing.assert_close(means[n, i], network.mean(h[i]))
            torch.testing.assert_close(log_variances[n, i], network.log_variance(h[i]))


def test_loss_is_that_of_loops_over_nodes_and_pairs(graphs, network, monkeypatch):
    monkeypatch.setattr(torch, "randn_like", lambda tensor: torch.full_like(tensor, 0.5))
    value = module.loss(network, graphs).item()
    means, log_variances = (x.detach().numpy() for x in network(graphs))
    weight, bias = network.operation.weight.detach().numpy(), network.operation.bias.detach().numpy()
    edges, operations, divergences = [], [], []
    for n in range(len(graphs)):
        nodes = np.flatnonzero(graphs.present[n])
        z = means[n] + 0.5 * np.exp(log_variances[n] / 2)
        for i in nodes:
            logits = weight @ z[i] + bias
            operations.append(np.log(np.exp(logits).sum()) - logits[graphs.operations[n, i]])
            sd = np.exp(log_variances[n, i] / 2)
            divergences.append(sum(np.log(1 / s) + (s**2 + m**2) / 2 - 0.5 for s, m in zip(sd, means[n, i])))
            for j in nodes[nodes > i]:
                chance = 1 / (1 + np.exp(-z[i] @ z[j]))
                edges.append(-np.log(chance if graphs.adjacency[n, i, j] else 1 - chance))
    expected = np.mean(edges) + np.mean(operations) + module.DIVERGENCE * np.mean(divergences)
    assert value == pytest.approx(expected)


def test_renumbered_nodes_have_the_same_embedding(graphs, network):
    """Layers and means are blind to the order of nodes."""
    order = torch.randperm(graphs.present.shape[1], generator=torch.Generator().manual_seed(0))
    other = Graphs(
        graphs.adjacency[:, order][:, :, order],
        graphs.operations[:, order],
        graphs.present[:, order],
        graphs.cells[order],
        graphs.kinds,
        graphs.reached[:, order][:, :, order],
    )
    torch.testing.assert_close(module.embedding(network, other), module.embedding(network, graphs))


def test_it_learns_to_rebuild_operations_and_edges():
    rows = np.unique(SPACE.canonical(SPACE.sample(500, 0)), axis=0)
    encoder = Arch2Vec(SPACE).fit(rows)
    network = restored(encoder._making(SPACE.graphs(rows)), encoder.weights_)
    graphs = Graphs.of(SPACE.graphs(rows).pruned())
    edges, operations = network.decode(network(graphs)[0])
    there = graphs.present > 0
    assert (operations.argmax(dim=2) == graphs.operations)[there].double().mean() > 0.9
    pairs = torch.triu(graphs.present[:, :, None] * graphs.present[:, None], 1) > 0
    assert ((edges > 0) == (graphs.adjacency > 0))[pairs].double().mean() > 0.8


def test_two_cells_are_side_by_side_and_equal_functions_are_equal():
    darts = archcast.get_space("darts")
    rows = darts.sample(20, 0)
    encoder = Arch2Vec(darts, size=4, epochs=1).fit(rows)
    assert encoder.transform(rows).shape == (20, 8)
    assert encoder.get_feature_names_out()[[0, 7]].tolist() == ["cell0:z0", "cell1:z3"]
    np.testing.assert_array_equal(encoder.transform(rows), encoder.transform(darts.canonical(rows)))


def test_a_training_is_made_once_and_leaves_torch_as_it_was(graphs):
    before, calls = torch.get_rng_state(), []

    def loss(network, rows):
        calls.append(rows)
        return network.weight.square().sum()

    arrays = pretrained(lambda: torch.nn.Linear(2, 2), loss, graphs, epochs=3, seed=1)
    assert len(calls) == 3
    assert torch.equal(before, torch.get_rng_state())
    assert set(arrays) == {"weight", "bias"}
    first = Arch2Vec(SPACE, epochs=1).fit(SPACE.sample(30, 0)).weights_
    again = Arch2Vec(SPACE, epochs=1).fit(SPACE.sample(30, 0)).weights_
    other = Arch2Vec(SPACE, epochs=1, seed=1).fit(SPACE.sample(30, 0)).weights_
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not all(np.array_equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"epochs": 1.5}, {"seed": -1}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(InvalidInputError, match=f"{next(iter(wrong))} must be a whole number of at least"):
        Arch2Vec(SPACE, **wrong).fit(SPACE.sample(5, 0))


def test_predictors_take_it_and_keep_it(tmp_path):
    archs = SPACE.sample(40, 0)
    known = {"encoding": "arch2vec"}
    predictor = archcast.get_predictor("gp", SPACE, **known).init(archs, (archs == 3).sum(axis=1) / 6)
    answer = predictor.query(SPACE.sample(60, 1)).mean
    truth = (SPACE.sample(60, 1) == 3).sum(axis=1)
    assert np.corrcoef(answer, truth)[0, 1] > 0.5
    predictor.save(tmp_path / "gp.archcast")
    loaded = type(predictor).load(tmp_path / "gp.archcast")
    np.testing.assert_array_equal(loaded.query(SPACE.sample(60, 1)).mean, answer)
