"""Robustness of NAS-Bench-201: a JSON file an attack."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidFileError

SPACE = archcast.get_space("nasbench201")


@pytest.fixture
def folder(tmp_path, rng):
    texts = SPACE.format(SPACE.sample(5, rng))
    ids = {str(7 * k): {"nb201-string": text, "isomorph": str(7 * k)} for k, text in enumerate(texts)}
    (tmp_path / "meta.json").write_text(json.dumps({"ids": ids, "epsilons": {"fgsm@Linf": [0.5, 1.0, 3.0]}}))
    (tmp_path / "cifar10").mkdir()
    clean = {number: 0.9 - k / 10 for k, number in enumerate(ids)}
    attack = {number: [0.8 - k / 10, 0.5, 0.1] for k, number in enumerate(ids)}
    (tmp_path / "cifar10" / "clean_accuracy.json").write_text(json.dumps({"cifar10": {"clean": {"accuracy": clean}}}))
    (tmp_path / "cifar10" / "fgsm@Linf_accuracy.json").write_text(
        json.dumps({"cifar10": {"fgsm@Linf": {"accuracy": attack}}})
    )
    return tmp_path, texts


def test_attacks_and_strengths(folder) -> None:
    path, texts = folder
    benchmark = archcast.load_benchmark("robustness-nasbench201/cifar10", path=path)
    assert SPACE.format(benchmark.archs) == texts
    np.testing.assert_allclose(benchmark.scores(), [0.9, 0.8, 0.7, 0.6, 0.5])
    assert benchmark.default_metric == "clean_accuracy"
    np.testing.assert_allclose(benchmark.scores("fgsm@Linf_accuracy_0.5"), [0.8, 0.7, 0.6, 0.5, 0.4])
    np.testing.assert_allclose(benchmark.scores("fgsm@Linf_accuracy_3.0"), 0.1)


def test_the_archives_as_they_are_downloaded(folder) -> None:
    path, _ = folder
    whole = archcast.load_benchmark("robustness-nasbench201/cifar10", path)
    for name, files in (
        ("meta", ["meta.json"]),
        ("cifar10-accuracies", [f.name for f in (path / "cifar10").iterdir()]),
    ):
        with zipfile.ZipFile(path / f"{name}.zip", "w") as archive:
            for file in files:
                inside = file if name == "meta" else f"cifar10/{file}"
                archive.write(path / inside, inside)
                (path / inside).unlink()
    packed = archcast.load_benchmark("robustness-nasbench201/cifar10", path)
    assert set(packed.metrics) == set(whole.metrics)
    np.testing.assert_array_equal(packed.scores(), whole.scores())
    one = archcast.load_benchmark("robustness-nasbench201/cifar10", path / "cifar10-accuracies.zip")
    np.testing.assert_array_equal(one.archs, whole.archs)


def test_files_of_another_shape(folder, survives) -> None:
    path, _ = folder
    file = path / "cifar10" / "clean_accuracy.json"
    assert survives(file, lambda: archcast.load_benchmark("robustness-nasbench201/cifar10", path)) > 15
    for content, message in (
        ({"0": 0.5, "x": 0.5}, "'x' is no cell of meta.json"),
        ([], "no table of accuracies"),
        ({}, "no table"),
    ):
        file.write_text(json.dumps(content))
        with pytest.raises(InvalidFileError, match=message):
            archcast.load_benchmark("robustness-nasbench201/cifar10", path)
