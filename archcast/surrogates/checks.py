"""Is a surrogate as good as its table? The checks of NAS-Bench-301 (Siems et al. 2020, https://arxiv.org/abs/2008.09777) and
NAS-Bench-x11 (Yan et al. 2021, https://arxiv.org/abs/2111.03602).

- *Unseen architectures*: rank correlation and R² of the surrogate beside each of its members.
- *Region out*: the same for architectures of a region, or of an optimiser, that nothing was learned from.
- *Curves*: correlation, R² and Kullback-Leibler divergence by epoch.
- *Noise*: how far trainings of an architecture scatter, in the table and on the surrogate.
- *Searches*: strategies on the surrogate and on the table; their order is what a surrogate is for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray

from archcast.checks import array_of, callback, listed, one_of, seed_of, whole, workers
from archcast.data.benchmark import Benchmark
from archcast.encodings.base import get_encoding
from archcast.errors import InvalidInputError, short
from archcast.evaluation.metrics import kendall_tau, pearson
from archcast.journal import staffed
from archcast.names import STRATEGIES
from archcast.predictors.base import get_predictor
from archcast.search.objectives import TableObjective
from archcast.search.run import run_search
from archcast.surrogates.ensemble import blend
from archcast.surrogates.fitting import FEWEST, centred, repeats_of
from archcast.surrogates.surrogate import SEEDS, Surrogate

__all__ = ["SEARCHES", "SurrogateReport", "check_surrogate", "divergence", "r_squared"]

SEARCHES = ("random", "reinforce", "local-search", "regularized-evolution", "bayesian")
REGIONS, BINS = 5, 20
Array = NDArray[np.float64]
Tell = Callable[[int, int, str], None]


@dataclass(frozen=True)
class SurrogateReport:
    """What :func:`check_surrogate` found.

    Attributes:
        metric: that was checked.
        tested_on: words.
        unseen: a row for the surrogate and each member: ``name``, ``kendall_tau``, ``r2``.
        regions: a row for each region: ``name``, ``rows``, ``kendall_tau``, ``r2``.
        curves: a row for each curve: ``name`` and, for each epoch, ``pearson``, ``kendall_tau``, ``r2``, ``kl``.
        noise: ``of``, ``std_table``, ``std_surrogate``, ``middle_table`` and ``middle_surrogate``, half the width of the middle
            68 %, which is the standard deviation where there are no outliers, and ``kl``.
        searches: a row for each strategy: ``name``, mean ``table`` and ``surrogate`` best score over the search, each with its
            standard error.
    """

    metric: str
    tested_on: str
    unseen: list[dict[str, Any]]
    regions: list[dict[str, Any]] = field(default_factory=list)
    curves: list[dict[str, Any]] = field(default_factory=list)
    noise: dict[str, Any] = field(default_factory=dict)
    searches: list[dict[str, Any]] = field(default_factory=list)

    def orders(self) -> tuple[list[str], list[str]]:
        """Strategies, best first: on the table, on the surrogate."""
        table, surrogate = (
            sorted(self.searches, key=lambda row: (-row[where], row["name"])) for where in ("table", "surrogate")
        )
        return [row["name"] for row in table], [row["name"] for row in surrogate]

    def contradictions(self) -> list[tuple[str, str]]:
        """Pairs of strategies of which the first is better on the table and the second on the surrogate, each by more than two
        standard errors of the difference."""
        return [
            (one["name"], two["name"])
            for one, two in permutations(self.searches, 2)
            if self._better(one, two, "table") and self._better(two, one, "surrogate")
        ]

    @staticmethod
    def _better(one: dict[str, Any], two: dict[str, Any], where: str) -> bool:
        error = math.hypot(one[f"{where}_error"], two[f"{where}_error"])  # NaN of a single trial
        return bool(one[where] - two[where] > (0 if math.isnan(error) else 2 * error))

    def lines(self) -> list[str]:
        """The report as text."""
        out = [f"{self.metric}, {self.tested_on}:"]
        out += [f"  {row['name']:22s} tau {row['kendall_tau']:.3f}  R2 {row['r2']:.3f}" for row in self.unseen]
        if self.regions:
            out.append("A region left out:")
            out += [
                f"  {row['name']:22s} tau {row['kendall_tau']:.3f}  R2 {row['r2']:.3f}  {row['rows']:,} rows"
                for row in self.regions
            ]
        if self.curves:
            out.append("Curves, mean over epochs and last epoch:")
        for row in self.curves:
            facts = (
                f"{key} {np.nanmean(row[key]):.3f} {row[key][-1]:.3f}" for key in ("pearson", "kendall_tau", "r2", "kl")
            )
            out.append(f"  {row['name']:22s} {'  '.join(facts)}")
        if self.noise:
            n = self.noise
            out.append(
                f"Noise ({n['of']}): standard deviation {n['std_table']:.3g} in the table, {n['std_surrogate']:.3g} on the "
                f"surrogate; half of the middle 68 % {n['middle_table']:.3g} and {n['middle_surrogate']:.3g}; KL {n['kl']:.3f}"
            )
        if self.searches:
            table, surrogate = self.orders()
            out.append("Searches, best score so far, mean over the search, on table and surrogate:")
            for name in table:
                row = next(row for row in self.searches if row["name"] == name)
                values = (f"{row[where]:.5g} ± {row[where + '_error']:.2g}" for where in ("table", "surrogate"))
                out.append(f"  {name:22s} {'   '.join(values)}")
            same = "the same order"
            if table != surrogate:
                near = (
                    "" if self.contradictions() else ", but only of strategies within two standard errors of each other"
                )
                same = f"another order{near}: {', '.join(surrogate)}"
            out.append(f"  On the surrogate: {same}")
        return out


def check_surrogate(
    surrogate: Benchmark,
    table: Benchmark,
    *,
    regions: ArrayLike | None = None,
    budget: int = 100,
    trials: int = 5,
    strategies: Sequence[str] = SEARCHES,
    seed: int = 0,
    jobs: int = 1,
    tell: Tell | None = None,
) -> SurrogateReport:
    """Compare a surrogate with the table that it was made of.

    Args:
        surrogate: what :func:`archcast.surrogates.make_surrogate` made.
        table: the benchmark.
        regions: ``(n,)`` what each row of the table belongs to, such as the optimiser that proposed it; one after the other is
            left out. By default five clusters of the decisions.
        budget: evaluations of each search; 0 for no searches.
        trials: searches with each strategy.
        strategies: their names.
        seed: of clusters and searches.
        jobs: processes; -1 is one for each core.
        tell: called as ``tell(done, total, what)``.

    Raises:
        InvalidInputError: the benchmark is no surrogate.
    """
    for name, value in (("surrogate", surrogate), ("table", table)):
        if not isinstance(value, Benchmark):
            raise InvalidInputError(f"{name} must be an archcast.Benchmark, got {short(value)}.")
    seed = seed_of("seed", seed)
    workers("jobs", jobs)
    callback("tell", tell, 3)
    strategies = [one_of("strategy", name, STRATEGIES) for name in listed("strategies", strategies, "names")]
    function = surrogate.function
    if not isinstance(function, Surrogate):
        raise InvalidInputError(
            f"benchmark {surrogate.name!r} is no surrogate. Make one with make_surrogate(benchmark)."
        )
    budget, trials = whole("budget", budget, 0), whole("trials", trials, 1)
    metric = function.default_metric
    rows = _unseen_rows(function, table)
    apart = len(rows) >= FEWEST
    measured = np.flatnonzero(np.isfinite(table.scores(metric)))
    if apart:
        archs, truth = table.archs[rows], table.scores(metric)[rows]
        answers = {"surrogate": function.expected(archs)[f"metrics/{metric}"]}
        for name, member in zip(function.members, function.scalars[f"metrics/{metric}"].members):
            answers[name] = member.query(archs).mean
        tested_on = f"{len(rows):,} architectures that were not learned from"
    else:
        rows, truth = measured, function.outside["truth"]
        answers = {name: values for name, values in function.outside.items() if name != "truth"}
        tested_on = f"five-fold cross-validation of {len(truth):,} architectures"
    order = sorted(answers, key=lambda name: name != "surrogate")
    unseen = [{"name": name, **_fit(truth, answers[name])} for name in order]
    return SurrogateReport(
        metric,
        tested_on,
        unseen,
        _regions(function, table, regions, seed, jobs, tell),
        _curves(function, table, rows) if apart else [],
        _noise(function, table, rows, metric),
        _searches(surrogate, table, metric, strategies, budget, trials, seed, jobs, tell) if budget else [],
    )


def r_squared(truth: Array, answer: Array) -> float:
    """Coefficient of determination, ``1 - sum (y - f)^2 / sum (y - mean y)^2``; NaN where the truth is constant.

    Examples:
        >>> r_squared(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0]))
        0.5
    """
    spread = float(np.square(truth - truth.mean()).sum())
    return 1 - float(np.square(truth - answer).sum()) / spread if spread > 0 else math.nan


def divergence(p: Array, q: Array) -> float:
    """Kullback-Leibler divergence of sample ``q`` from sample ``p``, in nats: over 20 bins between quantiles of ``p``, half a count
    added to each bin.

    Examples:
        >>> values = np.linspace(0, 1, 1000)
        >>> divergence(values, values) < 1e-9, divergence(values, values + 1) > 1
        (True, True)
    """
    edges = np.unique(np.quantile(p, np.linspace(0, 1, BINS + 1)[1:-1]))
    shares = []
    for sample in (p, q):
        counts = np.bincount(np.searchsorted(edges, sample, side="right"), minlength=len(edges) + 1) + 0.5
        shares.append(counts / counts.sum())
    return float((shares[0] * np.log(shares[0] / shares[1])).sum())


def _fit(truth: Array, answer: Array) -> dict[str, float]:
    return {"kendall_tau": kendall_tau(truth, answer), "r2": r_squared(truth, answer)}


def _unseen_rows(function: Surrogate, table: Benchmark) -> NDArray[np.int64]:
    """Measured rows of the table that nothing was learned from, nor from a row that is the same function."""
    measured = np.flatnonzero(np.isfinite(table.scores(function.default_metric)))
    seen = {row.tobytes() for row in table.space.canonical(function.seen)}
    keys = table.space.canonical(table.archs[measured])
    return measured[[row.tobytes() not in seen for row in keys]]


@staffed()
def _regions(
    function: Surrogate, table: Benchmark, given: ArrayLike | None, seed: int, jobs: int, tell: Tell | None
) -> list[dict[str, Any]]:
    archs, metric = function.seen, function.default_metric
    truth = table.scores(metric)[table.find(archs)]
    if given is None:
        labels, names = _clusters(function, seed), "region"
    else:
        of_table = array_of("regions", given)
        if of_table.shape != (len(table),):
            raise InvalidInputError(f"regions must have shape ({len(table)},), one for each row, got {of_table.shape}.")
        labels, names = of_table[table.find(archs)], ""
    ensemble = function.scalars[f"metrics/{metric}"]
    groups = [label for label in np.unique(labels) if FEWEST // 4 <= (labels == label).sum() <= len(labels) - FEWEST]
    todo = [(name, labels == label) for label in groups for name in function.members]
    calls = (delayed(_left_out)(name, function.space, archs, truth, held, seed) for name, held in todo)
    parts: list[Array] = []
    for done, part in enumerate(Parallel(n_jobs=jobs, return_as="generator")(calls), 1):
        parts.append(part)
        if tell is not None:
            tell(done, len(todo), "regions left out")
    rows = []
    for label in groups:
        held = labels == label
        own = [part for (_, rest), part in zip(todo, parts, strict=True) if (rest == held).all()]
        fit = _fit(truth[held], blend(np.array(own), ensemble.levels, ensemble.weights))
        rows.append({"name": f"{names} {label}".strip(), "rows": int(held.sum()), **fit})
    return rows


def _left_out(
    name: str, space: Any, archs: NDArray[np.int64], truth: Array, held: NDArray[np.bool_], seed: int
) -> Array:
    answer: Array = (
        get_predictor(name, space, random_state=seed).init(archs[~held], truth[~held]).query(archs[held]).mean
    )
    return answer


def _clusters(function: Surrogate, seed: int) -> NDArray[np.int64]:
    from sklearn.cluster import KMeans

    encoder = get_encoding("adjacency" if function.space.has_graph else "mixed", function.space)
    features = np.asarray(encoder.transform(function.seen), dtype=np.float64)
    count = min(REGIONS, len(np.unique(features, axis=0)))
    found: NDArray[np.int64] = KMeans(count, n_init=3, random_state=seed % 2**32).fit_predict(features) + 1
    return found


def _curves(function: Surrogate, table: Benchmark, rows: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Correlations of expected curves, divergence of the curves of one training."""
    out = []
    expected = function.expected(table.archs[rows])
    mean, drawn = (function.benchmark(table.archs[rows], expected, seed) for seed in (None, 1))
    for name, curves in mean.curves.items():
        truth = table.curves[name][rows][:, : curves.shape[1]]
        facts: dict[str, Any] = {"name": name, "pearson": [], "kendall_tau": [], "r2": [], "kl": []}
        for epoch in range(curves.shape[1]):
            known = np.isfinite(truth[:, epoch])
            y, f = truth[known, epoch], curves[known, epoch]
            values = {}
            if known.sum() >= FEWEST:
                one = drawn.curves[name][known, epoch]
                values = {**_fit(y, f), "pearson": pearson(y, f), "kl": divergence(y, one)}
            for key in ("pearson", "kendall_tau", "r2", "kl"):
                facts[key].append(values.get(key, math.nan))
        out.append(facts)
    return out


