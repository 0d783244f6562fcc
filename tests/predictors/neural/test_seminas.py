"""Pseudo-labels: which architectures get them, and that they are learned from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from archcast.predictors import Pool, get_predictor
from archcast.predictors.neural import _sequence
from archcast.spaces.base import get_space

OPTIONS: dict[str, Any] = {"random_state": 0, "hidden": 8, "epochs": 4, "round_epochs": 2, "n_unlabelled": 20}


@pytest.fixture
def unlabelled(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The unlabelled architectures of each call to the training routine."""
    seen: list[np.ndarray] = []
    learn = _sequence.learn

    def spy(*args: Any, **options: Any) -> Any:
        seen.append(options["unlabelled"])
        return learn(*args, **options)

    monkeypatch.setattr(_sequence, "learn", spy)
    return seen


def test_unlabelled_architectures_come_from_the_pool(unlabelled: list[np.ndarray]) -> None:
    space = get_space("nasbench201")
    archs, pool = space.sample(10, 0), np.unique(space.sample(60, 1), axis=0)
    get_predictor("seminas", space, **OPTIONS).init(archs, np.arange(10), pool=Pool(pool))
    get_predictor("seminas", space, **OPTIONS).init(archs, np.arange(10), pool=Pool(pool[:7]))
    candidates = {tuple(row) for row in pool.tolist()}
    assert len({tuple(row) for row in unlabelled[0].tolist()} & candidates) == 20
    assert sorted(unlabelled[1].tolist()) == sorted(pool[:7].tolist())


def test_without_a_pool_they_come_from_the_space(unlabelled: list[np.ndarray]) -> None:
    space = get_space("nasbench101")
    for seed in (0, 0, 1):
        options = OPTIONS | {"random_state": seed}
        get_predictor("seminas", space, **options).init(space.sample(10, 0), np.arange(10))
    assert all(rows.shape == (20, 26) and space.is_valid(rows).all() for rows in unlabelled)
    np.testing.assert_array_equal(unlabelled[0], unlabelled[1])
    assert not np.array_equal(unlabelled[0], unlabelled[2])


def test_pseudo_labels_change_the_answer() -> None:
    space = get_space("nasbench201")
    archs, queries = space.sample(10, 0), space.sample(10, 2)

    def answer(**options: Any) -> np.ndarray:
        one = get_predictor("seminas", space, **(OPTIONS | options))
        return np.asarray(one.init(archs, np.arange(10), pool=Pool(space.sample(30, 1))).query(queries).mean)

    assert not np.allclose(answer(rounds=0), answer(rounds=1))
    assert not np.allclose(answer(rounds=1), answer(rounds=2))
    np.testing.assert_array_equal(answer(), answer())
