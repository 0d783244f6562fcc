"""Search strategies on the spaces that they were made for, or on the nearest ones whose scores can be had.

    ARCHCAST_DATA=... python benchmarks/own_space_searches.py FORMATS [--trained FOLDER] [--only nasbot,...] [--trials 10]
        [--jobs 4] [--latencies FOLDER]

FORMATS holds ``dynas-ofa-mbv3``, ``accel-nasbench`` and ``nas-bench-mr``; the folder of ``--trained`` is one that
``trained_targets.py`` filled. What is searched, ``CASES`` says: a table, or a surrogate that ``make_surrogate`` makes of one where
the space is larger than the table. Ten random architectures, then batches of ten. The figures are means and standard errors over
the trials of the best score found, of its regret where the table is the whole pool, or of the hypervolume as a share of that of
the table.

On Once-for-All's space there is a limit of 300 million multiply-accumulates; above it strategies that take no limit have failures.
With ``--latencies``, a folder of ``benchmarks/latency.py --here ofa-mobilenetv3 --out``, Once-for-All's own search follows:
predictors of accuracy (from the whole table) and of latency (from ten networks measured on this machine), a limit on the latter,
and the latency of what is found, measured.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import few_labels
import numpy as np
import trained_targets
from joblib import Parallel, delayed

import archcast
from archcast.costs import measure
from archcast.errors import InvalidInputError
from archcast.search import TableObjective, hypervolume
from archcast.surrogates import make_surrogate

MACS = 300e6
MEMBERS = ["xgboost", "random-forest"]
TABLES = {
    "ofa-mobilenetv3": ("ofa-mobilenetv3", "dynas-ofa-mbv3"),
    "accel-nasbench": ("accel-nasbench", "accel-nasbench"),
    "nasbench-mr": ("nasbench-mr/cls-50-1000", "nas-bench-mr"),
}
Params = dict[str, Any]
RANDOM: Params = {"name": "random"}
EVOLUTION: Params = {"name": "regularized-evolution"}
GP: Params = {"name": "bayesian", "predictor": "gp"}
LIMIT: Params = {"cost": "macs", "limit": MACS}
HALF_WAY: Params = {"name": "progressive-stopping", "stages": (0.34,)}


@dataclass(frozen=True)
class Folders:
    """Where the tables are."""

    formats: Path
    trained: Path


@dataclass(frozen=True)
class Case:
    """What is searched by which strategies.

    Attributes:
        kind: ``surrogate``, ``trained surrogate``, ``curves`` of a trained table, or ``table``.
        strategies: label -> name and parameters.
        marks: full trainings after which the best is shown.
        cost: second objective.
    """

    kind: str
    strategies: Mapping[str, Params]
    marks: tuple[int, ...] = (50, 100)
    cost: str | None = None


CASES: dict[str, Case] = {
    "ofa-mobilenetv3": Case(
        "surrogate",
        {
            "random": RANDOM,
            "regularized-evolution": EVOLUTION,
            "ofa-evolution, gp": {"name": "ofa-evolution", **LIMIT},
            "ofa-evolution, ofa-regressor": {"name": "ofa-evolution", "predictor": "ofa-regressor", **LIMIT},
            "spos-evolution, gp": {"name": "spos-evolution", **LIMIT},
        },
    ),
    "accel-nasbench": Case(
        "surrogate",
        {
            "random": RANDOM,
            "regularized-evolution": EVOLUTION,
            "reinforce": {"name": "reinforce"},
            "ppo": {"name": "ppo"},
            "spos-evolution, gp": {"name": "spos-evolution"},
            "bayesian, gp": GP,
        },
    ),
    "nasbench-mr": Case(
        "surrogate",
        {
            "random": RANDOM,
            "regularized-evolution": EVOLUTION,
            "ppo": {"name": "ppo"},
            "npenas, gp": {"name": "npenas", "predictor": "gp"},
            "bayesian, gp": GP,
        },
    ),
    "auto-keras": Case(
        "trained surrogate",
        {
            "random": RANDOM,
            "regularized-evolution": EVOLUTION,
            "bayesian, gp-edit": {"name": "bayesian", "predictor": "gp-edit"},
            "bayesian, gp": GP,
        },
        (30, 60),
    ),
    "nasbot": Case(
        "trained surrogate",
        {
            "random": RANDOM,
            "regularized-evolution": EVOLUTION,
            "bayesian, gp-ot": {"name": "bayesian", "predictor": "gp-ot"},
            "bayesian, gp": GP,
        },
        (30, 60),
    ),
    "dpc": Case("curves", {"random": RANDOM, "ppo": {"name": "ppo"}, "progressive-stopping": HALF_WAY}, (20, 40)),
    "auto-deeplab": Case(
        "curves", {"random": RANDOM, "ppo": {"name": "ppo"}, "progressive-stopping": HALF_WAY}, (20, 40)
    ),
    "spos-shufflenetv2": Case(
        "trained surrogate",
        {
            "random": RANDOM,
            "regularized-evolution": EVOLUTION,
            "spos-evolution, gp": {"name": "spos-evolution"},
            "bayesian, gp": GP,
        },
        (30, 60),
    ),
    "spikenas-bench": Case(
        "table",
        {
            "random": RANDOM,
            "bayesian, gp": GP,
            "hyperband": {"name": "hyperband"},
            "bohb, gp": {"name": "bohb"},
            "progressive-stopping": {"name": "progressive-stopping"},
        },
    ),
    "transnasbench101-macro": Case(
        "table",
        {
            "random": RANDOM,
            "regularized-evolution": EVOLUTION,
            "bayesian, gp-string": {"name": "bayesian", "predictor": "gp-string"},
            "bayesian, gp": GP,
        },
    ),
    "transnasbench101-macro and macs": Case(
        "table",
        {
            "random": RANDOM,
            "nsga2": {"name": "nsga2"},
            "petridish": {"name": "petridish"},
            "parego, gp": {"name": "parego"},
        },
        cost="macs",
    ),
}


# -- what is searched --------------------------------------------------------------------------------------------------


@cache
def benchmark_of(name: str, folders: Folders) -> archcast.Benchmark:
    """The table behind a case."""
    if name in TABLES:
        table, folder = TABLES[name]
        return archcast.load_benchmark(table, folders.formats / folder)
    if name.startswith("transnasbench101-macro"):
        table = few_labels.macro(Path(os.environ["ARCHCAST_DATA"]), False)
        return archcast.Benchmark("macro", table.space, table.archs, {"val": table.scores}, "val")
    if CASES[name].kind == "table":
        found = archcast.load_benchmark(name)
        return dataclasses.replace(found, default_metric="val_accuracy")
    return trained_targets.benchmark_of(folders.trained / f"{name}.jsonl", name)


class Surrogate:
    """Scores of a surrogate of a table; NaN above the limit."""

    def __init__(self, benchmark: archcast.Benchmark, limit: float) -> None:
        self.space, self.limit = benchmark.space, limit
        self.surrogate = make_surrogate(benchmark, members=MEMBERS, curves=[])

    def __call__(self, archs: np.ndarray) -> np.ndarray:
        scores = np.asarray(self.surrogate.scores(archs), dtype=float)
        return np.where(self.space.costs(archs)["macs"] <= self.limit, scores, np.nan)


@cache
def objective_of(name: str, folders: Folders) -> Any:
    """A function of rows, or a table."""
    case = CASES[name]
    benchmark = benchmark_of(name, folders)
    if "surrogate" in case.kind:
        return Surrogate(benchmark, MACS if name == "ofa-mobilenetv3" else np.inf)
    costs = [] if case.cost is None else [case.cost]
    return TableObjective(benchmark, costs=costs, curve="score" if case.kind == "curves" else "val_accuracy")


# -- searches ----------------------------------------------------------------------------------------------------------


def one(name: str, label: str, trial: int, folders: Folders) -> list[float]:
    """What is shown of one search, at each mark: best score, regret, or share of the hypervolume."""
    case, objective = CASES[name], objective_of(name, folders)
    params = case.strategies[label]
    if not isinstance(objective, TableObjective):
        return by_function(objective.space, objective, params, trial, case.marks)
    trace = archcast.run_search({label: params}, objective, budget=max(case.marks), seed=trial).traces[0]
    ends = [trace.at(mark) for mark in case.marks]
    if case.cost is None:
        return [float(objective.optimum - trace.values[end]) for end in ends]
    worst = np.nanmin(objective.values, axis=0)
    whole = hypervolume(objective.values, worst)
    return [hypervolume(trace.scores[: end + 1], worst) / whole for end in ends]


def by_function(
    space: archcast.SearchSpace,
    objective: Callable[[np.ndarray], np.ndarray],
    params: Params,
    trial: int,
    marks: tuple[int, ...],
) -> list[float]:
    """Best score after so many evaluations."""
    given = {key: value for key, value in params.items() if key != "name"}
    strategy = archcast.get_strategy(params["name"], space, random_state=trial, **given)
    scores: list[float] = []
    while len(scores) < max(marks):
        archs = strategy.ask(10)
        new = objective(archs)
        strategy.tell(archs, new)
        scores += new.tolist()
    best = np.fmax.accumulate(scores)
    return [float(best[mark - 1]) for mark in marks]


def under_a_latency(
    benchmark: archcast.Benchmark,
    folder: Path,
    objective: Callable[[np.ndarray], np.ndarray],
    trials: Sequence[int],
    measured: int = 210,
) -> None:
    """Once-for-All's search with predictors of both, and the latency of what it finds.

    A quarter of the networks measured before are below the limit; each trial learns latency from ten of them. The predictor of
    accuracy knows the whole table and looks at thousands of architectures; the ten best are measured. Beside them stand what the
    same search finds under a limit of multiply-accumulates, the quarter of the smallest, and ten random networks below the limit.
    """
    space = benchmark.space
    archs = np.unique(space.sample(400, 0), axis=0)
    archs = np.random.default_rng(0).permutation(archs)[:measured]
    task = archcast.Task((3, 32, 32), classes=1000)
    known = measure(space, archs, task, clock="processor", out=folder).milliseconds
    limit = float(np.quantile(known, 0.25))
    inside = archs[known <= limit]
    macs = float(np.quantile(space.costs(archs)["macs"], 0.25))
    scores = benchmark.scores(benchmark.default_metric)
    for trial in trials:
        some = np.random.default_rng(trial).permutation(len(archs))[:10]
        accuracy = archcast.get_predictor("xgboost", space, random_state=trial).init(benchmark.archs, scores)
        ten = inside[np.random.default_rng(trial).permutation(len(inside))[:10]]
        print(f"  trial {trial}, limit {limit:.2f} ms, ten random ones below it {objective(ten).max():.2f}", flush=True)
        for what in ("latency-table", "latency", "macs"):
            if what == "macs":
                bound: Params = {"cost": "macs", "limit": macs}
            else:
                sizes = {"shape": task.shape, "classes": task.classes, "clock": "processor"}
                given = sizes if what == "latency-table" else {}
                predictor = archcast.get_predictor(what, space, random_state=trial, **given)
                bound = {"cost": predictor.init(archs[some], known[some]), "limit": limit}
            strategy = archcast.get_strategy("ofa-evolution", space, predictor=accuracy, random_state=trial, **bound)
            try:
                found = strategy.ask(10)
            except InvalidInputError as error:
                print(f"    by {what}: {error}", flush=True)
                continue
            took = measure(space, np.concatenate([archs[some], found]), task, clock="processor").milliseconds
            took = took[10:] * np.median(known[some] / took[:10])  # as fast as the machine was then
            values = objective(found)
            print(
                f"    by {what}: {took.mean():.2f} ms, {(took <= limit).sum()} of 10 below, "
                f"{(took <= 1.05 * limit).sum()} within 5 %, score {values.max():.2f}, mean {values.mean():.2f}, "
                f"best of those within 5 % {values[took <= 1.05 * limit].max(initial=0):.2f}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("formats", type=Path)
    parser.add_argument("--trained", type=Path, default=Path())
    parser.add_argument("--only", default=",".join(CASES))
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--latencies", type=Path)
    arguments = parser.parse_args()
    folders = Folders(arguments.formats, arguments.trained)
    for name in arguments.only.split(","):
        case = CASES[name]
        print(f"{name} ({case.kind}), after {' and '.join(map(str, case.marks))}", flush=True)
        for label in case.strategies:
            run = Parallel(n_jobs=arguments.jobs)
            found = np.array(run(delayed(one)(name, label, trial, folders) for trial in range(arguments.trials)))
            error = found.std(axis=0, ddof=1) / np.sqrt(len(found)) if len(found) > 1 else np.full(2, np.nan)
            cells = "".join(f"{m:12.4f} ± {e:.4f}" for m, e in zip(found.mean(axis=0), error, strict=True))
            print(f"  {label:30s}{cells}", flush=True)
        if name == "ofa-mobilenetv3" and arguments.latencies is not None:
            no_limit = Surrogate(benchmark_of(name, folders), np.inf)
            under_a_latency(benchmark_of(name, folders), arguments.latencies, no_limit, range(arguments.trials))


if __name__ == "__main__":
    main()