def _noise(function: Surrogate, table: Benchmark, rows: NDArray[np.int64], metric: str) -> dict[str, Any]:
    """Scatter of a metric over seeds where the table has several trainings, else around what is expected."""
    candidates = [name for name in (metric, table.test_metric) if name and f"metrics/{name}" in function.scalars]
    repeated = next((name for name in candidates if repeats_of(table, name)), None)
    expected = function.expected(table.archs[rows])
    seeds = [function.benchmark(table.archs[rows], expected, seed) for seed in range(1, SEEDS + 1)]
    if repeated is not None:
        columns = repeats_of(table, repeated)
        real = centred(np.stack([table.metrics[column][rows] for column in columns], axis=1))
        drawn = centred(np.stack([one.scores(repeated) for one in seeds], axis=1))
        of = f"{len(columns)} trainings of {repeated}"
    else:
        mean = function.benchmark(table.archs[rows], expected).scores(metric)
        real = table.scores(metric)[rows] - mean
        drawn = np.stack([one.scores(metric) - mean for one in seeds])
        of = f"{metric} around what is expected"
    real, drawn = (values[np.isfinite(values)] for values in (real, drawn))
    facts: dict[str, Any] = {"of": of, "kl": divergence(real, drawn)}
    for where, values in (("table", real), ("surrogate", drawn)):
        low, high = np.quantile(values, (0.16, 0.84))
        facts |= {f"std_{where}": float(values.std()), f"middle_{where}": float(high - low) / 2}
    return facts


