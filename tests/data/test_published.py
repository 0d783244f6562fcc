"""Readers of published tables, on small tables made here and against independent code on the real ones."""

from __future__ import annotations

import gzip
import io
import pickle
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

import archcast
from archcast.data import load_benchmark
from archcast.data._unpickle import NUMPY_SCALARS, Record, read_pickle
from archcast.data.published._published import clean, connected, digits, fill_twins
from archcast.errors import InvalidFileError, MissingDependencyError

NB201 = archcast.get_space("nasbench201")
PROXIES = ("epe_nas", "fisher", "flops", "grad_norm", "grasp", "jacov", "l2_norm", "nwot", "params", "plain", "snip",
           "synflow", "zen")  # fmt: skip


# -- helpers -----------------------------------------------------------------------------------------------------------


def test_digits_name_the_bad_line(tmp_path) -> None:
    assert digits(["012", "340"], 3, tmp_path).tolist() == [[0, 1, 2], [3, 4, 0]]
    for bad in ("12", "1a2", float("nan"), "²12"):
        with pytest.raises(InvalidFileError, match=r"line 3: ops .* is not 3 digits"):
            digits(["012", bad], 3, tmp_path)


def test_clean_keeps_what_was_computed() -> None:
    values = np.array([1.5, -3e7, -1e8, np.inf, -np.inf, np.nan])
    assert np.isnan(clean(values)).tolist() == [False, False, True, True, True, True]


def test_fill_twins_against_a_loop(rng) -> None:
    archs = NB201.sample(400, rng)
    values = np.where(rng.random(400) < 0.4, rng.normal(size=400), np.nan)
    canonical = [tuple(row) for row in NB201.canonical(archs)]
    dead = tuple(NB201.canonical(np.zeros((1, 6), int))[0])
    expected = []
    for key, value in zip(canonical, values):
        twins = [v for k, v in zip(canonical, values) if k == key and not np.isnan(v)]
        filled = value if not np.isnan(value) else np.median(twins) if twins else np.nan
        expected.append(np.nan if key == dead else filled)
    np.testing.assert_allclose(fill_twins(values, NB201, archs), expected, rtol=1e-15)
    assert (np.isfinite(expected) & np.isnan(values)).sum() > 20, "the sample must have twins to fill"


def test_connected_is_reachability() -> None:
    assert connected(NB201, np.array([[0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0], [3, 0, 3, 0, 0, 2]])).tolist() == [
        True,
        False,
        True,
    ]


# -- pickles -----------------------------------------------------------------------------------------------------------


class Evil:
    def __reduce__(self):
        return print, ("executed",)


def test_a_pickle_is_not_executed(tmp_path, capsys) -> None:
    path = tmp_path / "evil.pickle"
    path.write_bytes(pickle.dumps({"a": Evil()}))
    with pytest.raises(InvalidFileError, match=r"could not be read as plain data: it asks for builtins\.print"):
        read_pickle(path, NUMPY_SCALARS)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_numpy_scalars_become_numbers(tmp_path, protocol) -> None:
    values = {"a": np.float64(1.5), "b": np.float32(0.25), "c": np.int64(-3), "d": 2.0, "e": [1, "x"]}
    path = tmp_path / "data.pickle"
    path.write_bytes(pickle.dumps(values, protocol=protocol))
    allowed = {**NUMPY_SCALARS, ("_codecs", "encode"): lambda text, name: text.encode(name)}
    read = read_pickle(path, allowed)
    assert read == values
    assert type(read["a"]) is float


def test_a_truncated_pickle_is_an_error(tmp_path) -> None:
    path = tmp_path / "data.pickle"
    path.write_bytes(pickle.dumps({"a": [1.0] * 100})[:-20])
    with pytest.raises(InvalidFileError, match=r"data\.pickle"):
        read_pickle(path, {})


def test_records_hold_attributes(tmp_path) -> None:
    path = tmp_path / "data.pickle"
    path.write_bytes(pickle.dumps(pd.Timedelta))
    with pytest.raises(InvalidFileError, match="pandas"):
        read_pickle(path, {("other", "Thing"): Record})


# -- NAS-Bench-Graph ---------------------------------------------------------------------------------------------------


