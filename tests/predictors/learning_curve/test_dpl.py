"""dpl: its power laws, how they follow the beginning of a curve, what its std says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

import archcast
from archcast.predictors.learning_curve import dpl as module

SPACE = archcast.get_space("nasbench201")
T = 20


def curves(archs: np.ndarray, noise: float = 0.003, seed: int = 0) -> np.ndarray:
    """Power laws whose asymptote and decay depend on the architecture."""
    top = 0.5 + 0.07 * (archs == 3).sum(axis=1)[:, None]
    decay = 0.3 + 0.15 * (archs == 1).sum(axis=1)[:, None]
    clean = top - 0.4 * np.arange(1, T + 1) ** -decay
    return clean + np.random.default_rng(seed).normal(0, noise, clean.shape)


def test_a_law_follows_the_beginning_by_its_posterior(rng):
    laws, begun = rng.uniform(0.2, 0.8, (2, 3, 3)), rng.uniform(0.2, 0.6, (3, 6))
    found = module.conditioned(laws, begun, T)
    epochs = np.arange(1, 7)
    for m in range(2):
        for n in range(3):
            a, c, g = laws[m, n]

            def loss(theta, a=a, c=c, g=g, n=n):
                errors = begun[n] - (theta[0] - theta[1] * epochs**-g)
                prior = ((theta[0] - a) / module.SPREAD[0]) ** 2 + ((theta[1] - c) / module.SPREAD[1]) ** 2
                return (errors**2 / (7 - epochs)).sum() / module.NOISE**2 + prior

            best = minimize(loss, [a, c], tol=1e-12).x
            assert found[m, n] == pytest.approx(best[0] - max(best[1], 0) * T**-g, abs=1e-4)
    np.testing.assert_array_equal(module.conditioned(laws, begun, 6), [begun[:, 5]] * 2)


def test_learns_what_the_beginning_does_not_show():
    archs, queries = SPACE.sample(80, 0), SPACE.sample(60, 1)
    known = archcast.Evidence({"val_accuracy": curves(archs)})
    truth = curves(queries, seed=1)
    begun = archcast.Evidence({"val_accuracy": truth[:, :4]})
    one = archcast.get_predictor("dpl", SPACE, random_state=0, epochs=4, passes=100).init(archs, None, known)
    told = one.query(queries, begun)
    alone = archcast.get_predictor("dpl", SPACE, random_state=0, epochs=4, total_epochs=T).init()
    blind = alone.query(queries, begun)
    error, without = (np.abs(answer.mean - truth[:, -1]).mean() for answer in (told, blind))
    assert error < 0.02
    assert error < 0.8 * without
    inside = np.abs(told.mean - truth[:, -1]) < 1.645 * told.std
    assert 0.75 < inside.mean() <= 1


def test_partial_curves_at_init_are_learned_from_and_the_std_falls_with_what_is_seen():
    archs = SPACE.sample(60, 0)
    values = curves(archs)
    values[::2, 12:] = np.nan
    one = archcast.get_predictor("dpl", SPACE, random_state=0, passes=60)
    one.init(archs, None, archcast.Evidence({"val_accuracy": values}))
    queries = SPACE.sample(20, 1)
    truth = curves(queries)
    std = [one.query(queries, archcast.Evidence({"val_accuracy": truth[:, :c]})).std.mean() for c in (5, 10, 19)]
    assert std[0] > std[2]
    whole = one.query(queries, archcast.Evidence({"val_accuracy": truth}))
    np.testing.assert_allclose(whole.mean, truth[:, -1])
