"""SpikeNAS-Bench: the reader on a small table made here, and the real one against what it must be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

import archcast
from archcast.data import load_benchmark
from archcast.errors import DataNotFoundError, InvalidFileError

COLUMNS = {"test_acc": 80.0, "val_acc_last": 81.0, "val_acc_best": 82.0, "train_seconds": 100.0}


def write(folder, n=4, epochs=100):
    ops = [f"{i}23401"[:6] for i in range(n)]
    runs = [100] * (n - 1) + [200]
    pd.DataFrame({"ops": ops, "epochs_run": runs, **COLUMNS}).to_csv(folder / "snn_cifar10_acc.csv.gz", index=False)
    curve = np.arange(n * epochs, dtype=np.uint16).reshape(n, epochs)
    np.savez(folder / "snn_cifar10_curves_trainloss.npz", curve=curve, scale=np.float32(1000))
    np.savez(folder / "snn_cifar10_curves_valacc.npz", curve=curve, scale=np.float32(250))


def test_small_table(tmp_path) -> None:
    write(tmp_path)
    benchmark = load_benchmark("spikenas-bench", tmp_path)
    assert len(benchmark) == 3, "the longer training is left out"
    assert benchmark.archs.tolist() == [[i, 2, 4, 3, 0, 1] for i in range(3)]
    assert benchmark.scores().tolist() == [80.0] * 3
    assert benchmark.train_seconds.tolist() == [100.0] * 3
    assert benchmark.curves["train_loss"][1, 2] == pytest.approx(0.102)
    assert benchmark.curves["val_accuracy"][2, 0] == pytest.approx(0.8)


def test_bad_files_are_named(tmp_path) -> None:
    with pytest.raises(DataNotFoundError, match=r"snn_cifar10_acc\.csv\.gz"):
        load_benchmark("spikenas-bench", tmp_path)
    write(tmp_path)
    (tmp_path / "snn_cifar10_curves_valacc.npz").unlink()
    with pytest.raises(DataNotFoundError, match=r"snn_cifar10_curves_valacc\.npz"):
        load_benchmark("spikenas-bench", tmp_path)
    (tmp_path / "snn_cifar10_curves_valacc.npz").write_bytes(b"no archive")
    with pytest.raises(InvalidFileError, match=r"valacc\.npz' does not hold"):
        load_benchmark("spikenas-bench", tmp_path)
    write(tmp_path, epochs=99)
    with pytest.raises(InvalidFileError, match=r"shape \(4, 100\), got \(4, 99\)"):
        load_benchmark("spikenas-bench", tmp_path)


def test_real_table(shared) -> None:
    """Cells without a path never learn, only they stay at chance, and both early signals rank as measured elsewhere."""
    benchmark = load_benchmark("spikenas-bench", shared / "benchmarks")
    space = benchmark.space
    assert len(benchmark) == 14_935
    dead = (space.canonical(benchmark.archs) == space.canonical([[0] * 6])).all(axis=1)
    assert dead.sum() == 341
    assert np.array_equal(dead, benchmark.curves["val_accuracy"].max(axis=1) < 11)
    rows = np.random.default_rng(0).choice(len(benchmark), 3000, replace=False)
    truth, evidence = benchmark.scores()[rows], benchmark.evidence(rows)
    taus = {}
    for name in ("sotl", "sotl-e", "early-stop"):
        predictor = archcast.get_predictor(name, space, epochs=10).init()
        partial = archcast.Evidence({signal: curve[:, :10] for signal, curve in evidence.curves.items()})
        taus[name] = kendalltau(predictor.query(benchmark.archs[rows], partial).mean, truth).statistic
    assert taus["sotl-e"] > 0.56
    assert taus["sotl-e"] > taus["sotl"] > 0.4, "the first epochs mislead"
    assert taus["early-stop"] == pytest.approx(0.49, abs=0.02)
