"""Benchmark files: written whole, read back, and a wrong file is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import archcast
from archcast.data import Benchmark, read_benchmark, save_benchmark
from archcast.errors import DataNotFoundError, InvalidFileError


def benchmark() -> Benchmark:
    space = archcast.get_space("nasbench201")
    archs, rng = space.sample(9, 0), np.random.default_rng(0)
    return Benchmark(
        "mine",
        space,
        archs,
        {"accuracy": rng.random(9), "other": np.where(np.arange(9) == 3, np.nan, 1.0)},
        "other",
        curves={"val_accuracy": rng.random((9, 4))},
        costs={"latency_ms": rng.random(9)},
        proxies={"synflow": rng.normal(size=9) * 1e9},
        train_seconds=rng.random(9),
        source="a test",
        test_metric="accuracy",
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    one = benchmark()
    save_benchmark(one, tmp_path / "benchmark.npz")
    for path in (tmp_path, tmp_path / "benchmark.npz", str(tmp_path)):
        two = archcast.load_benchmark(str(path))
        assert (two.archs == one.archs).all()
        assert (two.name, two.default_metric, two.source, two.space.name) == ("mine", "other", "a test", "nasbench201")
        assert two.test_metric == "accuracy"
        for kind in ("metrics", "curves", "costs", "proxies"):
            assert list(getattr(two, kind)) == list(getattr(one, kind))
            for name, values in getattr(one, kind).items():
                assert getattr(two, kind)[name] == pytest.approx(values, rel=1e-6, nan_ok=True)
        assert two.train_seconds == pytest.approx(one.train_seconds, rel=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["benchmark.npz"]


def test_without_seconds(tmp_path: Path) -> None:
    plain = Benchmark("p", "nasbench201", [[0, 1, 2, 3, 4, 0]], {"a": [1.0]}, "a")
    save_benchmark(plain, tmp_path / "p.npz")
    assert read_benchmark(tmp_path / "p.npz").train_seconds is None


def test_wrong_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="archcast train"):
        read_benchmark(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    np.savez(tmp_path / "object.npz", header=np.array([{}], dtype=object))
    save_benchmark(benchmark(), tmp_path / "new.npz")
    with np.load(tmp_path / "new.npz") as file:
        arrays = dict(file)
    arrays["header"] = np.array(json.dumps({**json.loads(str(arrays["header"])), "format": 2}))
    np.savez(tmp_path / "new.npz", **arrays)
    for name, message in (
        ("text", "does not begin like a zip"),
        ("other", "header"),
        ("object", "Python objects"),
        ("new", "format 2"),
    ):
        with pytest.raises(InvalidFileError, match=message) as caught:
            archcast.load_benchmark(str(tmp_path / f"{name}.npz"))
        assert f"{name}.npz" in str(caught.value)


def test_a_space_of_ones_own_is_kept_with_its_benchmark(tmp_path):
    import archcast
    from archcast.data.files import read_benchmark, save_benchmark

    space = archcast.Choices(width=[16, 32, 64], act=["relu", "gelu"], conditions={"act": {"width": [32, 64]}})
    rows = space.enumerate()
    save_benchmark(archcast.Benchmark("mine", space, rows, {"acc": rows.sum(axis=1)}, "acc"), tmp_path / "b.npz")
    again = read_benchmark(tmp_path / "b.npz")
    assert again.space == space
    assert again.archs.tolist() == rows.tolist()
