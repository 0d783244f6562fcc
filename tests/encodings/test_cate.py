"""cate: what a node sees, which operations are guessed, and whom an architecture is paired with, against slow definitions."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch

import archcast
from archcast.encodings import _masked_operations as module
from archcast.encodings._pretraining import Graphs
from archcast.encodings.cate import CATE
from archcast.errors import InvalidInputError
from archcast.torch_state import one_thread, seeded

SPACE = archcast.get_space("nasbench101")


@pytest.fixture(scope="module")
def rows():
    return SPACE.canonical(SPACE.sample(12, 3))


@pytest.fixture(scope="module")
def graphs(rows):
    return Graphs.of(SPACE.graphs(rows).pruned())


@pytest.fixture(scope="module")
def network(graphs):
    with seeded(0), one_thread():
        return module.MaskedOperations(graphs.present.shape[1], graphs.kinds, 8).double().eval()


def test_a_node_reaches_what_networkx_says(graphs):
    for adjacency, reached in zip(graphs.adjacency.numpy(), graphs.reached.numpy()):
        graph = nx.from_numpy_array(adjacency, create_using=nx.DiGraph)
        for i in graph:
            np.testing.assert_array_equal(np.flatnonzero(reached[i]), sorted({i} | nx.ancestors(graph, i)))


def test_a_node_depends_on_those_that_lead_to_it_alone(graphs, network):
    """Changing one operation changes the nodes that it leads to and no other."""
    before = network(graphs)
    for n, i in [(0, 1), (3, 2), (5, 0)]:
        operations = graphs.operations.clone()
        operations[n, i] = (operations[n, i] + 1) % graphs.kinds
        after = network(
            Graphs(graphs.adjacency, operations, graphs.present, graphs.cells, graphs.kinds, graphs.reached)
        )
        changed = (after - before).abs().amax(dim=2)[n] > 1e-12
        np.testing.assert_array_equal(changed.numpy(), graphs.reached[n, :, i].numpy() > 0)


def test_in_the_last_block_a_node_sees_the_other_architecture(graphs, network):
    one, other = graphs[torch.arange(6)], graphs[torch.arange(6, 12)]
    before = network.pair(one, other)
    hidden = other.present > 0
    after = network.pair(one, module.masked(other, hidden))
    nodes = one.present.shape[1]
    assert ((after - before)[:, :nodes].abs().amax(dim=2)[one.present > 0] > 1e-12).all()
    # absent nodes of the other are not looked at
    absent = network.pair(one, module.masked(other, other.present == 0))
    torch.testing.assert_close(absent[:, :nodes], before[:, :nodes])


def test_loss_is_the_mean_over_masked_operations(graphs, network):
    one, other = graphs[torch.arange(6)], graphs[torch.arange(6, 12)]
    with seeded(5), one_thread():
        value = module.loss(network, one, other).item()
    with seeded(5), one_thread():
        hidden = [(torch.rand(g.present.shape) < module.MASKED) & (g.present > 0) for g in (one, other)]
    logits = network.pair(module.masked(one, hidden[0]), module.masked(other, hidden[1])).detach().numpy()
    nodes, wrong = one.present.shape[1], []
    for side, graph in enumerate((one, other)):
        for n, i in zip(*np.nonzero(hidden[side].numpy())):
            x = logits[n, side * nodes + i]
            wrong.append(np.log(np.exp(x).sum()) - x[graph.operations[n, i]])
    assert 5 < len(wrong) < 40
    assert value == pytest.approx(np.mean(wrong))


def test_partners_compute_about_as_much(rows):
    space = archcast.get_space("nasbench201")
    graphs = space.graphs(space.canonical(space.sample(200, 0))).pruned()
    amount = module.computation(graphs)
    weights = {name: graphs.declared[name].weight + 1e-3 for name in graphs.op_names[graphs.terminals :]}
    for n in range(5):
        present = [graphs.op_names[k] for k in graphs.operations[n] if k >= graphs.terminals]
        assert amount[n] == pytest.approx(sum(weights[name] for name in present))
    order = torch.from_numpy(np.argsort(amount, kind="stable"))
    with seeded(0), one_thread():
        found = module.partners(order, torch.arange(200)).numpy()
    place = np.argsort(order.numpy())
    assert (np.abs(place[found] - place) <= module.NEIGHBOURS).all()
    assert (found != np.arange(200)).mean() > 0.9


def test_it_learns_to_guess():
    """After training the loss on fresh masks is below that of guessing each operation by how often it occurs."""
    from archcast.encodings._pretraining import restored

    rows = SPACE.canonical(SPACE.sample(150, 0))
    encoder = CATE(SPACE, epochs=25).fit(rows)
    network = restored(encoder._making(SPACE.graphs(rows)), encoder.weights_)
    graphs = Graphs.of(SPACE.graphs(SPACE.canonical(SPACE.sample(100, 1))).pruned())
    codes = graphs.operations[graphs.present > 0].numpy()
    shares = np.bincount(codes) / len(codes)
    with seeded(0), torch.no_grad(), one_thread():
        value = module.loss(network, graphs, graphs[torch.arange(99, -1, -1)]).item()
    assert value < -(shares[shares > 0] * np.log(shares[shares > 0])).sum()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"size": 6}, "size must be a multiple of 4"), ({"epochs": 0}, "epochs must be"), ({"seed": 0.5}, "seed must be")],
)
def test_wrong_parameters_are_refused(wrong, message):
    with pytest.raises(InvalidInputError, match=message):
        CATE(SPACE, **wrong).fit(SPACE.sample(5, 0))
