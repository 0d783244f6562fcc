"""The embedded table unpacks into what ``archcast train`` continues, and packs into the same table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from archcast.data import read_benchmark
from archcast.data.digits import FILE
from archcast.training import Trainer, load_dataset, read_runs, settings_for, train_table


@pytest.fixture(scope="module")
def tool(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("tools/make_digits.py")


def test_unpacked_and_packed_is_the_same(tool: ModuleType, tmp_path: Path) -> None:
    table = read_benchmark(FILE)
    tool.unpack(table, tmp_path)
    assert len(read_runs(tmp_path)) == len(table)
    trainer = Trainer("nasbench201", load_dataset("digits"), **settings_for("digits"))
    made = train_table(trainer, table.archs, tmp_path, seeds=(0, 1, 2), seconds=0.0)  # there is nothing left to train
    assert len(made) == len(table)
    tool.pack(tmp_path, tmp_path / "digits.npz")
    again = read_benchmark(tmp_path / "digits.npz")
    assert (again.archs == table.archs).all()
    for kind in ("metrics", "curves", "proxies"):
        assert set(getattr(again, kind)) == set(getattr(table, kind))
        for name, values in getattr(table, kind).items():
            np.testing.assert_allclose(getattr(again, kind)[name], values, rtol=1e-6)
    assert again.train_seconds == pytest.approx(table.train_seconds)
