"""Ways to forecast curves from complete ones of the same task, each judged by how well it forecasts these.

A *view* is a scale on which curves are looked at: their values, or the logarithms of losses, which fall by factors. On each there
are some *candidates*: the network, what others gained from here on, the network corrected by how it erred on others, a
regression. Which is best differs from task to task, and complete curves tell: each of them is forecast from its beginning by all
candidates, with what the others teach, and the log-density of its end is the evidence.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.learning_curve._regression import (
    conjugate,
    features,
    fit_errors,
    log_student,
    ridge,
    support_vectors,
)
from archcast.predictors.learning_curve._stillness import awaited
from archcast.predictors.learning_curve.compound import Clipped, Exponentiated, Mixture, Widened
from archcast.predictors.learning_curve.curves import Curves, CurveScale
from archcast.predictors.learning_curve.distributions import Bars, Distribution, StudentT
from archcast.predictors.learning_curve.lc_pfn import CERTAIN, extrapolate

__all__ = ["SHARES", "WIDTHS", "View", "blended", "likely_widths", "log_densities"]

RIDGE, SVR = 30, 100
"""Fewest complete curves for a ridge regression of the increments, and for support vectors."""
WIDTHS = np.exp(np.linspace(math.log(0.03), math.log(3.0), 40))
SURE = 0.7
"""Standard deviation of the logarithm of how wide the network's distribution must be, before curves tell."""
SHARES = 5
"""Widths that stand for all that are likely."""
GAINS, CORRECTIONS = (1.0, 0.3, 0.1), (1.0, 0.3)
"""First guesses of the spread of the increments, and of the network's errors, over the network's own."""
TRUST = 0.25
"""Part of the evidence of a complete curve that counts: candidates err together, and curves of a task are alike."""
WORST = -30.0
"""No curve tells more against a candidate than this log-density."""
NEGLIGIBLE = 0.005
"""A candidate with less weight is left out."""
REACH = 10.0
"""A loss does not end further above the worst that was seen than by this factor."""

Floats = NDArray[np.float64]
Candidate = tuple[Floats, Callable[[], Distribution]]


