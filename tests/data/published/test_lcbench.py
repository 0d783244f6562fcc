"""LCBench: configurations by data set."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

import archcast
from archcast.data.published import lcbench
from archcast.data.published.lcbench import binned
from archcast.errors import InvalidFileError


@pytest.fixture
def file(tmp_path, rng):
    rows = {}
    for k in range(40):
        config = {
            "batch_size": int(rng.choice([16, 32])),
            "learning_rate": float(rng.random()),
            "num_layers": k % 4,
            "x": 1,
        }
        log = {name: rng.random(5).tolist() for name in ("Train/loss", "Train/val_accuracy", "Train/test_result")}
        rows[str(k)] = {"config": config, "log": {**log, "time": np.cumsum(rng.random(5)).tolist()}, "results": {}}
    path = tmp_path / "data_2k_lw.json"
    path.write_text(json.dumps({"Fashion-MNIST": rows, "KDDCup09_appetency": rows}))
    return path, rows


def test_configurations(file) -> None:
    path, rows = file
    benchmark = archcast.load_benchmark("lcbench/kddcup09-appetency", path=path.parent)
    assert set(benchmark.space.columns) == {"batch_size", "learning_rate", "num_layers"}
    kept = [row["log"] for row in rows.values()]
    assert len(benchmark) >= 35
    if len(benchmark) == 40:
        np.testing.assert_array_equal(benchmark.scores(), [log["Train/val_accuracy"][-1] for log in kept])
        np.testing.assert_allclose(benchmark.train_seconds, [log["time"][-1] for log in kept])
    assert benchmark.curves["test_accuracy"].shape[1] == 5


@pytest.mark.parametrize("window", [64, 1000, 1 << 22])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_file_is_read_piece_by_piece(file, monkeypatch, window, indent) -> None:
    path, rows = file
    whole = archcast.load_benchmark("lcbench/fashion-mnist", path)
    other = {"0": {"config": {"x": '"Fashion-MNIST": {'}, "log": {}, "results": {}}}
    path.write_text(json.dumps({"adult": other, "Fashion-MNIST": rows, "volkert": other}, indent=indent))
    monkeypatch.setattr(lcbench, "WINDOW", window)
    pieces = archcast.load_benchmark("lcbench/fashion-mnist", path)
    np.testing.assert_array_equal(pieces.archs, whole.archs)
    np.testing.assert_array_equal(pieces.curves["val_accuracy"], whole.curves["val_accuracy"])
    with zipfile.ZipFile(path.with_name("data_2k_lw.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, "data_2k_lw.json")
    path.unlink()
    packed = archcast.load_benchmark("lcbench/fashion-mnist", path.parent)
    np.testing.assert_array_equal(packed.scores(), whole.scores())


@pytest.mark.parametrize(
    ("cut", "message"),
    [(-20, "is not JSON"), (40, "is not JSON"), (3, "no data set of LCBench"), (0, "no data set of LCBench")],
)
def test_a_file_that_ends_too_early(file, cut, message) -> None:
    path, _ = file
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InvalidFileError, match=message):
        archcast.load_benchmark("lcbench/fashion-mnist" if cut != -20 else "lcbench/kddcup09-appetency", path)


def test_binned_keeps_the_order() -> None:
    values = list(np.random.default_rng(0).random(500))
    classes = binned(values)
    assert len(set(classes)) == 30
    order = np.argsort(values)
    assert (np.diff(np.array(classes)[order]) >= 0).all()
    assert binned([1, 2, None]) == [1, 2, None]
    assert binned(["a", "b"]) == ["a", "b"]


def test_files_of_another_shape(file, survives) -> None:
    path, _ = file
    assert survives(path, lambda: archcast.load_benchmark("lcbench/fashion-mnist", path), times=30) > 5
    with pytest.raises(InvalidFileError, match="has no data set 'adult'; it has fashion-mnist"):
        archcast.load_benchmark("lcbench/adult", path)
