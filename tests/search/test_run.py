"""Whole searches: budgets, files, processes, failures, and what happens after a kill."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

import archcast
from archcast.errors import InvalidFileError, InvalidInputError, UnknownNameError
from archcast.search import FunctionObjective, TableObjective, load_strategy, run_search
from archcast.search.runner import SearchFiles

SPACE = archcast.get_space("nasbench201")
QUICK = ["random", "regularized-evolution"]


def histories(results):
    return [(t.strategy, t.trial, t.archs.tolist(), t.scores.tolist(), t.epochs.tolist()) for t in results.traces]


def convolutions(arch):
    """An objective that other processes can import."""
    return float((arch == 3).sum())


def test_regret_is_what_it_says(benchmark) -> None:
    results = run_search(QUICK, benchmark, budget=23, batch=5, trials=3)
    rows = results.summary_rows()
    assert [row["evaluations"] for row in rows[:5]] == [5, 10, 15, 20, 23]
    lookup = {tuple(row): (a, b) for row, a, b in zip(benchmark.archs.tolist(), *benchmark.metrics.values())}
    for row in rows:
        ends = []
        for trace in results.of(row["strategy"]):
            found = [lookup[tuple(arch)] for arch in trace.archs[: row["evaluations"]].tolist()]
            ends.append(max(found, key=lambda pair: pair[0]))
        regrets = benchmark.scores().max() - np.array(ends)[:, 0]
        assert row["regret_mean"] == pytest.approx(regrets.mean())
        assert row["regret_sem"] == pytest.approx(regrets.std(ddof=1) / math.sqrt(3))
        assert row["test_of_best"] == pytest.approx(np.mean([test for _, test in ends]))
        assert row["found_optimum"] == int((regrets == 0).sum())
    seconds = [t.seconds.sum() for t in results.of("random")]
    assert rows[4]["seconds"] == pytest.approx(np.mean(seconds))
    assert len(results.traces) == 6
    assert all(len(trace) == 23 for trace in results.traces)


def test_the_test_score_is_that_of_the_best_validation_score(benchmark) -> None:
    from archcast.data.benchmark import Benchmark

    scores = benchmark.scores()
    misleading = Benchmark("m", SPACE, benchmark.archs, {"val": scores, "test": -scores}, "val", test_metric="test")
    row = run_search("random", misleading, budget=20, batch=10).summary_rows()[-1]
    assert row["test_of_best"] == pytest.approx(-row["best_mean"])


def test_files(benchmark, tmp_path) -> None:
    out = tmp_path / "here"
    results = run_search(QUICK, benchmark, budget=10, batch=5, trials=2, out=out)
    names = ["figure.png", "history.csv", "protocol.json", "report.html", "results.csv", "results.json", "searches"]
    assert sorted(os.listdir(out)) == names
    tree = json.loads((out / "results.json").read_text())
    assert {"strategy", "evaluations", "regret_mean", "regret_sem", "test_of_best", "found_optimum", "seconds"} <= set(
        tree["rows"][0]
    )
    with (out / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["regret_mean"]) for row in rows] == pytest.approx([row["regret_mean"] for row in tree["rows"]])
    with (out / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert len(history) == 40
    first = results.traces[0]
    np.testing.assert_array_equal(SPACE.parse([row["arch"] for row in history[:10]]), first.archs)
    assert [float(row["val"]) for row in history[:10]] == pytest.approx(first.scores[:, 0].tolist())
    report = (out / "report.html").read_text()
    assert "http" not in report.split("</style>")[1].replace("https://arxiv", "")
    assert "<svg" in report
    assert tree["best"]["arch"] in SPACE.format(benchmark.archs)


def test_the_same_call_runs_nothing_again(benchmark, tmp_path) -> None:
    first = run_search(QUICK, benchmark, budget=10, batch=5, out=tmp_path)
    before = {p.name: p.read_bytes() for p in (tmp_path / "searches").glob("*.jsonl")}
    second = run_search(QUICK, benchmark, budget=10, batch=5, out=tmp_path)
    assert histories(first) == histories(second)
    assert {p.name: p.read_bytes() for p in (tmp_path / "searches").glob("*.jsonl")} == before


def test_a_folder_of_another_search_is_refused(benchmark, tmp_path) -> None:
    run_search("random", benchmark, budget=10, batch=5, out=tmp_path)
    with pytest.raises(InvalidInputError, match="holds another search: its seed differs"):
        run_search("random", benchmark, budget=10, batch=5, seed=1, out=tmp_path)
    with pytest.raises(InvalidInputError, match="its strategies differs"):
        run_search("local-search", benchmark, budget=10, batch=5, out=tmp_path)
    (tmp_path / "protocol.json").write_text("{")
    with pytest.raises(InvalidFileError, match="cannot be read"):
        run_search("random", benchmark, budget=10, batch=5, out=tmp_path)


def test_a_search_of_another_objective_is_refused(tmp_path) -> None:
    def objective(factor):
        return FunctionObjective(lambda arch: factor * convolutions(arch), SPACE)

    run_search("random", objective(1), budget=10, batch=5, out=tmp_path)
    run_search("random", objective(1), budget=10, batch=5, out=tmp_path)
    with pytest.raises(InvalidInputError, match="holds another search: its source differs"):
        run_search("random", objective(2), budget=10, batch=5, out=tmp_path)


def test_a_search_of_a_table_with_other_times_is_refused(benchmark, tmp_path) -> None:
    from dataclasses import replace

    timed = replace(benchmark, train_seconds=np.ones(len(benchmark)))
    run_search("random", timed, budget=10, batch=5, out=tmp_path)
    with pytest.raises(InvalidInputError, match="holds another search: its data differs"):
        run_search(
            "random", replace(timed, train_seconds=np.full(len(benchmark), 2.0)), budget=10, batch=5, out=tmp_path
        )


def test_a_label_is_no_path(benchmark, tmp_path) -> None:
    labels = ["../../up", "a/b", "A", "a", " .", "x" * 200]
    results = run_search(dict.fromkeys(labels, "random"), benchmark, budget=5, batch=5, out=tmp_path / "deep" / "out")
    assert results.strategies == labels
    assert [p.name for p in tmp_path.iterdir()] == ["deep"]
    assert len(list((tmp_path / "deep" / "out" / "searches").glob("*.jsonl"))) == len(labels)


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("at", [0, 3, 10, 14, 27])
def test_a_killed_search_ends_as_if_nothing_had_happened(at, tmp_path) -> None:
    whole = run_search(["bayesian"], FunctionObjective(convolutions, SPACE), budget=30, batch=6, seed=3)
    calls = []

    def dies(arch):
        calls.append(tuple(arch.tolist()))
        if len(calls) == at + 1:
            raise Killed
        return convolutions(arch)

    objective = FunctionObjective(dies, SPACE)
    with pytest.raises(Killed):
        run_search(["bayesian"], objective, budget=30, batch=6, seed=3, out=tmp_path)
    journal = tmp_path / "searches" / "bayesian-0.jsonl"
    with journal.open("a") as file:
        file.write('{"arch": [3, 3,')  # and a line was torn
    again = run_search(["bayesian"], objective, budget=30, batch=6, seed=3, out=tmp_path)
    assert histories(again) == histories(whole)
    assert len(calls) == 31, "nothing but the evaluation that was interrupted is repeated"


def test_kill_9_from_outside(tmp_path) -> None:
    code = """
