"""archcast forecast as a user runs it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import archcast
from archcast.cli import app, main
from archcast.cli import forecast as command
from archcast.cli.forecast import short

T = 20
KEYS = ["run", "epochs_seen", "epochs", "median", "low90", "high90", "chance_above_best", "advice"]


def trainings(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    tops = np.linspace(0.85, 0.5, n)[:, None]
    return tops * (1 - 0.75 ** np.arange(1, T + 1)) + rng.normal(0, 0.003, (n, T))


def write(path: Path, seen: list[int]) -> list[list[float]]:
    values = [row[:n].tolist() for row, n in zip(trainings(len(seen)), seen)]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["run", "epoch", "val_accuracy"])
        writer.writerows([f"net-{i}", e, y] for i, row in enumerate(values) for e, y in enumerate(row, 1))
    return values


def run(*arguments: object, columns: int = 80):
    return CliRunner().invoke(app, ["forecast", *map(str, arguments)], env={"COLUMNS": str(columns), "TERM": "dumb"})


def code(*arguments: object) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(["forecast", *map(str, arguments)])
    return int(exit_.value.code or 0)


def test_json_is_what_python_answers(tmp_path):
    values = write(tmp_path / "a.csv", [T, T, T, 6, 9])
    done = run(tmp_path / "a.csv", "--json")
    rows = json.loads(done.stdout)
    assert done.exit_code == 0
    assert all(list(row) == KEYS for row in rows)
    expected = archcast.forecast({f"net-{i}": row for i, row in enumerate(values)}, metric="val_accuracy").rows()
    assert [row["run"] for row in rows] == [row["run"] for row in expected]
    for key in KEYS[1:]:
        assert [row[key] for row in rows] == [pytest.approx(row[key]) for row in expected]
    assert "val_accuracy, where higher is better" in done.stderr
    assert f"taken to have {T} epochs" in done.stderr


def test_the_table_fits_and_says_why(tmp_path):
    write(tmp_path / "a.csv", [T] * 8 + [6, 9])
    done = run(tmp_path / "a.csv")
    lines = done.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "to beat" in lines[0]
    assert "stop  net-9" in done.stdout
    assert "chance to beat" in done.stdout
    assert "and 3 more finished runs" in done.stdout
    assert "The metric is taken to be val_accuracy, where higher is better." in " ".join(lines)
    long = run(tmp_path / "a.csv", columns=60)
    assert "net-9" in long.stdout


def test_one_broken_log_hinders_no_other(tmp_path, capsys):
    write(tmp_path / "a.csv", [T, T, 6])
    (tmp_path / "b.csv").write_text("")
    assert code(tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "c.csv", "--json") == 2
    told = capsys.readouterr()
    assert len(json.loads(told.out)) == 3
    errors = [line for line in told.err.splitlines() if line.startswith("error: ")]
    assert [("b.csv is empty" in errors[0]), ("c.csv does not exist" in errors[1])] == [True, True]
    assert code(tmp_path / "b.csv") == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Give the number of epochs"),
        (["--epochs", "0"], "epochs must be a whole number of at least 1"),
        (["--epochs", "30", "--metric", "zeal"], "there is no column 'zeal'"),
        (["--epochs", "30", "--better", "up"], "better 'up'"),
        (["--epochs", "30", "--best", "nan"], "best must be a finite number"),
        (["--epochs", "30", "--out", "a.txt"], "must end in .png"),
        (["--epochs", "30", "--out", "no/a.png"], "the folder 'no' does not exist"),
    ],
)
def test_what_it_refuses(options, message, tmp_path, capsys):
    write(tmp_path / "a.csv", [6])
    assert code(tmp_path / "a.csv", *options) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_a_metric_that_nobody_knows_asks(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("epoch,zeal\n0,1\n1,2\n2,3\n")
    assert code(tmp_path / "a.csv", "--epochs", 9) == 2
    assert "--better higher" in capsys.readouterr().err
    done = run(tmp_path / "a.csv", "--epochs", 9, "--better", "lower", "--best", 2.0, "--json")
    assert json.loads(done.stdout)[0]["median"] > 2


def test_a_value_to_reach(tmp_path):
    write(tmp_path / "a.csv", [6])
    chances = [
        json.loads(run(tmp_path / "a.csv", "--epochs", T, "--best", best, "--json").stdout)[0]["chance_above_best"]
        for best in (0.6, 0.8, 0.99)
    ]
    assert 1 >= chances[0] > chances[1] > chances[2] >= 0


@pytest.mark.parametrize("ending", ["png", "svg", "pdf", "html", "json", "csv"])
def test_out(ending, tmp_path):
    write(tmp_path / "a.csv", [T, T, 6])
    out = tmp_path / f"f.{ending}"
    assert run(tmp_path / "a.csv", "--out", out).exit_code == 0
    data = out.read_bytes()
    start = {
        "png": b"\x89PNG",
        "svg": b"<?xml",
        "pdf": b"%PDF",
        "html": b"<!doctype html>",
        "json": b"[",
        "csv": ",".join(KEYS).encode(),
    }
    assert data.startswith(start[ending])


def test_watch_follows_a_log_until_all_are_finished(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("epoch,val_acc\n")
    values = trainings(1)[0]
    lengths = iter((5, 12, T))

    def train(seconds: float) -> None:
        """Epochs that pass while the command waits."""
        assert seconds == command.POLL
        path.write_text("epoch,val_acc\n" + "".join(f"{e},{y}\n" for e, y in enumerate(values[: next(lengths)])))

    monkeypatch.setattr("archcast.cli.forecast.time.sleep", train)
    done = run(path, "--epochs", T, "--best", 0.2, "--watch")
    assert done.exit_code == 0
    assert f"{T}/{T}" in done.stdout
    assert "finished" in done.stdout.splitlines()[-2] or "finished" in done.stdout
    assert "no row below it yet" in done.stderr


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.8614, ".861"),
        (-0.8614, "-.861"),
        (86.14, "86.1"),
        (861.4, "861"),
        (1e-5, "1.00e-05"),
        (0.0, ".000"),
        (np.nan, "-"),
    ],
)
def test_numbers_are_short(value, text):
    assert short(value) == text
