"""Validation regret of search strategies on NAS-Bench-201 after 50, 100, 150 and 200 evaluations, and seconds of one ask.

    ARCHCAST_DATA=... python benchmarks/search.py [--benchmark nasbench201] [--trials 20] [--only bayesian,random] [--out DIR]

Ten random architectures, then batches of ten; the whole space may be searched, functions are never evaluated twice. Regret is the
best validation accuracy of the table less that of the best architecture found (percent); the test accuracy is that of the
architecture with the best validation accuracy. The time of an ask is processor time (one thread) with 150 observations told.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import archcast
from archcast.search import TableObjective

STRATEGIES: dict[str, dict[str, Any]] = {
    "random": {"name": "random"},
    "local-search": {"name": "local-search"},
    "regularized-evolution": {"name": "regularized-evolution"},
    "reinforce": {"name": "reinforce"},
    "bayesian": {"name": "bayesian"},
    "bayesian-thompson": {"name": "bayesian", "acquisition": "its"},
    "bayesian-whole-space": {"name": "bayesian", "candidates": "all"},
    "bananas": {"name": "bananas"},
    "bananas-published": {"name": "bananas", "as_published": True},
    "bonas": {"name": "bonas"},
    "bonas-published": {"name": "bonas", "as_published": True},
    "npenas": {"name": "npenas"},
    "npenas-published": {"name": "npenas", "as_published": True},
    "npenas-gp": {"name": "npenas", "predictor": "gp"},
}
MARKS = (50, 100, 150, 200)


def seconds_of_an_ask(objective: TableObjective, params: dict[str, Any], told: int = 150, repeats: int = 3) -> float:
    """Processor seconds of ``ask(10)``, the best of a few."""
    params = dict(params)
    archs = objective.space.sample(told, 0)
    scores = [objective.evaluate(arch).scores[0] for arch in archs]
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
    parser.add_argument("--only", default=",".join(STRATEGIES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    names = arguments.only.split(",")
    if set(names) - set(STRATEGIES):
        parser.error(f"--only takes some of {', '.join(STRATEGIES)}")
    objective = TableObjective(archcast.load_benchmark(arguments.benchmark))
    marks = [n for n in MARKS if n <= arguments.budget] or [arguments.budget]
    print(f"{'regret after':24s}" + "".join(f"{n:>16d}" for n in marks) + "   optimum     test  ask s")
    for label in names:
        params = STRATEGIES[label]
        results = archcast.run_search(
            {label: params},
            objective,
            budget=arguments.budget,
            trials=arguments.trials,
            seed=arguments.seed,
            jobs=arguments.jobs,
            out=None if arguments.out is None else f"{arguments.out}/{label}",
        )
        rows = {row["evaluations"]: row for row in results.summary_rows()}
        cells = "".join(f"{rows[n]['regret_mean']:9.4f} ±{rows[n]['regret_sem']:.4f}" for n in marks)
        last = rows[marks[-1]]
        with threadpool_limits(1):
            ask = seconds_of_an_ask(objective, params)
        found = f"{last['found_optimum']:3d}/{last['trials']}"
        print(f"{label:24s}{cells}   {found:>7s} {last['test_of_best']:8.3f} {ask:6.3f}", flush=True)


if __name__ == "__main__":
    main()
