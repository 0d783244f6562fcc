"""Which predictor to use on a table, how well it will rank, whether more labels would help, whether learning is needed at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archcast.checks import callback, instance, label_of, listed, seed_of
from archcast.choosing.table import Table
from archcast.choosing.validation import Tell, Validated, cross_validate, learning_curve, paired_error, trivial
from archcast.errors import InvalidInputError
from archcast.files import ordinary

__all__ = ["CANDIDATES", "Advice", "choose", "extrapolate"]

CANDIDATES = ("stack", "gp", "bayesian-linear", "random-forest", "xgboost")
WORTH = 0.02
"""Gain of tau below which more labels are not worth their cost."""


@dataclass(frozen=True, eq=False)
class Advice:
    """What :func:`choose` found.

    Attributes:
        validated: predictors, best first.
        baselines: what ranks without learning, best first.
        best: name of the recommended predictor.
        equal: names of those that are within one standard error of it.
        curve: (labels, tau, standard error) of the recommended one.
        expected: number of labels -> tau that the curve leads to: as many as now, twice and four times as many.
        enough: the baseline that does as well, within its standard error, or ``None``.
        sentences: all of that in words.
    """

    validated: Sequence[Validated]
    baselines: Sequence[Validated]
    best: str
    equal: tuple[str, ...]
    curve: Sequence[tuple[int, float, float]]
    expected: dict[int, float]
    enough: str | None
    sentences: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON; numbers that are not known are ``None``."""

        def number(value: float) -> float | None:
            return None if math.isnan(value) else float(value)

        def line(found: Validated) -> dict[str, Any]:
            told = {
                "name": found.name,
                "tau": number(found.tau),
                "error": number(found.error),
                "covered90": number(found.covered),
            }
            return told | ({"failed": found.failed} if found.failed else {})

        return {
            "recommended": self.best,
            "equally_good": list(self.equal),
            "predictors": [line(found) for found in self.validated],
            "baselines": [line(found) for found in self.baselines],
            "learning_curve": [{"labels": m, "tau": tau, "error": number(error)} for m, tau, error in self.curve],
            "expected": [{"labels": m, "tau": tau} for m, tau in self.expected.items()],
            "baseline_would_do": self.enough,
            "advice": list(self.sentences),
        }


def choose(
    table: Table,
    predictors: Sequence[str] = CANDIDATES,
    *,
    seed: int = 0,
    kept: Path | None = None,
    tell: Tell | None = None,
) -> Advice:
    """Cross-validate predictors on a table and recommend one.

    Args:
        table: see :func:`archcast.choosing.read_table`.
        predictors: names.
        seed: of folds and predictors.
        kept: file that finished fits are kept in, so that an interrupted call goes on.
        tell: called after each fit.

    Raises:
        InvalidInputError: none of the predictors could be fitted; the message says why.
    """
    instance("table", table, Table, "what archcast.choosing.read_table returns")
    predictors = [label_of("each of predictors", name) for name in listed("predictors", predictors, "names")]
    if not predictors:
        raise InvalidInputError("predictors is empty: name at least one.")
    seed_of("seed", seed)
    callback("tell", tell, 3)
    kept = None if kept is None else ordinary("kept", kept)
    validated = cross_validate(table, predictors, seed=seed, kept=kept, tell=tell)
    good = sorted((found for found in validated if not found.failed), key=lambda found: -found.tau)
    if not good:
        raise InvalidInputError(f"None of the predictors could be fitted. {validated[0].name}: {validated[0].failed}")
    best = good[0]
    equal = tuple(
        found.name
        for found in good[1:]
        if best.tau - found.tau <= paired_error(table.scores, best.outside, found.outside, seed)
    )
    baselines = trivial(table, seed=seed)
    top = baselines[0]
    close = best.tau - top.tau <= paired_error(table.scores, best.outside, top.outside, seed)
    curve = learning_curve(table, best.name, seed=seed, kept=kept, tell=tell)
    expected = extrapolate(curve, len(table), best.tau)
    failed = [found for found in validated if found.failed]
    enough = top.name if close else None
    sentences = _sentences(table, best, equal, top, enough, expected)
    return Advice([*good, *failed], baselines, best.name, equal, curve, expected, enough, sentences)


def extrapolate(curve: Sequence[tuple[int, float, float]], n: int, now: float) -> dict[int, float]:
    """Tau at n, 2n and 4n labels: ``a - b / sqrt(m)``, by least squares with ``a <= 1`` and ``b >= 0``, moved so that it meets what
    cross-validation found at n; empty where the curve has fewer than two points.

    Examples:
        >>> extrapolate([(25, 0.4, 0.0), (100, 0.6, 0.0)], 100, 0.6)
        {100: 0.6, 200: 0.658..., 400: 0.7...}
    """
    if len({m for m, *_ in curve}) < 2:
        return {}
    x = 1 / np.sqrt([float(m) for m, *_ in curve])
    y = np.array([tau for _, tau, _ in curve])
    slope = -float(((x - x.mean()) * (y - y.mean())).sum() / np.square(x - x.mean()).sum())
    slope = max(slope, 0.0)
    slope = min(slope, (1 - now) * math.sqrt(n))
    return {m: float(now + slope * (1 / math.sqrt(n) - 1 / math.sqrt(m))) for m in (n, 2 * n, 4 * n)}


def _sentences(
    table: Table,
    best: Validated,
    equal: tuple[str, ...],
    top: Validated,
    enough: str | None,
    expected: dict[int, float],
) -> tuple[str, ...]:
    said = [f"Use {best.name}: tau {best.tau:.2f} ± {best.error:.2f} on rows that it has not seen."]
    if equal:
        said.append(f"Not told apart from it on {len(table)} rows: {', '.join(equal)}.")
    if best.tau < 2 * best.error:
        said.append("That is no better than chance on this table: do not choose by it.")
    if enough is not None:
        said.append(
            f"{top.name} ranks as well (tau {top.tau:.2f} ± {top.error:.2f}): with these labels nothing need be learned."
        )
    else:
        said.append(f"What needs no learning does worse: {top.name} has tau {top.tau:.2f} ± {top.error:.2f}.")
    if expected:
        now, twice, four = expected.values()
        gain = twice - now
        worth = "worth it" if gain >= WORTH else "hardly worth it"
        said.append(
            f"Twice as many labels ({2 * len(table)}) would lift tau to about {twice:.2f}, four times as many to {four:.2f}: "
            f"{worth}."
        )
    return tuple(said)
