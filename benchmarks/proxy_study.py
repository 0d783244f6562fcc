"""Proxies on random NAS-Bench-201 networks against their trained accuracy, and how the aggregate ``vote`` was confirmed.

    ARCHCAST_DATA=folder/with/nb201_cifar10.csv.gz python benchmarks/proxy_study.py [--out proxy_study.csv] [--nets 300]
        [--data noise|digits|FILE.npz] [--proxies nwot,jacob_cov] [--pruned] [--jobs 2] [--report]

Random networks that have a path from input to output, of the paper's size (16 channels, 5 cells a stage, 32x32), each
with its own weights, images and random labels: 32 images, but 64 for the proxies of gradients over batches (zico takes
them as two batches of 32). ``linear_regions`` and ``ntk`` are of the small nets that TE-NAS computes them on. Rows are
appended as they come and the same call continues; about four seconds of processor time a network with all proxies. The
report gives Kendall tau-b with two test accuracies after 200 epochs: of one run on half of the training images, and a
mean over runs on all of them. It chooses an aggregate on one half of the networks and confirms it on the other, many
times. ``--pruned`` leaves out the edges that no path uses, where the space can build both; name another ``--out`` for each.
"""

from __future__ import annotations

import argparse
import csv
import inspect
import itertools
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import torch
from scipy.stats import kendalltau, rankdata

import archcast
from archcast.cli._batches import read_data
from archcast.proxies.aggregate import AGGREGATES, aggregate, log_ranks
from archcast.proxies.engine import resolve
from archcast.spaces.nasbench201.network import live_edges

VAL, TEST = "e200_cifar10_val", "e200_cifar10_test_mean3"
"""Test accuracies in spite of the name of the first: of a run on half of the training images, of runs on all."""
HALF = (
    "params,flops,trainable_layers,nwot,jacob_cov,epe_nas,synflow,log_synflow,synflow_bn,meco,meco_opt,meco_relu,az_*,swap,"
    "swap_reg,vkdnw,l2_norm,zen,gradsign,linear_regions,ntk"
)
WHOLE = ("zico", "grad_norm", "snip", "plain", "fisher", "grasp")
"""Proxies that get the whole batch of 64; the others get the first 32 images."""
SMALL = {"linear_regions": archcast.Task((1, 3, 3), 10, 1, 1, 1), "ntk": archcast.Task(width=3, depth=1)}
"""Proxies of small nets: one channel, one cell and 3x3 images; three channels and one cell a stage."""


def networks(benchmark: archcast.Benchmark, n: int) -> list[int]:
    """Random rows of the benchmark whose networks have a path and both accuracies."""
    good = np.isfinite(benchmark.metrics[VAL]) & np.isfinite(benchmark.metrics[TEST])
    good &= np.array([bool(live_edges(row)) for row in benchmark.archs.tolist()])
    return [int(i) for i in np.random.default_rng(2024).permutation(np.flatnonzero(good))[:n]]


def build(space: Any, arch: Any, task: archcast.Task, pruned: bool) -> Any:
    """The network; with the edges that no path uses, where the space can build them and ``pruned`` does not say no."""
    choice = {"pruned": pruned} if "pruned" in inspect.signature(space.build).parameters else {}
    return space.build(arch, task, **choice)


def score(
    benchmark: archcast.Benchmark, row: int, k: int, proxies: list[str], data: str, pruned: bool
) -> dict[str, Any]:
    """A row of the file: accuracies and scores of the k-th network; what failed is left out."""
    found = {"row": row, "val": benchmark.metrics[VAL][row], "test": benchmark.metrics[TEST][row]}
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1000 + k)
        net = build(benchmark.space, benchmark.archs[row], archcast.Task(), pruned)
        images, labels = torch.randn(64, 3, 32, 32), torch.randint(0, 10, (64,))
        for name in set(proxies) & set(SMALL):
            task = SMALL[name]
            small = build(benchmark.space, benchmark.archs[row], task, pruned)
            found |= archcast.score(small, torch.randn(32, *task.shape), proxies=name, seed=k)
    if data != "noise":
        images, labels = read_data(data, (3, 32, 32)).batch((3, 32, 32), 64, 10, k)
    half = [name for name in proxies if name not in WHOLE and name not in SMALL]
    whole = [name for name in proxies if name in WHOLE]
    if half:
        found |= archcast.score(net, images[:32], labels[:32], proxies=half, seed=k)
    if whole:
        found |= archcast.score(net, images, labels, proxies=whole, seed=k)
    return found


def run(
    benchmark: archcast.Benchmark, rows: list[int], proxies: list[str], data: str, pruned: bool, path: Path, jobs: int
) -> None:
    """Score the networks that the file does not hold; rows stand in the order in which they were finished."""
    columns = ["row", "val", "test", *proxies]
    done = set(pd.read_csv(path)["row"]) if path.exists() else set()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        if file.tell() == 0:
            writer.writeheader()
        todo = [(k, row) for k, row in enumerate(rows) if row not in done]
        work = joblib.Parallel(jobs, return_as="generator_unordered")
        for found in work(joblib.delayed(score)(benchmark, row, k, proxies, data, pruned) for k, row in todo):
            writer.writerow(found)
            file.flush()


