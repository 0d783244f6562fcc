"""The embedded benchmark is whole, and its networks are those that are built."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.data import read_benchmark
from archcast.data.digits import FILE


@pytest.fixture(scope="module")
def digits() -> archcast.Benchmark:
    return archcast.load_benchmark("digits")


def test_it_is_a_sample_of_functions(digits: archcast.Benchmark) -> None:
    """Drawn before average pooling was known to be linear: no row is there twice, but 28 functions as two or three rows."""
    functions, count = np.unique(digits.space.canonical(digits.archs), axis=0, return_counts=True)
    assert len(functions) == 1_572
    assert len(digits) == len(np.unique(digits.archs, axis=0)) == 1_600
    assert np.bincount(count).tolist() == [0, 1_545, 26, 1]


def test_its_scores_are_the_means_of_three_trainings(digits: archcast.Benchmark) -> None:
    for metric in ("test_accuracy", "val_accuracy"):
        seeds = np.stack([digits.metrics[f"{metric}_s{k}"] for k in (1, 2, 3)])
        assert digits.metrics[metric] == pytest.approx(seeds.mean(axis=0), abs=1e-6)
        assert (seeds >= 0).all()
        assert (seeds <= 1).all()
    assert digits.default_metric == "test_accuracy"


def test_its_curves_are_those_of_the_first_training(digits: archcast.Benchmark) -> None:
    assert sorted(digits.curves) == ["train_accuracy", "train_loss", "val_accuracy", "val_loss"]
    assert digits.curves["val_accuracy"][:, -1] == pytest.approx(digits.metrics["val_accuracy_s1"], abs=1e-6)
    assert {curve.shape for curve in digits.curves.values()} == {(len(digits), 20)}
    whole = read_benchmark(FILE)
    assert whole.curves["val_accuracy_s3"][:, -1] == pytest.approx(whole.metrics["val_accuracy_s3"], abs=1e-6)


def test_its_proxies_are_those_of_its_networks(digits: archcast.Benchmark) -> None:
    import torch

    task = archcast.Task((1, 8, 8), 10, 16, 1, 1)
    for i in (0, 17):
        network = digits.space.build(digits.archs[i], task)
        found = archcast.score(network, torch.zeros(1, 1, 8, 8), proxies=["params", "flops"])
        assert digits.proxies["params"][i] == found["params"]
        assert digits.proxies["flops"][i] == found["flops"]
    of_transformers = {"attention_confidence", "dss", "head_importance", "l_swag", "near", "w_pca"}
    assert set(archcast.proxies.PROXIES) - of_transformers <= set(digits.proxies)
    assert np.mean([np.isfinite(values).mean() for values in digits.proxies.values()]) > 0.9
