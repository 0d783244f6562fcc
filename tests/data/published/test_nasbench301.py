"""NAS-Bench-301: JSON logs of many fidelities, and NASLib's extract."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

import archcast
from archcast.errors import DataNotFoundError, InvalidFileError

P = "NetworkSelectorDatasetInfo:darts:"
SPACE = archcast.get_space("darts")
FIRST = {2: 0, 3: 2, 4: 5, 5: 9}


def log(rng, row=None, epochs=100, channels=32, layers=8, curve=1, **changes):
    row = SPACE.sample(1, rng)[0] if row is None else row
    names = (
        "max_pool_3x3",
        "avg_pool_3x3",
        "skip_connect",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "dil_conv_3x3",
        "dil_conv_5x5",
    )
    config = {f"{P}init_channels": channels, f"{P}layers": layers, "ImageAugmentation:cutout": "True"}
    config["SimpleLearningrateSchedulerSelector:cosine_annealing:T_max"] = epochs
    for c, kind in enumerate(("normal", "reduce")):
        for node in range(2, 6):
            a, op_a, b, op_b = row[16 * c + 4 * (node - 2) :][:4].tolist()
            (a, op_a), (b, op_b) = sorted([(a, op_a), (b, op_b)])
            if node > 2:
                config[f"{P}inputs_node_{kind}_{node}"] = f"{a}_{b}"
            config[f"{P}edge_{kind}_{FIRST[node] + a}"] = names[op_a]
            config[f"{P}edge_{kind}_{FIRST[node] + b}"] = names[op_b]
    infos = [
        {
            "epochs": epochs - 2 - 10 * k,
            "val_accuracy": float(rng.random() * 100),
            "train_accuracy": 99.0,
            "train_loss": 0.5,
            "model_parameters": 3_500_000,
        }
        for k in range(curve)
    ]
    return {
        "optimized_hyperparamater_config": config,
        "budget": epochs,
        "info": infos,
        "test_accuracy": 94.5,
        "runtime": 9000.5,
        "final_metric_score": -infos[0]["val_accuracy"],
        **changes,
    }


@pytest.fixture
def folder(tmp_path, rng):
    rows = SPACE.sample(5, rng)
    logs = [log(rng, row) for row in rows]
    for k, one in enumerate(logs):
        here = tmp_path / "nb_301_v13" / ("darts" if k % 2 else "bananas")
        here.mkdir(parents=True, exist_ok=True)
        (here / f"results_{k}.json").write_text(json.dumps(one))
    (tmp_path / "nb_301_v13" / "rs").mkdir()
    (tmp_path / "nb_301_v13" / "rs" / "results_8.json").write_text(json.dumps(log(rng, rows[0], epochs=50)))
    (tmp_path / "nb_301_v13" / "rs" / "results_9.json").write_text(json.dumps(log(rng, rows[1])))
    return tmp_path, rows, logs


def ordered(row):
    """The row with the sources of each node in order, as the logs name them."""
    pairs = row.reshape(-1, 2, 2)
    return np.array([sorted(pair.tolist()) for pair in pairs]).ravel()


def test_other_fidelities_and_repetitions_are_left_out(folder) -> None:
    path, rows, logs = folder
    benchmark = archcast.load_benchmark("nasbench301", path=path)
    assert len(benchmark) == 5
    assert benchmark.left_out == "1 trainings of another fidelity, 1 repeated architectures"
    by_row = {bytes(ordered(row)): one for row, one in zip(rows, logs)}
    again = {bytes(ordered(rows[1]))}
    for arch, score in zip(benchmark.archs, benchmark.scores()):
        assert score == by_row[bytes(arch)]["info"][0]["val_accuracy"] or bytes(arch) in again
    assert set(benchmark.scores("test_accuracy")) == {94.5}
    assert set(benchmark.train_seconds) == {9000.5}
    every = archcast.load_benchmark("nasbench301/all-fidelities", path)
    assert sorted(every.costs["epochs"]) == [50] + [100] * 5


def test_logs_of_every_epoch_are_curves(tmp_path, rng) -> None:
    one = log(rng, curve=4)
    (tmp_path / "results_0.json").write_text(json.dumps(one))
    curve = archcast.load_benchmark("nasbench301", tmp_path).curves["val_accuracy"]
    np.testing.assert_allclose(curve, [[info["val_accuracy"] for info in reversed(one["info"])]], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: c["optimized_hyperparamater_config"].update({f"{P}inputs_node_normal_4": "1_4"}),
            "node 4 cannot take '1_4'",
        ),
        (
            lambda c: c["optimized_hyperparamater_config"].update({f"{P}edge_reduce_0": "none"}),
            "operation 'none' is not one of",
        ),
        (lambda c: c["optimized_hyperparamater_config"].pop(f"{P}edge_normal_1"), "no '.*edge_normal_1'"),
        (lambda c: c.update(info=[]), "is not a log of NAS-Bench-301"),
        (lambda c: c.pop("optimized_hyperparamater_config"), "no 'optimized_hyperparamater_config'"),
    ],
)
def test_logs_of_another_shape(folder, rng, change, message) -> None:
    path, rows, _ = folder
    one = log(rng, rows[0])
    change(one)
    (path / "nb_301_v13" / "rs" / "results_10.json").write_text(json.dumps(one))
    with pytest.raises(InvalidFileError, match=message):
        archcast.load_benchmark("nasbench301", path)


def test_damaged_files(folder, survives) -> None:
    path, _, _ = folder
    file = path / "nb_301_v13" / "darts" / "results_1.json"
    assert survives(file, lambda: archcast.load_benchmark("nasbench301", file)) > 20


def test_naslib_extract(tmp_path, rng) -> None:
    rows = SPACE.sample(4, rng)
    table = {}
    for row in rows:
        cells = tuple(tuple((int(n), int(op)) for n, op in cell.reshape(8, 2)) for cell in row.reshape(2, 16))
        table[cells] = {
            "train_losses": rng.random(98).tolist(),
            "val_accuracies": rng.random(98).tolist(),
            "runtime": 77.0,
        }
    (tmp_path / "nb301_full_training.pickle").write_bytes(pickle.dumps(table))
    benchmark = archcast.load_benchmark("nasbench301", tmp_path)
    np.testing.assert_array_equal(benchmark.archs, rows)
    np.testing.assert_array_equal(benchmark.scores(), [entry["val_accuracies"][-1] for entry in table.values()])
    assert benchmark.curves["train_loss"].shape == (4, 98)


def test_real_log(shared) -> None:
    """The repository's example has 1,500 epochs and 20 cells: it does not compare."""
    folder = shared / "formats" / "nasbench301"
    with pytest.raises(
        DataNotFoundError, match="holds no training of 100 epochs, 32 channels and 8 cells, but 1 of another"
    ):
        archcast.load_benchmark("nasbench301", folder)
    benchmark = archcast.load_benchmark("nasbench301/all-fidelities", folder)
    assert (benchmark.scores()[0], benchmark.scores("test_accuracy")[0]) == (97.68, 97.54)
    assert (benchmark.train_seconds[0], benchmark.costs["epochs"][0], benchmark.costs["layers"][0]) == (
        365_136,
        1500,
        20,
    )


def test_full_logs_hold_curves(tmp_path, rng) -> None:
    """The release with learning curves has them in a table of their own; a training that ended early has fewer epochs."""
    for k, epochs in enumerate((98, 60)):
        curves = {f"Train/{name}": rng.random(epochs).tolist() for name in ("train_loss", "val_accuracy", "lr")}
        (tmp_path / f"results_{k}.json").write_text(json.dumps(log(rng, learning_curves=curves)))
    benchmark = archcast.load_benchmark("nasbench301", tmp_path)
    assert {name: values.shape for name, values in benchmark.curves.items()} == {
        "train_loss": (2, 98),
        "val_accuracy": (2, 98),
    }
    np.testing.assert_allclose(benchmark.curves["val_accuracy"][1, :60], curves["Train/val_accuracy"], rtol=1e-6)
    assert np.isnan(benchmark.curves["val_accuracy"][1, 60:]).all()
