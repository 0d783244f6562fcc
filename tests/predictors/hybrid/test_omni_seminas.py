"""How SoTL-E and the Jacobian covariance become tokens of SemiNAS."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from archcast.predictors import Evidence, Pool, get_predictor
from archcast.predictors.hybrid.omni_seminas import BINS
from archcast.predictors.neural import _sequence
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")
OPTIONS: dict[str, Any] = {"random_state": 0, "hidden": 8, "passes": 4, "round_epochs": 2, "n_unlabelled": 20}
ARCHS = SPACE.sample(20, 0)
LOSSES = np.linspace(0.5, 2.4, 20)
EVIDENCE = Evidence({"train_loss": np.repeat(LOSSES[:, None], 8, axis=1)}, {"jacob_cov": np.arange(20.0) ** 3})


@pytest.fixture
def learned(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Rows, targets and unlabelled rows of each call to the training routine."""
    seen: list[Any] = []
    learn = _sequence.learn

    def spy(space: Any, rows: Any, targets: Any, **options: Any) -> Any:
        seen.append((space, rows, targets, options["unlabelled"], options["unknown"]))
        return learn(space, rows, targets, **options)

    monkeypatch.setattr(_sequence, "learn", spy)
    return seen


def test_rows_are_the_architecture_and_two_tenths(learned: list[Any]) -> None:
    pool = SPACE.sample(50, 3)
    get_predictor("omni-seminas", SPACE, **OPTIONS).init(ARCHS, np.arange(20), EVIDENCE, pool=Pool(pool))
    space, rows, targets, unlabelled, unknown = learned[0]
    tenth = np.arange(20) // 2
    np.testing.assert_array_equal(rows, np.column_stack([ARCHS, tenth[::-1], tenth]))
    assert unknown.tolist() == [-1] * 6 + [BINS] * 2
    assert (np.diff(targets) > 0).all()
    assert (unlabelled[:, 6:] == BINS).all()
    assert {tuple(row) for row in unlabelled[:, :6].tolist()} <= {tuple(row) for row in pool.tolist()}
    assert space.cardinalities == (*SPACE.cardinalities, BINS + 1, BINS + 1)
    np.testing.assert_array_equal(space.canonical(rows)[:, :6], SPACE.canonical(rows[:, :6]))
    np.testing.assert_array_equal(space.canonical(rows)[:, 6:], rows[:, 6:])


@pytest.mark.parametrize(("without", "width"), [("curve", 7), ("proxy", 7), ("encoding", 2)])
def test_without_a_part(learned: list[Any], without: str, width: int) -> None:
    predictor = get_predictor("omni-seminas", SPACE, without=without, **OPTIONS).init(ARCHS, np.arange(20), EVIDENCE)
    _, rows, _, unlabelled, unknown = learned[0]
    assert rows.shape == (20, width)
    assert (unknown is None) == (without == "encoding")
    assert (unlabelled is None) == (without == "encoding")
    other = predictor.query(ARCHS[::-1], EVIDENCE).mean
    assert (other == predictor.query(ARCHS, EVIDENCE).mean).all() == (without == "encoding")


def test_the_numbers_are_used() -> None:
    predictor = get_predictor("omni-seminas", SPACE, **OPTIONS).init(ARCHS, np.arange(20), EVIDENCE)
    answer = predictor.query(np.repeat(ARCHS[:1], 20, axis=0), EVIDENCE).mean
    assert len(np.unique(answer)) == BINS


@pytest.mark.parametrize("loss", ["hinge", "listmle"])
def test_a_ranking_loss_answers_on_the_scale_of_the_scores(loss: str) -> None:
    scores = 90 + 0.1 * np.arange(20.0)
    settings = OPTIONS | {"passes": 60, "loss": loss}
    mean = get_predictor("omni-seminas", SPACE, **settings).init(ARCHS, scores, EVIDENCE).query(ARCHS, EVIDENCE).mean
    assert 89 < mean.min() < 91 < mean.max() < 93
    assert np.corrcoef(mean, scores)[0, 1] > 0.6
