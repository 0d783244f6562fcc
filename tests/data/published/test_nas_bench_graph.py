"""NAS-Bench-Graph: the package's light tables, and the full files of several seeds."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path

import numpy as np
import pytest

import archcast
from archcast.data._stand_ins import NUMPY_SCALARS
from archcast.data._unpickle import read_pickle
from archcast.errors import DataNotFoundError, InvalidFileError, MissingDependencyError


def test_tables_agree_with_the_package() -> None:
    """The package's own hash, from its own notation, must lead to the same figures."""
    from nas_bench_graph.architecture import Arch

    benchmark = archcast.load_benchmark("nas-bench-graph/cora")
    assert len(benchmark) == len(np.unique(benchmark.archs, axis=0)) == 26_206
    assert benchmark.scores().max() == pytest.approx(0.8193, abs=5e-5)
    folder = Path(importlib.util.find_spec("nas_bench_graph").origin).parent / "light"
    raw = read_pickle(folder / "cora.bench", NUMPY_SCALARS)
    for i in range(0, 26_206, 331):
        arch = eval(benchmark.space.format(benchmark.archs[i])[0], {"Arch": Arch})
        row = raw[arch.valid_hash()]
        assert (row["valid_perf"], row["perf"]) == (benchmark.scores()[i], benchmark.scores("perf")[i])
        assert (row["latency"], row["para"]) == (benchmark.costs["latency"][i], benchmark.costs["para"][i])


def test_proteins_use_five_operations(shared) -> None:
    benchmark = archcast.load_benchmark("nas-bench-graph/proteins")
    other = archcast.load_benchmark("nas-bench-graph/proteins", shared / "formats" / "nas-bench-graph")
    assert len(benchmark) == 2_021
    assert sorted(np.unique(benchmark.archs[:, 4:])) == [1, 4, 5, 7, 8]
    np.testing.assert_array_equal(benchmark.archs, other.archs)
    np.testing.assert_array_equal(benchmark.scores(), other.scores())


@pytest.fixture
def full(tmp_path, rng):
    """Keys as in the file: a tree and four operations, decimal."""
    keys, tables = [1234, 80_123, 34_567], {}
    for seed in (0, 1):
        tables[seed] = {
            key: {
                **{name: np.float64(rng.random()) for name in ("valid_perf", "perf", "latency", "para")},
                "dur": [[float(value) for value in rng.random(7)] for _ in range(5 - (key == 1234))],
            }
            for key in keys
        }
        (tmp_path / f"cora{seed}.bench").write_bytes(pickle.dumps(tables[seed], protocol=3))
    return tmp_path, keys, tables


def test_full_files(full) -> None:
    path, keys, tables = full
    benchmark = archcast.load_benchmark("nas-bench-graph/cora", path=path)
    for metric in ("valid_perf", "perf"):
        values = [[tables[seed][key][metric] for seed in (0, 1)] for key in keys]
        np.testing.assert_allclose(benchmark.scores(metric), np.mean(values, axis=1))
        np.testing.assert_array_equal(benchmark.scores(f"{metric}_seed1"), [pair[1] for pair in values])
    curve = benchmark.curves["valid_loss"]
    assert curve.shape == (3, 5)
    assert np.isnan(curve[0, 4]), "one was stopped earlier"
    np.testing.assert_allclose(curve[1], np.mean([[e[4] for e in tables[s][80_123]["dur"]] for s in (0, 1)], axis=0))
    assert benchmark.archs[1, 4:].tolist() == [0, 1, 2, 3]


def test_seeds_may_list_the_architectures_in_another_order(full) -> None:
    path, keys, tables = full
    first = archcast.load_benchmark("nas-bench-graph/cora", path)
    turned = {key: {**tables[1][key], "dur": np.array(tables[1][key]["dur"])} for key in reversed(keys)}
    (path / "cora1.bench").write_bytes(pickle.dumps(turned, protocol=4))
    again = archcast.load_benchmark("nas-bench-graph/cora", path)
    np.testing.assert_array_equal(again.archs, first.archs)
    np.testing.assert_array_equal(again.scores("perf_seed1"), first.scores("perf_seed1"))
    np.testing.assert_allclose(again.curves["valid_loss"], first.curves["valid_loss"])


def test_files_of_another_shape(full, tmp_path, survives) -> None:
    path, _, _ = full
    assert survives(path / "cora1.bench", lambda: archcast.load_benchmark("nas-bench-graph/cora", path)) > 10
    table = {1: dict.fromkeys(("valid_perf", "perf", "latency", "para"), 1.0)}
    (path / "cora1.bench").write_bytes(pickle.dumps(table))
    with pytest.raises(InvalidFileError, match="do not hold the same architectures"):
        archcast.load_benchmark("nas-bench-graph/cora", path)
    for content in ({1: {"perf": 2.0}}, [1, 2], {}, {"x": {}}, {99_999: table[1]}, {-5: table[1]}):
        (path / "cs.bench").write_bytes(pickle.dumps(content))
        with pytest.raises(archcast.ArchcastError):
            archcast.load_benchmark("nas-bench-graph/cs", path)
    with pytest.raises(DataNotFoundError, match="figshare"):
        archcast.load_benchmark("nas-bench-graph/arxiv", path)


def test_a_missing_package_says_how_to_install(monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="pip install nas-bench-graph"):
        archcast.load_benchmark("nas-bench-graph/cora")
    with pytest.raises(MissingDependencyError, match=r"pip install 'archcast\[analog\]'"):
        archcast.load_benchmark("analog-nasbench")
