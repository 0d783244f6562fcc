"""archcast surrogate from the command line."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from archcast.cli import main
from archcast.data.base import load_benchmark


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return stopped.value.code, out, err

    return call


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    with open(tmp_path / "runs.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["width", "depth", "act", "val_acc"])
        for _ in range(120):
            width, depth, act = (
                int(rng.choice([16, 32, 64])),
                int(rng.integers(1, 13)),
                str(rng.choice(["relu", "gelu"])),
            )
            writer.writerow([width, depth, act, round(50 + 2 * np.log2(width) + depth + (act == "gelu"), 3)])
    return tmp_path / "runs.csv"


def test_a_table_of_ones_own(run, table):
    code, out, err = run(
        "surrogate",
        table,
        "-o",
        "s.npz",
        "--members",
        "bayesian-linear",
        "--share",
        0.5,
        "--budget",
        10,
        "--trials",
        1,
        "--jobs",
        1,
    )
    assert code == 0, err
    assert "fitted to 60 rows" in out
    assert "that were not learned from" in out
    assert "Searches" in out
    assert "answers for 72 architectures are ready" in out
    assert len(load_benchmark("s.npz")) == 72
    code, out, _ = run(
        "bench", "s.npz", "--predictors", "gp", "--train-sizes", 10, "--test-size", 10, "--trials", 1, "--jobs", 1
    )
    assert code == 0
    assert "surrogate of runs" in out
    code, out, _ = run("search", "s.npz", "--strategy", "random", "--budget", 5, "--trials", 1, "--jobs", 1)
    assert code == 0
    assert "surrogate of runs" in out


def test_json(run, table):
    code, out, _ = run("surrogate", table, "--members", "bayesian-linear", "--budget", 0, "--jobs", 1, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["surrogate"] == "surrogate.npz"
    assert told["unseen"][0]["name"] == "surrogate"
    assert told["unseen"][0]["kendall_tau"] > 0.8
    assert told["searches"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.csv",), "No file 'none.csv'"),
        (("digit",), "Did you mean 'digits'"),
        (("runs.csv", "-o", "none/s.npz"), "the folder 'none' does not exist"),
        (("runs.csv", "--members", "gpp"), "Unknown predictor 'gpp'"),
        (("runs.csv", "--share", "2"), "share must be a number above 0"),
        (("runs.csv", "--path", "x"), "--path goes with the name of a benchmark"),
        (("digits", "--space", "darts"), "--space goes with a .csv table"),
        (("digits", "--metrics", "val_acc"), "Did you mean 'val_accuracy'"),
    ],
)
def test_refusals_are_one_line(run, table, arguments, message):
    code, out, err = run("surrogate", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert [line.startswith("error: ") for line in err.strip().splitlines()].count(True) == 1
    assert "Traceback" not in err
