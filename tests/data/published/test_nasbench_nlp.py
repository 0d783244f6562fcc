"""NAS-Bench-NLP: a JSON log a training, in zip archives."""

from __future__ import annotations

import json
import pickle
import zipfile

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidFileError


def log(rng, recipe, status="OK", **changes):
    losses = {f"{split}_losses": (rng.random(5) + 4).tolist() for split in ("train", "val", "test")}
    return {
        "data": "data/ptb",
        "recepie_id": 5,
        "emsize": 400,
        "nhid": 600,
        "nlayers": 3,
        "epochs": 5,
        "recepie": json.dumps(recipe),
        "num_params": 15_000_000,
        "wall_times": [10.0] * 5,
        "status": status,
        **losses,
        **changes,
    }


def recipe(*ops):
    return {f"node_{k}": {"op": op, "input": ["x", "h_prev_0"]} for k, op in enumerate(ops)}


@pytest.fixture
def folder(tmp_path, rng):
    one, two = recipe("linear", "activation_tanh"), recipe("linear", "blend", "elementwise_sum")
    logs = [
        log(rng, one),
        log(rng, two, recepie_id=9),
        log(rng, dict(reversed(one.items())), recepie_id=77),  # the same recipe, another number, another order
        log(rng, two, status="loss is nan!", val_losses=[float("nan")] * 5),
        log(rng, two, status="Exception: CUDA out of memory"),
        log(rng, two, data="data/wikitext-2"),
    ]
    with zipfile.ZipFile(tmp_path / "logs_1.zip", "w") as archive:
        for k, entry in enumerate(logs):
            archive.writestr(f"logs/log_stats_model_{k}_2020-01-01_00-00-00_{k}.json", json.dumps(entry))
    return tmp_path, logs


def test_recipes_are_the_architectures(folder) -> None:
    path, logs = folder
    benchmark = archcast.load_benchmark("nasbench-nlp", path=path)
    assert len(benchmark) == 2
    assert benchmark.left_out == (
        "1 trainings whose loss was nan, 1 trainings that ended with an exception, 1 trainings of another setting"
    )
    mean = np.mean([logs[k]["val_losses"][-1] for k in (0, 2)])
    np.testing.assert_allclose(benchmark.scores(), [-mean, -logs[1]["val_losses"][-1]])
    best = int(np.argmin(logs[1]["val_losses"]))
    assert benchmark.scores("neg_val_loss_best")[1] == -logs[1]["val_losses"][best]
    assert benchmark.scores("neg_test_loss_best")[1] == -logs[1]["test_losses"][best]
    assert benchmark.costs["runs"].tolist() == [2, 1]
    rows = benchmark.space.dicts(benchmark.archs)
    assert [(row["nodes"], row["linear"], row["blend"], row["variant"]) for row in rows] == [(2, 1, 0, 0), (3, 1, 1, 0)]
    assert benchmark.train_seconds.tolist() == [50, 50]
    np.testing.assert_allclose(benchmark.curves["train_loss"][1], logs[1]["train_losses"], rtol=1e-6)
    other = archcast.load_benchmark("nasbench-nlp", path / "logs_1.zip")
    np.testing.assert_array_equal(other.archs, benchmark.archs)


def test_recipes_are_rows_of_the_space(tmp_path, rng) -> None:
    recipes = [
        {**recipe("linear"), "h_new_0": {"op": f"activation_{kind}", "input": ["node_0"]}} for kind in ("tanh", "sigm")
    ]
    for k, one in enumerate(recipes):
        (tmp_path / f"log_stats_model_{k}_1_{k}.json").write_text(json.dumps(log(rng, one)))
    benchmark = archcast.load_benchmark("nasbench-nlp", path=tmp_path)
    assert benchmark.space.name == "nasbench-nlp"
    assert [json.loads(text) for text in benchmark.space.format(benchmark.archs)] == recipes


def test_naslib_pickle_is_the_same_data(tmp_path, rng) -> None:
    cell = {
        "node_0": {"op": "linear", "input": ["x", "h_prev_0"]},
        "h_new_1": {"op": "activation_tanh", "input": ["node_0"]},
        "h_new_0": {"op": "blend", "input": ["h_new_1", "h_prev_1", "node_0"]},
    }
    one = log(rng, cell)
    (tmp_path / "log_stats_model_1_1_1.json").write_text(json.dumps(one))
    raw = archcast.load_benchmark("nasbench-nlp", tmp_path)
    edges = ((0, 4), (1, 4), (4, 5), (5, 6), (2, 6), (4, 6))
    compact = (edges, (0, 0, 0, 0, 6, 2, 7), (5, 6))
    kept = {name: one[name] for name in ("train_losses", "val_losses", "test_losses", "wall_times")}
    lost = {**kept, "val_losses": [float("nan")] * 5}
    other = (((0, 4), (1, 4), (4, 5)), (0, 0, 0, 0, 6, 1), (5,))
    file = tmp_path / "nb_nlp.pickle"
    file.write_bytes(pickle.dumps({compact: kept, other: lost}))
    read = archcast.load_benchmark("nasbench-nlp", file)
    for text in (read.space.format(read.archs)[0], raw.space.format(raw.archs)[0]):
        assert [node["op"] for node in json.loads(text).values()] == ["linear", "activation_tanh", "blend"]
    np.testing.assert_array_equal(read.scores(), raw.scores())
    np.testing.assert_array_equal(read.curves["test_loss"], raw.curves["test_loss"])
    assert read.left_out == "1 trainings whose loss was nan"
    file.write_bytes(pickle.dumps({3: kept}))
    with pytest.raises(InvalidFileError, match="is not NASLib's table of NAS-Bench-NLP"):
        archcast.load_benchmark("nasbench-nlp", file)


