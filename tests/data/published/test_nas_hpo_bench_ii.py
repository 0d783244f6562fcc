"""NAS-HPO-Bench-II: dictionaries by (hash, learning rate, batch size, seed)."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidFileError


@pytest.fixture
def folder(tmp_path, rng):
    codes = {"0|10|210": "h1", "3|12|000": "h2", "0|10|211": "h1"}
    keys = [(h, lr, b, s) for h in ("h1", "h2") for lr in (0.05, 0.1) for b in (32, 64) for s in (0, 1)]
    table = {
        f"{split}_{kind}_{epoch}": {key: float(rng.random()) for key in keys}
        for split in ("train", "valid", "test")
        for kind in ("acc", "time")
        for epoch in range(12)
    }
    table["total_train_time"] = dict.fromkeys(keys, 99.0)
    for k, name in enumerate(("hash", "lr", "batch_size", "seed")):  # parts of the key are columns too
        table[name] = {key: key[k] for key in keys}
    (tmp_path / "bench12.pkl").write_bytes(pickle.dumps(table))
    (tmp_path / "cellinfo.pkl").write_bytes(pickle.dumps({"hash": codes}))
    return tmp_path, table, keys


def test_cells_with_hyperparameters(folder) -> None:
    path, table, keys = folder
    benchmark = archcast.load_benchmark("nas-hpo-bench-ii", path=path)
    assert len(benchmark) == 8
    configurations = list(dict.fromkeys(key[:3] for key in keys))
    expected = [np.mean([table["valid_acc_11"][(*c, s)] for s in (0, 1)]) for c in configurations]
    np.testing.assert_allclose(benchmark.scores(), expected)
    np.testing.assert_array_equal(
        benchmark.scores("test_accuracy_seed1"), [table["test_acc_11"][(*c, 1)] for c in configurations]
    )
    assert benchmark.curves["val_accuracy"].shape == (8, 12)
    seconds = [
        np.mean([sum(table[f"train_time_{e}"][(*c, s)] for e in range(12)) for s in (0, 1)]) for c in configurations
    ]
    np.testing.assert_allclose(benchmark.train_seconds, seconds)
    assert benchmark.space.cardinalities == (4,) * 6 + (2, 2)
    assert benchmark.archs[-1].tolist() == [3, 1, 2, 0, 0, 0, 1, 1]


def test_files_of_another_shape(folder, survives) -> None:
    path, _, _ = folder
    assert survives(path / "bench12.pkl", lambda: archcast.load_benchmark("nas-hpo-bench-ii", path), times=40) > 8
    (path / "cellinfo.pkl").write_bytes(pickle.dumps({"hash": {"0|1": "h1"}}))
    with pytest.raises(InvalidFileError, match="has 2 operations, not six"):
        archcast.load_benchmark("nas-hpo-bench-ii", path)
