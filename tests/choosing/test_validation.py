"""Cross-validation: nothing is predicted by a fit that has seen it, and finished folds are kept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from archcast.choosing import choose, read_table
from archcast.choosing import validation as v
from archcast.choosing.recommend import extrapolate
from archcast.errors import InvalidInputError


def test_folds_do_not_share_an_architecture():
    rng = np.random.default_rng(0)
    table = read_table({"a": rng.integers(0, 4, 60), "b": rng.integers(0, 3, 60), "score": rng.random(60)})
    folds = v._folds(table, 0)
    for arch in np.unique(table.archs, axis=0):
        assert len(set(folds[(table.archs == arch).all(axis=1)].tolist())) == 1
    assert set(folds.tolist()) == set(range(5))


def test_noise_is_not_predicted():
    rng = np.random.default_rng(0)
    table = read_table({"a": rng.integers(0, 9, 80), "b": rng.integers(0, 9, 80), "score": rng.random(80)})
    found = v.cross_validate(table, ["gp", "random-forest"])
    assert all(abs(one.tau) < 4 * max(one.error, 0.05) for one in found)


def test_the_error_is_that_of_other_tables():
    """Against the spread of tau over many tables of the same kind."""
    rng = np.random.default_rng(0)
    taus, errors = [], []
    for seed in range(40):
        truth = rng.normal(size=60)
        mean = truth + rng.normal(size=60)
        tau, error = v.with_error(truth, mean, seed)
        assert tau == pytest.approx(kendalltau(truth, mean).statistic)
        taus.append(tau)
        errors.append(error)
    assert np.mean(errors) == pytest.approx(np.std(taus), rel=0.35)
    assert v.with_error(truth, np.zeros(60), 0) == (0.0, 0.0)


def test_finished_folds_are_kept(plain, tmp_path, monkeypatch):
    table, kept, calls = read_table(plain), tmp_path / "folds.jsonl", []
    real = v._predict

    def counted(*arguments):
        calls.append(arguments[1])
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(v, "_predict", counted)
    with pytest.raises(KeyboardInterrupt):
        v.cross_validate(table, ["bayesian-linear"], kept=kept)
    assert len(calls) == 4
    whole = v.cross_validate(table, ["bayesian-linear"], kept=kept)[0]
    assert len(calls) == 4 + 2
    monkeypatch.undo()
    fresh = v.cross_validate(table, ["bayesian-linear"])[0]
    np.testing.assert_array_equal(whole.outside, fresh.outside)
    assert whole.tau == fresh.tau


def test_choose(plain):
    advice = choose(read_table(plain), ["bayesian-linear", "gp"])
    assert advice.best == "gp"
    assert advice.validated[0].tau >= advice.validated[1].tau
    assert advice.enough is None
    assert [m for m, *_ in advice.curve] == [11, 22, 45, 67]
    assert list(advice.expected) == [90, 180, 360]
    assert advice.expected[90] <= advice.expected[180] <= advice.expected[360] <= 1
    assert advice.sentences[0].startswith("Use gp: tau 0.")
    told = advice.to_dict()
    assert told["recommended"] == "gp"
    assert told["predictors"][0]["covered90"] > 0.5


def test_params_alone_would_do():
    rng = np.random.default_rng(0)
    params = rng.integers(1000, 9000, 60)
    frame = {
        "a": rng.integers(0, 9, 60),
        "b": rng.integers(0, 9, 60),
        "params": params,
        "acc": params / 1e4 + 0.001 * rng.random(60),
    }
    advice = choose(read_table(frame), ["bayesian-linear"])
    assert advice.enough == "params alone"
    assert any("nothing need be learned" in sentence for sentence in advice.sentences)


def test_extrapolation():
    labels = [10, 40, 90]
    curve = [(m, 0.9 - 1 / np.sqrt(m), 0.0) for m in labels]
    found = extrapolate(curve, 100, 0.8)
    assert found == pytest.approx({100: 0.8, 200: 0.9 - 1 / np.sqrt(200), 400: 0.85})
    assert extrapolate([(10, 0.5, 0.0)], 20, 0.5) == {}
    assert max(extrapolate([(10, 0.1, 0), (100, 0.99, 0)], 100, 0.99).values()) <= 1
    assert set(extrapolate([(10, 0.9, 0), (100, 0.5, 0)], 100, 0.5).values()) == {0.5}


def test_no_predictor_works(plain):
    with pytest.raises(InvalidInputError, match=r"None of the predictors could be fitted. gcn: "):
        choose(read_table(plain), ["gcn"])


def test_one_architecture_only():
    table = read_table({"a": [1] * 8, "b": [1] * 8, "score": range(8)})
    with pytest.raises(InvalidInputError, match="all rows are the same architecture"):
        v.cross_validate(table, ["gp"])
