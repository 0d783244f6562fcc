"""Pareto front and hypervolume against the definition and Monte Carlo."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archcast
from archcast.errors import InvalidInputError, MissingDependencyError
from archcast.search import TableObjective
from archcast.search.pareto import crowding, hypervolume, pareto_front, pareto_ranks, scalarise


def slow_front(scores):
    return [
        not any((other >= row).all() and (other > row).any() for other in scores) and not np.isnan(row).any()
        for row in scores
    ]


@settings(max_examples=80)
@given(st.integers(1, 4), st.lists(st.lists(st.integers(0, 4), min_size=4, max_size=4), min_size=1, max_size=25))
def test_front_is_what_nothing_dominates(k, rows) -> None:
    scores = np.array(rows, dtype=float)[:, :k]
    assert pareto_front(scores).tolist() == slow_front(scores)


def test_rows_with_nan_are_not_on_the_front() -> None:
    assert pareto_front([[np.nan, 9], [1, 2], [0, 1]]).tolist() == [False, True, False]
    assert pareto_front(np.zeros((0, 2))).tolist() == []


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_hypervolume_is_a_volume(k, rng) -> None:
    scores = rng.random((12, k))
    scores[3] = scores[4]
    points = rng.random((300_000, k)) * 1.1 - 0.1
    inside = np.zeros(len(points), dtype=bool)
    for row in scores:
        inside |= (points <= row).all(axis=1)
    assert hypervolume(scores, np.full(k, -0.1)) == pytest.approx(inside.mean() * 1.1**k, abs=5e-3)


@pytest.mark.parametrize("k", [2, 3, 4, 6])
def test_hypervolume_by_inclusion_and_exclusion(k, rng) -> None:
    from itertools import combinations

    scores = rng.integers(1, 5, (6, k)).astype(float)
    total = 0.0
    for m in range(1, 7):
        for some in combinations(range(6), m):
            total += (-1) ** (m + 1) * np.prod(scores[list(some)].min(axis=0))
    assert hypervolume(scores, np.zeros(k)) == pytest.approx(total)


def test_hypervolume_of_what_does_not_reach_the_reference() -> None:
    assert hypervolume([[1, -1], [-2, 5]], [0, 0]) == 0
    assert hypervolume([[np.nan, 1]], [0, 0]) == 0


def test_hypervolume_of_shapes_that_do_not_fit() -> None:
    for scores, reference in (
        (np.ones((2, 4)), np.zeros(3)),
        (np.ones(4), np.zeros(4)),
        (np.ones((2, 0)), np.zeros(0)),
    ):
        with pytest.raises(InvalidInputError, match=r"scores must have shape \(n, k\) and reference \(k,\)"):
            hypervolume(scores, reference)


def test_without_the_library_four_objectives_are_refused_before_the_search(monkeypatch, tmp_path) -> None:
    space = archcast.get_space("nasbench201")
    archs = space.sample(50, 0)
    costs = {name: np.arange(50.0) % k for k, name in enumerate("abc", start=3)}
    benchmark = archcast.Benchmark("mine", space, archs, {"acc": archs.sum(axis=1)}, "acc", costs=costs)
    objective = TableObjective(benchmark, costs=list(costs))
    monkeypatch.setitem(sys.modules, "moocore", None)
    with pytest.raises(
        MissingDependencyError, match=r"hypervolume of more than 3 objectives needs .*archcast\[objectives\]"
    ):
        archcast.run_search("random", objective, budget=10, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    results = archcast.run_search(["random", "parego"], objective, budget=20, out=tmp_path / "out")
    volume = results.summary()["hypervolume_mean"]
    front = results.front("random")[1]
    at_end = results.summary().query("strategy == 'random'")["hypervolume_mean"].iloc[-1]
    assert at_end == pytest.approx(hypervolume(front, objective.values.min(axis=0)))
    assert (volume > 0).all()
    assert (tmp_path / "out" / "report.html").exists()


def test_scalarise_is_the_formula(rng) -> None:
    scores, weights = rng.normal(size=(9, 3)), np.array([0.2, 0.5, 0.3])
    costs = (scores.max(0) - scores) / (scores.max(0) - scores.min(0))
    want = [-(max(weights * c) + 0.05 * sum(weights * c)) for c in costs]
    np.testing.assert_allclose(scalarise(scores, weights), want)


def test_scalarise_prefers_what_dominates(rng) -> None:
    scores = rng.normal(size=(20, 2))
    scores = np.vstack([scores, scores.max(axis=0) + 1])
    for weights in rng.dirichlet(np.ones(2), size=20):
        assert scalarise(scores, weights).argmax() == 20


def test_scalarise_of_a_constant_objective() -> None:
    with np.errstate(all="raise"):
        assert np.isfinite(scalarise(np.ones((3, 2)), np.array([0.5, 0.5]))).all()


@settings(max_examples=60)
@given(st.integers(1, 4), st.lists(st.lists(st.integers(0, 4), min_size=4, max_size=4), min_size=1, max_size=20))
def test_ranks_are_the_fronts_peeled_off_one_after_the_other(k, rows) -> None:
    scores = np.array(rows, dtype=float)[:, :k]
    left, expected = list(range(len(scores))), np.full(len(scores), -1)
    for number in range(len(scores)):
        front = [i for i, on in zip(left, slow_front(scores[left])) if on]
        expected[front] = number
        left = [i for i in left if i not in front]
        if not left:
            break
    np.testing.assert_array_equal(pareto_ranks(scores), expected)


def test_a_row_without_a_score_comes_after_all_fronts() -> None:
    assert pareto_ranks([[np.nan, 9], [1, 2], [0, 1]]).tolist() == [2, 0, 1]


def test_crowding_is_the_gap_between_neighbours(rng) -> None:
    scores = rng.permutation(np.stack([np.arange(8.0), -(np.arange(8.0) ** 2)], axis=1))
    distance = crowding(scores)
    for i, (x, y) in enumerate(scores):
        if x in (0, 7):
            assert distance[i] == np.inf
        else:
            expected = 2 / 7 + ((x + 1) ** 2 - (x - 1) ** 2) / 49
            assert distance[i] == pytest.approx(expected), (x, y)
    assert crowding(np.zeros((3, 2))).tolist().count(np.inf) >= 2
