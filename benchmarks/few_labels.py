"""How well predictors rank the architectures of every table at hand with few labels, with evidence and without.

    ARCHCAST_DATA=/folder [ARCHCAST_FORMATS=/folder] python benchmarks/few_labels.py --out few.jsonl [--seeds 10]
    python benchmarks/few_labels.py --out few.jsonl --show

A trial draws n rows of a table at random to learn from and 1,000 others to rank (all others, where there are fewer); every
predictor is given the same rows, and all rows of the table as unlabelled pool. Kendall's tau-b is counted twice: over all of the
test rows, and over those that are not the same network as a training row, written differently. With n = 0 only the pool is given.

With evidence, the tables are the rows whose published proxies are known; without, predictors are told the architectures
alone. Beside them stand FLOPs, parameters and nwot with no label: the published ones, and without evidence what
``space.costs`` counts.

Finished trials are kept in the file and not run again. ``--label`` names a version of the code, so that two can be compared by
pairs.
"""

from __future__ import annotations

import argparse
import ast
import csv
import gzip
import json
import os
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

import archcast
from archcast.spaces.model_zoo import ModelZoo

MOST_TESTED = 1000
COUNTS = {"flops": "macs", "params": "params", "nwot": None}
"""What ranks without labels: name of the proxy -> name among ``space.costs``."""

LATE = (
    "analog-nasbench",
    "ec-nas",
    "spikenas-bench",
    "nas-bench-graph/cora",
    "nas-bench-graph/cs",
    "nas-bench-graph/photo",
    "nas-bench-graph/proteins",
)
"""Tables that nothing was chosen on: run with ``--late`` when all choices are made."""


GRAPH_TASKS = ("arxiv", "citeseer", "computers", "cora", "cs", "photo", "physics", "proteins", "pubmed")


@dataclass
class Table:
    """Rows, scores, and evidence if the table has published proxies of all rows kept."""

    space: Any
    archs: NDArray[np.int64]
    scores: NDArray[np.float64]
    evidence: Any = None


def published(name: str, proxies: bool) -> Table:
    """A table that ``load_benchmark`` reads; with proxies only the rows of which they are known."""
    b = archcast.load_benchmark(name)
    keep = np.isfinite(b.metrics[b.default_metric])
    if not proxies:
        return Table(b.space, b.archs[keep], b.metrics[b.default_metric][keep])
    keep &= np.isfinite(b.proxies["flops"])
    evidence = archcast.Evidence(proxies={k: v[keep] for k, v in b.proxies.items()})
    return Table(b.space, b.archs[keep], b.metrics[b.default_metric][keep], evidence)


def _floats(lines: list[dict[str, str]], column: str) -> NDArray[np.float64]:
    return np.array([float(line[column]) if line[column] else np.nan for line in lines])


def macro(folder: Path, proxies: bool) -> Table:
    """TransNAS-Bench-101's macro space, class_scene."""
    with gzip.open(folder / "tnb101_macro_scene.csv.gz", "rt") as file:
        lines = list(csv.DictReader(file))
    space = archcast.get_space("transnasbench101-macro")
    archs, scores = space.parse([f"64-{line['ops']}-basic" for line in lines]), _floats(lines, "val")
    if not proxies:
        return Table(space, archs, scores)
    columns = {name: _floats(lines, name) for name in lines[0] if name not in ("ops", "val")}
    keep = np.isfinite(columns["flops"]) & np.isfinite(columns["nwot"])
    return Table(space, archs[keep], scores[keep], archcast.Evidence({}, {k: v[keep] for k, v in columns.items()}))


def ec_nas(folder: Path) -> Table:
    """Mean validation accuracy of NAS-Bench-101's cells of up to five nodes after four epochs."""
    found: dict[str, list[float]] = defaultdict(list)
    with gzip.open(folder / "nb101_ecnas_4ep.csv.gz", "rt") as file:
        for line in csv.DictReader(file):
            if line["validation_e4"]:
                found[f"{line['adjacency']}|{line['labels']}"].append(float(line["validation_e4"]))
    space = archcast.get_space("nasbench101")
    return Table(space, space.parse(list(found)), np.array([np.mean(values) for values in found.values()]))


