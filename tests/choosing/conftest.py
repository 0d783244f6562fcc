"""A table whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest


def records(n, seed=0):
    rng = np.random.default_rng(seed)
    out = []
    for i in range(n):
        widths = [int(rng.choice([16, 32, 64, 128])) for _ in range(3)]
        depth, act, lr = int(rng.integers(1, 4)), str(rng.choice(["relu", "gelu"])), float(10 ** rng.uniform(-4, -1))
        params = sum(9 * a * b for a, b in zip([3, *widths], widths, strict=False)) * depth
        accuracy = 0.5 + 0.06 * np.log(params / 1000) + 0.03 * (act == "gelu") - 0.04 * (np.log10(lr) + 2.5) ** 2
        accuracy += 0.01 * rng.normal()
        curve = accuracy * (1 - 0.7 ** np.arange(1, 11)) + 0.02 * rng.normal(size=10)
        out.append(
            {
                "id": f"run{i}",
                **{f"width{k + 1}": w for k, w in enumerate(widths)},
                "depth": depth,
                "act": act,
                "lr": round(lr, 6),
                "params": params,
                **{f"train_acc_{e + 1}": round(float(v), 4) for e, v in enumerate(curve)},
                "val_acc": round(float(accuracy), 4),
                "test_acc": round(float(accuracy + 0.01 * rng.normal()), 4),
                "train_seconds": 100 + params / 50 + i / 100,
            }
        )
    return out


@pytest.fixture(scope="session")
def rows():
    return records(90)


@pytest.fixture(scope="session")
def plain():
    """Without curves, which cost time."""
    return [{k: v for k, v in row.items() if not k.startswith("train_")} for row in records(90)]


@pytest.fixture(scope="session")
def candidates():
    hidden = ("train_", "val_acc", "test_acc")
    return [{k: v for k, v in row.items() if not k.startswith(hidden)} for row in records(30, seed=1)]


@pytest.fixture(scope="session")
def truth():
    return [row["val_acc"] for row in records(30, seed=1)]
