"""The comparison of curve predictors: it runs on files of the published layout, and its figures and bookkeeping are right."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy.stats import kendalltau

from archcast.predictors.learning_curve.distributions import StudentT


@pytest.fixture
def script(load_script):
    return load_script("benchmarks/curves.py")


def curves(n: int, epochs: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(0.3, 0.9, (n, 1)) * (1 - 0.8 ** np.arange(1, epochs + 1)) + rng.normal(0, 0.01, (n, epochs))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    whole = curves(25, 20, 3)
    np.savez(tmp_path / "lc_baker2018_curves.npz", metaqnn_cifar10=curves(25, 20, 0), deep_resnets_cifar10=curves(25, 25, 1),
             lstm_ptb=800 - 700 * curves(25, 30, 2))  # fmt: skip
    runs = np.where(np.arange(25) < 3, 40, 100)
    np.savez(
        tmp_path / "snn_cifar10_curves_valacc.npz",
        curve=(25_000 * whole).astype(np.uint16),
        scale=250.0,
        epochs_run=runs,
    )
    np.savez(tmp_path / "snn_cifar10_curves_trainloss.npz", curve=(10_000 - 5_000 * whole).astype(np.uint16), scale=1e4)
    monkeypatch.setenv("ARCHCAST_DATA", str(tmp_path))
    return tmp_path


def run(script, monkeypatch, capsys, *arguments: str) -> list[list[str]]:
    monkeypatch.setattr(sys, "argv", ["curves.py", *arguments])
    script.main()
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_it_runs(script, folder, monkeypatch, capsys):
    arguments = ["--predictors", "lc-pfn,lc-increment,early-stop,sotl", "--test", "6", "--complete", "8", "--details"]
    lines = run(script, monkeypatch, capsys, *arguments)
    names = [line[0] for line in lines]
    assert [name for name in names if name not in {"metaqnn", "resnets", "lstm", "snn"}][1:] == [
        "last", "best", "lc-pfn", "lc-increment", "early-stop", "sotl",
    ]  # fmt: skip
    rows = {line[0]: line for line in lines}
    assert rows["sotl"][1:3] == ["(1", "sets)"], "only one of the sets has training losses"
    assert rows["early-stop"][3:5] == rows["last"][3:5]
    assert rows["lc-pfn"][5].count("/") == 2


def test_early_stopping_runs(script, folder, monkeypatch, capsys):
    lines = run(script, monkeypatch, capsys, "--early-stopping", "--test", "5", "--orders", "1")
    assert [line[0] for line in lines[1:]] == ["lc-pfn"] * 5 + ["lc-increment"] * 5
    assert all(0 <= float(line[2]) < 1 and float(line[3]) >= 0 for line in lines[1:])


def test_missing_files_are_left_out_and_named(script, tmp_path, capsys):
    assert list(script.data_sets(tmp_path)) == []
    assert capsys.readouterr().err.count("left out: no file") == 3


def test_sets_are_higher_is_better_and_whole(script, folder):
    sets = dict(script.data_sets(folder))
    assert len(sets["snn"]["val_accuracy"]) == 22
    for signals in sets.values():
        accuracy = signals["val_accuracy"]
        assert accuracy.min() >= -0.1
        assert accuracy.max() <= 1
        assert accuracy[:, -1].mean() > accuracy[:, 0].mean()


def test_figures(script):
    truth = np.array([0.1, 0.2, 0.3, 0.4])
    found = StudentT(truth[[1, 0, 2, 3]], np.array([0.01, 1.0, 1.0, 1.0]), np.full(4, 1e6))
    row = script.figures(truth, found.mean, found, 0.004)
    assert row.tau == pytest.approx(4 / 6)
    assert row.rmse == pytest.approx(np.sqrt(0.02 / 4))
    assert row.covered == 0.75
    assert row.milliseconds == pytest.approx(1)
    normal = -np.log(2 * np.pi) / 2
    expected = [max(normal - np.log(0.01) - 50, -10), normal - 0.005, normal, normal]
    assert row.likelihood == pytest.approx(np.mean(expected), abs=1e-3)


def test_an_oracle_stops_what_will_not_win(script, monkeypatch):
    """Every training that ends below the best finished one costs a tenth; no regret."""
    values = curves(12, 20, 5)
    last = values[:, -1]

    def oracle(predictor, given):
        row = int(np.flatnonzero((values[:, :2] == given.curves["val_accuracy"][0, :2]).all(axis=1))[0])
        return last[[row]], StudentT(last[[row]], np.array([1e-9]), np.array([1e6]))

    monkeypatch.setattr(script, "make", lambda *arguments: None)
    monkeypatch.setattr(script, "answer", oracle)
    saved, regret = script.early_stopping("any", {"val_accuracy": values}, 12, 1)
    order = np.random.default_rng(0).permutation(12)
    records = sum(last[i] > max(last[order[:k]], default=-1) for k, i in enumerate(order))
    assert saved == pytest.approx(1 - (records * 20 + (12 - records) * 2) / (12 * 20))
    assert regret == 0


def test_architectures_are_told_too(script, monkeypatch, capsys):
    """Figures of one split, made again by hand; without networks at init there is nothing but the curve."""
    table = script.Table.of("digits")
    order = np.random.default_rng(0).permutation(len(table.archs))
    last, truth = table.curves[order[20:320], 4], table.curves[order[20:320], -1]
    row = table.row("last", 20, 5, 0)
    assert row.tau == pytest.approx(kendalltau(last, truth)[0])
    assert row.rmse == pytest.approx(np.sqrt(np.mean((last - truth) ** 2)))
    arguments = ["--architectures", "digits", "--predictors", "last,ft-pfn", "--sizes", "0,30", "--splits", "1"]
    lines = run(script, monkeypatch, capsys, *arguments)
    assert [line[:2] for line in lines[1:]] == [["last", "0"], ["ft-pfn", "0"], ["last", "30"], ["ft-pfn", "30"]]
    told, blind = (np.array(line[2].split("/"), dtype=float) for line in (lines[4], lines[2]))
    assert (told > blind - 0.02).all()
