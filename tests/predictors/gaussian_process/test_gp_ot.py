"""OTMANN against linear programming on layers that are listed one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import kendalltau

import archcast
from archcast.graphs import ABSENT
from archcast.predictors.gaussian_process._layers import layers_of
from archcast.predictors.gaussian_process.gp_ot import otmann
from archcast.spaces.nasbench101 import NASBench101


class LayerGraph(NASBench101):
    """A layer graph: the cells of NAS-Bench-101, whose layers have units of their own."""

    def graphs(self, archs):
        graphs = super().graphs(archs)
        units = 2.0 ** ((3 * graphs.operations + np.arange(7)) % 5)
        return replace(graphs, units=np.where(graphs.operations < 2, 3.0, units))


def network(space, row):
    """Nodes as ``(name, cell)``, their masses, and for each the six lengths of paths, by walking all paths."""
    graphs = space.graphs(row).pruned()
    adjacency, ops, cells = graphs.adjacency[0], graphs.operations[0], graphs.cell_of_node
    there = [k for k in range(len(ops)) if ops[k] != ABSENT]
    units = {k: 1.0 if graphs.units is None else float(graphs.units[0, k]) for k in there}
    inner = {k: ops[k] >= graphs.terminals for k in there}
    masses = {k: units[k] * sum(units[i] for i in there if adjacency[i, k]) if inner[k] else 0.0 for k in there}
    total = max(sum(masses.values()), 1.0)
    for k in there:
        if not inner[k]:
            last = ops[k] == graphs.terminals - 1
            masses[k] = 0.1 * total / (len(graphs.cells) * (1 if last else graphs.inputs))

    def lengths(k, edges):
        before = [i for i in there if edges[i, k]]
        if not before:
            return 0.0, 0.0, 0.0
        found = [lengths(i, edges) for i in before]
        return (
            1 + min(x[0] for x in found),
            1 + max(x[1] for x in found),
            1 + sum(x[2] for x in found) / len(found),
        )

    nodes = [(graphs.op_names[ops[k]], cells[k]) for k in there]
    places = [(*lengths(k, adjacency), *lengths(k, adjacency.T)) for k in there]
    return nodes, np.array([masses[k] for k in there]), np.array(places)


def mismatch_by_hand(a, b, declared):
    if a == b:
        return 0.0
    one, two = declared.get(a[0]), declared.get(b[0])
    if a[1] != b[1] or one is None or two is None or one.kind != two.kind or one.kind in ("identity", "nothing"):
        return np.inf
    if one.kind == "pooling":
        return 0.5
    return 0.1 * np.sqrt(2 * abs(one.reach - two.reach)) if one.reach != two.reach else 0.25


def by_hand(space, a, b, structure):
    (nodes, mass, place), (others, other_mass, other_place) = network(space, a), network(space, b)
    n, m = len(nodes), len(others)
    prices, bounds = [], []
    for i in range(n):
        for j in range(m):
            cost = mismatch_by_hand(nodes[i], others[j], space.operations)
            cost += structure * np.abs(place[i] - other_place[j]).mean()
            prices.append(cost - 2 if np.isfinite(cost) else 0.0)
            bounds.append((0, None if np.isfinite(cost) else 0))
    limits = np.vstack([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])
    solved = linprog(prices, limits, np.concatenate([mass, other_mass]), bounds=bounds)
    return mass.sum() + other_mass.sum() + solved.fun


@pytest.mark.parametrize("name", ["nasbench201", "nasbench101", "darts", "transnasbench101-macro"])
def test_distance_by_hand(name):
    space = archcast.get_space(name)
    a, b = space.sample(4, 0), space.sample(3, 1)
    found = otmann(layers_of(space, a), layers_of(space, b), 0.3)
    expected = [[by_hand(space, x, y, 0.3) for y in b] for x in a]
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_layers_with_units_by_hand():
    space = LayerGraph()
    a, b = space.sample(6, 0), space.sample(4, 1)
    expected = [[by_hand(space, x, y, 0.3) for y in b] for x in a]
    np.testing.assert_allclose(otmann(layers_of(space, a), layers_of(space, b), 0.3), expected, rtol=1e-6)
    assert np.ptp(layers_of(space, a).masses[:, 1:3]) > 10


def test_it_is_a_distance():
    space = archcast.get_space("nasbench201")
    layers = layers_of(space, np.unique(space.canonical(space.sample(20, 0)), axis=0))
    found = otmann(layers, layers, 0.2)
    np.testing.assert_allclose(np.diag(found), 0, atol=1e-9)
    np.testing.assert_allclose(found, found.T, atol=1e-9)
    assert (found[:, None, :] <= found[:, :, None] + found[None] + 1e-9).all()  # triangles


def test_a_kernel_that_is_not_positive_says_so_and_gives_sound_answers():
    space = archcast.get_space("nasbench201")
    archs, queries = space.sample(80, 3), space.sample(200, 4)
    gp = archcast.get_predictor("gp-ot", space).init(archs, (archs == 3).sum(axis=1))
    raw = gp._between(gp.rows_, gp.rows_)
    smallest = min(np.linalg.eigvalsh(kernel).min() for kernel in raw)
    assert (gp.negative_ > 1e-12) == (smallest < -1e-9)
    covariance = gp.joint(queries[:30])[1]
    assert np.linalg.eigvalsh(covariance).min() > -1e-8 * covariance.max()
    assert kendalltau(gp.query(queries).mean, (queries == 3).sum(axis=1)).statistic > 0.5
