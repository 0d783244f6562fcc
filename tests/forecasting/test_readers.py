"""Logs of every kind that trainings leave behind, whole and broken: the same curve comes out of each."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcast.errors import InvalidInputError
from archcast.forecasting.readers.read import Logs, one_metric, read_logs
from archcast.forecasting.readers.runs import Run, arrange, number

CURVE = [0.1, 0.31, 0.42, 0.515, 0.58]
NAN = float("nan")


def table(rows, separator=",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows(rows)
    return text.getvalue()


def read(folder: Path, text: str | bytes, name: str = "run.csv", metric: str | None = None) -> Logs:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_logs([path], metric)


LONG = [
    ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"],
    *[[e, 1 - y, y + 0.1, 2 - y, y] for e, y in enumerate(CURVE)],
]
LIGHTNING = [["epoch", "lr-SGD", "step", "train_loss_step", "train_loss_epoch", "val_acc", "val_loss"]]
for e, y in enumerate(CURVE):
    LIGHTNING += [
        [e, 0.1, 10 * e, 0.9, "", "", ""],
        [e, "", 10 * e + 9, "", "", y, 2 - y],
        [e, "", 10 * e + 9, "", 1 - y, "", ""],
    ]
LINES = [json.dumps({"epoch": e, "train/loss": 1 - y, "val/acc": y}) for e, y in enumerate(CURVE)]
ONE_RUN = {
    "keras": table(LONG),
    "gzip": gzip.compress(table(LONG).encode()),
    "keras, from 1": table([LONG[0], *[[row[0] + 1, *row[1:]] for row in LONG[1:]]]),
    "tabs": table(LONG, "\t"),
    "semicolons and decimal commas": "epoch;val_acc\n"
    + "".join(f"{e};{str(y).replace('.', ',')}\n" for e, y in enumerate(CURVE)),
    "byte order mark": b"\xef\xbb\xbf" + table(LONG).encode(),
    "UTF-16 of a Windows shell": table(LONG).encode("utf-16"),
    "line ends of Windows": table(LONG).replace("\n", "\r\n"),
    "lightning": table(LIGHTNING),
    "lightning, NaN written": table([[("nan" if cell == "" else cell) for cell in row] for row in LIGHTNING]),
    "a last line being written": table(LONG) + "5,0.",
    "a row an epoch, no header": "".join(f"{y}\n" for y in CURVE),
    "epoch and value, no header": "".join(f"{e},{y}\n" for e, y in enumerate(CURVE)),
    "blanks": "".join(f"{e}  {y}\n" for e, y in enumerate(CURVE)),
    "blanks and a header": "epoch   val_acc\n" + "".join(f"{e}  {y}\n" for e, y in enumerate(CURVE)),
    "a column an epoch, no header": table([CURVE]),
    "a column an epoch": table([[f"epoch_{e}" for e in range(5)], CURVE]),
    "a name and a column an epoch": table([["name", *range(1, 6)], ["a", *CURVE]]),
    "metric and a column an epoch": table(
        [[f"val_acc_{e}" for e in range(5)] + [f"loss_{e}" for e in range(5)], CURVE + CURVE]
    ),
    "comments": "# seed 3\n" + table(LONG),
    "pandas index": table([["", *LONG[0]], *[[i, *row] for i, row in enumerate(LONG[1:])]]),
    "phases": table(
        [
            ["epoch", "phase", "acc"],
            *[[e, p, y + d] for e, y in enumerate(CURVE) for p, d in (("train", 0.2), ("val", 0))],
        ]
    ),
    "a row a metric": table(
        [["epoch", "metric", "value"], *[[e, m, y] for e, y in enumerate(CURVE) for m in ("val_acc", "lr")]]
    ),
    "percent signs": "epoch,val_acc\n" + "".join(f"{e},{100 * y:.4f} %\n" for e, y in enumerate(CURVE)),
    "json lines": "\n".join(LINES) + "\n",
    "json lines, the last being written": "\n".join(LINES) + '\n{"epoch": 5, "val/a',
    "json list": "[" + ",".join(LINES) + "]",
    "nested": "\n".join(json.dumps({"epoch": e, "val": {"acc": y, "loss": 1 - y}}) for e, y in enumerate(CURVE)),
    "keras history": json.dumps({"loss": [1 - y for y in CURVE], "val_accuracy": CURVE}),
    "hugging face": json.dumps(
        {
            "best_metric": 1,
            "log_history": [
                r
                for e, y in enumerate(CURVE)
                for r in ({"epoch": e + 0.5, "loss": 1.0}, {"epoch": e + 1.0, "eval_accuracy": y})
            ],
        }
    ),
    "a curve a line": json.dumps({"run": "a", "val_accuracy": CURVE}),
    "steps": table([["global_step", "val_acc"], *[[390 * (e + 1), y] for e, y in enumerate(CURVE)]]),
    "a step more than once": table(
        [["step", "val_acc", "lr"], *[[s, v, 1] for e, y in enumerate(CURVE) for s, v in ((7 * e, ""), (7 * e, y))]]
    ),
    "a restart from a checkpoint": table(
        [["epoch", "val_acc"], [0, 0.1], [1, 0.31], [2, 0.3], [3, 0.4], *[[e, CURVE[e]] for e in (2, 3, 4)]]
    ),
    "a restart from the beginning": table(
        [["epoch", "val_acc"], *[[e, 0.9] for e in range(9)], ["epoch", "val_acc"], *enumerate(CURVE)]
    ),
    "rows in disorder": table(
        [
            ["epoch", "val_acc"],
            *[[e, CURVE[e]] for e in (4, 1, 3, 0, 2)],
            [0, 0.1],
            [3, 0.515],
            [1, 0.31],
            [4, 0.58],
            [2, 0.42],
        ]
    ),
    "an epoch twice": table([["epoch", "val_acc"], *[row for e, y in enumerate(CURVE) for row in ([e, 0.0], [e, y])]]),
}

PRINTED = {
    "keras": "".join(
        f"Epoch {e}/30\n18/18 [====] - 5s 3ms/step - loss: {1 - y:.4f} - val_accuracy: {y:.4f}\n"
        for e, y in enumerate(CURVE, 1)
    ),
    "a logger": "".join(
        f"2024-05-01 12:00:{e:02d},123 INFO Epoch {e}/30 - loss: 0.{e} - val_acc: {y:.4f}\n"
        for e, y in enumerate(CURVE)
    ),
    "words and numbers": "".join(f"epoch {e} train loss {1 - y:.3f} val acc {y:.3f}\n" for e, y in enumerate(CURVE)),
    "PyTorch's first example": "".join(
        f"Train Epoch: {e} [0/60000 (0%)]\tLoss: 0.9\nTrain Epoch: {e} [640/60000 (1%)]\tLoss: 0.8\n\n"
        f"Test set: Average loss: 0.{e}, Accuracy: {round(10000 * y)}/10000 ({100 * y:.0f}%)\n"
        for e, y in enumerate(CURVE, 1)
    ),
    "PyTorch's tutorial": "".join(
        f"Epoch {e}/29\n----------\ntrain Loss: 0.5000 Acc: 0.9\nval Loss: 0.4 Acc: {y:.4f}\n\n"
        for e, y in enumerate(CURVE)
    ),
    "PyTorch's ImageNet, in percent": "".join(
        f"Epoch: [{e}][10/391]\tTime 0.2 ( 0.3)\tLoss 2.1e+00 (2.2e+00)\tAcc@1  91.00 ( 92.00)\n"
        f" *   Acc@1 {100 * y:.3f} Acc@5 99.100\n"
        for e, y in enumerate(CURVE)
    ),
    "steps": "".join(
        f"step {250 * e}: train perplexity 9, val score {y:.4f}\niter {250 * e}: loss 0.3, time 23.1ms\n"
        for e, y in enumerate(CURVE)
    ),
    "boosted trees": "".join(f"[{e}]\ttrain-auc:0.9\tvalid-auc:{y:.5f}\n" for e, y in enumerate(CURVE)),
    "dictionaries of Python": "".join(
        f"{{'eval_loss': nan, 'eval_f1': {y}, 'epoch': {e}.0}}\n" for e, y in enumerate(CURVE, 1)
    ),
    "colours around words": "".join(
        f"\x1b[32mEpoch {e}/30\x1b[0m - \x1b[1mloss\x1b[0m: 0.5 - val_acc: \x1b[31m{y:.4f}\x1b[0m\x1b[K"
        "\x1b]0;val_acc: 0.1\x1b\\\x1b]0;val_acc: 0.2\x07\n"  # titles of the window, which end in either way
        for e, y in enumerate(CURVE)
    ),
    "a notebook": json.dumps(
        {
            "nbformat": 4,
            "cells": [
                {"cell_type": "markdown", "source": ["epoch 0: val_acc 0.99"]},
                {"outputs": [{"text": [f"epoch {e}: val_acc {y}\n" for e, y in enumerate(CURVE)]}, {"data": {}}]},
            ],
        }
    ),
    "colours, and no epochs": "".join(f"\x1b[32mINFO\x1b[0m val_acc={y}\n" for y in CURVE),
}


@pytest.mark.parametrize("kind", PRINTED)
def test_printed_lines(kind, tmp_path):
    logs = read(tmp_path, PRINTED[kind], "net.log")
    assert logs.failures == []
    np.testing.assert_allclose(logs.runs[0].values / (100 if "percent" in kind else 1), CURVE, atol=1e-9)
    assert logs.runs[0].epochs == {
        "keras": 30,
        "a logger": 30,
        "colours around words": 30,
        "PyTorch's tutorial": 29,
    }.get(kind)


def test_exports_of_tracking_services(tmp_path):
    """Weights & Biases has a column a run, pandas a header of two lines, MLflow files, and people write lines above the header."""
    wandb = [["Step", *(f"{r} - val_acc{end}" for r in "ab" for end in ("", "__MIN", "__MAX"))]]
    wandb += [[e, y, 0, 1, *([y / 2, 0, 1] if e < 3 else ["", "", ""])] for e, y in enumerate(CURVE)]
    two = [["", "acc", "acc", "loss", "loss"], ["run", "a", "b", "a", "b"], ["epoch", "", "", "", ""]]
    two += [[e, y, y / 2, 1, 2] for e, y in enumerate(CURVE)]
    for rows in (wandb, two):
        logs = read(tmp_path, table(rows))
        assert [run.name for run in logs.runs] == ["a", "b"], logs.failures
        np.testing.assert_allclose(logs.runs[0].values, CURVE)
        np.testing.assert_allclose(logs.runs[1].values[:3], np.array(CURVE[:3]) / 2)
    for run in "ab":
        folder = tmp_path / "mlruns" / "0" / run / "metrics"
        folder.mkdir(parents=True)
        (folder / "val_acc").write_text("".join(f"17000000000{e} {y} {e}\n" for e, y in enumerate(CURVE)) + "17")
        (folder / "loss").write_text("".join(f"17000000000{e} {1 - y} {e}\n" for e, y in enumerate(CURVE)))
    for source, names in ((tmp_path / "mlruns", ["a", "b"]), (tmp_path / "mlruns/0/a/metrics/val_acc", ["a"])):
        logs = read_logs([source])
        assert [run.name for run in logs.runs] == names, logs.failures
        np.testing.assert_allclose(logs.runs[0].values, CURVE)
    (tmp_path / "mlruns/0/a/metrics/val_acc").write_text("17000000000 0.5 1\nnonsense\n17000000000 0.5 2\n")
    assert "line 2 is not" in read_logs([tmp_path / "mlruns"]).failures[0]
    yolo = [
        [
            "      epoch",
            "  metrics/precision(B)",
            "  metrics/mAP50(B)",
            "  metrics/mAP50-95(B)",
            " val/box_loss",
            " val/cls_loss",
        ]
    ]
    yolo += [[e + 1, 0.5, 0.9, y, 1, 2] for e, y in enumerate(CURVE)]
    np.testing.assert_allclose(read(tmp_path, table(yolo)).runs[0].values, CURVE)
    large = table(
        [["step", "reward"], *[[f"{1000 * (e + 1):,}", f"{1e4 * y + 1000:,.1f}"] for e, y in enumerate(CURVE)]]
    )
    logs = read(tmp_path, large)
    np.testing.assert_allclose(logs.runs[0].values, 1e4 * np.array(CURVE) + 1000)
    above = "model: resnet18, wide\nbatch size: 64\n" + table(
        [["epoch", "val_acc", "lr"], *[[e, y, 1] for e, y in enumerate(CURVE)]]
    )
    np.testing.assert_allclose(read(tmp_path, above).runs[0].values, CURVE)


def test_states_of_hugging_face(tmp_path):
    """Of the states in checkpoints only the last counts; it tells how long the training is."""
    for k, folder in ((2, "out/checkpoint-20"), (5, "out/checkpoint-100")):
        history = [{"epoch": e, "eval_accuracy": y, "step": 10 * e} for e, y in enumerate(CURVE[:k], 1)]
        state = {"best_metric": 1, "log_history": history, "num_train_epochs": 8}
        read(tmp_path, json.dumps(state), f"{folder}/trainer_state.json")
    logs = read_logs([tmp_path / "out"])
    assert len(logs.runs) == 1
    np.testing.assert_allclose(logs.runs[0].values, CURVE)
    assert logs.runs[0].epochs == 8


@pytest.mark.parametrize("kind", ONE_RUN)
def test_one_run(kind, tmp_path):
    logs = read(tmp_path, ONE_RUN[kind], "net.log")
    assert logs.failures == []
    assert len(logs.runs) == 1
    values = logs.runs[0].values / (100 if "percent" in kind else 1)
    np.testing.assert_allclose(values, CURVE, atol=1e-9)
    assert logs.runs[0].name == ("a" if kind in ("a curve a line", "a name and a column an epoch") else "net")
    if "restart" in kind:
        assert "restarted" in logs.notes[0]
    if kind == "an epoch twice":
        assert "5 rows repeat an epoch" in logs.notes[0]


B = [y / 2 for y in CURVE[:3]]
SEVERAL = {
    "run column": table(
        [["run", "epoch", "val_acc"], *[["a", *p] for p in enumerate(CURVE)], *[["b", *p] for p in enumerate(B)]]
    ),
    "run column, mixed rows": table(
        [
            ["epoch", "run_id", "val_acc"],
            *[[e, r, c[e]] for e in range(5) for r, c in (("a", CURVE), ("b", B)) if e < len(c)],
        ]
    ),
    "a column an epoch": table([["run", *range(5)], ["a", *CURVE], ["b", *B, "", ""]]),
    "a column an epoch, no header": table([["a", *CURVE], ["b", *B, "", ""]]),
    "a metric column": table(
        [
            ["run", "metric", "e1", "e2", "e3", "e4", "e5"],
            ["a", "val_acc", *CURVE],
            ["a", "loss", *B, 0, 0],
            ["b", "val_acc", *B, "", ""],
        ]
    ),
    "json lines": "".join(
        json.dumps({"name": n, "epoch": e, "val_acc": y}) + "\n"
        for n, c in (("a", CURVE), ("b", B))
        for e, y in enumerate(c)
    ),
    "lines of runs in turns": "".join(
        f"[run {n}] epoch {e} val_acc {c[e]}\n"
        for e in range(len(CURVE))
        for n, c in enumerate((CURVE, B))
        if e < len(c)
    ),
    "curves by name": json.dumps({"a": CURVE, "b": B}),
    "curves a line": "".join(json.dumps({"run": n, "val_acc": c}) + "\n" for n, c in (("a", CURVE), ("b", B))),
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_several_runs(kind, tmp_path):
    logs = read(tmp_path, SEVERAL[kind])
    assert logs.failures == []
    assert [run.name for run in logs.runs] in (["a", "b"], ["run 0", "run 1"])
    for run, curve in zip(logs.runs, (CURVE, B)):
        np.testing.assert_allclose(run.values[np.isfinite(run.values)], curve)


def test_lines_of_processes_that_nothing_tells_apart_are_said_to_be_several(tmp_path):
    lines = "".join(f"[rank{r}] epoch {e} val_acc {y + r / 100}\n" for e, y in enumerate(CURVE) for r in range(2))
    logs = read(tmp_path, lines)
    np.testing.assert_allclose(logs.runs[0].values, np.array(CURVE) + 0.01)
    assert "epochs have several values of val_acc: the last one counts. Give each run" in logs.notes[0]


BROKEN = {
    "epochs below 0": ("epoch,val_acc\n-1,0.1\n-2,0.2\n", "in column 'epoch', a number of at least 0"),
    "a web page": ("<!DOCTYPE html>\n<title>Sign in</title>", "is a web page"),
    "an archive": (b"PK\x03\x04" + bytes(60), "is an archive or workbook"),
    "empty": ("", "is empty"),
    "blank": (" \n\n", "is empty"),
    "only a header": ("epoch,val_acc\n", "no row below"),
    "no numbers": ("a,b\nx,y\n", "no numbers"),
    "only epochs": ("epoch\n1\n2\n3\n", "no numbers besides epoch"),
    "all NaN": ("epoch,val_acc\n0,nan\n1,nan\n", "every value of 'val_acc' is missing or NaN"),
    "all NaN, a column an epoch": ("run,1,2,3\na,nan,nan,nan\n", "every value is missing or NaN|no value but NaN"),
    "binary": (bytes(range(256)), "is not text"),
    "which column": (
        "epoch,zeal,zest\n0,1,2\n1,2,3\n",
        "which column is the metric .* zeal, zest. Choose one with --metric",
    ),
    "several columns": ("epoch,val_f1,val_auc\n0,.1,.2\n", "val_f1, val_auc. Choose one with --metric"),
    "a table of results": ("model,accuracy\na,.1\nb,.2\nc,.3\n", "one value for each run|no learning curves"),
    "too many cells": ("epoch,val_acc\n0,0.1\n1,0.2,7\n", "line 3 has 3 cells, the header has 2"),
    "no json": ('{"epoch": 1}\n{nonsense}\n{"epoch": 2}\n', "line 2 is not JSON"),
    "json without records": ("[1, 2, 3]", "not records"),
    "damaged gzip": (gzip.compress(b"epoch,val_acc\n0,0.1\n")[:-9], "damaged"),
    "only comments": ("# a\n# b\n", "only comments"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_broken_says_so_in_a_line_and_hinders_nothing(kind, tmp_path):
    text, message = BROKEN[kind]
    (tmp_path / "good.csv").write_text(table(LONG))
    (tmp_path / "bad.log").write_bytes(text if isinstance(text, bytes) else text.encode())
    logs = read_logs([tmp_path / "bad.log", tmp_path / "good.csv", tmp_path / "none.csv"])
    assert [run.name for run in logs.runs] == ["good"]
    first, last = logs.failures
    assert first.startswith(str(tmp_path / "bad.log"))
    assert "\n" not in first
    assert re.search(message, first), first
    assert last.endswith("none.csv does not exist.")


def test_the_metric_asked_for(tmp_path):
    assert read(tmp_path, table(LONG), metric="val_loss").runs[0].values[0] == pytest.approx(1.9)
    assert read(tmp_path, table(LONG), metric="Val-Loss").runs[0].metric == "val_loss"
    missing = read(tmp_path, table(LONG), metric="val_acc")
    assert "there is no column 'val_acc'. Did you mean" in missing.failures[0]


def test_files_are_named_apart(tmp_path):
    for folder in ("version_0", "version_1"):
        read(tmp_path, table(LIGHTNING), f"lightning_logs/{folder}/metrics.csv")
    read(tmp_path, SEVERAL["run column"], "sweep.csv")
    logs = read_logs([tmp_path])
    assert [run.name for run in logs.runs] == ["version_0", "version_1", "sweep/a", "sweep/b"]
    twice = read_logs([tmp_path / "sweep.csv", tmp_path / "sweep.csv"])
    assert len({run.name for run in twice.runs}) == 4
    (tmp_path / "empty").mkdir()
    assert [run.name for run in read_logs([tmp_path / "lightning_logs" / "version_1", tmp_path / "empty"]).runs] == [
        "version_1"
    ]
    assert "holds no logs" in read_logs([tmp_path / "empty"]).failures[0]


def test_folders_tell_files_of_one_name_apart(tmp_path):
    for folder in ("deep/lightning_logs/version_0", "wide/lightning_logs/version_0", "wide/lightning_logs/version_1"):
        read(tmp_path, table(LIGHTNING), f"{folder}/metrics.csv")
    names = [run.name for run in read_logs([tmp_path]).runs]
    assert names == ["deep/version_0", "wide/version_0", "version_1"]
    state = {"log_history": [{"epoch": e + 1, "eval_accuracy": y} for e, y in enumerate(CURVE)]}
    for run in ("bert/run1", "gpt/run1"):
        (tmp_path / "hf" / run / "checkpoint-500").mkdir(parents=True)
        (tmp_path / "hf" / run / "checkpoint-500" / "trainer_state.json").write_text(json.dumps(state))
    assert [run.name for run in read_logs([tmp_path / "hf"]).runs] == ["bert/run1", "gpt/run1"]
    alone = tmp_path / "hf" / "bert"
    assert [run.name for run in read_logs([alone]).runs] == ["run1"], "the training, not its checkpoint"


def test_a_training_that_ended_in_nan_has_diverged(tmp_path):
    rows = [["epoch", "loss", "val_loss"], [0, 2.0, 2.1], [1, 1.0, 1.2], [2, "nan", "nan"], [3, "nan", "nan"]]
    assert read(tmp_path, table(rows)).runs[0].values[-1] == np.inf
    rows = [["epoch", "loss", "val_loss"], [0, 2.0, 2.1], [1, 1.0, 1.2], [2, 0.8, "nan"]]
    assert read(tmp_path, table(rows)).runs[0].values.tolist() == [2.1, 1.2], "not yet evaluated"


def test_sparse_epochs_leave_gaps(tmp_path):
    rows = [["epoch", "val_acc"], *[[e, 0.1 * e] for e in (2, 4, 6)]]
    np.testing.assert_allclose(read(tmp_path, table(rows)).runs[0].values, [NAN, 0.2, NAN, 0.4, NAN, 0.6])


def test_runs_of_one_table_start_at_the_same_epoch(tmp_path):
    rows = [["run", "epoch", "val_acc"], ["a", 0, 0.1], ["a", 1, 0.2], ["b", 1, 0.3]]
    assert np.isnan(read(tmp_path, table(rows)).runs[1].values[0])


def test_our_own_files(tmp_path):
    run = {
        "arch": [0, 1, 2],
        "seed": 0,
        "curves": {"train_loss": [2.0, 1.0], "val_accuracy": [0.4, 0.5]},
        "test_accuracy": 0.5,
    }
    other = {**run, "arch": [0, 1, 3], "curves": {"train_loss": [2.0, NAN], "val_accuracy": [0.3, NAN]}}
    read(tmp_path, json.dumps([run]) + "\n" + json.dumps([other]) + "\n", "mine/runs.jsonl")
    (tmp_path / "mine" / "settings.json").write_text("{}")
    logs = read_logs([tmp_path / "mine"])
    assert logs.failures == []
    assert len({run.name for run in logs.runs}) == 2
    assert all("01" in run.name for run in logs.runs)
    assert logs.runs[0].values.tolist() == [0.4, 0.5]
    bench = [["predictor", "train_size", "trial", "kendall_tau", "error"]]
    bench += [[p, n, t, v + 0.1 * t, ""] for p, v in (("gp", 0.2), ("mlp", 0.1)) for n in (10, 20, 40) for t in (0, 1)]
    logs = read(tmp_path, table(bench), "results.csv")
    assert [run.name for run in logs.runs] == ["gp", "mlp"]
    np.testing.assert_allclose(logs.runs[0].values, [0.25] * 3)
    search = [
        ["strategy", "evaluations", "best_mean", "seconds"],
        *[[s, n, n / 100, 1] for s in ("random", "local") for n in (10, 20, 30)],
    ]
    logs = read(tmp_path, table(search), "results.csv")
    assert [run.name for run in logs.runs] == ["random", "local"]
    assert logs.runs[0].values.tolist() == [0.1, 0.2, 0.3]


def test_events_of_tensorboard(tmp_path):
    pytest.importorskip("tensorboard", reason="TensorBoard's reader is an extra")
    from torch.utils.tensorboard import SummaryWriter

    for name, offset in (("exp1", 0.0), ("exp2", 0.1)):
        with SummaryWriter(tmp_path / name) as writer:
            for e, y in enumerate(CURVE):
                writer.add_scalar("val/acc", y + offset, e)
                writer.add_scalar("train/loss", 1 - y, 10 * e)
    logs = read_logs([tmp_path])
    assert logs.failures == []
    assert [run.name for run in logs.runs] == ["exp1", "exp2"]
    np.testing.assert_allclose(logs.runs[0].values, CURVE, rtol=1e-6)
    with SummaryWriter(tmp_path / "k" / "validation") as writer:
        for e, y in enumerate(CURVE):
            writer.add_scalar("epoch_accuracy", y, e)
    with SummaryWriter(tmp_path / "k" / "train") as writer:
        writer.add_scalar("epoch_accuracy", 0.9, 0)
    keras = read_logs([tmp_path / "k"])
    assert [(run.name, run.metric) for run in keras.runs] == [("k", "validation/epoch_accuracy")]
    with SummaryWriter(tmp_path / "pl") as writer:  # Lightning: global steps, and a scalar that tells the epoch
        for e, y in enumerate(CURVE):
            writer.add_scalar("val_acc", y, 50 * e + 49)
            writer.add_scalar("epoch", e, 50 * e + 49)
            writer.add_scalar("train_loss", 2 - y, 50 * e + 24)
            writer.add_scalar("epoch", e, 50 * e + 24)
        writer.add_scalar("hp_metric", -1, 0)  # has no epoch, and is no curve
    np.testing.assert_allclose(read_logs([tmp_path / "pl"]).runs[0].values, CURVE, rtol=1e-6)
    losses = read_logs([tmp_path / "pl"], "train_loss")
    np.testing.assert_allclose(losses.runs[0].values, 2 - np.array(CURVE), rtol=1e-6)
    assert losses.notes == []
    (tmp_path / "events.out.tfevents.1").write_bytes(b"junk" * 50)
    assert "events.out.tfevents.1" in read_logs([tmp_path / "events.out.tfevents.1"]).failures[0]


def test_without_tensorboard_the_install_line_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing.event_accumulator", None)
    (tmp_path / "events.out.tfevents.1").write_bytes(b"x")
    assert "pip install 'archcast[tensorboard]'" in read_logs([tmp_path / "events.out.tfevents.1"]).failures[0]


def test_one_metric_for_all():
    runs = [Run("a", np.ones(2), "val_acc"), Run("b", np.ones(2), "val/accuracy"), Run("c", np.ones(2), None)]
    found = one_metric(runs, None, None)
    assert found is not None
    assert not found.falls
    assert one_metric(runs[2:], None, None) is None
    with pytest.raises(InvalidInputError, match=r"different things: val_acc, val_loss\. Choose one with --metric"):
        one_metric([runs[0], Run("d", np.ones(2), "val_loss")], None, None)
    with pytest.raises(InvalidInputError, match=r"'zeal' should be high or low .* --better higher"):
        one_metric([Run("d", np.ones(2), "zeal")], None, None)
    lower = one_metric([Run("d", np.ones(2), "zeal")], None, "lower")
    assert lower is not None
    assert lower.falls


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1e-3", 1e-3),
        ("0,5", 0.5),
        ("93.1 %", 93.1),
        (" inf ", np.inf),
        ("tensor(0.5)", 0.5),
        ("1_000", None),
        ("x", None),
        (True, None),
        (2, 2.0),
    ],
)
def test_numbers(cell, value):
    assert number(cell) == value


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 1)), min_size=1, max_size=60))
@settings(max_examples=60)
def test_whatever_the_epochs_the_last_value_is_kept(points):
    """After any order of epochs the curve ends where it ends, and the last row of the log is in it unless the log is sorted."""
    epochs, values = [float(e) for e, _ in points], [v for _, v in points]
    curve, _ = arrange(epochs, values, first=0)
    assert len(curve) <= 31
    assert np.isfinite(curve[-1])
    if (np.diff(epochs) < 0).sum() <= 3:
        assert len(curve) == int(epochs[-1]) + 1
        assert curve[-1] == values[-1]
