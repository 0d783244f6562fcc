"""lc-increment: its regressions against refits, its blend by the number of complete curves, what it forecasts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import archcast
from archcast.errors import InvalidInputError
from archcast.predictors.learning_curve import lc_increment as module
from archcast.predictors.learning_curve._candidates import likely_widths
from archcast.predictors.learning_curve._stillness import awaited
from archcast.predictors.learning_curve.compound import Mixture, Widened
from archcast.predictors.learning_curve.curves import Curves, CurveScale
from archcast.predictors.learning_curve.distributions import Bars

SPACE = archcast.get_space("nasbench201")
EPOCHS = 20


def curves(n: int, seed: int = 0, noise: float = 0.003) -> np.ndarray:
    """Curves of a task with a drop of the learning rate at 70 %: no network without complete curves can know of it."""
    rng = np.random.default_rng(seed)
    t = np.arange(1, EPOCHS + 1)
    quality = rng.uniform(0.4, 0.8, (n, 1))
    return np.clip(quality * (1 - 0.7**t) + 0.1 * (t > 14) + rng.normal(0, noise, (n, EPOCHS)), 0, 1)


def forecast(complete: np.ndarray, begun: np.ndarray, name: str = "lc-increment", **params):
    predictor = archcast.get_predictor(name, SPACE, random_state=0, total_epochs=EPOCHS, **params)
    given = archcast.Evidence({"val_accuracy": complete}) if len(complete) else None
    predictor.init(SPACE.sample(len(complete), 0), None, given)
    return predictor.forecast(SPACE.sample(len(begun), 1), archcast.Evidence({"val_accuracy": begun}))


@pytest.mark.parametrize("m", [1, 2, 10, 29, 30, 99, 100])
def test_complete_curves_teach_the_drop(m):
    test = curves(40, 1)
    own, network = forecast(curves(m), test[:, :8]), forecast(curves(m), test[:, :8], "lc-pfn")
    errors = [np.sqrt(np.mean((d.mean - test[:, -1]) ** 2)) for d in (own, network)]
    assert errors[0] < errors[1]
    if m >= 10:
        assert errors[0] < 0.03
        assert own.log_density(test[:, -1]).mean() > network.log_density(test[:, -1]).mean() + 0.5
        low, high = own.interval(0.9)
        assert ((low < test[:, -1]) & (test[:, -1] < high)).mean() > 0.8


def widened(network: Bars, widths: np.ndarray, x: np.ndarray) -> np.ndarray:
    """By definition: the mean of the distribution functions, each ``w`` times as wide around the median."""
    middle = network.quantile(0.5)
    return np.mean([network.cdf(middle + (x - middle) / w) for w in widths], axis=0)


def test_without_complete_curves_it_is_the_network_at_all_widths_that_are_likely():
    begun, cut = curves(5, 1)[:, :8], curves(4)
    cut[:, -1] = np.nan
    network = forecast(np.zeros((0, EPOCHS)), begun, "lc-pfn").part
    for complete in (np.zeros((0, EPOCHS)), cut):
        own = forecast(complete, begun)
        np.testing.assert_allclose(own.quantile(0.5), network.quantile(0.5), rtol=0.01)
        past = np.zeros(len(module.WIDTHS))
        if len(complete):
            predictor = archcast.get_predictor("lc-increment", SPACE, random_state=0, total_epochs=EPOCHS)
            predictor.init(SPACE.sample(4, 0), None, archcast.Evidence({"val_accuracy": cut}))
            past = predictor.past_
            assert np.ptp(past) > 0.1
        widths = likely_widths(past, module.USUAL)
        for shift in (-0.1, 0.0, 0.03):
            x = network.quantile(0.5) + shift
            np.testing.assert_allclose(own.part.part.cdf(x), widened(network, widths, x), atol=1e-6)


def test_beginnings_that_go_as_expected_make_it_narrower_and_surprises_wider():
    """The past of curves that have begun is forecast too: of two sets with the same ends the noisy one gets wider intervals."""
    begun = np.full((1, 8), np.nan)
    begun[0] = curves(1, 3, 0.0)[0, :8]
    widths = []
    for noise in (0.0, 0.15):
        others = curves(12, 2, noise)
        others[:, 11:] = np.nan
        low, high = forecast(others, begun).interval(0.9)
        widths.append(high - low)
    assert widths[0] < 0.8 * widths[1]


@pytest.mark.parametrize("m", [10, 40, 110])
def test_scale_and_direction_do_not_matter(m):
    complete, begun = curves(m), curves(6, 1)[:, :8]
    share, percent = forecast(complete, begun), forecast(100 * complete, 100 * begun)
    np.testing.assert_allclose(percent.mean, 100 * share.mean, rtol=1e-4)
    np.testing.assert_allclose(percent.std, 100 * share.std, rtol=1e-3)
    error = archcast.get_predictor("lc-increment", SPACE, signal="error", random_state=0, total_epochs=EPOCHS)
    error.init(SPACE.sample(m, 0), None, archcast.Evidence({"error": 1 - complete}))
    answer = error.query(SPACE.sample(6, 1), archcast.Evidence({"error": 1 - begun}))
    np.testing.assert_allclose(answer.mean, share.mean - 1, rtol=1e-4)


def test_curves_of_uneven_length_are_forecast_each_from_its_own_epoch():
    complete, begun = curves(35), curves(4, 1)
    uneven = begun.copy()
    for row, seen in enumerate((6, 9, 9, EPOCHS)):
        uneven[row, seen:] = np.nan
    together = forecast(complete, uneven)
    for row, seen in enumerate((6, 9, 9)):
        alone = forecast(complete, begun[[row], :seen])
        assert together.mean[row] == pytest.approx(alone.mean[0], rel=1e-6)
        assert together.std[row] == pytest.approx(alone.std[0], rel=1e-5)
    assert together.mean[3] == pytest.approx(begun[3, -1], abs=1e-6)
    assert together.std[3] < 1e-5


def test_no_more_complete_curves_are_kept_than_can_be_fitted(monkeypatch):
    monkeypatch.setattr(module, "MOST", 12)
    predictor = archcast.get_predictor("lc-increment", SPACE, random_state=0)
    predictor.init(SPACE.sample(30, 0), None, archcast.Evidence({"val_accuracy": curves(30)}))
    assert predictor.complete_.shape == (12, EPOCHS)


def test_equal_complete_curves_do_not_break_it():
    same = np.repeat(curves(1, noise=0.0), 120, axis=0)
    for m in (1, 40, 120):
        one = forecast(same[:m], same[:2, :8])
        if m > 1:
            np.testing.assert_allclose(one.quantile(0.5), same[:2, -1], atol=1e-3)
        assert np.isfinite(one.std).all()


@pytest.mark.parametrize("m", [0, 4, 40])
def test_forecasts_stay_where_accuracies_lie(m):
    best = np.clip(curves(40, 2) + 0.6, 0, 0.999)
    one = forecast(best[:m], best[-3:, :9])
    low, high = one.interval(0.999)
    assert (low >= 0).all()
    assert (high <= 1).all()
    assert (one.above(1.0) == 0).all()
    five, ninetyfive = one.part.interval(0.9)
    np.testing.assert_allclose(one.std, (ninetyfive - five) / (2 * stats.norm.ppf(0.95)), rtol=1e-6)


def test_a_plateau_may_last_and_a_tie_does_not_beat_the_best():
    """A score that has been zero so far may stay there: zero is in the interval; where values come in steps, equal is not above."""
    flat = np.zeros((1, 8))
    low, _ = forecast(np.zeros((0, EPOCHS)), flat).interval(0.9)
    assert low[0] == 0
    counts = np.rint(50 * curves(12, 3)) / 50
    one = forecast(counts, counts[:3, :15])
    best = counts[:, -1].max()
    assert (one.above(best) <= one.part.above(best)).all()
    np.testing.assert_allclose(one.above(best), one.above(best + 0.019))
    np.testing.assert_allclose(one.above(best), one.part.above(best + 0.01), atol=1e-9)


@pytest.mark.parametrize("m", [0, 12, 40])
def test_any_epoch_can_be_asked(m):
    complete, test = curves(m), curves(20, 1)
    predictor = archcast.get_predictor("lc-increment", SPACE, random_state=0, total_epochs=EPOCHS)
    predictor.init(SPACE.sample(m, 0), None, archcast.Evidence({"val_accuracy": complete}) if m else None)
    given, rows = archcast.Evidence({"val_accuracy": test[:, :8]}), SPACE.sample(20, 1)
    at = {epoch: predictor.forecast(rows, given, epoch=epoch) for epoch in (5, 8, 9, 14, EPOCHS)}
    np.testing.assert_allclose(at[5].mean, test[:, 4], atol=1e-5)  # seen already
    np.testing.assert_allclose(at[8].mean, test[:, 7], atol=1e-5)
    assert at[8].std.max() < 1e-5 < at[9].std.min()
    np.testing.assert_array_equal(at[EPOCHS].mean, predictor.forecast(rows, given).mean)
    for epoch in (9, 14):
        assert np.abs(at[epoch].mean - test[:, epoch - 1]).mean() < 0.05
    with pytest.raises(InvalidInputError, match="epoch must be at most 20"):
        predictor.forecast(rows, given, epoch=EPOCHS + 1)
    with pytest.raises(InvalidInputError, match="epoch must be a whole number of at least 1"):
        predictor.forecast(rows, given, epoch=0)


def test_an_epoch_asked_for_says_how_long_a_training_is():
    predictor = archcast.get_predictor("lc-increment", SPACE, random_state=0).init()
    begun = archcast.Evidence({"val_accuracy": curves(3)[:, :8]})
    named = predictor.forecast(SPACE.sample(3, 0), begun, epoch=EPOCHS)
    np.testing.assert_array_equal(named.mean, forecast(np.zeros((0, EPOCHS)), curves(3)[:, :8]).mean)


def test_a_curve_that_has_not_moved_may_be_late():
    """Half of what is left may be the part of a training that begins now; complete curves that stood as long tell more."""
    flat, moving = np.full((1, 8), 0.1), 0.1 + 0.01 * np.arange(8.0)[None]
    none = np.zeros((0, EPOCHS))
    one = forecast(none, flat).part.part
    fresh = forecast(none, np.full((1, 1), 0.1), "lc-pfn", epochs=1)
    assert isinstance(one, Mixture)
    np.testing.assert_allclose(one.weights[1], (EPOCHS - 8) / EPOCHS / 2)
    assert one.parts[1].above(0.5)[0] == pytest.approx(fresh.above(0.5)[0], abs=0.1)
    assert isinstance(forecast(none, moving).part.part, Widened)
    np.testing.assert_allclose(forecast(none, np.r_[flat, moving]).mean[1], forecast(none, moving).mean[0], rtol=1e-6)
    dead, late = np.full((6, EPOCHS), 0.1), np.full((6, EPOCHS), 0.1)
    late[:, 12:] = np.linspace(0.2, 0.8, 8)
    chances = [forecast(others, flat).above(0.5)[0] for others in (dead, late)]
    assert chances[0] < forecast(none, flat).above(0.5)[0] < chances[1]
    weights = [awaited(*args).weights[1][0] for args in [(one, seen_so_far(flat), others) for others in (dead, late)]]
    np.testing.assert_allclose(weights, [2 * 0.3 / 8, (2 * 0.3 + 6) / 8])


def seen_so_far(values: np.ndarray) -> Curves:
    return Curves(values, np.full(len(values), values.shape[1]), EPOCHS, CurveScale(np.zeros(1), np.ones(1)), None)
