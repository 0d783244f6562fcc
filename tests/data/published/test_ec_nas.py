"""EC-NAS: a JSON file a repeat, or a table of records, with the energy that it took."""

from __future__ import annotations

import base64
import json
import shutil
import struct

import numpy as np
import pytest

import archcast
from archcast.data._tfrecord import crc32c, masked
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


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def _message(job) -> bytes:
    """ModelMetricsEnergy: evaluations (1), parameters (2), total seconds (3), energy and emissions (4, 5), a text (6)."""
    out = b""
    for one in job["evaluation_results"]:
        names = (
            "epochs",
            "training_time",
            "train_accuracy",
            "validation_accuracy",
            "test_accuracy",
            "energy (kWh)",
            "co2eq (g)",
        )
        body = b"".join(bytes([8 * k + 1]) + struct.pack("<d", one[name]) for k, name in enumerate(names, 1))
        body += b"\x4a\x13" + b"2022-05-28 14:19:11"  # 9: start_emission
        out += b"\x0a" + _varint(len(body)) + body
    out += b"\x10" + _varint(job["trainable_params"]) + b"\x19" + struct.pack("<d", job["total_time"])
    return out + b"\x21" + struct.pack("<d", 0.5) + b"\x32\x05start"


@pytest.fixture
def table(folder):
    """The runs of ``folder`` as a table of records in any order."""
    path, jobs = folder
    texts = {
        CODES[0]: ("0110001000010000", "input,maxpool3x3,conv1x1-bn-relu,output"),
        CODES[1]: ("0100", "input,output"),
    }
    records = [
        json.dumps([code, epochs, *texts[code], base64.encodebytes(_message(job)).decode()]).encode()
        for (epochs, code, _), job in reversed(jobs.items())
    ]
    heads = [struct.pack("<Q", len(record)) for record in records]
    sums = [masked(crc32c(parts)) for parts in (heads, records)]
    data = b"".join(
        h + struct.pack("<I", a) + r + struct.pack("<I", b)
        for h, a, r, b in zip(heads, sums[0], records, sums[1], strict=True)
    )
    file = path / "energy_4V9E_4epochs.tfrecord"
    file.write_bytes(data)
    return path, file


def test_a_table_of_records_is_the_same_data(table) -> None:
    path, file = table
    raw, read = archcast.load_benchmark("ec-nas", path), archcast.load_benchmark("ec-nas", file)
    order = read.find(raw.archs)
    assert read.left_out == raw.left_out == "6 shorter trainings"
    np.testing.assert_allclose(read.scores()[order], raw.scores())
    for name in ("energy_kwh", "co2eq_g", "params"):
        np.testing.assert_allclose(read.costs[name][order], raw.costs[name])
    np.testing.assert_allclose(read.curves["test_accuracy"][order], raw.curves["test_accuracy"])
    np.testing.assert_array_equal(read.train_seconds[order], raw.train_seconds)


def test_of_several_tables_a_measured_one_of_large_cells_is_read(table) -> None:
    path, file = table
    shutil.rmtree(path / "energy")
    for name in ("energy_7V9E_surrogate", "energy_5V9E_linscale", "energy_4V9E_estimate"):
        shutil.copy(file, path / f"{name}.tfrecord")
    benchmark = archcast.load_benchmark("ec-nas", path)
    assert benchmark.source == str(file)
    assert benchmark.left_out == "6 shorter trainings, 3 other tables"
    shutil.copy(file, path / "energy_5V9E_4epochs.tfrecord")
    assert archcast.load_benchmark("ec-nas", path).source.endswith("energy_5V9E_4epochs.tfrecord")


def test_a_damaged_table(table, survives) -> None:
    _, file = table
    assert survives(file, lambda: archcast.load_benchmark("ec-nas", file)) > 40


def test_a_pointer_of_git_lfs_is_named(tmp_path) -> None:
    file = tmp_path / "energy_5V9E_4epochs.tfrecord"
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0be8\nsize 2136916\n")
    with pytest.raises(DataNotFoundError, match="is only a pointer of Git LFS"):
        archcast.load_benchmark("ec-nas", tmp_path)