def nas_bench_macro(folder: Path) -> Table:
    """The first 600 of NAS-Bench-Macro."""
    records = json.loads((folder / "nas-bench-macro" / "nas-bench-macro_cifar10_first600.json").read_text())
    space = archcast.get_space("nasbench-macro")
    return Table(space, space.parse(list(records)), np.array([r["mean_acc"] for r in records.values()]))


def model_zoo(folder: Path, name: str) -> Table:
    """Published ImageNet accuracies, of timm's models by name and size of images, or of torchvision's by name and weights."""
    with gzip.open(folder / "zoo" / f"{name}.csv.gz", "rt") as file:
        lines = list(csv.DictReader(file))
    if name == "timm":
        named = {f"{line['model']}@{line['img_size']}": line for line in lines}
        score, units = (
            "imagenet_top1",
            {"params": ("params_m", 1e6), "macs": ("gmacs", 1e9), "activations": ("macts", 1e6)},
        )
        units["resolution"] = ("img_size", 1.0)
    else:
        lines = [line for line in lines if (line["dataset"], line["metric"]) == ("ImageNet-1K", "acc@1")]
        named = {f"{line['builder']}.{line['weights']}": line for line in lines}
        score, units = "value", {"params": ("params", 1.0), "macs": ("gflops", 1e9), "resolution": ("crop", 1.0)}
    named = {name: line for name, line in named.items() if line[score]}
    lines = list(named.values())
    counts = {count: _floats(lines, column) * unit for count, (column, unit) in units.items()}
    return Table(ModelZoo(list(named), counts), np.arange(len(lines))[:, None], _floats(lines, score))


def tables(data: Path | None, formats: Path | None) -> dict[tuple[str, bool], Callable[[], Table]]:
    """(name, whether told of proxies) -> what reads it."""
    out: dict[tuple[str, bool], Callable[[], Table]] = {}
    tasks = [f"transnasbench101-micro/{task}" for task in ("class_scene", "class_object", "jigsaw")]
    for name in ["digits", *(["nasbench201", "nasbench101", *tasks] if data else [])]:
        out |= {(name, told): (lambda name=name, told=told: published(name, told)) for told in (True, False)}  # type: ignore[misc]
    graphs = [f"nas-bench-graph/{task}" for task in GRAPH_TASKS]
    for name in [*graphs, "analog-nasbench", *(["spikenas-bench"] if data else [])]:
        out[name, False] = lambda name=name: published(name, False)  # type: ignore[misc]
    if data:
        out |= {("macro/class_scene", told): (lambda told=told: macro(data, told)) for told in (True, False)}  # type: ignore[misc]
        out["ec-nas", False] = lambda: ec_nas(data)
        out |= {
            (f"model-zoo/{name}", False): (lambda name=name: model_zoo(data, name)) for name in ("timm", "torchvision")
        }  # type: ignore[misc]
    if formats:
        out["nas-bench-macro", False] = lambda: nas_bench_macro(formats)
    return out


