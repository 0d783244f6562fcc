from __future__ import annotations

import numpy as np
import pytest

from archcast.errors import ArchcastError, InvalidInputError, UnknownNameError
from archcast.evidence import Evidence, Pool
from archcast.predictors import base
from archcast.predictors.base import NotInitializedError, Prediction, Predictor, Requirements, get_predictor
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")
ARCHS = SPACE.sample(6, 0)


class Recorder(Predictor):
    """Keeps what it is handed, and answers with the first column of the rows."""

    def _init(self, known):
        self.seen_ = (known.archs, known.scores, known.evidence, known.pool)
        self.calls_ = []

    def _query(self, archs, evidence):
        self.calls_.append(len(archs))
        return Prediction(archs[:, 0] + sum(evidence.proxies.values(), start=np.zeros(len(archs), dtype=np.float32)))


class Unlabelled(Recorder):
    """Needs no scores."""

    requires = Requirements(labels=False)


def test_init_hands_over_validated_input():
    evidence, pool = Evidence(proxies={"p": np.arange(6.0)}), Pool(ARCHS[:2].tolist())
    predictor = Recorder(SPACE).init(ARCHS.tolist(), [1, 2, 3, 4, 5, 6], evidence, pool=pool)
    archs, scores, known, candidates = predictor.seen_
    assert (archs.dtype, scores.dtype) == (np.int64, np.float64)
    assert known is evidence
    np.testing.assert_array_equal(candidates.archs, ARCHS[:2])
    assert not Recorder(SPACE).init(ARCHS, scores).seen_[2]


def test_a_predictor_without_labels_takes_archs_or_nothing():
    assert Unlabelled(SPACE).init().seen_[0].shape == (0, 6)
    archs, scores, _, _ = Unlabelled(SPACE).init(ARCHS).seen_
    assert (len(archs), len(scores)) == (6, 0)
    assert len(Unlabelled(SPACE).init(ARCHS, np.arange(6)).seen_[1]) == 6


def test_long_queries_come_in_chunks_with_their_evidence(monkeypatch):
    monkeypatch.setattr(base, "CHUNK", 4)
    predictor = Recorder(SPACE).init(ARCHS, np.arange(6))
    mean = predictor.query(ARCHS, Evidence(proxies={"p": 10.0 * np.arange(6)})).mean
    assert predictor.calls_ == [4, 2]
    np.testing.assert_array_equal(mean, ARCHS[:, 0] + 10.0 * np.arange(6))
    assert mean.dtype == np.float64


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        (Pool(ARCHS[:0]), "archs is empty"),
        (Pool(ARCHS, Evidence(proxies={"p": [1.0]})), "pool.evidence has 1 rows, pool.archs has 6"),
        (Pool(ARCHS + 9), "outside 0..4"),
    ],
)
def test_wrong_pools(pool, message):
    with pytest.raises(InvalidInputError, match=message):
        Recorder(SPACE).init(ARCHS, np.arange(6), pool=pool)


def test_wrong_evidence_type():
    with pytest.raises(InvalidInputError, match=r"evidence must be an archcast\.Evidence, got \{'p': 1\}"):
        Recorder(SPACE).init(ARCHS, np.arange(6), {"p": 1})


def test_a_curve_that_is_too_short_is_named():
    class Curve(Recorder):
        requires = Requirements(curve="train_loss", epochs=5)

    with pytest.raises(
        InvalidInputError, match=r"Curve needs 5 epochs of evidence\.curves\['train_loss'\], got 2 epochs"
    ):
        Curve(SPACE).init(ARCHS, np.arange(6), Evidence(curves={"train_loss": np.zeros((6, 2))}))


def test_errors_before_init_are_archcasts_and_sklearns():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotInitializedError, match="call init"):
        Recorder(SPACE).query(ARCHS)
    assert issubclass(NotInitializedError, NotFittedError)
    assert issubclass(NotInitializedError, ArchcastError)


def test_get_predictor_answers_wrong_names_and_parameters():
    with pytest.raises(UnknownNameError, match="Did you mean 'xgboost'"):
        get_predictor("xgbost", SPACE)
    with pytest.raises(InvalidInputError, match=r"has no parameter 'depth'\. Did you mean 'max_depth'"):
        get_predictor("xgboost", SPACE, depth=3)


@pytest.mark.parametrize("state", [0, np.random.RandomState(0), None, np.random.default_rng(0)])
def test_random_states(state):
    assert isinstance(Recorder(SPACE, random_state=state)._rng(), np.random.Generator)


def test_a_seed_gives_one_stream():
    predictor = Recorder(SPACE, random_state=3)
    assert predictor._rng().integers(10**9) == predictor._rng().integers(10**9)


def test_intervals_are_those_of_a_normal_distribution():
    from scipy.stats import norm

    mean, std = np.array([1.0, 2.0]), np.array([0.5, 0.0])
    for level in (0.5, 0.9, 0.99):
        low, high = Prediction(mean, std).interval(level)
        np.testing.assert_allclose((low[0], high[0]), norm(1, 0.5).interval(level))
        assert low[1] == high[1] == 2
    with pytest.raises(InvalidInputError, match="has no std"):
        Prediction(mean).interval()
    for level in (0, 1, -1, "much"):
        with pytest.raises(InvalidInputError, match="level must be a finite number between 0 and 1"):
            Prediction(mean, std).interval(level)
