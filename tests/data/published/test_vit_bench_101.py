"""ViT-Bench-101: torch archives of plain lists."""

from __future__ import annotations

import io
import json
import pickle
import zipfile

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidFileError


def archive(value, root="archive", protocol=2) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as out:
        out.writestr(f"{root}/data.pkl", pickle.dumps(value, protocol=protocol))
        out.writestr(f"{root}/version", "3\n")
    return buffer.getvalue()


def autoformer(rng, **scores):
    depth = int(rng.integers(12, 15))
    return {
        "arch": {
            "hidden_dim": int(rng.choice([192, 216, 240])),
            "mlp_ratio": rng.choice([3.5, 4.0], depth).tolist(),
            "depth": depth,
            "num_heads": rng.choice([3, 4], depth).tolist(),
        },
        **scores,
    }


def pit(rng, **scores):
    return {
        "arch": {
            "base_dim": int(rng.choice([16, 24, 32, 40])),
            "mlp_ratio": int(rng.choice([2, 4, 6, 8])),
            "depth": [1, int(rng.choice([4, 6, 8])), 6],
            "num_heads": rng.choice([2, 4, 8], 3).tolist(),
        },
        **scores,
    }


def test_autoformer(tmp_path, rng) -> None:
    jobs = [autoformer(rng, c100_base_acc=60.0 + k, c100_kd_acc=70.0 + k) for k in range(9)]
    (tmp_path / "gt_autoformer.pth").write_bytes(archive(jobs, root="gt_autoformer"))
    benchmark = archcast.load_benchmark("vit-bench-101/autoformer", path=tmp_path)
    assert benchmark.scores("c100_kd_acc").tolist() == [one["c100_kd_acc"] for one in jobs]
    for text, one in zip(benchmark.space.format(benchmark.archs), jobs):
        assert json.loads(text) == one["arch"]
    assert benchmark.space == archcast.get_space("vit-bench-101-autoformer")


def test_accuracies_that_are_not_there(tmp_path, rng) -> None:
    jobs = [autoformer(rng, c100_base_acc=None, c100_kd_acc=70.0 + k) for k in range(4)]
    jobs[1]["c100_kd_acc"] = None
    (tmp_path / "gt_autoformer_2.pth").write_bytes(archive(jobs))
    benchmark = archcast.load_benchmark("vit-bench-101/autoformer-2", tmp_path)
    assert list(benchmark.metrics) == ["c100_kd_acc"]
    np.testing.assert_array_equal(benchmark.scores(), [70, np.nan, 72, 73])


def test_a_ratio_of_another_version_of_the_space(tmp_path, rng) -> None:
    jobs = [autoformer(rng, c100_base_acc=1.0) for _ in range(3)]
    jobs[1]["arch"]["mlp_ratio"][4] = 3.0
    (tmp_path / "gt_autoformer.pth").write_bytes(archive(jobs))
    space = archcast.load_benchmark("vit-bench-101/autoformer", tmp_path).space
    assert space == archcast.get_space("autoformer-tiny")


def test_pit_and_repeated_architectures(tmp_path, rng) -> None:
    jobs = [pit(rng, flower_kd_acc=50.0 + k) for k in range(6)]
    jobs[4]["arch"] = jobs[0]["arch"]
    (tmp_path / "gt_pit.pth").write_bytes(archive(jobs))
    benchmark = archcast.load_benchmark("vit-bench-101/pit", tmp_path / "gt_pit.pth")
    assert benchmark.scores().tolist() == [50, 51, 52, 53, 55]
    assert benchmark.left_out.startswith("1 repeated architectures")


@pytest.mark.parametrize(
    "change", [{"depth": 13}, {"depth": 99}, {"num_heads": 3}, {"hidden_dim": 200}, {"depth": "x"}]
)
def test_files_of_another_shape(tmp_path, rng, change) -> None:
    jobs = [autoformer(rng, c100_base_acc=1.0)]
    jobs[0]["arch"] |= {"depth": 12, "mlp_ratio": [4.0] * 12, "num_heads": [3] * 12} | change
    (tmp_path / "gt_autoformer.pth").write_bytes(archive(jobs))
    with pytest.raises(InvalidFileError, match="gt_autoformer"):
        archcast.load_benchmark("vit-bench-101/autoformer", tmp_path)


def test_damaged_files(tmp_path, rng, survives) -> None:
    file = tmp_path / "gt_pit.pth"
    file.write_bytes(archive([pit(rng, flower_kd_acc=50.0 + k) for k in range(6)]))
    assert survives(file, lambda: archcast.load_benchmark("vit-bench-101/pit", tmp_path)) > 20


@pytest.mark.parametrize(("which", "metrics"), [("autoformer", 7), ("pit", 6)])
def test_real_files(shared, which, metrics) -> None:
    benchmark = archcast.load_benchmark(f"vit-bench-101/{which}", shared / "formats" / "vit-bench-101")
    assert (len(benchmark), len(benchmark.metrics)) == (100, metrics)
    assert benchmark.space == archcast.get_space(f"vit-bench-101-{which}")
    first = {"autoformer": 68.66, "pit": 68.33}[which]
    assert benchmark.scores("c100_base_acc")[0] == first
