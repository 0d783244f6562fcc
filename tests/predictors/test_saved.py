"""Files that an earlier version wrote are read, and answer as they did: one of each kind of learned state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archcast.predictors.base import PREDICTORS, Predictor, get_predictor
from archcast.predictors.persistence import RENAMED, STATES
from archcast.search.base import load_strategy
from archcast.testing.predictors._material import query, rows_of

FOLDER = Path(__file__).parent / "saved"

ANSWERS = {
    "dngo": [78.386, 80.2345, 73.2963, 73.4442, 76.339],
    "gcn": [77.5951, 83.8209, 73.0394, 76.9595, 76.6535],
    "gp": [78.5768, 80.5866, 73.2112, 74.8366, 76.412],
    "gp-wl": [79.3464, 81.2135, 73.2191, 76.3903, 76.56],
    "lc-increment": [77.2875, 84.3078, 78.4621, 77.2875, 74.9322],
    "lcsvr": [77.5276, 84.5779, 78.5714, 77.3099, 75.0461],
    "omni": [76.5025, 76.8721, 76.458, 76.388, 75.3818],
    "sparse-gp": [78.2238, 80.4071, 73.2823, 74.9585, 76.7449],
    "stack": [77.9275, 81.8258, 73.168, 75.5032, 76.4263],
    "xgboost-rank": [80.3846, 81.9819, 73.1228, 73.7345, 76.5324],
}
"""Means of five architectures, as the version that wrote the files gave them (format 1, modules not yet in family folders);
those of lc-increment, whose method has changed since, as today's gives them."""


@pytest.mark.parametrize("name", ANSWERS)
def test_files_from_before_the_move(name, tmp_path):
    predictor = Predictor.load(FOLDER / f"{name}.npz")
    assert PREDICTORS.name_of(type(predictor)) == RENAMED.get(name, name)
    rows = rows_of(predictor, 5, 9)
    np.testing.assert_allclose(query(predictor, rows).mean, ANSWERS[name], atol=1e-3)
    predictor.save(tmp_path / "again.npz")
    again = Predictor.load(tmp_path / "again.npz")
    np.testing.assert_array_equal(query(again, rows).mean, query(predictor, rows).mean)


def test_a_search_from_before_the_move():
    strategy = load_strategy(FOLDER.parents[1] / "search" / "saved-strategy.npz")
    assert len(strategy.history) == 6
    assert strategy.ask(3).shape == (3, 6)


def test_names_and_no_modules_are_written(tmp_path):
    path = tmp_path / "gp.npz"
    archs = get_predictor("gp", "nasbench201")._space.sample(8, 0)
    get_predictor("gp", "nasbench201").init(archs, archs.sum(axis=1)).save(path)
    with np.load(path) as file:
        text = file["archcast"].tobytes().decode()
    assert "archcast." not in text
    assert "additive-gp" in STATES
