from __future__ import annotations

from collections import Counter

import networkx as nx
import numpy as np
import pytest

from archcast.evidence import Evidence, Pool
from archcast.graphs import ABSENT
from archcast.predictors.gaussian_process.gp_wl_plus import GROUP_SHARE, WLPlusGaussianProcess
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")
ARCHS = SPACE.sample(12, 0)
QUERIES = SPACE.sample(10, 1)
POOL = Pool(SPACE.sample(30, 2))
SCORES = np.arange(12.0)


def label_counts(space, arch, iterations):
    """Counters of the labels at each h, refined one node at a time on a networkx graph."""
    graphs = space.graphs(space.canonical(arch[None])).pruned()
    graph = nx.DiGraph()
    for node, operation in enumerate(graphs.operations[0]):
        if operation != ABSENT:
            graph.add_node(node, label=graphs.op_names[operation])
    graph.add_edges_from(np.argwhere(graphs.adjacency[0]).tolist())
    labels = nx.get_node_attributes(graph, "label")
    counts = [Counter(labels.values())]
    for _ in range(iterations):
        labels = {
            node: (
                label,
                tuple(sorted(repr(labels[p]) for p in graph.predecessors(node))),
                tuple(sorted(repr(labels[s]) for s in graph.successors(node))),
            )
            for node, label in labels.items()
        }
        counts.append(Counter(labels.values()))
    return counts


def cosine(a, b):
    dot = sum(a[label] * b[label] for label in a)
    return dot / np.sqrt(sum(v * v for v in a.values()) * sum(v * v for v in b.values()))


@pytest.mark.parametrize("iterations", [0, 1, 2])
def test_terms_are_the_normalised_subtree_kernel(iterations):
    gp = WLPlusGaussianProcess(SPACE, encoding=(), iterations=iterations)
    gp.init(ARCHS, SCORES, pool=Pool(np.concatenate([POOL.archs, QUERIES])))  # so that every label is known
    train, query = gp._terms(ARCHS, Evidence()), gp._terms(QUERIES, Evidence())
    counts = [[label_counts(SPACE, arch, iterations) for arch in archs] for archs in (ARCHS, QUERIES)]
    reference = [label_counts(SPACE, arch, iterations) for arch in np.concatenate([POOL.archs, QUERIES])]
    for h in range(iterations + 1):
        a, b, r = ([c[h] for c in group] for group in (*counts, reference))
        between = np.array([[cosine(x, y) for y in a] for x in b])
        square = ((query.matern[h][:, None] - train.matern[h][None]) ** 2).sum(axis=2)
        np.testing.assert_allclose(square, 2 - 2 * between, atol=1e-5)
        to_mean = [np.array([np.mean([cosine(x, y) for y in r]) for x in group]) for group in (b, a)]
        mean_square = np.mean([[cosine(x, y) for y in r] for x in r])
        centred = between - to_mean[0][:, None] - to_mean[1][None] + mean_square
        spread = 1 - mean_square  # mean squared length of the centred unit vectors of the pool
        np.testing.assert_allclose(query.linear[h] @ train.linear[h].T, centred / spread, atol=1e-4)


def test_rows_that_are_one_function_get_one_answer():
    gp = WLPlusGaussianProcess(SPACE).init(ARCHS, SCORES)
    twins = np.array([[0, 3, 0, 0, 0, 1], [4, 3, 0, 0, 0, 1]])  # the edge 0->1 leads nowhere
    np.testing.assert_array_equal(SPACE.canonical(twins)[0], SPACE.canonical(twins)[1])
    assert np.ptp(gp.query(twins).mean) == pytest.approx(0, abs=1e-12)


def test_further_groups_and_evidence_add_terms_and_share_the_variance():
    evidence = Evidence(proxies={"flops": SCORES})
    gp = WLPlusGaussianProcess(SPACE, encoding="functional").init(ARCHS, SCORES, evidence)
    terms = gp._terms(ARCHS, evidence)
    assert (len(terms.matern), len(terms.linear)) == (2 + 2, 2 + 2)
    priors = gp._priors(terms)
    assert sum(p.median for p in (*priors.scales, *priors.slopes)) == pytest.approx(1)
    groups = (*priors.scales[2:], *priors.slopes[2:])
    assert sum(p.median for p in groups) == pytest.approx(GROUP_SHARE)
    alone = WLPlusGaussianProcess(SPACE, encoding=()).init(ARCHS, SCORES)
    assert len(alone.gp_.terms.matern) == len(alone.gp_.terms.linear) == 2
