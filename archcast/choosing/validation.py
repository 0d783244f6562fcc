"""How well predictors would rank the rows of a table that they have not seen: cross-validation, beside what needs no learning."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.choosing.table import Table
from archcast.errors import ArchcastError, InvalidInputError
from archcast.evaluation.metrics import coverage, kendall_tau
from archcast.evidence import Source
from archcast.journal import Journal, fingerprint
from archcast.names import get_predictor
from archcast.predictors.sources import without

__all__ = ["Validated", "cross_validate", "learning_curve", "trivial"]

FOLDS = 5
MOST_ROWS = 1000
"""Most rows that a predictor learns from here; of a larger table these are drawn at random in each fold."""

RESAMPLES = 200
"""Bootstrap samples of rows behind a standard error."""

Array = NDArray[np.float64]
Tell = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class Validated:
    """How well one way of ranking does.

    Attributes:
        name: of the predictor, or of the column that ranks.
        tau: Kendall's tau-b between the scores and what was predicted for each row by a fit without it; NaN if it failed.
        error: standard error of tau over tables of so many rows (bootstrap of rows).
        covered: share of scores inside the 90 % intervals; NaN without intervals.
        outside: ``(n,)`` what was predicted.
        failed: why it could not be done, or an empty text.
    """

    name: str
    tau: float
    error: float
    covered: float
    outside: Array
    failed: str = ""


def cross_validate(
    table: Table,
    names: Sequence[str],
    *,
    seed: int = 0,
    kept: Path | None = None,
    tell: Tell | None = None,
    sources: Sequence[Source] = (),
) -> list[Validated]:
    """Five-fold cross-validation; rows that are the same architecture are in the same fold.

    Args:
        table: to learn from and to test on.
        names: of predictors.
        seed: of the folds and the predictors.
        kept: file that finished folds are kept in, so that an interrupted call goes on.
        tell: called after each fold with how many are done, how many there are, and the predictor.
        sources: of the space of the table, that the predictors learn from; rows of a fold that is predicted are left out of them.
    """
    folds = _folds(table, seed)
    keeper = _Keeper(kept, table, seed, sources)
    out = []
    total = len(names) * (folds.max() + 1)
    for k, name in enumerate(names):
        mean, std, failed = np.full(len(table), np.nan), np.full(len(table), np.nan), ""
        for fold in range(folds.max() + 1):
            test = np.flatnonzero(folds == fold)
            train = _some(np.flatnonzero(folds != fold), seed + fold)
            found = keeper.find(name, train, test)
            if found is None:
                found = _predict(table, name, train, test, seed, sources)
                keeper.keep(name, train, test, found)
            if found["failed"]:
                failed = found["failed"]
                break
            mean[test], std[test] = found["mean"], found["std"]
            if tell is not None:
                tell(k * (folds.max() + 1) + fold + 1, total, name)
        if failed:
            out.append(Validated(name, math.nan, math.nan, math.nan, mean, failed))
            continue
        tau, error = with_error(table.scores, mean, seed)
        covered = coverage(table.scores, mean, std) if np.isfinite(std).all() else math.nan
        out.append(Validated(name, tau, error, covered, mean))
    return out


def trivial(table: Table, *, seed: int = 0) -> list[Validated]:
    """What ranks nearly without learning, best first: each cost, proxy and curve by itself, of which no more is learned than the
    sign; and the decision that ranks best by itself, chosen anew in each fold."""
    folds, out = _folds(table, seed), []
    columns = {**table.evidence.costs, **table.evidence.proxies}
    for name, curve in table.evidence.curves.items():
        known = np.isfinite(curve)
        last = np.where(known.any(axis=1), curve.shape[1] - 1 - known[:, ::-1].argmax(axis=1), 0)
        columns[f"{name} after {curve.shape[1]} epochs"] = curve[np.arange(len(curve)), last]
    for name, values in columns.items():
        filled = np.where(np.isfinite(values), values, np.nanmin(values) if np.isfinite(values).any() else 0.0)
        signed = _signed(filled, table.scores)
        out.append(Validated(f"{name} alone", *with_error(table.scores, signed, seed), math.nan, signed))
    best = _best_decision(table, folds)
    out.append(Validated("best single decision", *with_error(table.scores, best, seed), math.nan, best))
    return sorted(out, key=lambda found: -np.nan_to_num(found.tau, nan=-2))


def learning_curve(
    table: Table, name: str, *, repeats: int = 3, seed: int = 0, kept: Path | None = None, tell: Tell | None = None
) -> list[tuple[int, float, float]]:
    """(labels, mean tau on the others, its standard error), for increasing numbers of labels.

    The error is that of the repeats or of the rows that are ranked, whichever is larger: three repeats may agree by chance.
    """
    n = len(table)
    sizes = sorted({m for m in (n // 8, n // 4, n // 2, 3 * n // 4) if m >= 4 and n - m >= 4})
    keeper, out = _Keeper(kept, table, seed), []
    for k, m in enumerate(min(size, MOST_ROWS) for size in sizes):
        taus, errors = [], []
        for repeat in range(repeats):
            order = np.random.default_rng([seed, repeat]).permutation(n)
            train, test = order[:m], order[m : m + MOST_ROWS]
            found = keeper.find(name, train, test)
            if found is None:
                found = _predict(table, name, train, test, seed + repeat)
                keeper.keep(name, train, test, found)
            if not found["failed"]:
                tau, spread = with_error(table.scores[test], np.asarray(found["mean"]), seed)
                taus.append(tau)
                errors.append(spread)
            if tell is not None:
                tell(k * repeats + repeat + 1, len(sizes) * repeats, f"{m} labels")
        if taus:
            of_repeats = float(np.std(taus, ddof=1)) if len(taus) > 1 else 0.0
            of_rows = math.sqrt(float(np.mean(np.square(errors))))
            out.append((m, float(np.mean(taus)), max(of_repeats, of_rows) / math.sqrt(len(taus))))
    return out


def with_error(scores: Array, mean: Array, seed: int) -> tuple[float, float]:
    """Kendall's tau-b and its bootstrap standard error; a ranking without order has tau 0."""
    tau = kendall_tau(scores, mean)
    if math.isnan(tau):
        return 0.0, 0.0
    rng = np.random.default_rng(seed)
    taus = []
    for _ in range(RESAMPLES if len(scores) <= 2000 else RESAMPLES // 4):
        rows = rng.integers(0, len(scores), size=len(scores))
        taus.append(kendall_tau(scores[rows], mean[rows]))
    return tau, float(np.nanstd(taus, ddof=1))


def paired_error(scores: Array, a: Array, b: Array, seed: int) -> float:
    """Bootstrap standard error of the difference of two taus on the same rows."""
    rng = np.random.default_rng(seed)
    differences = []
    for _ in range(RESAMPLES if len(scores) <= 2000 else RESAMPLES // 4):
        rows = rng.integers(0, len(scores), size=len(scores))
        differences.append(kendall_tau(scores[rows], a[rows]) - kendall_tau(scores[rows], b[rows]))
    return float(np.nanstd(differences, ddof=1))


class _Keeper:
    """Finished folds in a file, found again by what they are."""

    def __init__(self, path: Path | None, table: Table, seed: int, sources: Sequence[Source] = ()) -> None:
        self.journal = None if path is None else Journal(path)
        evidence = table.evidence
        known = [*evidence.curves.items(), *evidence.proxies.items(), *evidence.costs.items()]
        self.base = "" if path is None else fingerprint(table.archs, table.scores, [list(pair) for pair in known], seed)
        if path is not None and sources:
            self.base += fingerprint([[source.archs, source.scores] for source in sources])
        self.found = {} if self.journal is None else {record["key"]: record for record in self.journal.records()}

    def _key(self, name: str, train: NDArray[Any], test: NDArray[Any]) -> str:
        return fingerprint(self.base, name, np.asarray(train), np.asarray(test))

    def find(self, name: str, train: NDArray[Any], test: NDArray[Any]) -> dict[str, Any] | None:
        return None if self.journal is None else self.found.get(self._key(name, train, test))

    def keep(self, name: str, train: NDArray[Any], test: NDArray[Any], found: dict[str, Any]) -> None:
        if self.journal is not None and not found["failed"]:
            self.journal.add({"key": self._key(name, train, test), "predictor": name, **found})


def _predict(
    table: Table, name: str, train: NDArray[Any], test: NDArray[Any], seed: int, sources: Sequence[Source] = ()
) -> dict[str, Any]:
    """Means and stds of the test rows, or why there are none."""
    others = [found for source in sources if (found := without(source, table.archs[test])) is not None]
    try:
        predictor = get_predictor(name, table.space, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            known = table.evidence[train] if table.evidence else None
            predictor.init(table.archs[train], table.scores[train], known, sources=others or None)
            answer = predictor.query(table.archs[test], table.evidence[test] if table.evidence else None)
    except ArchcastError as error:
        return {"mean": [], "std": [], "failed": " ".join(str(error).split())}
    std = np.full(len(test), np.nan) if answer.std is None else answer.std
    return {"mean": answer.mean.tolist(), "std": std.tolist(), "failed": ""}


def _folds(table: Table, seed: int) -> NDArray[np.int64]:
    """``(n,)`` fold of each row; rows that are the same function share theirs.

    Raises:
        InvalidInputError: there are fewer than two different architectures.
    """
    _, group = np.unique(table.space.canonical(table.archs), axis=0, return_inverse=True)
    group = group.ravel()
    number = int(group.max()) + 1
    if number < 2:
        raise InvalidInputError(f"{table.name}: all rows are the same architecture. There is nothing to compare.")
    order = np.random.default_rng(seed).permutation(number)
    return np.asarray((order % min(FOLDS, number))[group], dtype=np.int64)


def _some(rows: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    if len(rows) <= MOST_ROWS:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))


def _signed(values: Array, scores: Array) -> Array:
    """Values, or their negatives where they fall with the score."""
    return -values if kendall_tau(scores, values) < 0 else values


def _best_decision(table: Table, folds: NDArray[np.int64]) -> Array:
    """Ranks of each fold's rows by the decision that ranks the other folds best."""
    out = np.zeros(len(table))
    for fold in range(folds.max() + 1):
        train, test = folds != fold, folds == fold
        taus = [
            kendall_tau(table.scores[train], table.archs[train, j].astype(float)) for j in range(table.archs.shape[1])
        ]
        best = int(np.argmax(np.abs(np.nan_to_num(taus))))
        sign = -1.0 if np.nan_to_num(taus[best]) < 0 else 1.0
        x, reference = sign * table.archs[test, best], sign * table.archs[train, best]
        out[test] = (reference[None, :] < x[:, None]).mean(axis=1) + 0.5 * (reference[None, :] == x[:, None]).mean(
            axis=1
        )
    return out
