"""The posterior of one learning curve under a weighted sum of parametric families, sampled by emcee (Domhan et al. 2015).

With families ``f_k`` of :mod:`archcast.predictors.learning_curve._parametric`, the value at epoch ``x`` is ::

    y_x = sum_k w_k f_k(x; theta_k) + N(0, sigma^2),    w = softmax(v)

Priors: ``theta_k`` normal as in the fit, ``v`` standard normal, ``log sigma`` normal around ``log .01`` with deviation 1. A family
whose value at the last epoch leaves [-.05, 1], or that falls where it must not, has density 0.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from archcast.predictors.learning_curve._parametric import FAMILIES, HIGHEST, LOWEST, Family, fit

__all__ = ["CurvePosterior", "posteriors", "sample_final"]

Array = NDArray[np.float64]

NOISE = np.log(0.01)
NEGLIGIBLE = 1e-4
POINTS = 50
"""Points at which a monotone family is checked."""


@dataclass(frozen=True)
class CurvePosterior:
    """Density of the parameters of one curve: those of each family in turn, then v, then log sigma.

    Attributes:
        values: ``(c,)`` shares seen.
        total: epoch to predict.
        families: those that are allowed for this curve.
        modes: their fitted parameters.
        covariances: of the fits.
        centres: of the priors.
        monotone: whether families must rise from epoch 2 to ``total``; else the end must not be below the beginning.
        weights: a first guess.
    """

    values: Array
    total: int
    families: tuple[Family, ...]
    modes: tuple[Array, ...]
    covariances: tuple[Array, ...]
    centres: tuple[Array, ...]
    monotone: bool
    weights: Array

    @property
    def dimensions(self) -> int:
        """Number of parameters."""
        return len(self._prior[0])

    @cached_property
    def _log_x(self) -> Array:
        later = np.linspace(2, self.total, POINTS) if self.monotone else np.array([self.total])
        return np.log(np.concatenate([np.arange(1, len(self.values) + 1), later]))

    @cached_property
    def _prior(self) -> tuple[Array, Array]:
        """Centre and spread of every parameter, ``(dimensions,)`` each."""
        k = len(self.families)
        spreads = [np.array(family.spread) for family in self.families]
        return np.concatenate([*self.centres, np.zeros(k), [NOISE]]), np.concatenate([*spreads, np.ones(k), [1.0]])

    def _split(self, points: Array) -> tuple[list[Array], Array, Array]:
        """Parameters of each family, weights ``(m, families)``, log sigma ``(m,)``."""
        parts, start = [], 0
        for mode in self.modes:
            parts.append(points[:, start : start + len(mode)])
            start += len(mode)
        shifted = np.exp(points[:, start:-1] - points[:, start:-1].max(axis=1, keepdims=True))
        return parts, shifted / shifted.sum(axis=1, keepdims=True), points[:, -1]

    def log_density(self, points: Array) -> Array:
        """``(m, dimensions)`` to ``(m,)``, up to a constant."""
        thetas, weights, log_sigma = self._split(points)
        c, (centre, spread) = len(self.values), self._prior
        curves = np.stack([family(self._log_x, theta) for family, theta in zip(self.families, thetas)])
        possible = allowed(curves[..., :1], curves[..., c:]).all(axis=0) & (np.abs(log_sigma) < 30)
        error = np.einsum("mk,kmc->mc", weights, curves[..., :c]) - self.values
        log_sigma = np.clip(log_sigma, -30, 30)
        likelihood = -c * log_sigma - 0.5 * (error**2).sum(axis=1) * np.exp(-2 * log_sigma)
        prior = -0.5 * (((points - centre) / spread) ** 2).sum(axis=1)
        return np.where(possible, prior + likelihood, -np.inf)

    def final(self, points: Array) -> tuple[Array, Array]:
        """Value at the last epoch without noise, ``(m,)``, and the noise's standard deviation ``(m,)``."""
        thetas, weights, log_sigma = self._split(points)
        log_x = np.log([float(self.total)])
        ends = np.concatenate([family(log_x, theta) for family, theta in zip(self.families, thetas)], axis=1)
        return (weights * ends).sum(axis=1), np.exp(log_sigma)

    def start(self, walkers: int, rng: np.random.Generator) -> Array:
        """``(walkers, dimensions)`` draws from the normal approximations of the fits; impossible ones near the modes."""
        mode = np.concatenate([*self.modes, np.log(self.weights + NEGLIGIBLE), [self._noise()]])
        draws = np.concatenate(
            [
                *(rng.multivariate_normal(m, c, walkers, method="eigh") for m, c in zip(self.modes, self.covariances)),
                mode[-1 - len(self.families) : -1] + 0.3 * rng.standard_normal((walkers, len(self.families))),
                mode[-1] + 0.3 * rng.standard_normal((walkers, 1)),
            ],
            axis=1,
        )
        for shrink in (1.0, 0.3, 0.1, 0.01, 1e-4):
            impossible = ~np.isfinite(self.log_density(mode + shrink * (draws - mode)))
            if not impossible.any():
                break
        return np.asarray(mode + shrink * (draws - mode))

    def _noise(self) -> float:
        log_x = np.log(np.arange(1, len(self.values) + 1))
        fits = np.stack([family(log_x, mode[None])[0] for family, mode in zip(self.families, self.modes)])
        return float(np.log(np.sqrt(((self.weights @ fits - self.values) ** 2).mean() + 1e-6)))


