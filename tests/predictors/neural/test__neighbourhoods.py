"""Equal neighbourhoods are what a colour refinement by tuples finds."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.predictors.neural._gcn import graphs_of
from archcast.predictors.neural._neighbourhoods import neighbourhoods
from archcast.spaces.base import get_space


@pytest.mark.parametrize("name", ["nasbench201", "nasbench101", "darts"])
def test_labels_are_those_of_refinement_by_tuples(name: str) -> None:
    space = get_space(name)
    graphs = graphs_of(space, space.sample(25, 0))
    nodes, edges = graphs.nodes.numpy(), graphs.edges.numpy().astype(bool)
    n, v, _ = nodes.shape
    label = {(k, i): tuple(nodes[k, i]) for k in range(n) for i in range(v)}
    for found in neighbourhoods(nodes, edges, 2):
        slow = [hash(label[k, i]) for k in range(n) for i in range(v)]
        same = np.equal.outer(slow, slow)
        assert (np.equal.outer(found.of, found.of) == same).all()
        assert (found.of[found.examples] == np.arange(len(found.examples))).all()
        label = {
            (k, i): (
                label[k, i],
                tuple(sorted(hash(label[k, j]) for j in np.flatnonzero(edges[k, :, i]))),
                tuple(sorted(hash(label[k, j]) for j in np.flatnonzero(edges[k, i]))),
            )
            for k in range(n)
            for i in range(v)
        }


def test_senders_are_the_neighbours() -> None:
    space = get_space("nasbench101")
    graphs = graphs_of(space, space.sample(12, 0))
    edges = graphs.edges.numpy().astype(bool)
    last, now = neighbourhoods(graphs.nodes.numpy(), edges, 1)
    senders, starts = now.before(last, edges)
    v = edges.shape[1]
    for number, (example, start) in enumerate(zip(now.examples, starts, strict=True)):
        stop = starts[number + 1] if number + 1 < len(starts) else len(senders)
        graph, node = divmod(example, v)
        expected = last.of[graph * v + np.flatnonzero(edges[graph, node])]
        assert sorted(senders[start:stop]) == sorted(expected)
