"""Measures by tenth of the prediction: against each tenth by itself, through results.csv, in the report and on the screen."""

from __future__ import annotations

import io
import json
import re
from itertools import pairwise

import numpy as np
import pytest
from rich.console import Console

import archcast
from archcast.cli._summary import show_intervals
from archcast.evaluation import METRICS
from archcast.evaluation.deciles import DECILES, MEASURES, as_text, by_decile, mean_of


def rows_of(rng, n=100):
    mean = rng.normal(size=n)
    return mean + rng.normal(size=n), mean, rng.uniform(0.5, 2, n)


def test_each_tenth_is_measured_by_itself(rng) -> None:
    truth, mean, std = rows_of(rng, 203)
    found = by_decile(truth, mean, std)
    edges = [0, 21, 42, 63, 83, 103, 123, 143, 163, 183, 203]
    for i, (start, stop) in enumerate(pairwise(edges)):
        mine = sorted(range(203), key=lambda k: mean[k])[start:stop]
        for j, name in enumerate(MEASURES):
            assert found[j, i] == pytest.approx(METRICS[name](truth[mine], mean[mine], std[mine]))
    sizes = np.diff(edges)
    assert found[0] @ sizes / 203 == pytest.approx(METRICS["coverage90"](truth, mean, std))


def test_without_a_std_or_rows_there_is_none(rng) -> None:
    truth, mean, std = rows_of(rng)
    assert by_decile(truth, mean, None) is None
    assert by_decile(truth[:9], mean[:9], std[:9]) is None
    assert by_decile(truth, mean, np.where(np.arange(100) == 3, np.inf, std)) is None
    assert as_text(None) == ""
    assert mean_of(["", ""]) is None


def test_the_mean_over_trials_is_of_those_that_have_them(rng) -> None:
    tables = [by_decile(*rows_of(rng)) for _ in range(2)]
    found = mean_of([as_text(tables[0]), "", as_text(tables[1])])
    np.testing.assert_allclose([found[name] for name in MEASURES], np.mean(tables, axis=0), rtol=1e-3)


def test_results_json_report_and_screen_tell_them(tiny, kinds) -> None:
    predictors = {name: kinds[name]("nasbench201") for name in ("Counts", "Constant")}
    found = archcast.evaluate(predictors, tiny, train_sizes=[20], test_size=60, trials=2)
    rows = {row["predictor"]: row for row in json.loads(found.to_json())["rows"]}
    with_std, without = rows["Counts"], rows["Constant"]
    assert without["deciles"] is None
    assert {name: len(values) for name, values in with_std["deciles"].items()} == dict.fromkeys(MEASURES, DECILES)
    assert np.mean(with_std["deciles"]["coverage90"]) == pytest.approx(with_std["coverage90"], abs=1e-3)
    html = found.to_html()
    assert "Intervals by tenth of the prediction, n = 20" in html
    assert len(re.findall(r'type="radio" name="deciles-crps"', html)) == 1 + DECILES
    screen = io.StringIO()
    show_intervals(found, Console(file=screen, width=80))
    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split(",")[0] for line in lines[::3]] == [METRICS[name].title for name in MEASURES]
