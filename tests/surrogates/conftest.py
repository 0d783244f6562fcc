"""A table with a known rule, several trainings and curves, and its surrogate."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.data.benchmark import Benchmark
from archcast.spaces.base import get_space
from archcast.surrogates import make_surrogate

EPOCHS = 12


@pytest.fixture(scope="session")
def table() -> Benchmark:
    """400 cells: the accuracy grows with the number of 3x3 convolutions, its scatter over trainings is .01."""
    space, rng = get_space("nasbench201"), np.random.default_rng(0)
    archs = np.unique(space.sample(400, 0), axis=0)
    alive = space.canonical(archs)
    quality = 0.4 + 0.05 * (alive == 3).sum(axis=1) + 0.03 * (alive == 2).sum(axis=1)
    runs = np.clip(quality[:, None] + 0.01 * rng.standard_normal((len(archs), 3)), 0, 1)
    rise = 1 - np.exp(-np.arange(1, EPOCHS + 1) / 4)
    curve = np.clip(quality[:, None] * rise + 0.005 * rng.standard_normal((len(archs), EPOCHS)), 0, 1)
    metrics = {"accuracy": runs.mean(axis=1), **{f"accuracy_s{k + 1}": runs[:, k] for k in range(3)}}
    return Benchmark(
        "rule", space, archs, metrics, "accuracy", curves={"val_accuracy": curve}, costs={"same": np.full(len(archs), 7.0)},
        train_seconds=10.0 + (archs == 3).sum(axis=1),
    )  # fmt: skip


@pytest.fixture(scope="session")
def surrogate(table: Benchmark) -> Benchmark:
    return make_surrogate(table, share=0.5, members=["xgboost", "bayesian-linear"])
