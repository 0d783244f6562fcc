"""``make_surrogate``: from a table to a function that answers for the whole space."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from archcast.checks import callback, listed, one_of, seed_of, workers
from archcast.data.base import load_benchmark
from archcast.data.benchmark import Benchmark
from archcast.errors import InvalidInputError, UnknownNameError, short
from archcast.journal import staffed
from archcast.names import PREDICTORS
from archcast.predictors.targets import limits_of
from archcast.registry import closest
from archcast.spaces.base import SearchSpace
from archcast.surrogates.curves import Basis
from archcast.surrogates.ensemble import Ensemble, blend, folds_of, outside, weigh
from archcast.surrogates.noise import Noise
from archcast.surrogates.surrogate import Surrogate

__all__ = ["BESIDE", "MEMBERS", "fitted_rows", "make_surrogate"]

MEMBERS = ("stack", "gp", "xgboost", "lightgbm", "random-forest")
"""Predictors of the default metric: those of NAS-Bench-301, a Gaussian process, and this suite's blend."""

BESIDE = ("xgboost", "lightgbm")
"""Predictors of the other columns and of the coefficients of curves."""

MOST_ROWS = {"stack": 10_000, "gp": 3_000}
"""Rows up to which these are default members: ``stack`` takes a minute for so many, ``gp`` grows with their cube."""

FOLDS, FEWEST, MOST_READY, DRAWN = 5, 20, 50_000, 10_000
Array = NDArray[np.float64]
Tell = Callable[[int, int, str], None]


def make_surrogate(
    table: str | Benchmark,
    *,
    share: float = 1.0,
    metrics: Sequence[str] | None = None,
    curves: Sequence[str] | None = None,
    members: Sequence[str] | None = None,
    seed: int = 0,
    jobs: int = 1,
    tell: Tell | None = None,
) -> Benchmark:
    """Make a surrogate benchmark of a table.

    An ensemble of predictors learns the default metric, a smaller one each other column: metrics, costs, seconds, and the
    coefficients that curves are compressed to (:mod:`archcast.surrogates.curves`). Residuals give the noise of a training
    (:mod:`archcast.surrogates.noise`).

    Args:
        table: a benchmark or its name.
        share: of the measured rows that are learned from, drawn at random; the others are left for tests.
        metrics: names; by default the default metric and the test metric. The first is the default metric of the surrogate.
        curves: names; by default all that have at least 20 whole curves.
        members: names of predictors of the default metric.
        seed: of rows, folds and predictors.
        jobs: processes; -1 is one for each core.
        tell: called as ``tell(done, total, what)``.

    Returns:
        A benchmark whose ``function`` is a :class:`Surrogate`. ``archs`` is the whole space if it has at most 50,000 rows, else the
        rows that were learned from and 10,000 others. Metrics, costs and curves hold expected values, and ``<metric>_s1`` to
        ``_s3`` those of three trainings; ``at(archs, seed)`` gives any training of any architecture.

    Raises:
        InvalidInputError: fewer than 20 measured rows, or a setting that is out of range.
        UnknownNameError: of a metric, curve or predictor.
    """
    if not isinstance(table, (str, Benchmark)):
        raise InvalidInputError(f"table must be an archcast.Benchmark or its name, got {short(table)}.")
    workers("jobs", jobs)
    callback("tell", tell, 3)
    benchmark = load_benchmark(table) if isinstance(table, str) else table
    seed = seed_of("seed", seed)
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
        raise InvalidInputError(f"share must be a number above 0 and at most 1, got {short(share)}.")
    named = _names("metrics", metrics, benchmark.metrics)
    if named is None:
        named = list(dict.fromkeys([benchmark.default_metric, benchmark.test_metric or benchmark.default_metric]))
    if not named:
        raise InvalidInputError("metrics is empty. Name at least one, or leave it out.")
    curved = _names("curves", curves, benchmark.curves)
    main = f"metrics/{named[0]}"
    rows = fitted_rows(benchmark, named[0], share, seed)
    if len(rows) < FEWEST:
        raise InvalidInputError(
            f"A surrogate is made of at least {FEWEST} rows with {named[0]}; share {share:g} of this table has {len(rows)}."
        )
    usual = [name for name in MEMBERS if len(rows) <= MOST_ROWS.get(name, len(rows))]
    chosen = usual if members is None else listed("members", members, "names")
    if not chosen:
        raise InvalidInputError("members is empty. Name at least one predictor, see archcast list predictors.")
    for name in chosen:
        _check(name, benchmark.space)
    archs, known = benchmark.archs[rows], _columns(benchmark, rows, named)
    single = np.unique(benchmark.space.canonical(archs), axis=0, return_index=True)[1]  # a row of each function
    bases = _bases(benchmark, rows, single, curved)
    targets = dict(known)
    for name, (basis, values) in bases.items():
        complete = np.isfinite(values).all(axis=1)
        numbers = np.full((len(rows), len(basis.directions)), np.nan)
        numbers[complete] = basis.coefficients(values[complete])
        targets |= {f"{name}/{j}": column for j, column in enumerate(numbers.T)}
    folds = folds_of(benchmark.space, archs, FOLDS, seed)
    beside = [member for member in BESIDE if member in chosen] or chosen[-1:]
    made, answers = _fit_all(benchmark.space, archs, targets, {main: chosen}, beside, folds, single, seed, jobs, tell)
    limits = {name: limits_of(values[np.isfinite(values)]) for name, values in known.items()}
    limits |= {name: limits_of(values[np.isfinite(values)]) for name, (_, values) in bases.items()}
    expected = {name: found["surrogate"] for name, found in answers.items()}
    kept_curves = {
        name: (basis, [made[f"{name}/{j}"] for j in range(len(basis.directions))]) for name, (basis, _) in bases.items()
    }
    surrogate = Surrogate(
        benchmark.name,
        benchmark.space,
        named[0],
        benchmark.test_metric if benchmark.test_metric in named else None,
        f"{' and '.join(chosen)} fitted to {len(rows):,} rows of {benchmark.source or benchmark.name}",
        {name: made[name] for name in known},
        kept_curves,
        _noise(benchmark, rows, single, expected, known, bases, main),
        limits,
        archs,
        chosen,
        {name: values[single] for name, values in {**answers[main], "truth": known[main]}.items()},
    )
    ready = _ready_rows(benchmark.space, archs, seed)
    report = None if tell is None else lambda done, total: tell(done, total, "answers of the space")
    return surrogate.benchmark(ready, surrogate.expected(ready, report))