import sys, time
from archcast.search import FunctionObjective, run_search
def slow(arch):
    time.sleep(0.05)
    return float((arch == 3).sum())
r = run_search("regularized-evolution", FunctionObjective(slow, "nasbench201"), budget=30, batch=5, out=sys.argv[1])
print(r.traces[0].archs.tolist())
"""
    command = [sys.executable, "-c", code]
    whole = run_search("regularized-evolution", FunctionObjective(convolutions, SPACE), budget=30, batch=5)
    process = subprocess.Popen([*command, str(tmp_path / "b")], stdout=subprocess.PIPE)
    journal = tmp_path / "b" / "searches" / "regularized-evolution-0.jsonl"
    end = time.time() + 60
    while time.time() < end and not (journal.exists() and journal.read_text().count("scores") >= 12):
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert 12 <= journal.read_text().count("scores") < 30
    again = subprocess.run([*command, str(tmp_path / "b")], capture_output=True, text=True, check=True)
    assert json.loads(again.stdout) == whole.traces[0].archs.tolist()


def test_a_damaged_journal_is_refused(tmp_path) -> None:
    (tmp_path / "x.jsonl").write_text('{"arch": 3}\n{"overhead": 1}\n')
    with pytest.raises(InvalidFileError, match="cannot be continued"):
        SearchFiles(tmp_path, "x")


def test_failures_are_kept_and_the_search_goes_on(tmp_path) -> None:
    def train(arch):
        if arch[0] == 0:
            raise RuntimeError("exploded")
        return convolutions(arch)

    results = run_search(
        ["bayesian", "local-search"], FunctionObjective(train, SPACE), budget=30, batch=5, out=tmp_path
    )
    for trace in results.traces:
        assert len(trace) == 30
        failed = np.isnan(trace.scores[:, 0])
        np.testing.assert_array_equal(failed, trace.archs[:, 0] == 0)
        assert [bool(reason) for reason in trace.failures] == failed.tolist()
    reasons = {reason for trace in results.traces for reason in trace.failures}
    assert reasons == {"", "RuntimeError: exploded"}
    assert "RuntimeError: exploded" in (tmp_path / "report.html").read_text()
    assert results.summary_rows()[-1]["failed"] == sum(map(bool, results.traces[-1].failures))


def test_every_evaluation_fails(tmp_path) -> None:
    def train(arch):
        raise RuntimeError("no GPU")

    results = run_search("random", FunctionObjective(train, SPACE), budget=10, batch=5, out=tmp_path)
    assert results.best is None
    assert results.best_found() is None
    row = json.loads((tmp_path / "results.json").read_text())["rows"][-1]
    assert (row["failed"], row["best_mean"], row["regret_mean"]) == (10, None, None)


@pytest.mark.slow
def test_processes_change_nothing(benchmark) -> None:
    table = {jobs: run_search(QUICK, benchmark, budget=15, batch=5, trials=2, jobs=jobs) for jobs in (1, 2)}
    assert histories(table[1]) == histories(table[2])
    objective = FunctionObjective(convolutions, SPACE)
    function = {jobs: run_search("local-search", objective, budget=15, batch=5, jobs=jobs) for jobs in (1, 2)}
    assert histories(function[1]) == histories(function[2])


@pytest.mark.slow
def test_asynchronous_search(tmp_path) -> None:
    objective = FunctionObjective(convolutions, SPACE)
    results = run_search("bayesian", objective, budget=20, batch=4, jobs=2, asynchronous=True, out=tmp_path)
    (trace,) = results.traces
    assert len(trace) == 20
    assert len(np.unique(SPACE.canonical(trace.archs), axis=0)) == 20
    assert len(load_strategy(tmp_path / "searches" / "bayesian-0.npz").pending) == 0
    again = run_search("bayesian", objective, budget=20, batch=4, jobs=2, asynchronous=True, out=tmp_path)
    assert histories(again) == histories(results)


def test_asynchronous_search_leaves_the_shared_workers_of_joblib_alone() -> None:
    get_reusable_executor().shutdown()  # whatever ran before
    run_search("random", FunctionObjective(convolutions, SPACE), budget=4, batch=2, jobs=2, asynchronous=True)
    assert Parallel(n_jobs=2, backend="loky")(delayed(abs)(-i) for i in range(4)) == [0, 1, 2, 3]


def test_hyperband_pays_for_epochs(benchmark) -> None:
    results = run_search({"halving": {"name": "hyperband", "brackets": 1}}, benchmark, budget=12, batch=6)
    (trace,) = results.traces
    assert set(trace.epochs.tolist()) == {1, 3, 0}
    assert 12 <= trace.spent[-1] < 13
    assert len(trace) > 25, "most trainings are short"
    for i in range(len(trace)):
        same = (trace.archs[:i] == trace.archs[i]).all(axis=1)
        before = max(trace.epochs[:i][same].tolist(), default=0)
        assert trace.shares[i] == pytest.approx(((trace.epochs[i] or 9) - before) / 9)
    best = trace.archs[trace.best[-1]]
    assert trace.epochs[trace.best[-1]] == 0
    assert trace.values[-1] == TableObjective(benchmark).evaluate(best).scores[0]


def test_several_objectives(benchmark, tmp_path) -> None:
    objective = TableObjective(benchmark, costs=["latency", "params"])
    results = run_search(["random", "parego"], objective, budget=30, batch=10, trials=2, out=tmp_path)
    rows = {row["strategy"]: row for row in results.summary_rows() if row["evaluations"] == 30}
    assert rows["parego"]["hypervolume_mean"] > rows["random"]["hypervolume_mean"]
    archs, scores = results.front("parego")
    assert len(archs) == len(scores) > 3
    for row in scores:
        better = (scores >= row).all(axis=1) & (scores > row).any(axis=1)
        assert not better.any()


def test_progress_tells_of_every_batch(benchmark) -> None:
    steps = []
    run_search("random", benchmark, budget=10, batch=5, progress=steps.append)
    assert [(step.strategy, step.trial, step.spent) for step in steps] == [("random", 0, 5), ("random", 0, 10)]
    assert steps[1].best >= steps[0].best


def test_a_space_smaller_than_the_budget() -> None:
    from archcast.data.benchmark import Benchmark

    few = Benchmark("few", SPACE, SPACE.sample(8, 0), {"val": np.arange(8.0)}, "val")
    results = run_search(QUICK, few, budget=50, batch=5)
    assert {len(trace) for trace in results.traces} == {len(np.unique(SPACE.canonical(few.archs), axis=0))}
    assert results.summary_rows()[-1]["regret_mean"] == 0


def test_a_predictor_for_those_that_use_one(benchmark) -> None:
    results = run_search(["random", "bayesian"], benchmark, budget=15, batch=5, predictor="bayesian-linear")
    assert results.protocol["strategies"]["bayesian"]["predictor"] == "bayesian-linear"
    assert "predictor" not in results.protocol["strategies"]["random"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"budget": 5, "batch": 10}, InvalidInputError, "budget is 5, less than a batch of 10"),
        ({"trials": 0}, InvalidInputError, "trials must be a whole number of at least 1, got 0"),
        ({"jobs": 0}, InvalidInputError, "jobs must be"),
        ({"strategies": "bayesain"}, UnknownNameError, "Did you mean 'bayesian'"),
        ({"strategies": []}, InvalidInputError, "strategies is empty"),
        ({"strategies": ["random", "random"]}, InvalidInputError, "strategies holds one twice"),
        ({"predictor": "gp"}, InvalidInputError, "none of the strategies random uses one"),
        (
            {"strategies": "bayesian", "predictor": "xgboost-rank"},
            InvalidInputError,
            "predictor 'xgboost-rank' has no std",
        ),
        ({"strategies": {"x": {"name": "random", "speed": 1}}}, InvalidInputError, "has no parameter 'speed'"),
    ],
)
def test_wrong_settings_run_nothing(benchmark, arguments, error, message, tmp_path) -> None:
    arguments = {"strategies": "random", "objective": benchmark, "out": tmp_path / "x", **arguments}
    with pytest.raises(error, match=message):
        run_search(**arguments)
    assert not (tmp_path / "x").exists()


def test_objectives_that_a_strategy_cannot_take(benchmark) -> None:
    with pytest.raises(
        InvalidInputError, match=r"'bayesian' takes one objective, got val, -latency. Use one of: .*parego"
    ):
        run_search("bayesian", TableObjective(benchmark, costs=["latency"]), budget=10)
    with pytest.raises(InvalidInputError, match="'hyperband' stops trainings early, which needs learning curves"):
        run_search("hyperband", FunctionObjective(convolutions, SPACE), budget=10)
