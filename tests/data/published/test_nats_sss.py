"""NATS-Bench's size space: three training lengths, every set at every epoch."""

from __future__ import annotations

import bz2
import pickle

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidFileError


@pytest.fixture
def folder(tmp_path, rng, nats_arch):
    here = tmp_path / "NATS-sss-v1_0-50262-simple"
    here.mkdir()
    tables = []
    for index, text in ((0, "8:8:8:8:8"), (11, "8:8:8:16:32")):
        table = nats_arch(rng, index, text, {"01": 1, "12": 12, "90": 90}, seeds=(777,))
        tables.append(table)
        (here / f"{index:06d}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(table, protocol=4)))
    return tmp_path, tables


@pytest.mark.parametrize("task", ["cifar10", "cifar100", "imagenet16-120"])
def test_three_lengths(folder, task) -> None:
    path, tables = folder
    benchmark = archcast.load_benchmark(f"nats-sss/{task}", path)
    assert benchmark.space.format(benchmark.archs) == ["8:8:8:8:8", "8:8:8:16:32"]
    dataset = {"cifar10": "cifar10-valid", "cifar100": "cifar100", "imagenet16-120": "ImageNet16-120"}[task]
    for suffix, hp in (("_1ep", "01"), ("_12ep", "12"), ("", "90")):
        runs = [table[hp]["all_results"][dataset, 777]["eval_acc1es"] for table in tables]
        np.testing.assert_allclose(
            benchmark.scores(f"val_accuracy{suffix}"), [run[f"x-valid@{int(hp) - 1}"] for run in runs], rtol=1e-12
        )
    assert benchmark.curves["val_accuracy"].shape == benchmark.curves["test_accuracy"].shape == (2, 90)
    assert not any(name.startswith("val_and_test") for name in benchmark.curves)


def test_a_file_of_the_other_space(folder) -> None:
    path, _ = folder
    with pytest.raises(InvalidFileError, match="is not a file of NATS-Bench's tss space"):
        archcast.load_benchmark("nats-tss/cifar10", path / "NATS-sss-v1_0-50262-simple")


def test_real_files(shared) -> None:
    folder = shared / "formats" / "nats-bench" / "NATS-sss-v1_0-50262-simple"
    benchmark = archcast.load_benchmark("nats-sss/cifar10", folder)
    assert benchmark.space.format(benchmark.archs)[0] == "8:8:8:8:8"
    assert benchmark.scores("test_accuracy")[0] == pytest.approx(79.79, abs=5e-3)
    assert benchmark.costs["flops"][0] == pytest.approx(4.481, abs=5e-4)
    assert archcast.load_benchmark("nats-sss/cifar100", folder).scores()[0] == pytest.approx(32.24, abs=5e-3)