@dataclass(frozen=True)
class View:
    """Complete curves and curves that have begun, on a scale on which they are forecast; higher is better.

    Attributes:
        complete: ``(m, T)`` whole curves.
        asked: curves to forecast, on the scale of the complete ones.
        usual: how wide the network's distribution is made before curves tell, median.
        past: ``(k,)`` log-likelihood of each of ``WIDTHS`` from elsewhere.
        own: the scale of a beginning alone, where it is another; ``None`` where it is not.
        rates: learning rates ``(T,)``, if they are known.
        least: ``(n,)`` bound of the logarithms, or ``None``: the view is not logarithmic.
        unit: the size of the values, to which densities are related.
        machines: whether many complete curves are worth support vectors, which take long.
    """

    complete: Floats
    asked: Curves
    usual: float
    past: Floats
    own: Callable[[Floats], CurveScale] | None = None
    rates: Floats | None = None
    least: Floats | None = None
    unit: float = 1.0
    machines: bool = True

    def logarithmic(self, scale: Callable[[Floats], CurveScale]) -> View:
        """The same curves, losses above zero, by their logarithms; ``scale`` makes a scale of complete curves."""
        complete = -np.log(-self.complete)
        smallest = -self.complete.max() * 1e-6
        values = -np.log(np.maximum(-self.asked.values, smallest))
        asked = replace(self.asked, values=values, scale=scale(complete))
        least = np.minimum(np.nanmin(values, axis=1), complete.min()) - math.log(REACH)
        return replace(self, complete=complete, asked=asked, past=np.zeros(len(WIDTHS)), own=None, least=least)

    def candidates(self) -> list[Candidate]:
        """``(n,)`` evidence of each, minus infinity where it has no say, and its distributions, made when they are called."""
        n, asked = len(self.asked), self.asked
        networks, students = 2, len(GAINS) + len(CORRECTIONS) + 1
        evidence = np.full((networks + students, n), -np.inf)
        widths = np.ones((networks, n, SHARES))
        location, scale, df = np.zeros((students, n)), np.ones((students, n)), np.full((students, n), 30.0)
        if self.least is None:
            evidence[0, asked.complete] = 0.0
        for index, seen in enumerate(self._cuts):
            rows = np.flatnonzero(asked.seen == seen)
            for k, found in enumerate(self._networks(index)):
                evidence[k, rows], widths[k, rows] = found
            for k, (told, *answer) in enumerate(self._students(index, rows)):
                evidence[networks + k, rows] = told
                location[k, rows], scale[k, rows], df[k, rows] = answer
        shares = asked.scale.forward(self.complete)

        def network(k: int) -> Distribution:
            bars = self._asked_own if k else self._asked
            return self._back(awaited(Widened(bars, widths[k]), asked, shares))

        def student(k: int) -> Distribution:
            centre = np.clip(location[k], *asked.bounds)
            return self._back(StudentT(centre, scale[k], df[k]))

        makers = [functools.partial(network, k) for k in range(networks)]
        makers += [functools.partial(student, k) for k in range(students)]
        return list(zip(evidence, makers))

    # -- each candidate, and its evidence -----------------------------------------------------------------------------

    def _networks(self, index: int) -> list[tuple[float, Floats]]:
        """Evidence and likely widths of the network on the scale of the complete curves, and on that of each beginning."""
        out = []
        for known in (self._known, self._known_own) if self.own is not None else (self._known,):
            densities = log_densities(self._of(known, index), self._truth)
            total = self.past + densities.sum(axis=0)
            others = _probabilities(total - densities, self.usual)
            out.append((self._told(np.log((others * np.exp(densities)).sum(axis=1))), likely_widths(total, self.usual)))
        return out

    def _students(
        self, index: int, rows: NDArray[np.int64]
    ) -> list[tuple[float, Floats, Floats | float, Floats | float]]:
        """Evidence, location, scale and degrees of freedom of the increments of others, corrected networks, the regression."""
        seen, truth, known = int(self._cuts[index]), self._truth, self._of(self._known, index)
        last, expected = self.complete[:, seen - 1], known.quantile(0.5)
        unit = float(self.asked.scale.backward_std(np.ones(1))[0])
        spread = max(float(np.median(known.std)) / unit, CERTAIN)
        sides: list[tuple[Floats, Floats, float, tuple[float, ...]]]
        sides = [(last, self.asked.last[rows], float(np.median(expected - last)), GAINS)]
        sides += [(expected, self._middle[rows], 0.0, CORRECTIONS)]
        out: list[tuple[float, Floats, Floats | float, Floats | float]] = []
        for base, start, centre, factors in sides:
            errors = (truth - base) / unit
            for factor in factors:
                location, scale, df = conjugate(errors, centre / unit, factor * spread)
                told = log_student(errors, location[:-1], scale[:-1], df[:-1]) - math.log(unit)
                out.append((self._told(told), start + unit * location[-1], unit * scale[-1], df[-1]))
        if len(truth) >= RIDGE:
            out.append(self._regression(seen, rows, known))
        return out

    def _regression(self, seen: int, rows: NDArray[np.int64], known: Bars) -> tuple[float, Floats, float, float]:
        to, back = self.asked.scale.forward, self.asked.scale.backward
        cut, truth = to(self.complete[:, :seen]), to(self._truth)
        begun = to(self.asked.values[:, :seen])[rows]
        x, asked = features(cut, to(known.mean)), features(begun, to(self._asked_mean)[rows])
        centre, spread = x.mean(axis=0), x.std(axis=0)
        spread = np.where(spread > 1e-9, spread, 1.0)
        regress = support_vectors if self.machines and len(cut) >= SVR else ridge
        found, errors = regress((x - centre) / spread, truth - cut[:, -1], (asked - centre) / spread)
        size, df = fit_errors(errors)
        unit = float(self.asked.scale.backward_std(np.ones(1))[0])
        told = log_student(errors * unit, 0.0, size * unit, df)
        return self._told(told), back(begun[:, -1] + found), size * unit, df

    def _told(self, densities: Floats) -> float:
        """What log-densities of the ends of complete curves tell, by value whatever the view."""
        change = 0.0 if self.least is None else self._truth  # a density of -log(loss), and one of the loss
        return float(TRUST * np.maximum(densities + change + math.log(self.unit), WORST).sum())

    def _back(self, part: Distribution) -> Distribution:
        if self.least is None:
            return part
        return Exponentiated(Clipped(part, self.least, np.full(len(self.least), np.inf), self.asked.last))

    # -- the network, on complete curves that are cut as those that are asked for, and on these ----------------------------

    @functools.cached_property
    def _cuts(self) -> NDArray[np.int64]:
        """Epochs seen of the curves that are not complete."""
        return np.unique(self.asked.seen[~self.asked.complete])

    @property
    def _truth(self) -> Floats:
        return self.complete[:, self.asked.goal - 1]

    @functools.cached_property
    def _cut(self) -> Curves:
        """The complete curves, cut at each of ``_cuts`` in turn."""
        seen = np.repeat(self._cuts, len(self.complete))
        before = np.arange(int(seen.max())) < seen[:, None]
        values = np.where(before, np.tile(self.complete[:, : before.shape[1]], (len(self._cuts), 1)), np.nan)
        return Curves(values, seen, self.asked.total, self.asked.scale, self.asked.goal)

    @functools.cached_property
    def _known(self) -> Bars:
        return extrapolate(self._cut, self.rates)

    @functools.cached_property
    def _known_own(self) -> Bars:
        assert self.own is not None
        return extrapolate(replace(self._cut, scale=self.own(self._cut.values)), self.rates)

    @functools.cached_property
    def _asked(self) -> Bars:
        return extrapolate(self.asked, self.rates)

    @functools.cached_property
    def _asked_own(self) -> Bars:
        assert self.own is not None
        return extrapolate(replace(self.asked, scale=self.own(self.asked.values)), self.rates)

    @functools.cached_property
    def _middle(self) -> Floats:
        return self._asked.quantile(0.5)

    @functools.cached_property
    def _asked_mean(self) -> Floats:
        return self._asked.mean

    def _of(self, bars: Bars, index: int) -> Bars:
        """The rows of one cut."""
        rows = slice(index * len(self.complete), (index + 1) * len(self.complete))
        edges = bars.edges if bars.edges.ndim == 1 else bars.edges[rows]
        return Bars(edges, bars.probabilities[rows], bars.location[rows], bars.scale[rows])


