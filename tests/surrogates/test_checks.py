"""The comparison of surrogate and table."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy

from archcast.data.benchmark import Benchmark
from archcast.errors import InvalidInputError
from archcast.surrogates import check_surrogate, make_surrogate
from archcast.surrogates.checks import SurrogateReport, divergence, r_squared


def test_report(table: Benchmark, surrogate: Benchmark) -> None:
    report = check_surrogate(surrogate, table, budget=15, trials=2, strategies=["random", "local-search"])
    assert [row["name"] for row in report.unseen] == ["surrogate", "xgboost", "bayesian-linear"]
    assert report.unseen[0]["kendall_tau"] > 0.7
    assert report.unseen[0]["r2"] > 0.7
    assert len(report.regions) == 5
    assert sum(row["rows"] for row in report.regions) == len(surrogate.function.seen)
    (curve,) = report.curves
    assert len(curve["kl"]) == 12
    assert curve["pearson"][-1] > 0.85
    assert max(curve["kl"]) < 0.5
    assert report.noise["std_surrogate"] == pytest.approx(report.noise["std_table"], rel=0.3)
    assert report.noise["kl"] < 0.15
    assert {row["name"] for row in report.searches} == {"random", "local-search"}
    text = "\n".join(report.lines())
    for part in ("that were not learned from", "region 1", "val_accuracy", "Noise (3 trainings of accuracy)", "order"):
        assert part in text


def test_regions_of_ones_own_and_no_test_rows(table: Benchmark) -> None:
    whole = make_surrogate(table, members=["xgboost"], curves=[])
    optimiser = np.where(table.archs[:, 0] == 3, "rs", "de")
    report = check_surrogate(whole, table, regions=optimiser, budget=0)
    assert "cross-validation" in report.tested_on
    assert not report.searches
    assert not report.curves
    assert {row["name"]: row["rows"] for row in report.regions} == {
        name: (optimiser == name).sum() for name in ("rs", "de")
    }
    with pytest.raises(InvalidInputError, match="regions must have shape"):
        check_surrogate(whole, table, regions=optimiser[:3], budget=0)
    with pytest.raises(InvalidInputError, match="is no surrogate"):
        check_surrogate(table, table)


def test_noise_without_trainings_is_around_what_is_expected(table: Benchmark) -> None:
    alone = Benchmark("alone", table.space, table.archs, {"accuracy": table.scores()}, "accuracy")
    made = make_surrogate(alone, share=0.5, members=["xgboost"])
    report = check_surrogate(made, alone, budget=0)
    assert report.noise["of"] == "accuracy around what is expected"
    assert 0.7 < report.noise["middle_surrogate"] / report.noise["middle_table"] < 1.8


def test_r_squared_and_divergence() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=5000)
    assert r_squared(truth, np.full(5000, truth.mean())) == pytest.approx(0)
    other = rng.normal(1, 1, 5000)
    edges = np.quantile(truth, np.linspace(0, 1, 21))
    edges[[0, -1]] = -np.inf, np.inf
    counts = [np.histogram(sample, edges)[0] + 0.5 for sample in (truth, other)]
    assert divergence(truth, other) == pytest.approx(
        entropy(counts[0] / counts[0].sum(), counts[1] / counts[1].sum()), rel=1e-2
    )
    assert divergence(truth, other) == pytest.approx(0.5, abs=0.1)  # of N(0, 1) and N(1, 1)


def test_orders_contradict_each_other_beyond_two_standard_errors() -> None:
    def row(name, table, surrogate, error):
        return {"name": name, "table": table, "table_error": error, "surrogate": surrogate, "surrogate_error": error}

    near = [row("a", 0.9, 0.8, 0.01), row("b", 0.89, 0.81, 0.01), row("c", 0.5, 0.5, 0.01)]
    report = SurrogateReport("m", "words", [], searches=near)
    assert report.orders() == (["a", "b", "c"], ["b", "a", "c"])
    assert report.contradictions() == []
    assert (
        "another order, but only of strategies within two standard errors of each other: b, a, c" in report.lines()[-1]
    )
    report = SurrogateReport("m", "words", [], searches=[row("a", 0.9, 0.8, 0.001), row("b", 0.89, 0.81, 0.001)])
    assert report.contradictions() == [("a", "b")]
    assert report.lines()[-1].endswith("On the surrogate: another order: b, a")
    alone = [row("a", 0.9, 0.8, float("nan")), row("b", 0.89, 0.81, float("nan"))]
    assert SurrogateReport("m", "words", [], searches=alone).contradictions() == [("a", "b")]
