"""Figures of the datasheet of the embedded benchmark ``digits`` (docs/digits.md): spread, noise ceiling, curves, proxies.

python benchmarks/digits.py            # of the table that comes with archcast
python benchmarks/digits.py FOLDER     # of what archcast train wrote
python benchmarks/digits.py --against nasbench201    # and how it ranks what CIFAR-10 ranks; $ARCHCAST_DATA
"""

from __future__ import annotations

import argparse
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

import archcast
from archcast.data import Benchmark, read_benchmark
from archcast.data.digits import FILE


def tau(a: np.ndarray, b: np.ndarray) -> float:
    """Kendall's tau-b over the rows where both are known."""
    known = np.isfinite(a) & np.isfinite(b)
    return float(kendalltau(a[known], b[known]).statistic)


def seeds_of(table: Benchmark, metric: str) -> np.ndarray:
    """``(seeds, n)`` values of a metric."""
    names = [name for name in table.metrics if name.startswith(f"{metric}_s")]
    return np.stack([table.metrics[name] for name in names])


def noise(table: Benchmark, metric: str) -> dict[str, float]:
    """Spread over architectures and seeds, and what chance leaves of a rank correlation.

    ``ceiling`` is the tau that the mean over the k seeds would have with another such mean, were scores normal after some monotone
    transform: ``tau = 2 / pi * arcsin(r)`` (Greiner) turns the tau of two seeds into their correlation r, and Spearman and Brown's
    ``k r / (1 + (k - 1) r)`` makes that of the means.
    """
    values = seeds_of(table, metric)
    pairs = [tau(values[i], values[j]) for i, j in combinations(range(len(values)), 2)]
    r = np.sin(np.pi / 2 * np.mean(pairs))
    reliability = len(values) * r / (1 + (len(values) - 1) * r)
    return {
        "between": float(values.mean(axis=0).std(ddof=1)),
        "within": float(np.sqrt(values.var(axis=0, ddof=1).mean())),
        "seed_tau": float(np.mean(pairs)),
        "ceiling": float(2 / np.pi * np.arcsin(reliability)),
    }


def agreement(table: Benchmark, other: Benchmark) -> tuple[float, int]:
    """Tau with the scores of another table of the same space, and the number of functions that both hold.

    Rows of a function count once, by their mean.
    """
    functions = [np.array(t.space.format(t.space.canonical(t.archs))) for t in (table, other)]
    means = [pd.Series(t.scores()).groupby(names).mean() for t, names in zip((table, other), functions)]
    both = pd.concat(means, axis=1, join="inner").dropna()
    return tau(both[0].to_numpy(), both[1].to_numpy()), len(both)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="default: the embedded table")
    parser.add_argument("--against", help="another benchmark of the space")
    arguments = parser.parse_args()
    table = read_benchmark(FILE) if arguments.folder is None else archcast.load_benchmark(arguments.folder)
    score = table.scores()
    quantiles = np.nanquantile(score, [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1])
    print(
        f"{len(table)} architectures, {int(np.isnan(score).sum())} failed; {table.train_seconds.mean():.1f} s a training"
    )
    print("test accuracy, quantiles 0 10 25 50 75 90 100 %: " + " ".join(f"{q:.3f}" for q in quantiles))
    print(
        "\n| metric | sd of architectures | sd of seeds | tau of two seeds | ceiling of the mean |\n|---|---|---|---|---|"
    )
    for metric in ("test_accuracy", "val_accuracy"):
        n = noise(table, metric)
        print(f"| {metric} | {n['between']:.4f} | {n['within']:.4f} | {n['seed_tau']:.2f} | {n['ceiling']:.2f} |")
    total = table.curves["val_accuracy"].shape[1]
    epochs = sorted({max(1, round(total * share)) for share in (0.1, 0.25, 0.5, 0.75, 1)})
    print(
        f"\n| tau with the mean test accuracy | {' | '.join(f'epoch {e}' for e in epochs)} |\n|---|{'---|' * len(epochs)}"
    )
    for name, sign, total_ in (("val_accuracy", 1, False), ("val_loss", -1, False), ("train_loss", -1, True)):
        curve = sign * table.curves[name]
        values = [curve[:, :e].sum(axis=1) if total_ else curve[:, e - 1] for e in epochs]
        label = f"sum of {name}" if total_ else name
        print(f"| {label} | {' | '.join(f'{tau(v, score):.2f}' for v in values)} |")
    print("\n| proxy | tau | failed |\n|---|---|---|")
    for name in sorted(table.proxies, key=lambda name: -tau(table.proxies[name], score)):
        values = table.proxies[name]
        print(f"| {name} | {tau(values, score):.2f} | {int(np.isnan(values).sum())} |")
    if arguments.against:
        found, functions = agreement(table, archcast.load_benchmark(arguments.against))
        print(f"\ntau with {arguments.against}: {found:.2f} over {functions} functions")


if __name__ == "__main__":
    main()
