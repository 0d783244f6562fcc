"""AnalogNAS-Bench: the package's pickle of records, by stand-ins."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau

import archcast
from archcast.errors import DataNotFoundError, InvalidFileError


def test_it_covers_the_space_and_was_trained_apart(shared) -> None:
    benchmark = archcast.load_benchmark("analog-nasbench")
    assert len(np.unique(benchmark.archs, axis=0)) == 15_625
    table = archcast.load_benchmark("nasbench201", shared / "benchmarks")
    order = np.lexsort(benchmark.archs.T), np.lexsort(table.archs.T)
    tau = kendalltau(benchmark.scores()[order[0]], table.scores()[order[1]]).statistic
    assert tau == pytest.approx(0.888, abs=5e-4)  # another edge or operation order gives less than .4


def test_files_elsewhere(tmp_path) -> None:
    with pytest.raises(DataNotFoundError, match=r"needs data\.anb"):
        archcast.load_benchmark("analog-nasbench", tmp_path)
    whole = (Path(importlib.util.find_spec("analognasbench").origin).parent / "data.anb").read_bytes()
    for at in (0, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "data.anb").write_bytes(whole[:at])
        with pytest.raises(InvalidFileError, match=r"data\.anb.* \(byte "):
            archcast.load_benchmark("analog-nasbench", tmp_path)
