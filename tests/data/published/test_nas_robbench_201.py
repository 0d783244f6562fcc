"""NAS-RobBench-201: two JSON files."""

from __future__ import annotations

import json

import numpy as np
import pytest

import archcast
from archcast.errors import DataNotFoundError, InvalidFileError

SPACE = archcast.get_space("nasbench201")


@pytest.fixture
def folder(tmp_path, rng):
    texts = SPACE.format(SPACE.sample(4, rng))
    ids = {str(10 * k): {"nb201-string": text, "isomorph": str(10 * k)} for k, text in enumerate(texts)}
    (tmp_path / "meta.json").write_text(json.dumps({"ids": ids, "epsilons": {}}))
    fgsm = {"1": 0.6, "2": 0.8}
    rows = {number: {"val_pgd_3.0_acc": {"1": 0.5 + k / 10}, "val_fgsm_3.0_acc": fgsm} for k, number in enumerate(ids)}
    (tmp_path / "NAS-RobBench-201_all.json").write_text(json.dumps({"cifar10": rows, "ImageNet16-120": rows}))
    return tmp_path, texts, rows


def test_values(folder) -> None:
    path, texts, _ = folder
    benchmark = archcast.load_benchmark("nas-robbench-201/cifar10", path=path)
    assert SPACE.format(benchmark.archs) == texts
    np.testing.assert_allclose(benchmark.scores(), [0.5, 0.6, 0.7, 0.8])
    assert benchmark.default_metric == "val_pgd_3.0_acc"
    np.testing.assert_allclose(benchmark.scores("val_fgsm_3.0_acc"), 0.7)
    np.testing.assert_array_equal(benchmark.scores("val_fgsm_3.0_acc_seed2"), [0.8] * 4)
    assert len(archcast.load_benchmark("nas-robbench-201/imagenet16-120", path)) == 4


def test_files_of_another_shape(folder, survives) -> None:
    path, _, rows = folder
    assert (
        survives(path / "NAS-RobBench-201_all.json", lambda: archcast.load_benchmark("nas-robbench-201/cifar10", path))
        > 15
    )
    with pytest.raises(InvalidFileError, match="no 'cifar100'"):
        archcast.load_benchmark("nas-robbench-201/cifar100", path)
    (path / "NAS-RobBench-201_all.json").write_text(json.dumps({"cifar10": {**rows, "777": rows["0"]}}))
    with pytest.raises(InvalidFileError, match="no '777'"):
        archcast.load_benchmark("nas-robbench-201/cifar10", path)
    (path / "meta.json").unlink()
    with pytest.raises(DataNotFoundError, match=r"needs meta\.json"):
        archcast.load_benchmark("nas-robbench-201/cifar10", path)
