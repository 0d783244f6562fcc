"""Folds, weights and the weighted mean."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.spaces.base import get_space
from archcast.surrogates.ensemble import EQUAL, Ensemble, folds_of, outside, weigh


def test_folds_keep_one_function_together() -> None:
    space = get_space("nasbench201")
    archs = space.sample(500, 0)
    folds = folds_of(space, archs, 5, 0)
    keys = space.canonical(archs)
    for key in np.unique(keys, axis=0):
        assert len(np.unique(folds[(keys == key).all(axis=1)])) == 1
    assert np.bincount(folds).min() > 50


def test_weights_are_those_of_least_squares() -> None:
    """By brute force over a grid of the simplex; equal weights count as 100 rows."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=1000)
    answers = np.array([truth + rng.normal(0, s, 1000) for s in (0.3, 0.5, 3.0)])
    found = weigh(list(answers), truth)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()
    grid = [(a, b, 1 - a - b) for a in np.linspace(0, 1, 101) for b in np.linspace(0, 1 - a, 101)]
    best = min(grid, key=lambda w: np.square(np.array(w) @ answers - truth).sum())
    share = 1000 / (1000 + EQUAL)
    np.testing.assert_allclose(found, share * np.array(best) + (1 - share) / 3, atol=0.02)


def test_outside_answers_have_not_seen_the_row() -> None:
    space = get_space("nasbench201")
    archs = np.unique(space.canonical(space.sample(60, 0)), axis=0)
    values = np.random.default_rng(0).normal(size=len(archs))  # nothing to learn
    fitted, answers = outside("random-forest", space, archs, values, folds_of(space, archs, 5, 0), 0)
    assert abs(np.corrcoef(answers, values)[0, 1]) < 0.4 < np.corrcoef(fitted.query(archs).mean, values)[0, 1]
    both = Ensemble([fitted, fitted], np.array([0.25, 0.75]))
    np.testing.assert_allclose(both(archs), fitted.query(archs).mean)
    assert (Ensemble([], np.zeros(0), 3.0)(archs) == 3).all()
