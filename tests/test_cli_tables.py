"""archcast fit, predict and choose from the command line."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from archcast.cli import main


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
        writer.writerow(["name", "width", "depth", "act", "params", "val_acc"])
        for i in range(60):
            width, depth, act = (
                int(rng.choice([16, 32, 64, 128])),
                int(rng.integers(1, 9)),
                str(rng.choice(["relu", "gelu"])),
            )
            accuracy = np.log2(width) + np.sqrt(depth) + 0.5 * (act == "gelu") + 0.2 * rng.normal()
            writer.writerow([f"run {i}", width, depth, act, 9 * width * width * depth + i, round(50 + 2 * accuracy, 3)])
    with open(tmp_path / "candidates.csv", "w", newline="") as file:
        csv.writer(file).writerows(
            [
                ["width", "depth", "act"],
                [16, 1, "relu"],
                [128, 8, "gelu"],
                [64, 4, "gelu"],
                [512, 8, "gelu"],
                [64, 4, "swish"],
            ]
        )
    return tmp_path / "runs.csv"


def test_a_column_of_one_value_is_said_and_checks_candidates(run, table, tmp_path):
    rows = list(csv.DictReader(table.read_text().splitlines()))
    with open(tmp_path / "same.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*rows[0], "optimizer", "layers"])
        writer.writerows([*row.values(), "adam", 3] for row in rows)
    code, out, err = run("fit", "same.csv", "-o", "model.npz", "--predictor", "bayesian-linear")
    assert (code, err) == (0, "")
    assert (
        "Nothing is learned from optimizer, layers: one value in every row. Candidates with another are marked." in out
    )
    with open(tmp_path / "new.csv", "w", newline="") as file:
        head = ["width", "depth", "act", "optimizer", "layers"]
        csv.writer(file).writerows(
            [head, [16, 1, "relu", "adam", 3], [16, 1, "relu", "sgd", 3], [16, 1, "relu", "adam", 7]]
        )
    code, out, err = run("predict", "model.npz", "new.csv")
    assert code == 2
    assert "row 2 is not ranked: optimizer: 'sgd' is none of its values, it is always 'adam'" in err
    assert "row 3: layers 7 where every row learned from has 3" in out


def test_fit_and_predict(run, table, tmp_path):
    code, out, err = run("fit", "runs.csv", "-o", "model.npz", "--predictor", "gp")
    assert (code, err) == (0, "")
    assert "score: val_acc, chosen by its name" in out
    assert "params alone" in out
    assert "Written to model.npz" in out
    code, out, err = run("predict", "model.npz", "candidates.csv", "--top", "2")
    assert code == 2
    assert "row 5 is not ranked: act: 'swish' is none of its values" in err
    assert len([line for line in out.splitlines() if line[:1].isdigit() and "candidates" not in line]) == 2
    code, out, err = run("predict", "model.npz", "candidates.csv", "--json", "--out", "ranked.csv")
    records = json.loads(out)
    assert list(records[0])[:6] == ["rank", "row", "mean", "low90", "high90", "note"]
    assert {"width", "depth", "act"} <= set(records[0])
    assert [record["rank"] for record in records] == [1, 2, 3, 4, None]
    assert records[3]["row"] == 1
    assert "width 512 is beyond 16 to 128" in next(record["note"] for record in records if record["row"] == 4)
    with open(tmp_path / "ranked.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 5


def test_fit_json_continues(run, table):
    code, out, _ = run("fit", "runs.csv", "--predictor", "gp", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["predictor"] == "gp"
    assert told["decisions"] == ["width", "depth", "act"]
    assert told["validated"]["tau"] > 0.6
    assert told["baselines"][0]["name"] == "params alone"
    again = json.loads(run("fit", "runs.csv", "--predictor", "gp", "--json")[1])
    assert again == told


def test_fit_with_a_table_of_another_task(run, table, tmp_path):
    lines = table.read_text().splitlines()
    few = [lines[0], *lines[1:9]]
    table.with_name("few.csv").write_text("\n".join(few))
    table.with_name("old.csv").write_text("\n".join([*lines[:1], *lines[9:], "run 99,17,3,selu,9,1"]))
    code, out, _ = run("fit", "few.csv", "--predictor", "gp", "--sources", "old.csv", "-o", "both.npz")
    assert code == 0
    assert out.index("gp + sources ") < out.index("\ngp  ")
    assert "correlation with old.csv: 0." in out
    assert run("predict", "both.npz", "candidates.csv", "--top", "2")[0] == 2  # one of the candidates cannot be ranked
    told = json.loads(run("fit", "few.csv", "--predictor", "gp", "--sources", "old.csv", "--json")[1])
    assert list(told["sources"]) == ["old.csv"]
    assert told["validated"]["name"] == "gp + sources"


def test_choose(run, table):
    code, out, _ = run("choose", "runs.csv", "--predictors", "gp,bayesian-linear")
    assert code == 0
    assert "Use " in out
    assert "(expected)" in out
    told = json.loads(run("choose", "runs.csv", "--predictors", "gp,bayesian-linear", "--json")[1])
    assert told["recommended"] in ("gp", "bayesian-linear")
    assert len(told["learning_curve"]) == 4
    assert told["rows"] == 60


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("fit", "none.csv"), "No file 'none.csv'"),
        (("fit", "runs.csv", "--sources", "none.csv"), "No file 'none.csv'"),
        (
            ("fit", "runs.csv", "--sources", "runs.csv", "--predictor", "xgboost"),
            "'xgboost' does not learn from sources",
        ),
        (("fit", "candidates.csv"), "no column's name says that it is the score"),
        (("fit", "runs.csv", "--score", "acc"), "has no column 'acc'"),
        (("fit", "runs.csv", "--predictor", "gpp"), "Unknown predictor 'gpp'"),
        (("fit", "runs.csv", "-o", "none/model.npz"), "the folder 'none' does not exist"),
        (("fit", "runs.csv", "--space", "nasbench20"), "Unknown space 'nasbench20'"),
        (("choose", "runs.csv", "--predictors", "gpp"), "Unknown predictor 'gpp'"),
        (("choose", "empty.csv"), "'empty.csv' is empty"),
        (("predict", "none.npz", "candidates.csv"), "No file 'none.npz'"),
        (("predict", "runs.csv", "candidates.csv"), "is not a model"),
    ],
)
def test_errors(run, table, tmp_path, arguments, says):
    (tmp_path / "empty.csv").write_text("")
    code, _, err = run(*arguments)
    assert code == 2
    assert says in err
    assert len(err.splitlines()) == 1


def test_candidates_without_a_column(run, table, tmp_path):
    assert run("fit", "runs.csv", "--predictor", "gp")[0] == 0
    (tmp_path / "bad.csv").write_text("width,depth\n16,1\n")
    code, _, err = run("predict", "model.npz", "bad.csv")
    assert code == 2
    assert "'act' is missing: the table has no such column" in err
    assert len(err.splitlines()) == 1


def test_choose_of_six_rows_has_no_learning_curve(run, table, tmp_path):
    (tmp_path / "six.csv").write_text("\n".join(table.read_text().splitlines()[:7]) + "\n")
    code, out, err = run("choose", "six.csv", "--predictors", "bayesian-linear")
    assert (code, err) == (0, "")
    assert not any(line.startswith("labels") for line in out.splitlines())
    assert "Use bayesian-linear" in out