def test_published_logs(shared) -> None:
    benchmark = archcast.load_benchmark("nasbench-nlp", shared / "formats" / "nas-bench-nlp")
    assert benchmark.space.name == "nasbench-nlp"
    counted = benchmark.space.costs(benchmark.archs, task="wikitext-2")["params"]
    np.testing.assert_array_equal(counted, benchmark.costs["params"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recepie": "{"}, "is not a log of NAS-Bench-NLP"),
        ({"recepie": json.dumps(recipe("softmax"))}, "operation 'softmax' is not one of"),
        ({"val_losses": [1.0]}, "different lengths"),
        ({"val_losses": "no"}, "is not a log of NAS-Bench-NLP"),
        ({"num_params": "many"}, "is not a log of NAS-Bench-NLP"),
    ],
)
def test_logs_of_another_shape(tmp_path, rng, changes, message) -> None:
    (tmp_path / "log_stats_model_1_x_2.json").write_text(json.dumps(log(rng, recipe("linear"), **changes)))
    with pytest.raises(InvalidFileError, match=message):
        archcast.load_benchmark("nasbench-nlp", tmp_path)


def test_what_a_log_lacks_is_unknown(tmp_path, rng) -> None:
    for k, changes in enumerate(
        ({}, {"num_params": None, "train_losses": None, "test_losses": None, "wall_times": None})
    ):
        one = log(rng, recipe("linear", *["activation_tanh"] * k), **changes)
        (tmp_path / f"log_stats_model_{k}_1_{k}.json").write_text(json.dumps(one))
    benchmark = archcast.load_benchmark("nasbench-nlp", tmp_path)
    assert np.isfinite(benchmark.scores()).all()
    for values in (benchmark.scores("neg_test_loss"), benchmark.costs["params"], benchmark.train_seconds):
        assert np.isnan(values).tolist() == [False, True]


def test_names_of_nodes_do_not_matter(tmp_path, rng) -> None:
    def cell(node, op):
        return {node: {"op": "linear", "input": ["x", "h_prev_0"]}, "h_new_0": {"op": op, "input": [node]}}

    logs = [
        log(rng, cell(*of)) for of in (("a", "activation_sigm"), ("a", "activation_tanh"), ("b", "activation_sigm"))
    ]
    for k, entry in enumerate(logs):
        (tmp_path / f"log_stats_model_{k}_2020-01-01_00-00-00_{k}.json").write_text(json.dumps(entry))
    benchmark = archcast.load_benchmark("nasbench-nlp", path=tmp_path)
    assert benchmark.costs["runs"].tolist() == [2, 1]
    mean = np.mean([logs[k]["val_losses"][-1] for k in (0, 2)])
    np.testing.assert_allclose(benchmark.scores(), [-mean, -logs[1]["val_losses"][-1]])


def test_runs_of_different_length_and_a_loss_that_is_nan(tmp_path, rng) -> None:
    cell = recipe("linear")
    logs = [log(rng, cell), log(rng, cell), log(rng, cell, val_losses=[4.0, float("nan")], test_losses=[4.0, 4.0])]
    for split in ("train", "val", "test"):
        logs[1][f"{split}_losses"] = logs[1][f"{split}_losses"][:3]
    for k, entry in enumerate(logs):
        (tmp_path / f"log_stats_model_{k}_x_2.json").write_text(json.dumps(entry))
    benchmark = archcast.load_benchmark("nasbench-nlp", tmp_path)
    assert benchmark.left_out == "1 trainings whose loss was nan"
    expected = np.mean([entry["val_losses"][:3] for entry in logs[:2]], axis=0)
    np.testing.assert_allclose(benchmark.curves["val_loss"], [expected], rtol=1e-6)


def test_all_failed(tmp_path, rng) -> None:
    (tmp_path / "log_stats_model_1_x_2.json").write_text(json.dumps(log(rng, recipe("linear"), status="loss is nan!")))
    with pytest.raises(InvalidFileError, match="holds no training that did not fail, of 1"):
        archcast.load_benchmark("nasbench-nlp", tmp_path)


def test_damaged_files(folder, survives) -> None:
    path, _ = folder
    assert survives(path / "logs_1.zip", lambda: archcast.load_benchmark("nasbench-nlp", path)) > 15


def test_real_logs(shared) -> None:
    benchmark = archcast.load_benchmark("nasbench-nlp", shared / "formats" / "nas-bench-nlp")
    assert len(benchmark) == 59  # of 60 trainings: one cell has two, whose nodes have different names
    assert benchmark.costs["runs"].sum() == 60
    assert benchmark.left_out == "2 trainings whose loss was nan"
    assert benchmark.curves["val_loss"].shape == (59, 50)
    assert not np.isnan(benchmark.curves["val_loss"]).any()
