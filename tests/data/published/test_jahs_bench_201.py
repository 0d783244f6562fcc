"""JAHS-Bench-201's raw tables: compressed pickles of pandas frames."""

from __future__ import annotations

import gzip
import pickle

import numpy as np
import pandas as pd
import pytest

import archcast
from archcast.errors import InvalidFileError

SCORES = ("valid-acc", "test-acc", "train-acc", "latency", "runtime", "FLOPS", "size_MB")


def frame(rng, n=12, epochs=3):
    rows = []
    for _ in range(n):
        config = {f"Op{k}": int(rng.integers(5)) for k in range(1, 7)}
        config |= {
            "N": int(rng.choice([1, 3, 5])),
            "W": int(rng.choice([4, 8, 16])),
            "Resolution": float(rng.choice([0.25, 0.5, 1.0])),
        }
        config |= {"TrivialAugment": bool(rng.integers(2)), "Activation": str(rng.choice(["ReLU", "Mish"]))}
        config |= {"LearningRate": float(rng.random()), "WeightDecay": float(rng.random())}
        for epoch in rng.permutation(epochs) + 1:
            scores = {name: float(rng.random() * 100) for name in SCORES[:5]}
            rows.append({**config, "epoch": int(epoch), **scores, "FLOPS": 5.0, "size_MB": 1.0})
    return pd.DataFrame(rows).astype({"Activation": object})


@pytest.mark.parametrize("levels", [1, 2])
def test_the_last_epoch_of_each_configuration(tmp_path, rng, levels) -> None:
    table = frame(rng)
    expected = table[table["epoch"] == 3]
    if levels == 2:
        table.columns = pd.MultiIndex.from_tuples([("x", name) for name in table.columns])
    (tmp_path / "fashion_mnist").mkdir()
    (tmp_path / "fashion_mnist" / "raw.pkl.gz").write_bytes(gzip.compress(pickle.dumps(table, protocol=4)))
    benchmark = archcast.load_benchmark("jahs-bench-201/fashion-mnist", path=tmp_path)
    assert benchmark.left_out == ""
    assert benchmark.curves["test_accuracy"].shape == (12, 3)
    np.testing.assert_allclose(benchmark.curves["val_accuracy"][:, -1], benchmark.scores(), rtol=1e-6)
    np.testing.assert_array_equal(np.sort(benchmark.scores()), np.sort(expected["valid-acc"]))
    decisions = benchmark.space.dicts(benchmark.archs)
    for row, score in zip(decisions, benchmark.scores()):
        original = expected[expected["valid-acc"] == score].iloc[0]
        assert (row["Op3"], row["Activation"], row["TrivialAugment"]) == (
            original["Op3"], original["Activation"], original["TrivialAugment"])  # fmt: skip
    assert {"flops", "latency", "size_mb"} == set(benchmark.costs)
    assert benchmark.train_seconds is not None


def test_the_authors_own_layouts(tmp_path, rng) -> None:
    table = frame(rng)
    for folder in ("cifar10", "colorectal_histology", "fashion_mnist"):
        (tmp_path / folder).mkdir()
    settings = [name for name in table.columns if name not in SCORES]
    wide = table.copy()
    wide.columns = pd.MultiIndex.from_tuples(
        [("features" if name in settings else "labels", name) for name in table.columns]
    )
    (tmp_path / "cifar10" / "raw.pkl.gz").write_bytes(gzip.compress(pickle.dumps(wide, protocol=4)))
    for split, rows in zip(("train", "valid", "test"), np.array_split(np.arange(len(wide)), 3), strict=True):
        wide.iloc[rows].to_pickle(tmp_path / "fashion_mnist" / f"{split}_set.pkl.gz", protocol=4)
    before = table.drop(columns="epoch")
    above = {name: ("model_config", name) for name in settings}
    above |= {f"{split}-acc": (split, "acc") for split in ("train", "valid", "test")}
    above |= {"size_MB": ("metadata", "size_MB")}
    before.columns = pd.MultiIndex.from_tuples([above.get(name, ("diagnostic", name)) for name in before.columns])
    rows = [(k % 2, k // 3, epoch) for k, epoch in enumerate(table["epoch"])]
    before.index = pd.MultiIndex.from_tuples(rows, names=["taskid", "model_idx", "Epoch"])
    before.to_pickle(tmp_path / "colorectal_histology" / "raw.pkl.gz", protocol=4)
    first, *others = [
        archcast.load_benchmark(f"jahs-bench-201/{task}", tmp_path)
        for task in ("cifar10", "colorectal-histology", "fashion-mnist")
    ]
    for other in others:
        np.testing.assert_array_equal(other.archs, first.archs)
        assert set(other.costs) == set(first.costs)
        for name, values in first.metrics.items():
            np.testing.assert_array_equal(other.metrics[name], values)
            np.testing.assert_array_equal(other.curves[name], first.curves[name])
        np.testing.assert_array_equal(other.train_seconds, first.train_seconds)


def test_files_of_another_shape(tmp_path, rng, survives) -> None:
    (tmp_path / "cifar10").mkdir()
    file = tmp_path / "cifar10" / "raw.pkl"
    file.write_bytes(pickle.dumps(frame(rng), protocol=4))
    assert survives(file, lambda: archcast.load_benchmark("jahs-bench-201/cifar10", tmp_path)) > 10
    file.write_bytes(pickle.dumps(frame(rng).drop(columns="Op4"), protocol=4))
    with pytest.raises(InvalidFileError, match="has no column 'Op4'"):
        archcast.load_benchmark("jahs-bench-201/cifar10", tmp_path)
    file.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(InvalidFileError, match="not a frame of pandas"):
        archcast.load_benchmark("jahs-bench-201/cifar10", tmp_path)