def _searches(
    surrogate: Benchmark,
    table: Benchmark,
    metric: str,
    strategies: Sequence[str],
    budget: int,
    trials: int,
    seed: int,
    jobs: int,
    tell: Tell | None,
) -> list[dict[str, Any]]:
    """Best score so far, averaged over the evaluations; both searches see the same architectures."""
    objective = TableObjective(table, metric)
    same = surrogate
    if objective.pool is not None:
        same = replace(surrogate.at(table.archs), function=None, name=surrogate.name)
    found: dict[str, dict[str, Array]] = {}
    for where, target in (("table", objective), ("surrogate", TableObjective(same, metric))):
        step = (lambda _: tell(0, 0, f"searches on the {where}")) if tell is not None else None  # noqa: B023
        results = run_search(
            list(strategies),
            target,
            budget=budget,
            batch=min(10, budget),
            trials=trials,
            seed=seed,
            jobs=jobs,
            progress=step,
        )
        for trace in results.traces:
            found.setdefault(trace.strategy, {}).setdefault(where, np.zeros(0))
            mean = np.append(found[trace.strategy][where], np.nanmean(trace.values))
            found[trace.strategy][where] = mean
    rows = []
    for name in strategies:
        row: dict[str, Any] = {"name": name}
        for where, values in found[name].items():
            row[where] = float(values.mean())
            row[f"{where}_error"] = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
        rows.append(row)
    return rows