def blended(candidates: list[Candidate]) -> Distribution:
    """The mixture of candidates, weighted by ``exp(evidence)`` for each row; those of negligible weight are left out."""
    evidence = np.stack([told for told, _ in candidates])
    weights = np.exp(evidence - evidence.max(axis=0))
    weights /= weights.sum(axis=0)
    weights = np.where(weights < NEGLIGIBLE, 0.0, weights)
    weights /= weights.sum(axis=0)
    kept = [k for k in range(len(candidates)) if weights[k].any()]
    return Mixture([candidates[k][1]() for k in kept], [weights[k] for k in kept])


def log_densities(network: Bars, truth: Floats) -> Floats:
    """``(m, k)`` log-likelihood of ``(m,)`` true values, if the network's distributions were as wide as each of ``WIDTHS``."""
    middle = network.quantile(0.5)[:, None]
    density = network.density(middle + (truth[:, None] - middle) / WIDTHS) / WIDTHS
    return np.asarray(np.log(np.maximum(density, 1e-9 / network.scale[:, None])))


def likely_widths(evidence: Floats, usual: float) -> Floats:
    """``(SHARES,)`` widths, each as likely as the others, given a log-likelihood for each of ``WIDTHS`` and the usual one."""
    probability = _probabilities(evidence, usual)
    levels = (np.arange(SHARES) + 0.5) / SHARES
    return np.exp(np.interp(levels, np.cumsum(probability) - probability / 2, np.log(WIDTHS)))


def _probabilities(evidence: Floats, usual: float) -> Floats:
    """``(..., k)`` probabilities of ``WIDTHS``, log-normal around the usual one before the evidence."""
    fit = evidence - (np.log(WIDTHS / usual) / SURE) ** 2 / 2
    probability = np.exp(fit - fit.max(axis=-1, keepdims=True))
    return np.asarray(probability / probability.sum(axis=-1, keepdims=True))