def test_graph_tables_agree_with_the_package() -> None:
    """The package's own hash, from its own notation, must lead to the same figures."""
    from nas_bench_graph.architecture import Arch

    benchmark = load_benchmark("nas-bench-graph/cora")
    assert len(benchmark) == 26_206
    assert len(np.unique(benchmark.archs, axis=0)) == 26_206
    raw = read_pickle(_package_file("cora"), NUMPY_SCALARS)
    for i in range(0, 26_206, 331):
        arch = eval(benchmark.space.format(benchmark.archs[i])[0], {"Arch": Arch})
        row = raw[arch.valid_hash()]
        assert (row["valid_perf"], row["perf"]) == (benchmark.scores()[i], benchmark.scores("perf")[i])
        assert (row["latency"], row["para"]) == (benchmark.costs["latency"][i], benchmark.costs["para"][i])


def _package_file(task):
    import importlib.util
    from pathlib import Path

    return Path(importlib.util.find_spec("nas_bench_graph").origin).parent / "light" / f"{task}.bench"


def test_proteins_use_five_operations() -> None:
    benchmark = load_benchmark("nas-bench-graph/proteins")
    assert len(benchmark) == 2_021
    assert len(np.unique(benchmark.archs[:, 4:])) == 5


def test_graph_file_of_another_shape(tmp_path) -> None:
    for content in (
        {1: {"perf": 2.0}},
        [1, 2],
        {},
        {"x": {}},
        {99999: dict.fromkeys(("valid_perf", "perf", "latency", "para"), 1.0)},
    ):
        (tmp_path / "cora.bench").write_bytes(pickle.dumps(content))
        with pytest.raises(archcast.ArchcastError):
            load_benchmark("nas-bench-graph/cora", tmp_path)
    with pytest.raises(InvalidFileError, match="is not there"):
        load_benchmark("nas-bench-graph/arxiv", tmp_path)


def test_missing_packages_say_how_to_install(monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="pip install nas-bench-graph"):
        load_benchmark("nas-bench-graph/cora")
    with pytest.raises(MissingDependencyError, match=r"pip install 'archcast\[analog\]'"):
        load_benchmark("analog-nasbench")


# -- AnalogNAS-Bench ---------------------------------------------------------------------------------------------------


def test_analog_covers_the_space_and_was_trained_apart(shared) -> None:
    benchmark = load_benchmark("analog-nasbench")
    assert len(np.unique(benchmark.archs, axis=0)) == 15_625
    table = load_benchmark("nasbench201", shared / "benchmarks")
    order = np.lexsort(benchmark.archs.T), np.lexsort(table.archs.T)
    tau = kendalltau(benchmark.scores()[order[0]], table.scores()[order[1]]).statistic
    assert tau == pytest.approx(0.888, abs=5e-4)  # another edge or operation order gives less than .4


# -- NAS-Bench-101 and TransNAS-Bench-101 ------------------------------------------------------------------------------


def test_transnasbench_table(tmp_path) -> None:
    ops = ["".join(map(str, row)) for row in product(range(4), repeat=6)][::400]
    n = len(ops)
    pd.DataFrame({"ops": ops, "jigsaw": np.arange(n), "class_scene": 1.0, "jigsaw_best": np.nan}).to_csv(
        tmp_path / "tnb101_micro_val.csv.gz", index=False
    )
    benchmark = load_benchmark("transnasbench101-micro/jigsaw", tmp_path)
    assert sorted(benchmark.metrics) == ["jigsaw", "jigsaw_best"]
    assert benchmark.space.format(benchmark.archs)[1] == "64-41414-{}_{}{}_{}{}{}".format(*ops[1])
    assert not benchmark.proxies
    buffer = io.StringIO()
    pd.DataFrame({"ops": ops * 2, "task": ["jigsaw"] * n + ["class_scene"] * n, "zc_combine": [0] * n + [i % 2 for i in range(n)],
                  "snip": np.arange(2.0 * n)}).to_csv(buffer, index=False)  # fmt: skip
    (tmp_path / "tnb101_micro_zc.csv.gz").write_bytes(gzip.compress(buffer.getvalue().encode()))
    jigsaw = load_benchmark("transnasbench101-micro/jigsaw", tmp_path).proxies["snip"]
    scene = load_benchmark("transnasbench101-micro/class_scene", tmp_path).proxies["snip"]
    alive = connected(benchmark.space, benchmark.archs)
    assert alive.sum() > 3
    np.testing.assert_array_equal(jigsaw[alive], np.arange(n)[alive])
    marked = alive & (np.arange(n) % 2 == 1)
    np.testing.assert_array_equal(scene[marked], (n + np.arange(n))[marked])
    assert not np.isin(scene[alive & ~marked], n + np.arange(0, n, 2)).any(), "the other source must not be used"
