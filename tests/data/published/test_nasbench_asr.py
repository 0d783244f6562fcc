"""NAS-Bench-ASR: two pickles in a row a file."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

import archcast
from archcast.errors import DataNotFoundError, InvalidFileError

ARCHS = [[(1, 0), (1, 0, 0), (1, 0, 0, 0)], [(0, 1), (5, 0, 1), (2, 1, 1, 0)], [(4, 1), (3, 1, 1), (2, 0, 0, 1)]]
HASHES = ["36855332a5778e0df5114305bc3ce238", "b" * 32, "c" * 32]


def write(path, head, rows) -> None:
    path.write_bytes(pickle.dumps(head, protocol=4) + pickle.dumps(rows, protocol=4))


@pytest.fixture
def folder(tmp_path, rng):
    head = {"dataset_type": "training", "version": 1, "search_space": "nb-asr", "epochs": 40}
    head["columns"] = ["model_hash", "val_per", "test_per", "arch_vec"]
    runs = {}
    for seed in (1234, 1235):
        rows = [[code, (rng.random(40)).tolist(), float(rng.random()), arch] for code, arch in zip(HASHES, ARCHS)]
        runs[seed] = rows[: 3 if seed == 1234 else 2]
        write(tmp_path / f"nb-asr-e40-{seed}.pickle", {**head, "seed": seed}, runs[seed])
    short = [[HASHES[0], [0.5] * 10, 0.5, ARCHS[0]]]
    write(tmp_path / "nb-asr-e10-1234.pickle", {**head, "epochs": 10, "seed": 1234}, short)
    bench = {
        "dataset_type": "benchmarking",
        "version": 1,
        "columns": ["model_hash", "latency"],
        "device": "jetson-nano-fp32",
    }
    write(
        tmp_path / "nb-asr-bench-jetson-nano-fp32.pickle", bench, [[code, 0.5 + k] for k, code in enumerate(HASHES[:2])]
    )
    info = {"dataset_type": "static", "version": 1, "columns": ["model_hash", "params", "arch_vec"]}
    write(
        tmp_path / "nb-asr-info.pickle",
        info,
        [[code, 26_338_848 + k, a] for k, (code, a) in enumerate(zip(HASHES, ARCHS))],
    )
    return tmp_path, runs


def test_error_rates_turn_their_sign(folder) -> None:
    path, runs = folder
    benchmark = archcast.load_benchmark("nasbench-asr", path=path)
    assert len(benchmark) == 3
    assert benchmark.left_out == "1 files of shorter trainings, 8,239 architectures that the files do not hold"
    by_cell = [[rows[k] for rows in runs.values() if k < len(rows)] for k in range(3)]
    np.testing.assert_allclose(benchmark.scores(), [-np.mean([min(row[1]) for row in rows]) for rows in by_cell])
    np.testing.assert_allclose(
        benchmark.scores("neg_test_per"), [-np.mean([row[2] for row in rows]) for rows in by_cell]
    )
    np.testing.assert_array_equal(
        benchmark.scores("neg_test_per_seed1235"), [-runs[1235][0][2], -runs[1235][1][2], np.nan]
    )
    np.testing.assert_allclose(
        benchmark.curves["val_per"], [np.mean([row[1] for row in rows], axis=0) for rows in by_cell], rtol=1e-6
    )
    np.testing.assert_array_equal(benchmark.costs["latency_jetson-nano-fp32"], [0.5, 1.5, np.nan])
    assert benchmark.costs["params"][0] == 26_338_848
    rows = [json.loads(text) for text in benchmark.space.format(benchmark.archs)]
    assert rows[1][:2] == [[0, 1], [5, 0, 1]]
    assert rows[2][2] == [2, 0, 0, 1]
    assert benchmark.space.costs(benchmark.archs)["params"][0] == benchmark.costs["params"][0]
    assert np.prod(benchmark.space.cardinalities) == 13_824


def test_runs_of_different_length_have_the_shorter_curve(folder) -> None:
    path, runs = folder
    head = {"columns": ["model_hash", "val_per", "test_per", "arch_vec"], "epochs": 40, "seed": 1236}
    write(path / "nb-asr-e40-1236.pickle", head, [[HASHES[0], [0.4] * 30, 0.3, ARCHS[0]]])
    benchmark = archcast.load_benchmark("nasbench-asr", path)
    three = [runs[1234][0][1][:30], runs[1235][0][1][:30], [0.4] * 30]
    np.testing.assert_allclose(benchmark.curves["val_per"][0, :30], np.mean(three, axis=0), rtol=1e-6)
    assert np.isnan(benchmark.curves["val_per"][0, 30:]).all()


def test_one_seed_with_the_devices_beside_it(folder) -> None:
    path, runs = folder
    benchmark = archcast.load_benchmark("nasbench-asr", path / "nb-asr-e40-1235.pickle")
    np.testing.assert_allclose(benchmark.scores(), [-min(row[1]) for row in runs[1235]])
    assert "latency_jetson-nano-fp32" in benchmark.costs


def test_files_of_another_shape(folder, survives) -> None:
    path, _ = folder
    file = path / "nb-asr-e40-1234.pickle"
    assert survives(file, lambda: archcast.load_benchmark("nasbench-asr", path)) > 15
    head = {"columns": ["model_hash", "val_per", "test_per", "arch_vec"], "epochs": 40, "seed": 1}
    for rows, message in (
        ([["a", [0.5], 0.5]], "do not have 4 columns"),
        ([["a", [0.5], 0.5, ARCHS[0][:2]]], "has 2 nodes"),
        ([["a", [0.5], 0.5, [(1, 0), (1, 0), (1, 0)]]], "node 2 has 1 skips"),
        ([["a", [0.5], 0.5, [(9, 0), (1, 0, 0), (1, 0, 0, 0)]]], "is not a table of NAS-Bench-ASR"),
        (3, "do not have 4 columns"),
    ):
        write(file, head, rows)
        with pytest.raises(InvalidFileError, match=message):
            archcast.load_benchmark("nasbench-asr", path)
    file.write_bytes(pickle.dumps(head))
    with pytest.raises(InvalidFileError, match="nb-asr-e40-1234"):
        archcast.load_benchmark("nasbench-asr", path)
    (path / "other").mkdir()
    (path / "nb-asr-info.pickle").rename(path / "other" / "nb-asr-info.pickle")
    with pytest.raises(DataNotFoundError, match="holds no training"):
        archcast.load_benchmark("nasbench-asr", path / "other")
