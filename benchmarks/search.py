"""Validation regret of search strategies on NAS-Bench-201 after 50, 100 and 150 evaluations, and seconds of one ask.

    ARCHCAST_DATA=... python benchmarks/search.py [--benchmark nasbench201] [--trials 20] [--only bayesian,random] [--out DIR]
    ARCHCAST_DATA=... python benchmarks/search.py --cost cifar10_raspi4_latency --only nsga2,petridish,parego,random

Ten random architectures, then batches of ten; the whole space may be searched, functions are never evaluated twice. Regret is the
best validation accuracy of the table less that of the best architecture found (percent); the test accuracy is that of the
architecture with the best validation accuracy. The time of an ask is processor time (one thread) with 150 observations told.

Strategies that stop trainings early see two lengths of a training in that table: 200 epochs, and the run of 12 epochs, which was
trained on its own with a schedule of its own and counts as 12/200 of a full one.

With ``--cost`` there are two objectives, and the figure is the hypervolume of what was found as a share of that of the table.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import archcast
from archcast.search import STRATEGIES as REGISTERED
from archcast.search import TableObjective, hypervolume

STRATEGIES: dict[str, dict[str, Any]] = {
    "random": {"name": "random"},
    "local-search": {"name": "local-search"},
    "regularized-evolution": {"name": "regularized-evolution"},
    "nsga2": {"name": "nsga2"},
    "petridish": {"name": "petridish"},
    "reinforce": {"name": "reinforce"},
    "ppo": {"name": "ppo"},
    "bayesian": {"name": "bayesian"},
    "bayesian-thompson": {"name": "bayesian", "acquisition": "its"},
    "bayesian-whole-space": {"name": "bayesian", "candidates": "all"},
    "bayesian-string": {"name": "bayesian", "predictor": "gp-string"},
    "bayesian-transport": {"name": "bayesian", "predictor": "gp-ot"},
    "bayesian-edit": {"name": "bayesian", "predictor": "gp-edit"},
    "bananas": {"name": "bananas"},
    "bananas-published": {"name": "bananas", "as_published": True},
    "bonas": {"name": "bonas"},
    "bonas-published": {"name": "bonas", "as_published": True},
    "npenas": {"name": "npenas"},
    "npenas-published": {"name": "npenas", "as_published": True},
    "npenas-gp": {"name": "npenas", "predictor": "gp"},
    "ofa-evolution": {"name": "ofa-evolution"},
    "spos-evolution": {"name": "spos-evolution"},
    "parego": {"name": "parego"},
    "hyperband": {"name": "hyperband", "eta": 17},
    "bohb": {"name": "bohb", "eta": 17},
    "progressive-stopping": {"name": "progressive-stopping", "stages": (0.06,)},
}
MARKS = (50, 100, 150)
SHORT, SHORT_METRIC = 12, "e12_cifar10_val"


def with_short_runs(benchmark: Any) -> Any:
    """The benchmark with learning curves that are known after 12 and 200 epochs only."""
    curve = np.full((len(benchmark.archs), 200), np.nan)
    curve[:, SHORT - 1] = benchmark.metrics[SHORT_METRIC]
    curve[:, -1] = benchmark.scores(benchmark.default_metric)
    return dataclasses.replace(benchmark, curves={"val_accuracy": curve})


def seconds_of_an_ask(objective: TableObjective, params: dict[str, Any], told: int = 150, repeats: int = 3) -> float:
    """Processor seconds of ``ask(10)``, the best of a few."""
    params = dict(params)
    archs = objective.space.sample(told, 0)
    scores = [objective.evaluate(arch).scores for arch in archs]
    times = []
    for seed in range(repeats):
        strategy = archcast.get_strategy(params["name"], objective.space, random_state=seed, **_rest(params))
        strategy.tell(archs, np.array(scores))
        start = time.process_time()
        strategy.ask(10)
        times.append(time.process_time() - start)
    return min(times)


def _rest(params: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key != "name"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--benchmark", default="nasbench201")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--budget", type=int, default=MARKS[-1])
    parser.add_argument("--only")
    parser.add_argument("--cost")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    several = arguments.cost is not None
    able = [label for label, params in STRATEGIES.items() if not several or REGISTERED[params["name"]].multi_objective]
    names = able if arguments.only is None else arguments.only.split(",")
    if set(names) - set(able):
        parser.error(f"--only takes some of {', '.join(able)}")
    benchmark = archcast.load_benchmark(arguments.benchmark)
    costs = [arguments.cost] if several else []
    objective = TableObjective(benchmark, costs=costs)
    early = (
        TableObjective(with_short_runs(benchmark)) if SHORT_METRIC in benchmark.metrics and not several else objective
    )
    marks = [n for n in MARKS if n <= arguments.budget] or [arguments.budget]
    what = "hypervolume after" if several else "regret after"
    print(f"{what:24s}" + "".join(f"{n:>16d}" for n in marks) + "   optimum     test  ask s")
    whole = hypervolume(objective.values, np.nanmin(objective.values, axis=0)) if several else 1.0
    for label in names:
        params = STRATEGIES[label]
        found = early if REGISTERED[params["name"]].stops_early else objective
        results = archcast.run_search(
            {label: params},
            found,
            budget=arguments.budget,
            trials=arguments.trials,
            seed=arguments.seed,
            jobs=arguments.jobs,
            out=None if arguments.out is None else f"{arguments.out}/{label}{'-and-cost' * several}",
        )
        rows = {row["evaluations"]: row for row in results.summary_rows()}
        key = "hypervolume" if several else "regret"
        cells = "".join(f"{rows[n][f'{key}_mean'] / whole:9.4f} ±{rows[n][f'{key}_sem'] / whole:.4f}" for n in marks)
        last = rows[marks[-1]]
        with threadpool_limits(1):
            ask = seconds_of_an_ask(objective, params)
        share = f"{last['found_optimum']:3d}/{last['trials']}"
        print(f"{label:24s}{cells}   {share:>7s} {last['test_of_best']:8.3f} {ask:6.3f}", flush=True)


if __name__ == "__main__":
    main()
