"""The posterior of a curve: its density the slow way, and the sampler against integration on a grid."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import norm

from archcast.predictors.learning_curve._lce import NOISE, allowed, posteriors, sample_final
from archcast.predictors.learning_curve._parametric import FAMILIES

X = np.arange(1.0, 13)
CURVE = 0.8 - 0.5 * X**-0.8


@pytest.fixture(params=[False, True], ids=["lce", "lce-m"])
def posterior(request):
    rng = np.random.default_rng(0)
    return posteriors((CURVE + 0.01 * rng.standard_normal(12))[None], np.array([12]), 40, monotone=request.param)[0]


def test_density_the_slow_way(posterior) -> None:
    points = posterior.start(40, np.random.default_rng(1))
    points[20:] += np.random.default_rng(2).standard_normal(points[20:].shape)
    for point, density in zip(points, posterior.log_density(points)):
        parts, rest = [], list(point)
        for family in posterior.families:
            parts.append(np.array([rest.pop(0) for _ in family.spread]))
        v, log_sigma = np.array(rest[:-1]), rest[-1]
        mean, total, possible = np.zeros(12), norm.logpdf(log_sigma, NOISE, 1) + norm.logpdf(v).sum(), True
        for family, theta, centre, weight in zip(posterior.families, parts, posterior.centres, softmax(v)):
            mean += weight * family(np.log(X), theta[None])[0]
            total += norm.logpdf(theta, centre, family.spread).sum()
            path = family(np.log(np.linspace(2, 40, 50)), theta[None])[0]
            start = family(np.zeros(1), theta[None])[0, 0]
            rises = np.diff(path).min() >= -1e-9 if posterior.monotone else path[-1] >= start - 1e-9
            possible &= bool(-0.05 <= path[-1] <= 1 and rises)
        total += norm.logpdf(posterior.values, mean, np.exp(log_sigma)).sum()
        constant = -0.5 * np.log(2 * np.pi) * (posterior.dimensions + 12) - sum(
            np.log(f.spread).sum() for f in posterior.families
        )
        if possible:
            assert density == pytest.approx(total - constant, rel=1e-9)
        else:
            assert density == -np.inf
    assert np.isfinite(posterior.log_density(points[:20])).all(), "walkers start where they may be"
    assert (~np.isfinite(posterior.log_density(points))).any(), "nothing impossible was tried"


def test_sampler_against_a_grid() -> None:
    """ilog2 alone has three parameters that matter: c, a and log sigma."""
    rng = np.random.default_rng(3)
    values = 0.85 - 0.4 / np.log(X + 1) + 0.02 * rng.standard_normal(12)
    whole = posteriors(values[None], np.array([12]), 40, monotone=False)[0]
    k = [family.name for family in whole.families].index("ilog2")
    pick = {name: (getattr(whole, name)[k],) for name in ("families", "modes", "covariances", "centres")}
    one = type(whole)(values=values, total=40, monotone=False, weights=np.ones(1), **pick)
    c, a, s = np.meshgrid(
        np.linspace(0.6, 1.1, 81), np.linspace(0.1, 0.8, 81), np.linspace(-5.5, -2, 41), indexing="ij"
    )
    grid = np.stack([c.ravel(), a.ravel(), np.zeros(c.size), s.ravel()], axis=1)
    density = one.log_density(grid)
    weight = np.exp(density - density.max())
    weight /= weight.sum()
    final, sigma = one.final(grid)
    mean = weight @ final
    std = np.sqrt(weight @ (final - mean) ** 2 + weight @ sigma**2)
    answer = sample_final(one, walkers=40, steps=800, burn_in=100, seed=[0])
    assert answer[0] == pytest.approx(mean, abs=0.1 * std)
    assert answer[1] == pytest.approx(std, rel=0.1)


def test_same_seed_same_chain(posterior) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    answers = [sample_final(posterior, walkers=10, steps=20, burn_in=5, seed=[seed, 1]) for seed in (0, 0, 1)]
    assert answers[0] == answers[1] != answers[2]
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_allowed() -> None:
    first = np.array([[0.2]] * 5)
    end = np.array([[0.5], [1.01], [-0.06], [0.1], [np.nan]])
    assert allowed(first, end).tolist() == [True, False, False, False, False]
    paths = np.array([[0.3, 0.4, 0.5], [0.3, 0.2, 0.5], [0.1, 0.1, 0.1]])
    assert allowed(first[:3], paths).tolist() == [True, False, True]


def test_the_variant_has_fewer_families_and_they_rise() -> None:
    rng = np.random.default_rng(0)
    curves = CURVE + 0.01 * rng.standard_normal((8, 12))
    many = posteriors(curves, np.full(8, 12), 40, monotone=False)
    few = posteriors(curves, np.full(8, 12), 40, monotone=True)
    assert np.mean([len(p.families) for p in many]) > 9
    assert np.mean([len(p.families) for p in few]) < 4
    for p in few:
        path = np.linspace(2, 40, 50)
        for family, mode in zip(p.families, p.modes):
            assert np.diff(family(np.log(path), mode[None])[0]).min() >= -1e-9
        assert p.weights.sum() == pytest.approx(1)


def test_nothing_is_left_of_an_impossible_curve() -> None:
    assert posteriors(CURVE[None] + 0.8, np.array([12]), 40, monotone=True) == [None]
    assert len(FAMILIES) == 11
