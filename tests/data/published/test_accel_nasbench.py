"""Accel-NASBench: JSON files as the benchmark writes them."""

from __future__ import annotations

import json
import tarfile

import numpy as np
import pytest

import archcast
from archcast.errors import DataNotFoundError, InvalidFileError


def job(rng, **changes):
    arch = {}
    for block in range(7):
        arch |= {
            f"block{block}_e": int(rng.choice([1, 4, 6])),
            f"block{block}_k": int(rng.choice([3, 5])),
            f"block{block}_l": int(rng.choice([1, 2, 3])),
            f"block{block}_se": bool(rng.integers(2)),
        }
    return {
        "architecture": arch,
        "metrics": {"val_top1": 50 + rng.random(), "val_top5": 80.0, "train_time": 2435.5},
        "model_info": {"macs": 400.5, "params": 2.5},
        "platform_perf": {
            "latency_zcu102": {"latency_mean": 5.5, "latency_std": None},
            "throughput_a100": {"throughput_mean": 6032.0, "throughput_std": 3.5},
        },
    } | changes


@pytest.fixture
def folder(tmp_path, rng):
    jobs = [job(rng) for _ in range(6)]
    jobs[5] = {**job(rng), "architecture": jobs[2]["architecture"]}
    jobs[1]["platform_perf"]["latency_zcu102"] = None
    (tmp_path / "anb_dataset_jsons").mkdir()
    for k, one in enumerate(jobs):
        (tmp_path / "anb_dataset_jsons" / f"result_{k + 7}.json").write_text(json.dumps(one))
    return tmp_path, jobs


def test_files_are_read_in_the_order_of_their_numbers(folder) -> None:
    path, jobs = folder
    benchmark = archcast.load_benchmark("accel-nasbench", path=path)
    assert len(benchmark) == 5, "the sixth architecture is the third again"
    assert benchmark.left_out.startswith("1 repeated architectures")
    assert "without 1 repeated architectures" in repr(benchmark)
    np.testing.assert_array_equal(benchmark.scores(), [one["metrics"]["val_top1"] for one in jobs[:5]])
    for row, one in zip(benchmark.space.format(benchmark.archs), jobs):
        assert (benchmark.space.parse(json.dumps(one["architecture"])) == benchmark.space.parse(row)).all()
    np.testing.assert_array_equal(benchmark.costs["latency_zcu102"], [5.5, np.nan, 5.5, 5.5, 5.5])
    np.testing.assert_array_equal(benchmark.train_seconds, [2435.5] * 5)
    assert benchmark.space == archcast.get_space("accel-nasbench")


def test_an_archive_and_a_part_of_the_files(folder) -> None:
    path, jobs = folder
    with tarfile.open(path / "anb.tar.gz", "w:gz") as archive:
        for k in (7, 9):
            archive.add(path / "anb_dataset_jsons" / f"result_{k}.json", f"anb_dataset_jsons/result_{k}.json")
    benchmark = archcast.load_benchmark("accel-nasbench", path / "anb.tar.gz")
    assert benchmark.scores().tolist() == [jobs[0]["metrics"]["val_top1"], jobs[2]["metrics"]["val_top1"]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one["architecture"].pop("block3_k"), "no 'block3_k'"),
        (lambda one: one["architecture"].update(block3_k=4), "block3_k is 4, not one of \\(3, 5\\)"),
        (lambda one: one["metrics"].update(val_top1="high"), "is not a result of Accel-NASBench"),
        (lambda one: one.pop("metrics"), "no 'metrics'"),
    ],
)
def test_files_of_another_shape(folder, change, message) -> None:
    path, jobs = folder
    change(jobs[3])
    (path / "anb_dataset_jsons" / "result_10.json").write_text(json.dumps(jobs[3]))
    with pytest.raises(InvalidFileError, match=message):
        archcast.load_benchmark("accel-nasbench", path)


def test_what_a_result_lacks_is_unknown(folder) -> None:
    path, jobs = folder
    jobs[0].pop("model_info")
    jobs[0]["metrics"].pop("val_top5")
    jobs[0]["platform_perf"]["throughput_a100"].pop("throughput_mean")
    jobs[3]["metrics"]["val_top1"] = None
    for k in (0, 3):
        (path / "anb_dataset_jsons" / f"result_{k + 7}.json").write_text(json.dumps(jobs[k]))
    benchmark = archcast.load_benchmark("accel-nasbench", path)
    assert benchmark.left_out.startswith("1 repeated architectures, 1 results without accuracy")
    for values in (benchmark.scores("val_top5"), benchmark.costs["macs"], benchmark.costs["throughput_a100"]):
        assert np.isnan(values).tolist() == [True, False, False, False]


def test_a_missing_folder_says_where_it_is_from(tmp_path) -> None:
    with pytest.raises(
        DataNotFoundError, match=r"needs result_\*\.json, which is not in .*https://github\.com/afzalxo"
    ):
        archcast.load_benchmark("accel-nasbench", tmp_path)


def test_damaged_files(folder, survives) -> None:
    path, _ = folder
    assert (
        survives(path / "anb_dataset_jsons" / "result_8.json", lambda: archcast.load_benchmark("accel-nasbench", path))
        > 20
    )


def test_real_files(shared) -> None:
    """200 of 5,138 files; parameters and multiply-adds of all were verified against a network built anew."""
    benchmark = archcast.load_benchmark("accel-nasbench", shared / "formats" / "accel-nasbench")
    assert len(benchmark) == 200
    assert 42.85 <= benchmark.scores().min() <= benchmark.scores().max() <= 67.052
    assert not np.isnan(benchmark.costs["throughput_a100"]).any()
    counted = benchmark.space.costs(benchmark.archs, "thop")
    for name in ("params", "macs"):
        np.testing.assert_allclose(counted[name], 1e6 * benchmark.costs[name], rtol=1e-12)
