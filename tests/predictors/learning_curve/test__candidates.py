"""Candidates, their evidence and their blend, against a slow definition; widths that curves tell; losses by their logarithms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import archcast
from archcast.predictors.learning_curve import _candidates as module
from archcast.predictors.learning_curve.compound import Exponentiated, Widened
from archcast.predictors.learning_curve.curves import Curves, CurveScale
from archcast.predictors.learning_curve.distributions import Bars
from archcast.predictors.learning_curve.lc_pfn import extrapolate

T, SEEN = 20, 8
SPACE = archcast.get_space("nasbench201")


def curves(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    tops = rng.uniform(0.4, 0.8, (n, 1))
    return np.clip(tops * (1 - 0.7 ** np.arange(1, T + 1)) + rng.normal(0, 0.01, (n, T)), 0, 1)


def view(m: int) -> module.View:
    begun = curves(4, 1)[:, :SEEN]
    asked = Curves(begun, np.full(4, SEEN), T, CurveScale(np.zeros(1), np.ones(1), np.zeros(1), np.ones(1)))
    return module.View(curves(m), asked, 1.0, np.zeros(len(module.WIDTHS)))


def test_the_network_is_stretched_as_the_curves_say():
    """Of draws from distributions that are k times as wide as the network says, k is found; of few, widths around the usual one."""
    rng = np.random.default_rng(0)
    edges, share = np.linspace(-1, 1, 101), stats.norm(0, 0.05)
    one = Bars(np.tile(edges, (400, 1)), np.tile(np.diff(share.cdf(edges)), (400, 1)))
    for factor in (0.1, 0.5, 1.0, 2.0):
        truth = factor * share.rvs(400, random_state=rng)
        widths = module.likely_widths(module.log_densities(one, truth).sum(axis=0), 1.0)
        np.testing.assert_allclose(widths, factor, rtol=0.2)
        wide = Widened(one, np.full((400, 5), factor))
        np.testing.assert_allclose(wide.std, factor * one.std, rtol=1e-6)
        np.testing.assert_allclose(wide.quantile(0.5), one.quantile(0.5), atol=1e-9)
    none = module.likely_widths(np.zeros(len(module.WIDTHS)), 0.3)
    np.testing.assert_allclose(
        np.log(none), stats.norm(np.log(0.3), module.SURE).ppf([0.1, 0.3, 0.5, 0.7, 0.9]), atol=0.2
    )


@pytest.mark.parametrize("m", [1, 3, 12])
def test_a_candidate_counts_by_how_it_forecasts_each_complete_curve_told_the_others(m):
    """The increments of others, with the narrowest guess: normal errors, one left out at a time, by refits."""
    one = view(m)
    found = one.candidates()
    complete = one.complete
    gains, known = complete[:, -1] - complete[:, SEEN - 1], extrapolate(one._cut)
    guess = float(np.median(known.quantile(0.5) - complete[:, SEEN - 1]))
    for k, factor in enumerate(module.GAINS):
        spread = factor * float(np.median(known.std))
        told = 0.0
        for i in range(m):
            rest = np.delete(gains, i)
            near = (guess + rest.sum()) / m
            within = 3 * spread**2 + ((rest - near) ** 2).sum() + (guess - near) ** 2
            scale = np.sqrt(within / (2 + m) * (1 + 1 / m))
            told += max(stats.t(2 + m, near, scale).logpdf(gains[i]), module.WORST)
        np.testing.assert_allclose(found[2 + k][0], module.TRUST * told, rtol=1e-9)
        np.testing.assert_allclose(
            found[2 + k][1]().location, one.asked.last + (guess + gains.sum()) / (m + 1), rtol=1e-9
        )


def test_the_blend_is_by_evidence_and_leaves_out_what_is_negligible():
    one = view(5)
    found = one.candidates()
    weights = np.exp([told for told, _ in found])
    weights /= weights.sum(axis=0)
    blend = module.blended(found)
    assert len(blend.parts) < len(found)  # neither another scale nor a regression
    mean = sum(w * make().mean for w, (_, make) in zip(weights, found) if w.any())
    np.testing.assert_allclose(blend.mean, mean, atol=0.01)
    np.testing.assert_allclose(np.sum(blend.weights, axis=0), 1)
    sure = [(np.zeros(4), found[0][1]), (np.full(4, -9.0), found[2][1])]
    assert len(module.blended(sure).parts) == 1


def losses(n: int, seed: int, spread: float) -> np.ndarray:
    """Falling by a constant share each epoch."""
    rng = np.random.default_rng(seed)
    rates = rng.uniform(0.1, 0.1 + spread, (n, 1))
    return np.exp(-rates * np.arange(1, T + 1) + rng.normal(0, 0.02, (n, T)))


def test_losses_that_fall_by_factors_are_forecast_by_their_logarithms():
    predictor = archcast.get_predictor("lc-increment", SPACE, signal="val_loss", total_epochs=T, random_state=0)
    whole, begun = losses(6, 0, 0.05), losses(5, 1, 0.05)
    predictor.init(SPACE.sample(6, 0), None, archcast.Evidence({"val_loss": whole}))
    answer = predictor.forecast(SPACE.sample(5, 1), archcast.Evidence({"val_loss": begun[:, :SEEN]}))
    parts = answer.part.part
    shares = sum(w for w, part in zip(parts.weights, parts.parts) if isinstance(part, Exponentiated))
    assert (shares > 0.6).all()
    assert np.abs(np.log(answer.quantile(0.5) / -begun[:, -1])).max() < 0.5
    low, high = answer.interval(0.9)
    assert ((low <= -begun[:, -1]) & (-begun[:, -1] <= high)).all()
    np.testing.assert_allclose(
        answer.mean, answer.quantile(((np.arange(400) + 0.5) / 400).tolist()).mean(axis=1), rtol=0.05
    )


def test_a_loss_of_zero_has_no_logarithm_and_other_rows_do_not_mind():
    predictor = archcast.get_predictor("lc-increment", SPACE, signal="val_loss", total_epochs=T, random_state=0)
    predictor.init(SPACE.sample(6, 0), None, archcast.Evidence({"val_loss": losses(6, 0, 0.2)}))
    begun = losses(3, 1, 0.2)[:, :SEEN]
    begun[1, 5:] = 0.0
    rows = SPACE.sample(3, 1)
    both = predictor.forecast(rows, archcast.Evidence({"val_loss": begun}))
    alone = predictor.forecast(rows[[0, 2]], archcast.Evidence({"val_loss": begun[[0, 2]]}))
    np.testing.assert_allclose(both.quantile(0.3)[[0, 2]], alone.quantile(0.3), rtol=1e-6)
    assert (both.quantile([0.01, 0.99]) <= 0).all()
