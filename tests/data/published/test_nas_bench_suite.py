"""NAS-Bench-Suite: 25 tasks, each of which is a benchmark of its own."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

import archcast
from archcast.data.base import benchmark_names
from archcast.data.published.nas_bench_suite import TASKS
from archcast.errors import DataNotFoundError


def test_there_are_25_tasks_and_each_is_a_benchmark() -> None:
    names = benchmark_names()
    assert len(TASKS) == 25
    assert {f"nas-bench-suite/{task}" for task in TASKS} <= set(names)
    for name, _ in TASKS.values():
        assert any(full == name or full.startswith(f"{name}/") for full in names), name


def test_a_task_is_the_same_data_under_the_name_of_the_suite(tmp_path, rng) -> None:
    cell = {
        "node_0": {"op": "linear", "input": ["x", "h_prev_0"]},
        "h_new_0": {"op": "activation_tanh", "input": ["node_0"]},
    }
    losses = {f"{split}_losses": rng.random(3).tolist() for split in ("train", "val", "test")}
    log = {"status": "OK", "recepie": json.dumps(cell), "wall_times": [1.0] * 3, "num_params": 5, **losses}
    (tmp_path / "log_stats_model_1_1_1.json").write_text(json.dumps(log))
    compact = (((0, 4), (1, 4), (4, 5)), (0, 0, 0, 0, 6, 2), (5,))
    extract = tmp_path / "nb_nlp.pickle"
    extract.write_bytes(pickle.dumps({compact: {**losses, "wall_times": [1.0] * 3}}))
    for path in (tmp_path, extract):
        suite = archcast.load_benchmark("nas-bench-suite/nasbench-nlp/ptb", path)
        own = archcast.load_benchmark("nasbench-nlp", path)
        assert suite.name == "nas-bench-suite/nasbench-nlp/ptb"
        np.testing.assert_array_equal(suite.archs, own.archs)
        np.testing.assert_array_equal(suite.scores(), own.scores())


@pytest.mark.parametrize("task", sorted(TASKS))
def test_missing_data_is_named_as_naslib_names_it(tmp_path, task) -> None:
    with pytest.raises(DataNotFoundError) as error:
        archcast.load_benchmark(f"nas-bench-suite/{task}", tmp_path)
    assert TASKS[task][1] in str(error.value)
    surrogate = task.startswith(("nasbench301", "nasbench-nlp", "nasbench-mr"))
    assert ("are refused" in str(error.value)) == surrogate
