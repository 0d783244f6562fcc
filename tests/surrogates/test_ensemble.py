"""Folds, weights and the weighted mean."""

from __future__ import annotations

import numpy as np

from archcast.evaluation.metrics import kendall_tau
from archcast.spaces.base import get_space
from archcast.surrogates.ensemble import CLIP, EQUAL, LEVELS, NEAR, Ensemble, blend, folds_of, outside, weigh


def test_folds_keep_one_function_together() -> None:
    space = get_space("nasbench201")
    archs = space.sample(500, 0)
    folds = folds_of(space, archs, 5, 0)
    keys = space.canonical(archs)
    for key in np.unique(keys, axis=0):
        assert len(np.unique(folds[(keys == key).all(axis=1)])) == 1
    assert np.bincount(folds).min() > 50


def test_weights_are_those_of_least_squares_near_a_level() -> None:
    """By brute force over a grid of the simplex; equal weights count as ``EQUAL`` rows."""
    rng = np.random.default_rng(0)
    truth = np.sort(rng.normal(size=1000))
    low = np.arange(1000) < 500  # the first answer is better below, the second one above
    answers = np.array([truth + rng.normal(size=1000) * np.where(side, 0.2, 0.9) for side in (low, ~low)])
    answers = np.vstack([answers, truth + rng.normal(0, 3, 1000)])
    levels, weights = weigh(list(answers), truth)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert (weights >= 0).all()
    assert (np.diff(levels) > 0).all()
    assert weights[1, 0] > 0.6 > 0.4 > weights[-2, 0]
    mean = answers.mean(axis=0)
    place = np.argsort(np.argsort(mean)) / 1000
    grid = np.array([(a, b, 1 - a - b) for a in np.linspace(0, 1, 101) for b in np.linspace(0, 1 - a, 101)])
    for k in (1, 4, 7):
        near = np.exp(-(((place - LEVELS[k]) / NEAR) ** 2) / 2)
        order = np.argsort(abs(mean - truth))
        most = CLIP * abs(mean - truth)[order][np.searchsorted(np.cumsum(near[order]), near.sum() / 2)]
        errors = np.clip(answers - truth, -most, most)
        best = grid[np.square(grid @ errors).dot(near).argmin()]
        rows = near.sum() ** 2 / np.square(near).sum()
        np.testing.assert_allclose(weights[k], (rows * best + EQUAL / 3) / (rows + EQUAL), atol=0.02)


def test_a_blend_keeps_what_each_part_is_best_at() -> None:
    rng = np.random.default_rng(1)
    truth = rng.permutation(np.concatenate([rng.normal(0.1, 0.02, 400), rng.normal(0.9, 0.01, 3600)]))
    fails = truth < 0.5
    knows_failures = truth + np.where(fails, 0.01, rng.normal(0, 0.02, 4000))
    knows_order = np.where(fails, rng.normal(0.5, 0.1, 4000), truth + rng.normal(0, 0.004, 4000))
    answers = np.array([knows_failures, knows_order])
    blended = blend(answers[:, 2000:], *weigh(list(answers[:, :2000]), truth[:2000]))
    errors = [np.square(values - truth[2000:]).mean() for values in (*answers[:, 2000:], blended)]
    taus = [kendall_tau(truth[2000:], values) for values in (*answers[:, 2000:], blended)]
    assert errors[2] < min(errors[:2])
    assert taus[2] > max(taus[:2]) - 0.06


def test_outside_answers_have_not_seen_the_row() -> None:
    space = get_space("nasbench201")
    archs = np.unique(space.canonical(space.sample(60, 0)), axis=0)
    values = np.random.default_rng(0).normal(size=len(archs))  # nothing to learn
    fitted, answers = outside("random-forest", space, archs, values, folds_of(space, archs, 5, 0), 0)
    assert abs(np.corrcoef(answers, values)[0, 1]) < 0.4 < np.corrcoef(fitted.query(archs).mean, values)[0, 1]
    both = Ensemble([fitted, fitted], np.array([0.0, 1.0]), np.array([[0.25, 0.75], [0.5, 0.5]]))
    np.testing.assert_allclose(both(archs), fitted.query(archs).mean)
    assert (Ensemble([], np.zeros(0), np.zeros((0, 0)), 3.0)(archs) == 3).all()
