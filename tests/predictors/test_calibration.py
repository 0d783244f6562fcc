"""Standard deviations that are mended by rows left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from archcast.predictors.base import get_predictor
from archcast.predictors.calibration import (
    ALONE,
    EACH,
    UNBIASED,
    USUAL,
    Bias,
    Spread,
    Twins,
    expected,
    groups_of,
    learned,
)
from archcast.predictors.gaussian_process.bayesian_linear import LinearPosterior
from archcast.predictors.neural._folds import noise_of
from archcast.predictors.targets import TargetScale
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")


def errors(n, wide, seed=0):
    """Predictions, their std of 1, and targets whose error has another std, ``wide`` times as large for the best."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=n)
    return mean, np.ones(n), mean + rng.normal(size=n) * 0.5 * np.where(mean > 0.6, wide, 1.0)


@pytest.mark.parametrize("wide", [1.0, 1.8])
def test_intervals_hold_in_the_middle_and_among_the_best(wide):
    spread = Spread.of(*errors(4000, wide))
    mean, std, targets = errors(20_000, wide, seed=1)
    inside = np.abs(targets - mean) < 1.645 * spread(mean, std)
    best = mean > np.quantile(mean, 0.9)
    assert inside[mean < 0].mean() == pytest.approx(0.9, abs=0.02)
    assert inside[best].mean() == pytest.approx(0.9, abs=0.04)


def test_with_few_rows_the_prior_counts():
    mean, std, targets = errors(4, 1.0)
    spread = Spread.of(mean, std, targets)
    assert 1.0 < spread.factor < 1.6  # 0.5 would be right for many rows; here few rows add what they do not tell
    assert 0 < spread.tail < USUAL.tail
    assert Spread.of(mean[:0], std[:0], targets[:0]) == Spread()
    np.testing.assert_array_equal(Spread()(mean, std), std * np.sqrt(1.0))


def test_a_std_that_is_too_sure_by_chance_does_not_count():
    mean, std, targets = errors(100, 1.0)
    std[3] = 0.0
    assert Spread.of(mean, std, targets).factor < 3


def test_linear_regression_leaves_one_out_as_a_refit_would():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4))
    t = x @ [1.0, -1.0, 0.5, 0.0] + 0.3 * rng.normal(size=30)
    whole = LinearPosterior.fit(x, t)
    mean, variance = whole.leave_one_out(x, t)
    keep = np.arange(30) != 7
    centred = np.column_stack([np.ones(29), x[keep]])
    precision = np.diag([0.0, *[whole.alpha] * 4]) + whole.beta * centred.T @ centred
    row = np.array([1.0, *x[7]])
    weights = np.linalg.solve(precision, whole.beta * centred.T @ t[keep])
    assert mean[7] == pytest.approx(
        row @ weights, rel=0.02
    )  # the prior is on centred features, whose centre moves a little
    assert variance[7] == pytest.approx(1 / whole.beta + row @ np.linalg.solve(precision, row), rel=0.02)


def test_a_forest_s_outside_answers_are_those_of_trees_that_have_not_seen_the_row():
    archs = SPACE.sample(20, 0)
    forest = get_predictor("random-forest", SPACE, n_estimators=30, random_state=0).init(archs, archs.sum(axis=1))
    features = forest.features_.matrix(archs, None)
    targets = np.arange(20.0)
    forest.learn(features, targets)
    mean, std = forest.outside(features, targets)
    told = [
        tree.predict(features[[5]])[0]
        for tree, sample in zip(forest.forest_.estimators_, forest.forest_.estimators_samples_)
        if 5 not in sample
    ]
    assert mean[5] == pytest.approx(np.mean(told))
    assert std[5] == pytest.approx(np.std(told))