def allowed(first: Array, later: Array) -> NDArray[np.bool_]:
    """``(..., 1)`` and ``(..., e)`` values -> ``(...,)`` whether curves end where they may and do not fall over ``later``.

    If ``later`` is one point only, it must not be below ``first``.
    """
    end = later[..., -1]
    rises = (
        (later[..., 1:] >= later[..., :-1] - 1e-9).all(axis=-1) if later.shape[-1] > 1 else end >= first[..., 0] - 1e-9
    )
    return (end >= LOWEST) & (end <= HIGHEST) & rises


def posteriors(shares: Array, seen: NDArray[np.int64], total: int, *, monotone: bool) -> list[CurvePosterior | None]:
    """One for each of ``(n, epochs)`` curves; ``None`` where no family is allowed.

    ``monotone`` is the variant ``lce-m``: families must rise all along, and those are left out that a non-negative least-squares
    combination of the fits does not use.
    """
    log_seen = np.log(np.arange(1, shares.shape[1] + 1))
    later = np.log(np.linspace(2, total, POINTS) if monotone else np.array([total]))
    # rounded, so that the last digits, which depend on the other rows of the call, cannot send a chain elsewhere
    fits = [tuple(part.round(4) for part in fit(family, shares, seen)) for family in FAMILIES]
    curves = np.stack([family(log_seen, theta) for family, (theta, _) in zip(FAMILIES, fits)])
    valid = np.stack(
        [allowed(curve[:, :1], family(later, theta)) for family, curve, (theta, _) in zip(FAMILIES, curves, fits)]
    )
    out: list[CurvePosterior | None] = []
    for row, c in enumerate(seen):
        values, chosen = shares[row, :c], np.flatnonzero(valid[:, row])
        weights = np.full(len(chosen), 1 / max(len(chosen), 1))
        if monotone and len(chosen):
            found = nnls(curves[chosen, row, :c].T, values)[0]
            used = found > NEGLIGIBLE
            if used.any():
                chosen, weights = chosen[used], found[used] / found[used].sum()
        if len(chosen) == 0:
            out.append(None)
            continue
        families: Sequence[Family] = [FAMILIES[k] for k in chosen]
        out.append(
            CurvePosterior(
                values=values,
                total=total,
                families=tuple(families),
                modes=tuple(fits[k][0][row] for k in chosen),
                covariances=tuple(np.linalg.inv(fits[k][1][row]) for k in chosen),
                centres=tuple(f.centres(values[:1], values[-1:], np.array([c])).round(4)[0] for f in families),
                monotone=monotone,
                weights=weights,
            )
        )
    return out


def sample_final(
    posterior: CurvePosterior, *, walkers: int, steps: int, burn_in: int, seed: Sequence[int]
) -> tuple[float, float]:
    """Mean and standard deviation of the value at the last epoch, noise included, by emcee's affine-invariant sampler.

    Args:
        posterior: of one curve.
        walkers: at least; emcee needs twice as many as there are dimensions.
        steps: of each walker, the first ``burn_in`` of which are thrown away.
        seed: of the chain.
    """
    from emcee import EnsembleSampler

    rng = np.random.default_rng(seed)
    walkers = max(walkers, 2 * posterior.dimensions + 2)
    sampler = EnsembleSampler(walkers, posterior.dimensions, posterior.log_density, vectorize=True)
    state = np.random.RandomState(int(rng.integers(2**31))).get_state()
    start = posterior.start(walkers, rng)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        sampler.run_mcmc(start, steps, rstate0=state, skip_initial_state_check=True)
    points = sampler.get_chain(discard=burn_in, thin=5, flat=True)
    final, sigma = posterior.final(points)
    return float(final.mean()), float(np.sqrt(final.var() + (sigma**2).mean()))
