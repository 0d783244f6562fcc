"""Benchmarks: the contract, the registry and the messages."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.data import BENCHMARKS, benchmark_names
from archcast.errors import (
    ArchcastError,
    DataNotFoundError,
    InvalidInputError,
    MissingDependencyError,
    UnknownNameError,
)

SPACE = archcast.get_space("nasbench201")
ARCHS = SPACE.sample(6, 0)
SCORES = np.arange(6.0)


def make(**changes):
    fields = {
        "name": "mine",
        "space": "nasbench201",
        "archs": ARCHS,
        "metrics": {"acc": SCORES},
        "default_metric": "acc",
    }
    return archcast.Benchmark(**{**fields, **changes})


def test_fields_are_converted_and_kept() -> None:
    benchmark = make(metrics={"acc": [1, 2, 3, 4, 5, np.nan]}, proxies={"snip": range(6)}, costs={"ms": SCORES})
    assert benchmark.space is SPACE
    assert len(benchmark) == 6
    assert benchmark.scores().dtype == float
    assert benchmark.evidence([1, 3]).proxies["snip"].tolist() == [1, 3]
    assert set(benchmark.evidence().costs) == {"ms"}
    assert repr(benchmark) == "Benchmark('mine', 6 architectures of nasbench201, metrics ['acc'])"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"archs": ARCHS[:0]}, "archs is empty"),
        ({"metrics": {"acc": SCORES[:5]}}, r"metrics\['acc'\] must have shape \(6,\)"),
        ({"metrics": {"acc": np.r_[SCORES[:5], np.inf]}}, "infinite"),
        ({"default_metric": "loss"}, "default_metric 'loss' is not one of acc"),
        ({"train_seconds": SCORES[:2]}, r"train_seconds must have shape \(6,\)"),
        ({"proxies": {"snip": SCORES[:4]}}, "evidence has 4 rows, archs has 6"),
        ({"space": "nasbench2"}, "Unknown space 'nasbench2'"),
    ],
)
def test_wrong_fields(changes, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        make(**changes)


def test_unknown_metric_suggests_the_closest() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown metric 'ac' of benchmark 'mine'\. Did you mean 'acc'"):
        make().scores("ac")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nasbench20", "Unknown benchmark 'nasbench20'. Did you mean 'nasbench201'"),
        ("nas-bench-graph", "Name a task of benchmark 'nas-bench-graph'"),
        (
            "nas-bench-graph/corra",
            "Unknown task 'corra' of benchmark 'nas-bench-graph'. Did you mean 'nas-bench-graph/cora'",
        ),
        (
            "nasbench201/cifar1000",
            "Unknown task 'cifar1000' of benchmark 'nasbench201'. Did you mean 'nasbench201/cifar10",
        ),
    ],
)
def test_unknown_names(name, message) -> None:
    with pytest.raises(UnknownNameError, match=message):
        archcast.load_benchmark(name)


def test_names_with_their_tasks() -> None:
    names = benchmark_names()
    assert len(names) == len(set(names))
    assert "nas-bench-graph/cora" in names
    assert sum(name.startswith("nas-bench-graph/") for name in names) == 9


@pytest.mark.parametrize(
    "name", [name for name in BENCHMARKS if BENCHMARKS.entry(name).info.get("needs") == "$ARCHCAST_DATA"]
)
def test_a_missing_file_says_where_it_is_from(name, tmp_path, monkeypatch) -> None:
    full = next(n for n in benchmark_names() if n.split("/")[0] == name)
    monkeypatch.delenv("ARCHCAST_DATA", raising=False)
    with pytest.raises(
        DataNotFoundError, match=rf"'{full}' needs .*, and \$ARCHCAST_DATA is not set\. .*https://.* Then set"
    ):
        archcast.load_benchmark(full)
    monkeypatch.setenv("ARCHCAST_DATA", str(tmp_path))
    with pytest.raises(DataNotFoundError, match=rf"is not in '{tmp_path}'\. .*https://"):
        archcast.load_benchmark(full)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_reader_says_what_it_is(name) -> None:
    info = BENCHMARKS.entry(name).info
    assert info["summary"]
    assert "http" in info["paper"]
    assert info.get("space", "nasbench201") in archcast.spaces.SPACES, (
        "none named: the table's own columns are its space"
    )


@pytest.mark.slow
def test_every_shared_benchmark_loads(shared) -> None:
    """Whatever is beside the checkout must be readable, and its texts round-trip."""
    read = 0
    for name in benchmark_names():
        needs = BENCHMARKS.entry(name.split("/")[0]).info.get("needs")
        if needs == "cannot be read":
            continue
        try:
            benchmark = archcast.load_benchmark(name, shared if needs == "$ARCHCAST_DATA" else None)
        except (DataNotFoundError, MissingDependencyError):
            continue
        except ArchcastError as error:
            if "holds no costs of FBNet" in str(error):  # the fragment is of cells alone
                continue
            pytest.fail(f"{name}: {error}")
        read += 1
        some = benchmark.archs[:: max(1, len(benchmark) // 50)]
        assert (benchmark.space.parse(benchmark.space.format(some)) == some).all()
        assert np.isfinite(benchmark.scores()).any()
    assert read >= 20
