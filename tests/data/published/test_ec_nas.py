"""EC-NAS: a JSON file a repeat, with the energy that it took."""

from __future__ import annotations

import json

import numpy as np
import pytest

import archcast
from archcast.errors import DataNotFoundError, InvalidFileError

CODES = ["0" * 32, "1" * 32]
CELLS = {
    CODES[0]: [[[0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], [-1, 2, 1, -2]],
    CODES[1]: [[[0, 1], [0, 0]], [-1, -2]],
}


def step(rng, epochs):
    accuracies = {f"{split}_accuracy": float(rng.random()) for split in ("train", "validation", "test")}
    return {
        "epochs": float(epochs),
        "training_time": 10.0 * epochs,
        "energy (kWh)": 0.01 * epochs,
        "co2eq (g)": 1.0,
        **accuracies,
    }


@pytest.fixture
def folder(tmp_path, rng):
    (tmp_path / "generated_graphs_4V9E.json").write_text(json.dumps(CELLS))
    jobs = {}
    for epochs in (4, 12):
        for code in CODES:
            for repeat in (1, 2, 3):
                here = tmp_path / "energy" / "4V9E" / f"{epochs}_epochs" / code[:2] / code / f"repeat_{repeat}"
                here.mkdir(parents=True)
                job = {"trainable_params": 5, "total_time": 9.0}
                job["evaluation_results"] = [step(rng, e) for e in (0, epochs // 2, epochs)]
                jobs[epochs, code, repeat] = job
                (here / "results.json").write_text(json.dumps(job))
    return tmp_path, jobs


def test_the_longest_training_with_its_energy(folder) -> None:
    path, jobs = folder
    benchmark = archcast.load_benchmark("ec-nas", path=path)
    assert benchmark.space.format(benchmark.archs) == [
        "0110;0010;0001;0000|input,maxpool3x3,conv1x1-bn-relu,output",
        "01;00|input,output",
    ]
    assert benchmark.left_out == "6 shorter trainings"
    last = {k: job["evaluation_results"][-1]["validation_accuracy"] for k, job in jobs.items()}
    np.testing.assert_allclose(benchmark.scores(), [np.mean([last[12, code, r] for r in (1, 2, 3)]) for code in CODES])
    np.testing.assert_array_equal(benchmark.scores("val_accuracy_run2"), [last[12, code, 2] for code in CODES])
    np.testing.assert_allclose(benchmark.costs["energy_kwh"], 0.12)
    assert benchmark.train_seconds.tolist() == [120, 120]
    assert benchmark.curves["test_accuracy"].shape == (2, 3)


def test_files_of_another_shape(folder, survives) -> None:
    path, _ = folder
    file = path / "energy" / "4V9E" / "4_epochs" / "11" / CODES[1] / "repeat_3" / "results.json"
    assert survives(file, lambda: archcast.load_benchmark("ec-nas", path)) > 15
    (path / "generated_graphs_4V9E.json").write_text(json.dumps({CODES[0]: [[[0, 1], [0, 0]], [0, -2]]}))
    with pytest.raises(InvalidFileError, match="does not begin with -1"):
        archcast.load_benchmark("ec-nas", path)
    (path / "generated_graphs_4V9E.json").write_text(json.dumps({}))
    with pytest.raises(DataNotFoundError, match="holds no result of a cell that is in the list"):
        archcast.load_benchmark("ec-nas", path)


def test_real_results(shared) -> None:
    benchmark = archcast.load_benchmark("ec-nas", shared / "formats" / "nasbench101" / "ecnas_4V9E_4epochs.tar.gz")
    assert len(benchmark) == 91
    assert not np.isnan(benchmark.scores("test_accuracy_run3")).any()
    assert benchmark.curves["val_accuracy"].shape == (91, 3)