def tau(values: Any, truth: Any) -> float:
    """Kendall tau-b; what failed ranks last."""
    return float(kendalltau(np.where(np.isnan(values), -np.inf, values), truth).statistic)


def report(table: pd.DataFrame) -> None:
    """Print Markdown."""
    proxies = {name: table[name].to_numpy(dtype=float) for name in table if name not in ("row", "val", "test")}
    rows: dict[str, Any] = dict(proxies)
    for name, parts in AGGREGATES.items():
        if set(parts.proxies) <= set(proxies):
            rows[name] = aggregate(name, proxies)
    print(f"{len(table)} networks\n\n| proxy | tau, half | tau, all | failed |\n|---|---:|---:|---:|")
    for name in sorted(rows, key=lambda name: -tau(rows[name], table["test"])):
        failed = int(np.isnan(rows[name]).sum())
        print(f"| {name} | {tau(rows[name], table['val']):.3f} | {tau(rows[name], table['test']):.3f} | {failed} |")
    if "vote" in rows and len(table) >= 40:
        confirm(table, proxies, rows["vote"])


def confirm(table: pd.DataFrame, proxies: dict[str, Any], vote: Any, size: int = 4, splits: int = 20) -> None:
    """Choose the best sum of log ranks of up to ``size`` proxies on one half, measure it on the other; many splits."""
    test = table["test"].to_numpy()
    names = [name for name in proxies if name not in ("synflow", "flops")]  # same ranks as log_synflow and params
    sets = [chosen for k in range(1, size + 1) for chosen in itertools.combinations(range(len(names)), k)]
    taken, confirmed, optimistic, fixed = [], [], [], []
    for seed in range(splits):
        order = np.random.default_rng(seed).permutation(len(table))
        a, b = order[: len(order) // 2], order[len(order) // 2 :]
        ranks = {
            half: np.array([log_ranks(proxies[name][rows]) for name in names]) for half, rows in (("a", a), ("b", b))
        }
        # Spearman finds the few best quickly, Kendall decides between them
        sums = np.array([ranks["a"][list(chosen)].sum(axis=0) for chosen in sets])
        order_of = rankdata(sums, axis=1)
        rho = _rho(order_of, test[a])
        best = max(
            (sets[i] for i in np.argsort(rho)[-50:]), key=lambda s: tau(ranks["a"][list(s)].sum(axis=0), test[a])
        )
        taken.append(best)
        optimistic.append(tau(ranks["a"][list(best)].sum(axis=0), test[a]))
        confirmed.append(tau(ranks["b"][list(best)].sum(axis=0), test[b]))
        fixed.append(tau(vote[b], test[b]))
    print(f"\nChosen on one half of the networks, {splits} splits, from {len(sets):,} sets of at most {size} proxies:")
    print(
        f"tau on that half {np.mean(optimistic):.3f}, on the other {np.mean(confirmed):.3f} ± {np.std(confirmed):.3f}."
    )
    print(f"vote on the other half: {np.mean(fixed):.3f} ± {np.std(fixed):.3f} (± is the deviation over splits).")
    counts = {name: sum(i in best for best in taken) for i, name in enumerate(names)}
    often = sorted(counts, key=lambda name: -counts[name])[:8]
    print("Chosen most often: " + ", ".join(f"{name} {counts[name]}" for name in often))


def _rho(ranks: Any, truth: Any) -> Any:
    """Spearman's rho of each row of ranks with the truth."""
    x = ranks - ranks.mean(axis=1, keepdims=True)
    y = rankdata(truth) - (len(truth) + 1) / 2
    return x @ y / np.sqrt((x**2).sum(axis=1) * (y**2).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("proxy_study.csv"))
    parser.add_argument("--nets", type=int, default=300)
    parser.add_argument("--data", default="noise")
    parser.add_argument("--proxies", default=",".join((HALF, *WHOLE)))
    parser.add_argument("--pruned", action="store_true", help="leave out the edges that no path uses")
    parser.add_argument("--jobs", type=int, default=1, help="number of worker processes")
    parser.add_argument("--report", action="store_true", help="only report on what the file holds")
    arguments = parser.parse_args()
    if not arguments.report:
        benchmark = archcast.load_benchmark("nasbench201")
        names = resolve(arguments.proxies.split(","))
        rows = networks(benchmark, arguments.nets)
        run(benchmark, rows, names, arguments.data, arguments.pruned, arguments.out, arguments.jobs)
    report(pd.read_csv(arguments.out))


if __name__ == "__main__":
    main()
