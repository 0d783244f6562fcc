"""Several benchmarks on one page."""

from __future__ import annotations

import json
import math
import re

import pytest

from archcast.errors import InvalidInputError, UnknownNameError
from archcast.evaluation.leaderboard import Leaderboard, leaderboard
from archcast.evaluation.measurements import Measurements
from archcast.evaluation.metrics import METRICS
from archcast.evaluation.trial import COLUMNS

NAMES = ["nas-bench-graph/proteins", "digits"]
SMALL = {"train_sizes": [8], "trials": 2, "jobs": 1}


def made(taus, benchmark="b", size=10):
    """Measurements with these taus: predictor -> one for each trial."""
    rows = []
    for name, values in taus.items():
        for trial, tau in enumerate(values):
            row = {column: kind() for column, kind in COLUMNS.items()}
            row |= dict.fromkeys([m for m in METRICS if m in row], math.nan)
            rows.append(row | {"predictor": name, "train_size": size, "trial": trial, "kendall_tau": tau})
    protocol = {"metric": "m", "test_size": 5, "test": "random", "trials": 3, "seed": 0, "preset": None}
    return Measurements.of(rows, protocol | {"benchmark": benchmark})


def test_losses_are_paired_by_trial():
    found = {
        "clear": made({"stack": [0.5, 0.7, 0.6], "gp": [0.6, 0.81, 0.69]}),
        "noise": made({"stack": [0.5, 0.7, 0.6], "gp": [0.9, 0.5, 0.5]}),
        "first": made({"stack": [0.9, 0.9, 0.9], "gp": [0.6, 0.6, 0.7]}),
    }
    losses = Leaderboard(found, {}, "stack").losses()
    assert [(loss.benchmark, loss.best) for loss in losses] == [("clear", "gp")]
    assert losses[0].difference == pytest.approx(0.1)
    assert losses[0].error == pytest.approx(0.01 / math.sqrt(3), rel=0.01)
    assert Leaderboard(found, {}).losses("gp")[0].benchmark == "first"


def test_places_and_page():
    board = Leaderboard({"a<b": made({"stack": [0.5, 0.7], "gp": [0.6, 0.9]})}, {"gone": "no file"}, "stack")
    assert [(row["predictor"], row["place"]) for row in board.rows()] == [("gp", 1), ("stack", 2)]
    html = board.to_html()
    assert "a&lt;b" in html
    assert "no file" in html
    assert "http" not in html.replace("http-equiv", "")
    assert json.loads(board.to_json())["rows"][0]["crps"] is None


def test_it_runs_resumes_and_takes_new_benchmarks(tmp_path):
    told = []
    first = leaderboard(NAMES[:1], ["random-forest", "bayesian-linear"], **SMALL, out=tmp_path)
    before = (tmp_path / "nas-bench-graph_proteins" / "results.csv").read_bytes()
    board = leaderboard(
        NAMES,
        ["random-forest", "bayesian-linear"],
        **SMALL,
        out=tmp_path,
        progress=lambda name, p: told.append((name, p.done)),
    )
    assert (tmp_path / "nas-bench-graph_proteins" / "results.csv").read_bytes() == before
    assert told[0] == (NAMES[0], 4)  # all there already
    assert set(board.results) == set(NAMES)
    assert set(first.results) == {NAMES[0]}
    html = (tmp_path / "index.html").read_text()
    assert "digits" in html
    tables = re.findall(r'<div class="sorted">.*?</table>', html, re.S)
    assert html.count("<table") == len(tables) == 3  # overall and one for each benchmark
    assert len(set(re.findall(r'name="([^"]+)"', "".join(tables)))) == 3


def test_what_is_not_here_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("ARCHCAST_DATA", raising=False)
    board = leaderboard(["nasbench101", NAMES[0]], ["random-forest"], **SMALL, out=tmp_path)
    assert list(board.missing) == ["nasbench101"]
    with pytest.raises(InvalidInputError, match="No benchmark could be evaluated"):
        leaderboard(["nasbench101"], ["random-forest"], **SMALL, out=tmp_path)
    with pytest.raises(UnknownNameError, match="Unknown benchmark"):
        leaderboard(["digit"], **SMALL, out=tmp_path)