@pytest.mark.parametrize("name", ["gp", "gp-wl", "bayesian-linear", "random-forest"])
def test_of_the_best_as_many_are_covered_as_of_all(name):
    rng = np.random.default_rng(3)
    archs, asked = SPACE.sample(100, 0), SPACE.sample(1500, 1)

    def scores(rows):
        return (rows == 3).sum(axis=1) - 0.5 * (rows == 0).sum(axis=1) + rng.normal(0, 0.7, len(rows))

    answer = get_predictor(name, SPACE, random_state=0).init(archs, scores(archs)).query(asked)
    low, high = answer.interval(0.9)
    truth = scores(asked)
    inside = (low <= truth) & (truth <= high)
    best = np.argsort(-answer.mean)[:150]
    assert 0.84 < inside.mean() < 0.97
    assert inside[best].mean() > 0.84


class _Space:
    """Rows are equal functions if their first number is."""

    def canonical(self, archs):
        return archs[:, :1]


def _half_twins(n, rng):
    """``n`` rows, half of them pairs of twins that are told from each other; the others with errors of 1."""
    rows = np.concatenate([np.repeat(np.arange(n // 4), 2), np.arange(n // 4, 3 * n // 4)])[:, None]
    mean = rng.normal(size=n)
    return rows, mean, mean + rng.normal(size=n) * np.where(np.arange(n) < n // 2, 0.1, 1.0)


def test_what_has_no_twin_is_as_wide_as_rows_without_one(rng):
    rows, mean, targets = _half_twins(800, rng)
    spread, twins = learned(rows, np.arange(800), mean, np.full(800, 0.5), targets)
    asked = np.array([[0], [10], [5000], [6000]])
    low = np.full(4, -1.0)
    std = twins(_Space(), asked, spread(low, np.full(4, 0.5)))
    np.testing.assert_allclose(std[2:], 1.0, rtol=0.12)
    np.testing.assert_allclose(std[:2], std[2:] * twins.factor)
    assert 0.1 < twins.factor < 0.35  # shrunk from 0.1


def test_a_twin_in_the_same_fold_is_none(rng):
    rows, mean, targets = _half_twins(800, rng)
    pairs = np.concatenate([np.repeat(np.arange(200), 2), np.arange(200, 600)])
    spread, twins = learned(rows, pairs, mean, np.full(800, 0.5), targets)
    assert twins == ALONE or twins.factor > 0.9
    assert spread == Spread.of(mean, np.full(800, 0.5), targets)
    surer, _ = learned(rows, pairs, mean, np.full(800, 0.5), targets, EACH)
    assert surer == Spread.of(mean, np.full(800, 0.5), targets, EACH)
    assert surer.factor == pytest.approx(spread.factor * np.sqrt((1 + 1 / 800) / (1 + 4 / 800)))


@pytest.mark.parametrize("name", ["random-forest", "bayesian-linear", "dngo"])
def test_rows_that_nearly_all_others_predict_need_less_room(name, monkeypatch):
    archs = SPACE.sample(40, 0)
    made = get_predictor(name, SPACE, random_state=0)
    assert made.beliefs is (USUAL if name == "dngo" else EACH)
    found = made.init(archs, (archs == 3).sum(axis=1) + np.random.default_rng(0).normal(size=40))
    before = found.calibration_.factor
    monkeypatch.setattr(type(made), "beliefs", replace(made.beliefs, unseen=made.beliefs.unseen + 40))
    wider = made.init(archs, (archs == 3).sum(axis=1) + np.random.default_rng(0).normal(size=40)).calibration_.factor
    assert wider > 1.2 * before


def test_few_rows_without_a_twin(rng):
    mean, targets = rng.normal(size=20), rng.normal(size=20)
    rows = np.repeat(np.arange(10), 2)[:, None]
    spread, twins = learned(rows, np.arange(20), mean, np.ones(20), targets)
    assert spread == Spread.of(mean, np.ones(20), targets)
    assert twins is ALONE
    np.testing.assert_array_equal(twins(_Space(), rows, mean), mean)


def test_twins_that_are_not_told_better_make_no_difference(rng):
    mean = rng.normal(size=200)
    assert Twins.of(np.arange(200)[:, None], mean, np.ones(200), mean + 3.0) is ALONE


def test_groups_are_those_of_equal_rows():
    groups = groups_of(np.array([[1, 2], [0, 5], [1, 2], [1, 3]]))
    assert groups[0] == groups[2]
    assert len(set(groups.tolist())) == 3


def test_ensembles_learn_from_rows_whose_twins_their_members_have_not_seen(rng):
    rows, mean, targets = _half_twins(800, rng)
    fold = rng.permutation(800) % 5
    noise, bias, twins = noise_of(rows, np.tile(mean, (5, 1)), targets, np.arange(5)[:, None] == fold)
    # a share, .6, of the 1 of rows without a twin, and of the rows whose twin is in their own fold; of all rows it is .18
    assert 0.4 < noise(np.zeros(1))[0] < 0.55
    assert twins.factor < 0.45
    np.testing.assert_allclose(bias(np.array([-1.0, 1.0]), np.ones(2))[0], 0, atol=0.2)


def _lucky(n, rng):
    """Predictions, and targets that fall behind the highest of these, where scores are a hundred times as fine as in the middle."""
    mean = rng.normal(size=n)
    return mean, mean - 0.8 * np.clip(mean - 0.5, 0, None) + 0.3 * rng.normal(size=n)


def test_an_interval_knows_on_which_side_of_the_prediction_the_score_is(rng):
    mean, targets = _lucky(2000, rng)
    bias = Bias.of(*_lucky(4000, rng))
    std = np.sqrt(0.3**2 + np.square(0.8 * np.clip(mean - 0.5, 0, None)))
    scale = TargetScale(np.array([-100.0, 0.0, 1.0]), np.array([-1.0, 0.6, 3.0]), (60.0, 0.4))
    shift, rest = bias(mean, std)
    assert shift[mean > 1.5].max() < -0.5
    np.testing.assert_allclose(shift[np.abs(mean) < 0.2], 0, atol=0.1)
    np.testing.assert_allclose(np.square(rest) + np.square(shift), np.square(std), rtol=0.25)
    held = []
    for found in (scale.prediction(mean, rest, shift), scale.prediction(mean, std)):
        inside = np.abs(scale.backward(targets) - found.mean) <= 1.645 * found.std
        held.append(inside[mean > 1].mean())
        np.testing.assert_array_equal(found.mean, scale.backward(mean))
    assert held[0] > 0.9 > 0.85 > held[1]


def test_few_rows_tell_no_bias():
    mean = np.zeros(3)
    assert Bias.of(mean, mean + 1)(mean[:1], np.ones(1))[0][0] == pytest.approx(3 / 13)
    assert Bias.of(mean[:0], mean[:0]) is UNBIASED
    shift, std = UNBIASED(mean, np.ones(3))
    np.testing.assert_array_equal(shift, 0)
    np.testing.assert_array_equal(std, 1)
    assert Bias.of(mean, mean + 50)(mean[:1], np.ones(1))[1][0] == pytest.approx(0.5)


def test_what_is_expected_of_a_twin_is_nearer_to_its_prediction():
    bias = Bias(np.zeros(1), np.full(1, 0.6))
    std, shift = expected(bias, Twins(np.array([[1]]), 0.5), _Space(), np.array([[1], [2]]), np.zeros(2), np.ones(2))
    np.testing.assert_allclose(std, [0.4, 0.8])
    np.testing.assert_allclose(shift, [0.3, 0.6])
    _, shift = expected(UNBIASED, ALONE, _Space(), np.array([[1]]), np.zeros(1), np.zeros(1))
    assert shift.tolist() == [0.0]


def test_a_predictor_is_surer_of_the_twins_of_its_rows():
    archs = SPACE.sample(80, 0)
    scores = (archs == 3).sum(axis=1) + np.random.default_rng(0).normal(size=80)
    linear = get_predictor("bayesian-linear", SPACE).init(archs, scores)
    linear.twins_ = Twins(np.unique(SPACE.canonical(archs), axis=0), 0.5)
    others = SPACE.sample(300, 1)
    known = {row.tobytes() for row in SPACE.canonical(archs)}
    twin = np.array([row.tobytes() in known for row in SPACE.canonical(others)])
    sure = linear.query(others).std
    linear.twins_ = ALONE
    assert twin.any()
    assert (sure[twin] < linear.query(others).std[twin]).all()
    np.testing.assert_array_equal(sure[~twin], linear.query(others).std[~twin])
