"""lc-pfn: same answer on any scale and direction, calibrated on its own prior, sensible on curves anyone can judge."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError, MissingEvidenceError
from archcast.predictors.base import NotInitializedError

SPACE = archcast.get_space("nasbench201")


def rising(n: int, seed: int = 0, epochs: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    ideal = rng.uniform(0.4, 0.9, (n, 1)) * (1 - rng.uniform(0.7, 0.95, (n, 1)) ** np.arange(1, epochs + 1))
    return np.clip(ideal + rng.normal(0, 0.005, ideal.shape), 0, 1)


def forecast(values, signal="val_accuracy", **params):
    params = {"total_epochs": 40, **params}
    predictor = archcast.get_predictor("lc-pfn", SPACE, signal=signal, **params).init()
    return predictor.forecast(SPACE.sample(len(values), 0), archcast.Evidence({signal: values}))


def test_query_is_the_mean_and_std_of_the_forecast():
    values = rising(4)[:, :10]
    predictor = archcast.get_predictor("lc-pfn", SPACE, total_epochs=40).init()
    given = archcast.Evidence({"val_accuracy": values})
    answer, whole = predictor.query(SPACE.sample(4, 0), given), predictor.forecast(SPACE.sample(4, 0), given)
    np.testing.assert_array_equal(answer.mean, whole.mean)
    np.testing.assert_array_equal(answer.std, whole.std)
    low, high = whole.support()
    x = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, 20_001)
    np.testing.assert_allclose(np.trapezoid(whole.density(x), x, axis=1), 1, atol=0.01)


def test_percent_errors_and_shares_are_one_thing():
    """An affine change of scale changes the answer by the same, whichever way the signal points."""
    values = rising(6)[:, :12]
    share = forecast(values)
    percent = forecast(100 * values)
    error = forecast(100 - 100 * values, "val_error")
    loss = forecast(7 * (1.5 - values), "val_loss")
    double = forecast(14 * (1.5 - values), "val_loss")
    np.testing.assert_allclose(percent.mean, 100 * share.mean, rtol=1e-5)
    np.testing.assert_allclose(percent.std, 100 * share.std, rtol=1e-4)
    np.testing.assert_allclose(percent.above(70), share.above(0.7), atol=1e-4)
    np.testing.assert_allclose(error.mean, percent.mean - 100, rtol=1e-5)
    np.testing.assert_allclose(double.mean, 2 * loss.mean, rtol=1e-5)
    np.testing.assert_allclose(double.quantile(0.9), 2 * loss.quantile(0.9), rtol=1e-4)


def test_complete_curves_fix_the_range_of_any_signal():
    """Told the range by complete curves, a signal of any scale is forecast as its image in [0, 1]."""
    done, begun = 300 - 200 * rising(8, 1), 300 - 200 * rising(5, 2)[:, :9]
    answers = []
    for factor in (1.0, 50.0):
        predictor = archcast.get_predictor("lc-pfn", SPACE, signal="perplexity")
        predictor.init(SPACE.sample(8, 0), None, archcast.Evidence({"perplexity": factor * done}))
        answers.append(predictor.query(SPACE.sample(5, 0), archcast.Evidence({"perplexity": factor * begun})))
    np.testing.assert_allclose(answers[1].mean, 50 * answers[0].mean, rtol=1e-5)
    assert (answers[0].mean > -begun[:, -1]).all(), "perplexity falls, so its negative rises"


def test_a_network_at_chance_stays_and_a_good_one_rises():
    values = np.stack([np.full(20, 0.1), 0.8 * (1 - 0.9 ** np.arange(1, 21))])
    one = forecast(values, total_epochs=60)
    assert one.above(0.5)[0] < 0.1
    assert one.above(values[1, -1])[1] > 0.9
    assert one.std[0] < 0.15


def test_a_complete_curve_is_certain():
    values = rising(3)
    values[1:, 20:] = np.nan
    one = forecast(values)
    assert one.mean[0] == pytest.approx(values[0, -1], abs=1e-6)
    assert one.std[0] < 1e-6 < one.std[1]


def test_more_epochs_make_it_surer_and_closer():
    values = rising(60)
    errors, widths = [], []
    for seen in (5, 15, 30):
        one = forecast(values[:, :seen])
        errors.append(np.abs(one.mean - values[:, -1]).mean())
        widths.append(one.std.mean())
    assert errors[0] > errors[1] > errors[2]
    assert widths[0] > widths[1] > widths[2]


def test_intervals_hold_on_the_prior(load_script):
    """On fresh synthetic curves the probability below the truth is uniform: the network is calibrated where it was trained."""
    script = load_script("tools/train_lc_pfn.py")
    from archcast.predictors.learning_curve import _pfn

    drawn = script.prior(500, np.random.default_rng(5))
    seen = np.maximum(1, drawn.horizon // 4)
    shown = np.where(np.arange(1, 301) <= seen[:, None], drawn.values, np.nan)
    rows = np.arange(500)
    for schedule in (None, drawn.schedule):
        borders, probabilities = _pfn.increments(shown, drawn.horizon, schedule)
        gain = drawn.values[rows, drawn.horizon - 1] - drawn.values[rows, seen - 1]
        below = [np.interp(g, borders, np.r_[0, np.cumsum(p)]) for g, p in zip(gain, probabilities)]
        for level in (0.1, 0.5, 0.9):
            assert np.mean(np.array(below) < level) == pytest.approx(level, abs=0.08)


def test_a_known_drop_of_the_learning_rate_is_foreseen():
    """Noisy curves on a plateau: told that the rate will drop, the network expects more than told that it will not."""
    rng = np.random.default_rng(0)
    values = np.clip(0.6 * (1 - 0.8 ** np.arange(1, 26)) + rng.normal(0, 0.02, (30, 25)), 0, 1)
    drop, constant = np.where(np.arange(50) < 30, 0.1, 0.01), np.full(50, 0.1)
    with_drop = forecast(values, total_epochs=50, schedule=drop.tolist())
    without = forecast(values, total_epochs=50, schedule=constant)
    assert (with_drop.mean - without.mean).mean() > 0.01
    again = forecast(values, total_epochs=50, schedule=7 * drop)
    np.testing.assert_allclose(again.mean, with_drop.mean)


@pytest.mark.parametrize(
    "schedule", [np.ones(39), [], np.zeros(40), -np.ones(40), np.full(40, np.nan), np.ones((40, 1))], ids=str
)
def test_a_schedule_has_a_rate_for_each_epoch(schedule):
    with pytest.raises(
        InvalidInputError,
        match=r"LCPFN: schedule (must be .* each of the 40 epochs|is .* a sequence of finite numbers)",
    ):
        forecast(rising(2)[:, :9], schedule=schedule)


def test_forecast_refuses_what_query_refuses():
    predictor = archcast.get_predictor("lc-pfn", SPACE, epochs=5, total_epochs=40)
    given = archcast.Evidence({"val_accuracy": rising(2)[:, :9]})
    with pytest.raises(NotInitializedError, match="before forecast"):
        predictor.forecast(SPACE.sample(2, 0), given)
    predictor.init()
    short = rising(2)[:, :9]
    short[1, 3:] = np.nan
    with pytest.raises(MissingEvidenceError, match="row 1 has 3"):
        predictor.forecast(SPACE.sample(2, 0), archcast.Evidence({"val_accuracy": short}))
    with pytest.raises(MissingEvidenceError, match="val_accuracy"):
        predictor.forecast(SPACE.sample(2, 0), archcast.Evidence())
    with pytest.raises(InvalidInputError):
        predictor.forecast(np.zeros((0, 6), dtype=int), archcast.Evidence())


def test_trainings_longer_than_any_of_the_prior_are_read_in_its_time():
    """A curve of 1,200 epochs is read as one of 300: every fourth epoch."""
    steps = np.arange(1, 1201)
    values = 0.8 * (1 - np.exp(-steps / 300))[None]
    long = forecast(values[:, :400], total_epochs=1200)
    short = forecast(values[:, 3:400:4], total_epochs=300)
    assert long.mean[0] == pytest.approx(short.mean[0], abs=1e-6)
