"""A small benchmark with curves, costs and times, that searches are run on."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.data.benchmark import Benchmark


@pytest.fixture(scope="session")
def benchmark():
    """All of NAS-Bench-201's rows with a made-up accuracy that has twins agree, 9 epochs of curves, two costs."""
    space = archcast.get_space("nasbench201")
    archs = space.enumerate()
    rows = space.canonical(archs)
    score = (rows == 3).sum(axis=1) / 6 - 0.02 * (rows == 4).sum(axis=1) + 0.01 * (rows[:, 0] == 1)
    rng = np.random.default_rng(0)
    curve = score[:, None] * (1 - 0.6 ** np.arange(1, 10)) / (1 - 0.6**9) + 0.02 * rng.standard_normal((len(archs), 9))
    curve[:, -1] = score
    return Benchmark(
        "made-up",
        space,
        archs,
        {"val": score, "test": score - 0.05},
        "val",
        curves={"val_accuracy": curve},
        costs={"latency": (rows >= 2).sum(axis=1) + 0.1 * rows[:, 5], "params": (rows == 3).sum(axis=1).astype(float)},
        proxies={"flops": (rows == 3).sum(axis=1) + 0.1 * rows[:, 1]},
        train_seconds=10.0 + (rows == 3).sum(axis=1),
        test_metric="test",
    )
