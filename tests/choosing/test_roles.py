"""What the columns of a table are."""

from __future__ import annotations

import re

import numpy as np
import pytest

from archcast.choosing import read_table
from archcast.errors import InvalidInputError


def test_roles(rows):
    table = read_table(rows)
    roles = table.roles
    assert roles.score == "val_acc"
    assert not roles.falls
    assert roles.decisions == ("width1", "width2", "width3", "depth", "act", "lr")
    assert roles.costs == ("params",)
    assert list(roles.curves) == ["train_acc"]
    assert roles.epochs == 2
    assert table.evidence.curves["train_acc"].shape == (90, 2)
    assert table.scores.tolist() == [row["val_acc"] for row in rows]
    said = "\n".join(table.notes)
    for part in (
        "val_acc, chosen by its name",
        "test_acc: it looks like another result",
        "train_seconds: it is known only",
        "id: ",
    ):
        assert part in said
    assert read_table(rows, epochs=5).evidence.curves["train_acc"].shape == (90, 5)
    with pytest.raises(InvalidInputError, match="epochs is 11: the curves of the table have 10 epochs"):
        read_table(rows, epochs=11)


@pytest.mark.parametrize(
    ("score", "better", "falls"),
    [
        ("val_loss", None, True),
        ("error", None, True),
        ("perplexity", None, True),
        ("thing", "lower", True),
        ("thing", None, False),
    ],
)
def test_direction(score, better, falls):
    rng = np.random.default_rng(0)
    values = rng.random(20)
    table = read_table({"width": rng.integers(1, 9, 20), score: values}, score=score, better=better)
    assert table.roles.falls is falls
    np.testing.assert_allclose(table.scores, -values if falls else values)


def test_columns_of_other_tools_and_ways_to_write_numbers(tmp_path):
    """Optuna calls decisions params_NAME, which are no counts of parameters; percentages and decimal commas are numbers."""
    rows = [
        (w, d, 0.5 + w / 1000 + d / 50 + i / 1e4) for i, (w, d) in enumerate([(16, 1), (32, 2), (64, 3), (16, 4)] * 6)
    ]
    optuna = {"number": range(24), "value": [s for *_, s in rows], "params_depth": [d for _, d, _ in rows]}
    optuna |= {"params_width": [w for w, *_ in rows], "params_lr": [0.001 * (i + 1) for i in range(24)]}
    table = read_table({name: list(values) for name, values in optuna.items()})
    assert table.roles.decisions == ("params_depth", "params_width", "params_lr")
    assert table.roles.costs == ()
    counted = {"width": [w for w, *_ in rows], "params_M": [w * d + i / 9 for i, (w, d, _) in enumerate(rows)]}
    assert read_table(counted | {"score": optuna["value"]}).roles.costs == ("params_M",)
    path = tmp_path / "table.csv"
    text = "".join(f"{w};{d};{str(d / 10).replace('.', ',')};{100 * s:.2f} %\n".replace(".", ",") for w, d, s in rows)
    path.write_text("width;depth;rate;accuracy\n" + text)
    table = read_table(path)
    assert table.roles.score == "accuracy"
    np.testing.assert_allclose(table.scores, [round(100 * s, 2) for *_, s in rows])
    assert table.space.decisions["rate"].values == (0.1, 0.2, 0.3, 0.4)


def test_a_loss_that_is_infinite_was_not_measured():
    rows = [
        {"lr": 0.1 * (i % 5), "width": i % 3, "val_loss": float("inf") if i % 4 == 0 else i / 10} for i in range(24)
    ]
    table = read_table(rows)
    assert len(table) == 18
    assert "6 of 24 rows have no val_loss and are left out" in table.notes


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([0.5] * 8, "it holds 1 different number, where at least three are needed"),
        ([0.5, 0.6, "?"] * 3, "it holds '?', which"),
    ],
)
def test_why_a_column_is_no_score_is_said(values, why):
    with pytest.raises(InvalidInputError, match=re.escape(f"column 'val_acc' is called like a score, but {why}")):
        read_table([{"width": i % 3, "val_acc": value} for i, value in enumerate(values)])


def test_what_optuna_tells_of_its_trials_is_no_decision():
    rng = np.random.default_rng(0)
    study = {
        "number": range(30),
        "value": [None if i == 7 else float(v) for i, v in enumerate(rng.normal(size=30))],
        "datetime_start": [f"2026-03-01 {i % 24:02d}:00:00" for i in range(30)],
        "duration": [f"0 days 00:0{i % 9}:12" for i in range(30)],
        "params_depth": rng.integers(1, 5, 30).tolist(),
        "params_act": rng.choice(["relu", "gelu"], 30).tolist(),
        "user_attrs_params": rng.integers(10, 10_000, 30).tolist(),
        "state": ["PRUNED" if i == 7 else "COMPLETE" for i in range(30)],
    }
    table = read_table(study)
    assert table.roles.decisions == ("params_depth", "params_act")
    assert table.roles.costs == ("user_attrs_params",)
    said = "\n".join(table.notes)
    assert "duration: it is no parameter of the study" in said
    assert "higher value is taken to be better; if lower is, say --better lower" in said
    assert "is taken to be better" not in "\n".join(read_table(study, better="lower").notes)


def test_parameters_of_mlflow_are_decisions():
    rng = np.random.default_rng(0)
    runs = {
        "run_id": [f"{i:x}af" for i in range(30)],
        "experiment_id": [1] * 30,
        "tags.mlflow.user": rng.choice(["anna", "otto"], 30).tolist(),
        "metrics.val_f1": rng.uniform(size=30).tolist(),
        "params.lr": [str(x) for x in rng.choice([0.1, 0.01, 0.001], 30)],
        "params.layers": rng.integers(1, 7, 30).tolist(),
    }
    roles = read_table(runs).roles
    assert (roles.score, roles.decisions) == ("metrics.val_f1", ("params.lr", "params.layers"))


def test_rows_are_counted_before_those_without_a_score_are_left_out(plain):
    rows = [{"place": 3 + i, **row, "val_acc": None if i == 5 else row["val_acc"]} for i, row in enumerate(plain)]
    table = read_table(rows)
    assert "place" not in table.roles.decisions
    assert "  place: it counts the rows" in table.notes


def test_measured_numbers_with_units_are_costs_whatever_they_are_called(tmp_path):
    rng = np.random.default_rng(0)
    lines = [
        "Breite;Latenz;Note",
        *(f"{w};{t:.1f} ms;{w + t:.2f}" for w, t in zip([1, 2, 4] * 10, rng.normal(30, 3, 30))),
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines).replace(".", ","))
    roles = read_table(tmp_path / "t.csv", score="Note").roles
    assert (roles.decisions, roles.costs) == (("Breite",), ("Latenz",))