def fitted_rows(benchmark: Benchmark, metric: str, share: float, seed: int) -> NDArray[np.int64]:
    """Numbers of the rows that a surrogate learns from."""
    measured = np.flatnonzero(np.isfinite(benchmark.scores(metric)))
    drawn = np.random.default_rng(seed).permutation(measured)
    return np.sort(drawn[: max(1, round(share * len(measured)))])


def _names(what: str, given: Sequence[str] | None, known: Mapping[str, Any]) -> list[str] | None:
    if given is None:
        return None
    names = [given] if isinstance(given, str) else listed(what, given, "names")
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise UnknownNameError(f"{what}: unknown {short(name)}. {closest(name, list(known))}")
    return list(dict.fromkeys(names))


def _check(name: Any, space: SearchSpace) -> None:
    """Whether a predictor can be a member: it learns from scores and asks for nothing else."""
    predictor = PREDICTORS[one_of("predictor", name, PREDICTORS)](space)
    needs = predictor.requires
    if not needs.labels or needs.data or needs.curve or needs.proxies:
        raise InvalidInputError(f"members: {name!r} does not learn from scores alone. Use e.g. {', '.join(MEMBERS)}.")
    if predictor.needs_graph and not space.has_graph:
        raise InvalidInputError(f"members: {name!r} reads cell graphs, which space {space.name!r} does not have.")


def _columns(benchmark: Benchmark, rows: NDArray[np.int64], metrics: Sequence[str]) -> dict[str, Array]:
    """The columns with a number each, those that are known of at least so many rows as a surrogate needs."""
    out = {f"metrics/{name}": benchmark.metrics[name][rows] for name in metrics}
    out |= {f"costs/{name}": values[rows] for name, values in benchmark.costs.items()}
    if benchmark.train_seconds is not None:
        out["train_seconds"] = benchmark.train_seconds[rows]
    return {name: values for name, values in out.items() if np.isfinite(values).sum() >= FEWEST}


def _bases(
    benchmark: Benchmark, rows: NDArray[np.int64], single: NDArray[np.int64], names: Sequence[str] | None
) -> dict[str, tuple[Basis, Array]]:
    """The basis of each curve, in which a function counts once, and the curves. Epochs at the end that no row has are cut off."""
    out = {}
    for name in benchmark.curves if names is None else names:
        values = np.asarray(benchmark.curves[name][rows], dtype=np.float64)
        some = np.flatnonzero(np.isfinite(values).any(axis=0))
        values = values[:, : some[-1] + 1] if len(some) else values[:, :0]
        once = single[np.isfinite(values[single]).all(axis=1)]
        if values.shape[1] and len(once) >= FEWEST:
            out[f"curves/{name}"] = (Basis.of(values[once]), values)
        elif names is not None:
            raise InvalidInputError(
                f"curves: {name!r} has {len(once)} whole curves of different functions, {FEWEST} are needed."
            )
    return out


