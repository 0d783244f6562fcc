"""The script that trains flan on tables: its checkpoint is one that flan begins with."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.data.base import benchmark_names


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("tools/train_flan.py")


def test_what_it_writes_is_a_checkpoint(script, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("archcast.predictors.neural.flan.MOST", 40)
    script.main(["--out", str(tmp_path / "flan.npz"), "--tables", "digits", "--epochs", "1"])
    assert "flan after 1 tables" in capsys.readouterr().out
    archs = archcast.get_space("nasbench201").sample(6, 0)
    flan = archcast.get_predictor("flan", "nasbench201", checkpoint=str(tmp_path / "flan.npz"), epochs=2)
    assert np.isfinite(flan.init(archs, np.arange(6.0)).query(archs).mean).all()


def test_a_source_has_only_rows_that_were_measured(script):
    table = archcast.load_benchmark("digits")
    source = script.source("digits")
    np.testing.assert_array_equal(source.archs, table.archs)
    np.testing.assert_array_equal(source.scores, table.scores())
    assert set(script.TABLES) <= set(benchmark_names())
