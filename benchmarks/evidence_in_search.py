"""Does evidence make searches better? Regret of a search that is guided by `stack`, told of proxies or not.

    ARCHCAST_DATA=/folder python benchmarks/evidence_in_search.py --out regret.jsonl [--trials 6] [--only digits,macro]
    python benchmarks/evidence_in_search.py --out regret.jsonl --show

The candidates are the rows of a table whose published proxies are known (:mod:`few_labels`). A search has ten scores of random
rows, is fitted, takes the rows with the highest mean plus one standard deviation, is fitted again, and so on, 100 scores in
all. Four ways: ``random``; ``structure``, told the architectures alone; ``evidence``, told of the proxies, too; and ``ranked``,
which takes its first ten rows not at random, but as `stack` ranks them told of proxies and no score. The regret after so many
scores is that of the best row found, as a share of the range from the median to the best row of the table. The rows of a trial's
random start are the same for all.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
from few_labels import Table, read, tables
from numpy.typing import NDArray

import archcast

WAYS = ("random", "structure", "evidence", "ranked")
SIZES = (10, 20, 35, 50, 75, 100)
MARKS = (20, 50, 100)


def search(table: Table, way: str, seed: int) -> list[float]:
    """Regret after ``MARKS`` scores."""
    rng, none = np.random.default_rng([seed, 11]), archcast.Evidence()
    order, evidence = rng.permutation(len(table.archs)), table.evidence if way in ("evidence", "ranked") else none
    pool = archcast.Pool(table.archs, evidence)
    if way == "ranked":
        stack = archcast.get_predictor("stack", table.space, random_state=seed).init(pool=pool)
        order = np.argsort(-stack.query(table.archs, evidence).mean, kind="stable")
    known = order[: SIZES[0]]
    for size in SIZES[1:]:
        if way == "random":
            known = order[:size]
            continue
        stack = archcast.get_predictor("stack", table.space, random_state=seed)
        stack.init(table.archs[known], table.scores[known], evidence[known], pool=pool)
        found = stack.query(table.archs, evidence)
        hope: NDArray[np.float64] = found.mean + found.std
        hope[known] = -np.inf
        known = np.concatenate([known, np.argsort(-hope, kind="stable")[: size - len(known)]])
    best, middle = table.scores.max(), np.median(table.scores)
    return [float((best - table.scores[known[:mark]].max()) / (best - middle)) for mark in MARKS]


def main() -> None:
    """Run what is missing, or show what there is."""
    parser = argparse.ArgumentParser(description="Searches with evidence and without.")
    parser.add_argument("--out", type=Path, required=True, help="File of finished searches, one a line.")
    parser.add_argument("--trials", type=int, default=6, help="Number of searches of each kind.")
    parser.add_argument("--only", help="Parts of names of tables, with commas; by default all that have proxies.")
    parser.add_argument("--show", action="store_true", help="Whether to print the table instead of searching.")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    known = {tuple(line["key"]): line["regret"] for line in read(options.out)}
    if options.show:
        found: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
        for (name, way, _), regret in known.items():
            found[name, way].append(regret)
        for (name, way), regrets in sorted(found.items()):
            values = np.array(regrets)
            error = (
                values.std(axis=0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.full(len(MARKS), np.nan)
            )
            cells = [f"{mean:.3f} ± {e:.3f}" for mean, e in zip(values.mean(axis=0), error, strict=True)]
            print(f"{name:32} {way:10} {'  '.join(cells)}  ({len(values)})")
        return
    folder = os.environ.get("ARCHCAST_DATA")
    for (name, told), reader in tables(Path(folder) if folder else None, None).items():
        if not told or (options.only and not any(part in name for part in options.only.split(","))):
            continue
        table = reader()
        for seed in range(options.trials):
            for way in WAYS:
                if (name, way, seed) not in known:
                    with open(options.out, "a") as file:
                        file.write(json.dumps({"key": [name, way, seed], "regret": search(table, way, seed)}) + "\n")
        print(name, "done", flush=True)


if __name__ == "__main__":
    main()