def tau(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Kendall's tau-b, 0 where it is not defined."""
    value = kendalltau(a, b).statistic
    return 0.0 if np.isnan(value) else float(value)


def trial(table: Table, predictors: list[str], n: int, seed: int) -> dict[str, dict[str, float]]:
    """Predictor -> what came out on one split."""
    order = np.random.default_rng([seed, 7]).permutation(len(table.archs))
    train, test = order[:n], order[n : n + MOST_TESTED]
    forms = table.space.canonical(table.archs[np.concatenate([train, test])])
    learned = {row.tobytes() for row in forms[:n]}
    apart = np.array([row.tobytes() not in learned for row in forms[n:]])
    evidence = archcast.Evidence() if table.evidence is None else table.evidence
    pool = archcast.Pool(table.archs, evidence)
    scores, out = table.scores[test], {}
    for label in predictors:
        name, _, rest = label.partition(":")
        params = {k: ast.literal_eval(v) for k, v in (p.split("=") for p in rest.split(":") if p)}
        predictor = archcast.get_predictor(name, table.space, random_state=seed, **params)
        start = time.process_time()
        if n:
            predictor.init(table.archs[train], table.scores[train], evidence[train], pool=pool)
        else:
            predictor.init(pool=pool)
        middle = time.process_time()
        found = predictor.query(table.archs[test], evidence[test])
        line = {"tau": tau(scores, found.mean), "apart": tau(scores[apart], found.mean[apart]), "init": middle - start}
        line["query"] = (time.process_time() - middle) / len(test)
        if found.std is not None and n:
            inside = np.abs(scores - found.mean) <= 1.645 * found.std
            top = found.mean >= np.quantile(found.mean, 0.9)
            line |= {"inside": float(inside.mean()), "inside_top": float(inside[top].mean())}
            line |= {
                "error_top": float(np.sqrt(np.square(scores - found.mean)[top].mean())),
                "std_top": float(np.sqrt(np.square(found.std)[top].mean())),
            }
        out[label] = line
    return out


def unlabelled(table: Table, seed: int, n: int) -> dict[str, dict[str, float]]:
    """The counts with no label, on the same test rows."""
    test = np.random.default_rng([seed, 7]).permutation(len(table.archs))[n : n + MOST_TESTED]
    if table.evidence is not None:
        columns = {name: table.evidence.proxies[name] for name in COUNTS if name in table.evidence.proxies}
    else:
        try:
            costs = table.space.costs(table.archs[test])
        except archcast.ArchcastError:
            return {}
        columns = {name: costs[cost] for name, cost in COUNTS.items() if cost in costs}
        return {name: {"tau": tau(table.scores[test], values)} for name, values in columns.items()}
    found = {}
    for name, values in columns.items():
        values = np.nan_to_num(values[test], nan=np.nanmin(values) - 1)
        found[name] = {"tau": tau(table.scores[test], values)}
    return found


def run(options: argparse.Namespace) -> None:
    """Run the trials that the file does not have."""
    warnings.simplefilter("ignore")
    data, formats = (Path(v) if (v := os.environ.get(k)) else None for k in ("ARCHCAST_DATA", "ARCHCAST_FORMATS"))
    known = {tuple(line["key"]) for line in read(options.out)}
    predictors = options.predictors.split(";" if ";" in options.predictors else ",")
    sizes = [int(n) for n in options.sizes.split(",")]
    for (name, told), reader in tables(data, formats).items():
        wanted = options.late or name not in LATE
        wanted &= not options.only or any(part in name for part in options.only.split(","))
        wanted &= options.evidence is None or told == (options.evidence == "yes")
        if not wanted:
            continue
        table = None
        for n in sizes:
            for seed in range(options.first, options.first + options.seeds):
                missing = [p for p in predictors if (options.label, name, told, p, n, seed) not in known]
                missing = [p for p in missing if n or p.partition(":")[0] in ("stack", "omni+")]
                if not missing:
                    continue
                if table is None:
                    table = reader()
                if n > len(table.archs) - 50:
                    continue
                found = trial(table, missing, n, seed)
                if ("counts", name, told, "flops", n, seed) not in known:
                    found |= {f"counts {k}": v for k, v in unlabelled(table, seed, n).items()}
                with open(options.out, "a") as file:
                    for p, line in found.items():
                        label, _, p = p.rpartition(" ")
                        key = [label or options.label, name, told, p, n, seed]
                        file.write(json.dumps({"key": key, **line}) + "\n")
        print(options.label, name, told, "done", flush=True)


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of the file; a torn last one is left out."""
    lines = []
    for text in path.read_text().splitlines() if path.is_file() else []:
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            continue
    return lines


def lead(taus: NDArray[np.float64]) -> str:
    """Of the first row of ``(methods, splits)`` over the best of the others: the one that is best on all splits, in hindsight, and
    for each split the one that is best on all other splits, which luck does not favour."""
    mine, others = taus[0], taus[1:]
    chosen = [np.delete(others, k, axis=1).mean(axis=1).argmax() for k in range(len(mine))]
    gains = mine - others[others.mean(axis=1).argmax()], mine - others[chosen, range(len(mine))]
    return " / ".join(f"{gain.mean():+.3f} ± {gain.std(ddof=1) / np.sqrt(len(gain)):.3f}" for gain in gains)


def show(options: argparse.Namespace) -> None:
    """Print a line for each table and size; last the lead of the first method, see :func:`lead`."""
    taus: dict[tuple[Any, ...], dict[int, float]] = defaultdict(dict)
    for line in read(options.out):
        label, name, told, predictor, n, seed = line["key"]
        taus[told, name, n, f"{label}/{predictor}"][seed] = line.get(options.column, line["tau"])
    methods = list(dict.fromkeys(key[3] for key in taus if not key[3].startswith("counts/")))
    for told in (True, False):
        totals: dict[int, list[list[float]]] = defaultdict(list)
        below: dict[int, list[int]] = defaultdict(lambda: [0] * len(methods))
        print(f"\n{'with evidence' if told else 'structure only'}: {', '.join(methods)}")
        for name, n in dict.fromkeys((key[1], key[2]) for key in taus if key[0] == told):
            cells: list[str] = []
            first = taus.get((told, name, n, methods[0]), {})
            counts = [
                np.mean(list(v.values()))
                for k, v in taus.items()
                if k[:3] == (told, name, n) and k[3].startswith("counts/")
            ]
            best, row = max(counts, default=np.nan), []
            for m, method in enumerate(methods):
                values = taus.get((told, name, n, method), {})
                row.append(np.mean(list(values.values())) if values else np.nan)
                both = [values[s] - first[s] for s in values if s in first]
                error = np.std(both, ddof=1) / np.sqrt(len(both)) if len(both) > 1 else np.nan
                if m == 0:
                    error = (
                        np.std(list(values.values()), ddof=1) / np.sqrt(max(len(values), 1))
                        if len(values) > 1
                        else np.nan
                    )
                    cells.append(f"{row[-1]:.3f} ± {error:.3f}")
                else:
                    cells.append(f"{row[-1]:.3f} ({np.mean(both) if both else np.nan:+.3f} ± {error:.3f})")
                below[n][m] += bool(row[-1] < best - 0.02)
            totals[n].append(row)
            found = [taus.get((told, name, n, method), {}) for method in methods]
            shared = sorted(set.intersection(*map(set, found)))
            ahead = (
                lead(np.array([[f[k] for k in shared] for f in found])) if len(found) > 1 and len(shared) > 2 else ""
            )
            print(f"{name:32} {n:4} {'  '.join(cells)}   counts {best:.3f}   {ahead}")
        for n, rows in totals.items():
            means = np.nanmean(np.array(rows), axis=0)
            print(
                f"mean of {len(rows)} tables, n = {n}: {', '.join(f'{v:.3f}' for v in means)}; below the counts: {below[n]}"
            )


def main() -> None:
    """Run what is missing, or show what there is."""
    parser = argparse.ArgumentParser(description="Predictors on few labels, with evidence and without.")
    parser.add_argument("--out", type=Path, required=True, help="File of finished trials, one a line.")
    parser.add_argument("--predictors", default="stack", help="Names of predictors, with commas or semicolons.")
    parser.add_argument("--sizes", default="0,10,32,100", help="Numbers of labels, with commas.")
    parser.add_argument("--seeds", type=int, default=10, help="Number of splits.")
    parser.add_argument("--first", type=int, default=0, help="Number of the first split.")
    parser.add_argument("--only", help="Parts of names of tables, with commas; by default all.")
    parser.add_argument(
        "--evidence", choices=["yes", "no"], help="Whether predictors are told of proxies; by default both."
    )
    parser.add_argument("--late", action="store_true", help="Whether to run the tables that were left untouched, too.")
    parser.add_argument("--label", default="now", help="Name of the version of the code.")
    parser.add_argument("--show", action="store_true", help="Whether to print the table instead of running trials.")
    parser.add_argument(
        "--column", default="tau", help="Name of the figure to print: tau, apart, init, query, inside, ..."
    )
    options = parser.parse_args()
    (show if options.show else run)(options)


if __name__ == "__main__":
    main()
