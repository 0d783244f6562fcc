"""Search strategies on the spaces that they were made for, where a table of real trainings can be had.

    python benchmarks/own_space_searches.py FORMATS [--only ofa-mobilenetv3,...] [--trials 5] [--budget 100]
        [--trained FOLDER] [--latencies FOLDER]

The objective is a surrogate benchmark that ``make_surrogate`` makes of a table: FORMATS holds ``dynas-ofa-mbv3``,
``accel-nasbench`` and ``nas-bench-mr``; with ``--trained`` a folder with ``auto-keras`` and ``nasbot``, which
``archcast train --out`` wrote. Ten random architectures, then batches of ten. The figure is the best score found after 50
evaluations and at the end, mean and standard error over trials. On Once-for-All's space there is a limit of 300 million
multiply-accumulates; strategies that take no limit have failures above it.

With ``--latencies``, a folder of ``benchmarks/latency.py --here ofa-mobilenetv3 --out``, Once-for-All's own search follows:
predictors of accuracy (from the whole table) and of latency (from ten networks measured on this machine), a limit on the latter,
and the latency of what is found, measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import archcast
from archcast.costs import measure
from archcast.surrogates import make_surrogate

MACS = 300e6
MEMBERS = ["xgboost", "random-forest"]
SPACES: dict[str, tuple[str, str]] = {
    "ofa-mobilenetv3": ("ofa-mobilenetv3", "dynas-ofa-mbv3"),
    "accel-nasbench": ("accel-nasbench", "accel-nasbench"),
    "nasbench-mr": ("nasbench-mr/cls-50-1000", "nas-bench-mr"),
}
GP: dict[str, Any] = {"name": "bayesian", "predictor": "gp"}
EVOLUTION: dict[str, Any] = {"name": "regularized-evolution"}
STRATEGIES: dict[str, list[dict[str, Any]]] = {
    "ofa-mobilenetv3": [
        {"name": "random"},
        EVOLUTION,
        {"name": "ofa-evolution", "cost": "macs", "limit": MACS},
        {"name": "ofa-evolution", "predictor": "ofa-regressor", "cost": "macs", "limit": MACS},
        {"name": "spos-evolution", "cost": "macs", "limit": MACS},
    ],
    "accel-nasbench": [
        {"name": "random"},
        EVOLUTION,
        {"name": "reinforce"},
        {"name": "ppo"},
        {"name": "petridish"},
        {"name": "spos-evolution"},
        GP,
    ],
    "nasbench-mr": [{"name": "random"}, EVOLUTION, {"name": "ppo"}, {"name": "npenas", "predictor": "gp"}, GP],
    "auto-keras": [{"name": "random"}, EVOLUTION, {"name": "bayesian", "predictor": "gp-edit"}, GP],
    "nasbot": [{"name": "random"}, EVOLUTION, {"name": "bayesian", "predictor": "gp-ot"}, GP],
}


def scores_of(surrogate: archcast.Benchmark, archs: np.ndarray, limit: float) -> np.ndarray:
    """Of the surrogate; NaN above the limit."""
    scores = np.asarray(surrogate.scores(archs), dtype=float)
    return np.where(surrogate.space.costs(archs)["macs"] <= limit, scores, np.nan)


def search(
    space: archcast.SearchSpace,
    objective: Callable[[np.ndarray], np.ndarray],
    params: dict[str, Any],
    budget: int,
    trials: int,
) -> np.ndarray:
    """``(trials, budget)`` best score so far."""
    found = []
    for trial in range(trials):
        given = {key: value for key, value in params.items() if key != "name"}
        strategy = archcast.get_strategy(params["name"], space, random_state=trial, **given)
        scores: list[float] = []
        while len(scores) < budget:
            archs = strategy.ask(10)
            new = objective(archs)
            strategy.tell(archs, new)
            scores += new.tolist()
        found.append(np.fmax.accumulate(scores)[:budget])
    return np.array(found)


def under_a_latency(benchmark: archcast.Benchmark, folder: Path, objective: Callable[[np.ndarray], np.ndarray]) -> None:
    """Once-for-All's search with predictors of both, and the latency of what it finds."""
    space = benchmark.space
    archs = np.unique(space.sample(400, 0), axis=0)
    archs = np.random.default_rng(0).permutation(archs)[:210]
    task = archcast.Task((3, 32, 32), classes=1000)
    known = measure(space, archs, task, clock="processor", out=folder).milliseconds
    limit = float(np.quantile(known, 0.25))
    scores = benchmark.scores(benchmark.default_metric)
    for trial in range(3):
        some = np.random.default_rng(trial).permutation(len(archs))[:10]
        latency = archcast.get_predictor("latency", space, random_state=trial).init(archs[some], known[some])
        accuracy = archcast.get_predictor("xgboost", space, random_state=trial).init(benchmark.archs, scores)
        strategy = archcast.get_strategy(
            "ofa-evolution", space, predictor=accuracy, cost=latency, limit=limit, random_state=trial
        )
        found = strategy.ask(10)
        took = measure(space, np.concatenate([archs[some[:1]], found]), task, clock="processor").milliseconds
        took = took[1:] * known[some[0]] / took[0]
        inside = archs[known <= limit]
        print(
            f"  limit {limit:.2f} ms: predicted {latency.query(found).mean.mean():.2f}, measured {took.mean():.2f} "
            f"({(took <= 1.05 * limit).sum()} of 10 within 5 % of the limit); score {objective(found).max():.2f}, best of "
            f"{len(inside)} random ones under the limit {objective(inside).max():.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("formats", type=Path)
    parser.add_argument("--only", default=",".join(SPACES))
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--trained", type=Path)
    parser.add_argument("--latencies", type=Path)
    arguments = parser.parse_args()
    for name in arguments.only.split(","):
        table, folder = SPACES.get(name, ("", ""))
        benchmark = (
            archcast.load_benchmark(table, arguments.formats / folder)
            if table
            else archcast.load_benchmark(str(arguments.trained / name))
        )
        space = benchmark.space
        surrogate = make_surrogate(benchmark, members=MEMBERS, curves=[])

        limited = name == "ofa-mobilenetv3"
        objective = partial(scores_of, surrogate, limit=MACS if limited else np.inf)
        print(f"{name}: best of the table {np.nanmax(benchmark.scores(benchmark.default_metric)):.3f}", flush=True)
        for params in STRATEGIES[name]:
            best = search(space, objective, params, arguments.budget, arguments.trials)
            label = params["name"] + (f", {params['predictor']}" if "predictor" in params else "")
            error = best.std(axis=0, ddof=1) / np.sqrt(len(best)) if len(best) > 1 else np.full(best.shape[1], np.nan)
            cells = "".join(f"{best[:, n - 1].mean():10.3f} ± {error[n - 1]:.3f}" for n in (50, arguments.budget))
            print(f"  {label:28s}{cells}", flush=True)
        if limited and arguments.latencies is not None:
            under_a_latency(benchmark, arguments.latencies, partial(scores_of, surrogate, limit=np.inf))


if __name__ == "__main__":
    main()
