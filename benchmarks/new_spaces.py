"""How well predictors rank real tables of spaces beside cells: mobile networks, transformers, recurrent cells, dense prediction.

    python benchmarks/new_spaces.py FORMATS [--tables accel-nasbench,...] [--trials 5] [--predictors stack,gp,...]
    python benchmarks/new_spaces.py FORMATS --trained FOLDER --tables nasbot,auto-keras,dpc,auto-deeplab,nas-fpn

FORMATS is a folder with one folder for each table, as ``TABLES`` names them; the folder of ``--trained`` is one that
``trained_targets.py`` filled. Predictors learn from n architectures, structure alone, and rank others (at most 500), none of
which shares a function with them. Beside them stand what the space counts, parameters and multiply-accumulates, which learn
nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import trained_targets
from scipy.stats import kendalltau

import archcast

TABLES = {
    "accel-nasbench": "accel-nasbench",
    "ofa-mobilenetv3": "dynas-ofa-mbv3",
    "nasbench-mr/cls-50-1000": "nas-bench-mr",
    "nasbench-mr/seg": "nas-bench-mr",
    "vit-bench-101/autoformer": "vit-bench-101",
    "vit-bench-101/pit": "vit-bench-101",
    "nasbench-nlp": "nas-bench-nlp",
}
SIZES = (10, 32, 100)
MOST_TESTED = 500
FEWEST_TESTED = 20


def splits(benchmark: archcast.Benchmark, size: int, trials: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to learn from and rows to rank, for each trial."""
    scores = benchmark.scores(benchmark.default_metric)
    _, groups = np.unique(benchmark.space.canonical(benchmark.archs), axis=0, return_inverse=True)
    usable = np.flatnonzero(np.isfinite(scores))
    found = []
    for trial in range(trials):
        order = np.random.default_rng(trial).permutation(usable)
        known = order[:size]
        others = order[size:][~np.isin(groups.ravel()[order[size:]], groups.ravel()[known])]
        found.append((known, others[:MOST_TESTED]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("formats", type=Path)
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--predictors", default="stack,gp,xgboost,random-forest,ofa-regressor")
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--trained", type=Path)
    arguments = parser.parse_args()
    for name in arguments.tables.split(","):
        if arguments.trained is None:
            benchmark = archcast.load_benchmark(name, arguments.formats / TABLES[name])
        else:
            benchmark = trained_targets.benchmark_of(arguments.trained / f"{name}.jsonl", name)
        scores, space = benchmark.scores(benchmark.default_metric), benchmark.space
        print(f"{name}, {benchmark.default_metric}: {np.isfinite(scores).sum()} rows", flush=True)
        for size in SIZES:
            drawn = splits(benchmark, size, arguments.trials)
            if min(len(asked) for _, asked in drawn) < FEWEST_TESTED:
                continue
            counted = space.costs(benchmark.archs)
            for cost in ("params", "macs"):
                report(cost, size, [kendalltau(counted[cost][asked], scores[asked])[0] for _, asked in drawn])
            for label in arguments.predictors.split(","):
                found = []
                for trial, (known, asked) in enumerate(drawn):
                    predictor = archcast.get_predictor(label, space, random_state=trial)
                    predictor.init(benchmark.archs[known], scores[known], pool=archcast.Pool(benchmark.archs))
                    found.append(kendalltau(predictor.query(benchmark.archs[asked]).mean, scores[asked])[0])
                report(label, size, found)


def report(label: str, size: int, found: list[float]) -> None:
    """Print mean and standard error."""
    error = np.std(found, ddof=1) / np.sqrt(len(found)) if len(found) > 1 else np.nan
    print(f"  n = {size:3d}  {label:16s} {np.mean(found):.3f} ± {error:.3f}", flush=True)


if __name__ == "__main__":
    main()