@staffed()
def _fit_all(
    space: SearchSpace,
    archs: NDArray[np.int64],
    targets: Mapping[str, Array],
    own: Mapping[str, Sequence[str]],
    others: Sequence[str],
    folds: NDArray[np.int64],
    single: NDArray[np.int64],
    seed: int,
    jobs: int,
    tell: Tell | None,
) -> tuple[dict[str, Ensemble], dict[str, dict[str, Array]]]:
    """An ensemble for each target, and what each member and the ensemble answer for rows that they have not seen.

    Weights count each function once: all rows of one that is in many rows, such as the net without a path, are in one fold.
    """
    made, answers, todo = {}, {}, []
    for name, values in targets.items():
        known = np.isfinite(values)
        if np.ptp(values[known]) < 1e-12 * max(1.0, float(np.abs(values[known]).max())):
            constant = float(values[known][0])
            made[name] = Ensemble([], np.zeros(0), np.zeros((0, 0)), constant)
            answers[name] = {"surrogate": np.full(len(values), constant)}
            continue
        todo += [(name, member, known) for member in own.get(name, others)]
    calls = (delayed(outside)(m, space, archs[k], targets[name][k], folds[k], seed) for name, m, k in todo)
    found: dict[str, dict[str, Any]] = {}
    for done, ((name, member, _), result) in enumerate(
        zip(todo, Parallel(n_jobs=jobs, return_as="generator")(calls), strict=True), 1
    ):
        found.setdefault(name, {})[member] = result
        if tell is not None:
            tell(done, len(todo), f"{member} on {name.removeprefix('metrics/')}")
    for name, members in found.items():
        known = np.isfinite(targets[name])
        unseen = [answer for _, answer in members.values()]
        once = np.isin(np.flatnonzero(known), single)
        levels, weights = weigh([answer[once] for answer in unseen], targets[name][known][once])
        made[name] = Ensemble([fit for fit, _ in members.values()], levels, weights)
        blended = blend(np.array(unseen), levels, weights)
        columns = {**{m: answer for m, (_, answer) in members.items()}, "surrogate": blended}
        answers[name] = {key: np.full(len(known), np.nan) for key in columns}
        for key, answer in columns.items():
            answers[name][key][known] = answer
    return made, answers


def _noise(
    benchmark: Benchmark,
    rows: NDArray[np.int64],
    single: NDArray[np.int64],
    expected: Mapping[str, Array],
    known: Mapping[str, Array],
    bases: Mapping[str, tuple[Basis, Array]],
    main: str,
) -> Noise:
    """Residuals of metrics and curves, a donor for each function, or for each training where the table has several."""
    rows = rows[single]
    expected = {name: values[single] for name, values in expected.items()}
    known = {name: values[single] for name, values in known.items()}
    bases = {name: (basis, values[single]) for name, (basis, values) in bases.items()}
    repeats = {name: repeats_of(benchmark, name.partition("/")[2]) for name in known if name.startswith("metrics/")}
    count = max([1, *(len(columns) for columns in repeats.values())])
    residuals = {}
    for name, columns in repeats.items():
        if columns:
            runs = np.stack([benchmark.metrics[column][rows] for column in columns], axis=1)
            residuals[name] = np.full((len(rows), count), np.nan)
            residuals[name][:, : len(columns)] = centred(runs)
        else:
            residuals[name] = np.repeat((known[name] - expected[name])[:, None], count, axis=1)
    for name, (basis, values) in bases.items():
        numbers = np.stack([expected[f"{name}/{j}"] for j in range(len(basis.directions))], axis=1)
        residuals[name] = np.repeat(basis.residuals(values, basis.curves(numbers))[:, None], count, axis=1)
    seen = np.isfinite(residuals[main])
    at = np.repeat(expected[main][:, None], count, axis=1)[seen]
    return Noise.of(at, {name: values[seen] for name, values in residuals.items()})


def repeats_of(benchmark: Benchmark, metric: str) -> list[str]:
    """Metrics that are single trainings of a metric that is their mean: ``accuracy_s1``, ``accuracy_seed777``, or ``accuracy_s1``
    of ``accuracy_mean3``; none if there is only one."""
    stem = re.escape(re.sub(r"_mean\d*$", "", metric))
    found = [name for name in benchmark.metrics if re.fullmatch(rf"{stem}_s(eed)?\d+", name) and name != metric]
    return found if len(found) > 1 else []


def centred(runs: Array) -> Array:
    """``(n, k)`` trainings less their mean, times ``sqrt(k / (k - 1))`` of those that are known; NaN where there is only one."""
    count = np.isfinite(runs).sum(axis=1, keepdims=True)
    mean = np.nansum(runs, axis=1, keepdims=True) / np.maximum(count, 1)
    return np.where(count > 1, (runs - mean) * np.sqrt(count / np.maximum(count - 1, 1)), np.nan)


def _ready_rows(space: SearchSpace, archs: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    if math.prod(map(int, space.cardinalities)) <= 4 * MOST_READY:
        try:
            whole_space = space.enumerate()
        except InvalidInputError:
            whole_space = None
        if whole_space is not None and len(whole_space) <= MOST_READY:
            return np.asarray(whole_space)
    return np.unique(np.concatenate([archs, space.sample(DRAWN, np.random.default_rng(seed))]), axis=0)
