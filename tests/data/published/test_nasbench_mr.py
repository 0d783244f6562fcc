"""NAS-Bench-MR: pickled lists of dictionaries, one a setting."""

from __future__ import annotations

import gzip
import pickle

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidFileError


def job(rng, metrics, key="inverted_residual_setting"):
    channels = [8, 16, 24, 32, 48, 64, 96, 128]
    stem, last = rng.choice(channels, 2).tolist(), int(rng.choice(channels))
    setting, embedding = [], list(stem)
    for branches in range(1, 5):
        repeats = int(rng.integers(1, 5))
        units, widths = rng.integers(1, 5, branches).tolist(), rng.choice(channels, branches).tolist()
        setting += [[branches, units, widths]] * repeats
        embedding += [repeats, *units, *widths]
    return {
        **{name: float(rng.random() * 100) for name in metrics},
        "flops": float(rng.random()),
        "params": float(rng.random()),
        "input_channel": stem,
        key: setting,
        "last_channel": last,
        "embedding": [*embedding, last],
    }


@pytest.fixture
def folder(tmp_path, rng):
    tables = {}
    for setting, metrics in (("cls-10c", ("top1", "top5")), ("seg", ("mIoU", "mAcc", "aAcc")), ("3ddet", ("mAP",))):
        tables[setting] = [job(rng, metrics) for _ in range(12)]
        (tmp_path / setting).mkdir()
        (tmp_path / setting / "trainval.pkl").write_bytes(pickle.dumps(tables[setting], protocol=3))
    return tmp_path, tables


@pytest.mark.parametrize(("setting", "metric"), [("cls-10c", "top1"), ("seg", "mIoU"), ("3ddet", "mAP")])
def test_settings(folder, setting, metric) -> None:
    path, tables = folder
    benchmark = archcast.load_benchmark(f"nasbench-mr/{setting}", path=path)
    assert benchmark.default_metric == metric
    np.testing.assert_array_equal(benchmark.scores(), [one[metric] for one in tables[setting]])
    np.testing.assert_array_equal(benchmark.costs["params"], [one["params"] for one in tables[setting]])
    assert benchmark.space.name == "nasbench-mr"
    for row, one in zip(benchmark.archs, tables[setting]):
        assert [allowed[k] for allowed, k in zip(benchmark.space.numbers, row)] == one["embedding"]


def test_the_readme_names_the_setting_otherwise_and_files_may_be_compressed(tmp_path, rng) -> None:
    jobs = [job(rng, ("top1", "top5"), "network_setting") for _ in range(5)]
    (tmp_path / "video.trainval.pkl.gz").write_bytes(gzip.compress(pickle.dumps(jobs)))
    benchmark = archcast.load_benchmark("nasbench-mr/video", tmp_path)
    np.testing.assert_array_equal(benchmark.scores("top5"), [one["top5"] for one in jobs])
    assert len(archcast.load_benchmark("nasbench-mr/video", tmp_path / "video.trainval.pkl.gz")) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one["embedding"].__setitem__(4, 1), "the embedding is not that of the network"),
        (lambda one: one["inverted_residual_setting"].pop(0), "is not a table of NAS-Bench-MR"),
        (lambda one: one.update(top1="x"), "top1 must be numbers"),
        (lambda one: one["inverted_residual_setting"].append([4, [1, 1, 1, 1], [8, 8, 8, 9]]), "are not equal"),
    ],
)
def test_files_of_another_shape(tmp_path, rng, change, message) -> None:
    jobs = [job(rng, ("top1", "top5")) for _ in range(3)]
    for one in jobs:
        one["inverted_residual_setting"] = one["inverted_residual_setting"][:]
    jobs[2]["inverted_residual_setting"][0:0] = []
    change(jobs[2])
    if message.startswith("is not"):
        jobs[2]["inverted_residual_setting"] = [b for b in jobs[2]["inverted_residual_setting"] if b[0] > 1]
    (tmp_path / "trainval.pkl").write_bytes(pickle.dumps(jobs))
    with pytest.raises(InvalidFileError, match=message):
        archcast.load_benchmark("nasbench-mr/cls-10c", tmp_path / "trainval.pkl")


def test_damaged_files(folder, survives) -> None:
    path, _ = folder
    file = path / "seg" / "trainval.pkl"
    assert survives(file, lambda: archcast.load_benchmark("nasbench-mr/seg", path)) > 20


@pytest.mark.parametrize(("setting", "low", "high"), [("cls-50-1000", 46.08, 86.16), ("seg", 32.91, 79.10)])
def test_real_files(shared, setting, low, high) -> None:
    benchmark = archcast.load_benchmark(f"nasbench-mr/{setting}", shared / "formats" / "nas-bench-mr")
    assert len(benchmark) == 2507
    assert (benchmark.scores().min(), benchmark.scores().max()) == (low, high)
