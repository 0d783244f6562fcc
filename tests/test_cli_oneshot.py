"""``archcast oneshot``."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import archcast
from archcast.cli import app, main

SMALL = ["--width", "4", "--epochs", "1", "--batch-size", "384", "--images", "20"]


def run(*arguments):
    done = CliRunner().invoke(app, ["oneshot", *map(str, arguments)], env={"COLUMNS": "160", "TERM": "dumb"})
    assert done.exit_code == 0, done.output + str(done.exception)
    return done.stdout


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("oneshot") / "snas.npz"
    said = run("train", path, "--method", "one-shot-snas", *SMALL, "--checkpoint", path.with_suffix(".safetensors"))
    assert f"archcast oneshot report {path}" in said
    assert path.with_suffix(".safetensors").exists()
    return path


def test_what_is_trained_is_the_predictor(model):
    predictor = archcast.predictors.base.Predictor.load(model)
    task = archcast.Task(width=4, depth=1, stages=1)
    alone = archcast.get_predictor(
        "one-shot-snas", "nasbench201", task=task, epochs=1, batch_size=384, images=20, random_state=0
    ).init()
    rows = predictor._space.sample(5, 0)
    np.testing.assert_array_equal(predictor.query(rows).mean, alone.query(rows).mean)


def test_without_a_checkpoint_epochs_are_kept_beside_the_file_until_it_is_written(tmp_path, monkeypatch):
    """The second epoch ends the process; the same command continues with it, and its file is that of a training left alone."""
    from archcast.cli import _progress

    line = ["train", tmp_path / "a.npz", "--method", "one-shot-snas", *SMALL, "--epochs", 3]
    bar, epochs = _progress.Bar.update, []

    def update(self, done, *rest, **more):
        epochs.append(done)
        if len(epochs) == 2:
            raise KeyboardInterrupt
        return bar(self, done, *rest, **more)

    monkeypatch.setattr(_progress.Bar, "update", update)
    done = CliRunner().invoke(app, ["oneshot", *map(str, line)])
    assert done.exit_code == 130
    assert f"finished epochs are kept in {tmp_path / 'a.npz.safetensors'}; the same command continues." in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz.safetensors"]
    seen = len(epochs)
    run(*line)
    assert epochs[seen:] == [1, 2, 3], "the first epoch was kept"
    run(*line[:1], tmp_path / "b.npz", *line[2:])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]
    one, two = (archcast.Predictor.load(tmp_path / name) for name in ("a.npz", "b.npz"))
    assert repr(one) == repr(two)
    rows = one._space.sample(5, 0)
    np.testing.assert_array_equal(one.query(rows).mean, two.query(rows).mean)


def test_query_is_sorted_and_has_every_measure(model):
    space = archcast.get_space("nasbench201")
    records = json.loads(run("query", model, "--sample", 6, "--json"))
    assert len(records) == 6
    assert [r["score"] for r in records] == sorted((r["score"] for r in records), reverse=True)
    text = space.format([[3, 3, 3, 3, 3, 3]])[0]
    (record,) = json.loads(run("query", model, text, "--measure", "likelihood", "--json"))
    assert record["arch"] == text
    assert record["score"] < 0
    assert text in run("query", model, text)


def test_an_architecture_without_a_path_gets_a_line(model):
    space = archcast.get_space("nasbench201")
    texts = space.format([[0] * 6, [3] * 6])
    done = CliRunner().invoke(app, ["oneshot", "query", str(model), *texts])
    assert done.exit_code == 0
    assert "1 of 2 architectures have no path" in done.stderr
    assert "no path" not in CliRunner().invoke(app, ["oneshot", "query", str(model), texts[1]]).stderr


def test_derive_prints_an_architecture(model):
    space = archcast.get_space("nasbench201")
    for by in ("score", "weights", "perturbation"):
        assert space.parse(run("derive", model, "--by", by).strip()).shape == (1, 6)


def test_report_compares_with_the_benchmark(model, tmp_path):
    said = run("report", model, "--benchmark", "digits", "--out", tmp_path / "report.html")
    for words in (
        "Training loss",
        "tau with params",
        "better half",
        "less that of the accuracies",
        "0->1",
        "perturbation",
    ):
        assert words in said
    page = (tmp_path / "report.html").read_text()
    assert "OneShotSNAS on digits" in page
    assert page.count("<table>") == 5
    assert "less that of the mixture" not in page, "nothing was watched"


def test_watched_architectures_are_those_of_the_benchmark(tmp_path):
    run("train", tmp_path / "net.npz", *SMALL, "--watch", 5, "--benchmark", "digits")
    predictor = archcast.predictors.base.Predictor.load(tmp_path / "net.npz")
    known = {bytes(row) for row in archcast.load_benchmark("digits").archs}
    assert len(predictor.watch) == 5
    assert all(bytes(row) in known for row in np.asarray(predictor.watch))
    assert predictor.diary_["loss"].shape == (1, 5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "x.npz", "--method", "darts"], "Did you mean 'one-shot-darts'"),
        (["train", "x.npz", "--space", "nasbench-macro"], "no supernet"),
        (["train", "no/such/folder/x.npz"], "does not exist"),
        (["query", "nothing.npz", "--sample", "2"], "nothing.npz"),
        (["derive", "MODEL", "--by", "luck"], "by must be one of"),
        (["query", "MODEL", "--sample", "2", "--measure", "luck"], "measure is 'luck'"),
        (["query", "MODEL"], "Give architectures"),
        (["report", "MODEL", "other.npz"], "--benchmark"),
        (["report", "MODEL", "--benchmark", "nas-bench-graph/cora"], "is of space"),
        (["train", "x.npz", "--benchmark", "digits"], "goes with --watch"),
        (["train", "x.npz", "--watch", "5", "--benchmark", "nas-bench-graph/cora"], "is of space"),
    ],
)
def test_bad_input_is_one_line(arguments, words, model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(["oneshot", *[str(model) if a == "MODEL" else a for a in arguments]])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
