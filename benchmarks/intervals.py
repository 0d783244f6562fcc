"""Whether 90 % intervals hold, of all test networks and of the tenth that is predicted to be best, and what their width costs.

    ARCHCAST_DATA=/folder python benchmarks/intervals.py --out intervals.jsonl [--predictors gp,gcn] [--tables "*"] [--seeds 6]
    python benchmarks/intervals.py --out intervals.jsonl --show

The tables are those of ``few_labels.py``, structure only. A trial draws n rows at random to learn from and 1,000 others to
predict. Coverage should be between .86 and .94, and above .85 in the highest tenth; CRPS and mean std are in standard deviations
of the scores that are tested on, the lower the better. Finished trials are kept in the file and not run again; ``--label`` names a
version of the code, so that two can be compared by pairs.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from few_labels import tables

import archcast
from archcast.evaluation.deciles import by_decile
from archcast.evaluation.metrics import METRICS
from archcast.journal import Journal

TESTED = 1000
COLUMNS = ("tau", "coverage", "highest", "crps", "crps_highest", "std", "init")


def trial(table: Any, name: str, n: int, seed: int) -> dict[str, float]:
    """What came out on one split."""
    order = np.random.default_rng([seed, 11]).permutation(len(table.archs))
    train, test = order[:n], order[n : n + TESTED]
    start = time.process_time()
    predictor = archcast.get_predictor(name, table.space, random_state=seed)
    predictor.init(table.archs[train], table.scores[train])
    middle = time.process_time()
    found, truth = predictor.query(table.archs[test]), table.scores[test]
    tenths = by_decile(truth, found.mean, found.std)
    if tenths is None:
        raise SystemExit(f"{name} has no standard deviation, or one that is not finite")
    values = (
        METRICS["kendall_tau"](truth, found.mean, found.std),
        METRICS["coverage90"](truth, found.mean, found.std),
        tenths[0, -1],
        METRICS["crps"](truth, found.mean, found.std) / truth.std(),
        tenths[1, -1] / truth.std(),
        tenths[2].mean() / truth.std(),
        middle - start,
    )
    return {column: round(float(value), 5) for column, value in zip(COLUMNS, values, strict=True)}


def run(options: argparse.Namespace) -> None:
    """Run what the file does not hold yet."""
    journal = Journal(options.out)
    done = {tuple(record[key] for key in ("label", "table", "predictor", "n", "seed")) for record in journal.records()}
    folder = os.environ.get("ARCHCAST_DATA")
    readers = {name: read for (name, told), read in tables(Path(folder) if folder else None, None).items() if not told}
    chosen = [name for name in readers if any(fnmatch.fnmatch(name, pattern) for pattern in options.tables.split(","))]
    loaded: dict[str, Any] = {}
    for seed in range(options.first, options.first + options.seeds):
        for name in chosen:
            for n in map(int, options.sizes.split(",")):
                for predictor in options.predictors.split(","):
                    if (options.label, name, predictor, n, seed) in done:
                        continue
                    table = loaded.setdefault(name, None) or readers[name]()
                    loaded[name] = table
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        values = trial(table, predictor, n, seed)
                    key = {"label": options.label, "table": name, "predictor": predictor, "n": n, "seed": seed}
                    journal.add({**key, **values})


def show(path: Path) -> None:
    """Print means by predictor, n and table, and over tables."""
    groups: dict[tuple[str, str, int], dict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    for record in Journal(path).records():
        group = groups[record["label"], record["predictor"], record["n"]]
        group[record["table"]].append([record[column] for column in COLUMNS])
    print(f"{'':40}", *(f"{column:>12}" for column in COLUMNS))
    for (label, predictor, n), found in sorted(groups.items()):
        means = {table: np.mean(rows, axis=0) for table, rows in found.items()}
        for table, values in sorted(means.items()):
            print(f"  {table:32} {len(found[table]):5}", *(f"{value:12.3f}" for value in values))
        mean = np.mean(list(means.values()), axis=0)
        print(f"{label} {predictor}, n = {n}: {len(means)} tables".ljust(40), *(f"{value:12.3f}" for value in mean))


def main() -> None:
    """Run, or show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="file of results, one line each")
    parser.add_argument("--predictors", default="gp,bayesian-linear,random-forest,stack")
    parser.add_argument("--tables", default="*", help="patterns with commas between them")
    parser.add_argument("--sizes", default="100")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--label", default="now")
    parser.add_argument("--show", action="store_true", help="print the file instead of running")
    options = parser.parse_args()
    show(options.out) if options.show else run(options)


if __name__ == "__main__":
    main()
