"""NAS-Bench-Macro: one JSON file."""

from __future__ import annotations

import json

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidFileError


@pytest.fixture
def file(tmp_path, rng):
    texts = ["".join(map(str, row)) for row in rng.integers(0, 3, (9, 8))]
    table = {}
    for text in texts:
        runs = (rng.random(3) * 100).tolist()
        table[text] = {
            "test_acc": runs,
            "mean_acc": float(np.mean(runs)),
            "std": 0.1,
            "params": 890_666,
            "flops": 47_327_744,
        }
    path = tmp_path / "nas-bench-macro_cifar10.json"
    path.write_text(json.dumps(table))
    return path, table


def test_it_holds_test_accuracies_only(file) -> None:
    path, table = file
    benchmark = archcast.load_benchmark("nasbench-macro", path=path.parent)
    assert benchmark.space.format(benchmark.archs) == list(table)
    assert (benchmark.default_metric, benchmark.test_metric) == ("test_accuracy", "test_accuracy")
    assert not any("val" in name for name in benchmark.metrics)
    np.testing.assert_array_equal(
        benchmark.scores("test_accuracy_run3"), [row["test_acc"][2] for row in table.values()]
    )
    assert benchmark.left_out == "6,552 chains that the file does not hold"


def test_files_of_another_shape(file, survives) -> None:
    path, table = file
    assert survives(path, lambda: archcast.load_benchmark("nasbench-macro", path)) > 15
    for change in ({"1234": next(iter(table.values()))}, {"00000000": {}}, {"00000000": 3}):
        path.write_text(json.dumps(table | change))
        with pytest.raises(InvalidFileError, match="is not the table of NAS-Bench-Macro"):
            archcast.load_benchmark("nasbench-macro", path)


def test_real_rows(shared) -> None:
    benchmark = archcast.load_benchmark("nasbench-macro", shared / "formats" / "nas-bench-macro")
    assert len(benchmark) == 600
    worst = int(benchmark.scores().argmin())
    assert benchmark.space.format(benchmark.archs[worst]) == ["00000000"]
    assert benchmark.scores()[worst] == pytest.approx(45.36333, abs=1e-5)
