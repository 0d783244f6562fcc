"""How well predictors rank the rows of tables of one's own, beside scikit-learn's on the same columns.

    ARCHCAST_FORMATS=/folder python benchmarks/own_spaces.py [--tables accel-nasbench,...] [--trials 10] [--predictors stack,gp]

Each table becomes an ``archcast.Choices`` space by ``from_table``; predictors get nothing else: no costs, proxies, or
pool. A trial draws n rows at random to learn from and ranks the others (at most 1,000). The baselines see the same
columns, one-hot or scaled to 0..1, with their defaults and tuned by five-fold cross-validation on the n rows (a
Matern-5/2 Gaussian process with isotropic and with separate lengthscales, ridge regression, random forest, XGBoost):
what is compared with is the *best of all of them on that table and n, chosen in hindsight by its mean over the trials*,
which nobody can choose beforehand. The error is that of the paired difference.

Tables: synthetic ones of four kinds (``synthetic-*``), and, where the folder holds them, Accel-NASBench, NAS-Bench-MR
(classification, segmentation; rows of equal shape, and all rows), OFA MobileNetV3 as DyNAS-T searched it, ViT-Bench-101's
AutoFormer and PiT. The features and priors were developed on Accel-NASBench, NAS-Bench-MR's classification and the synthetic
tables of kinds a, b and c.
"""

from __future__ import annotations

import argparse
import ast
import csv
import gzip
import json
import os
import pickle
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.stats import kendalltau

import archcast

Table = tuple[dict[str, list[Any]], NDArray[np.float64]]
MOST_TESTED = 1000
ONLY_SCALED = ("gp-ard", "forest-cv", "xgboost-cv")
"""Baselines that see scaled columns only: they choose among columns themselves, and take long."""


def accel_nasbench(folder: Path) -> Table:
    """200 rows, 28 columns; top-1 of a short training."""
    with tarfile.open(folder / "accel-nasbench" / "anb_dataset_jsons_200.tar.gz") as archive:
        files = [archive.extractfile(member) for member in archive.getmembers() if member.isfile()]
        records = [json.load(file) for file in files if file is not None]
    names = list(records[0]["architecture"])
    return {name: [r["architecture"][name] for r in records] for name in names}, np.array(
        [r["metrics"]["val_top1"] for r in records]
    )


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name}")


def nas_bench_mr(folder: Path, setting: str, score: str, *, equal: bool) -> Table:
    """27 integers; ``equal`` keeps the rows with one block of modules a stage."""
    with gzip.open(folder / "nas-bench-mr" / f"{setting}.trainval.pkl.gz") as file:
        records = _Plain(file).load()
    if equal:
        records = [r for r in records if [len(m[1]) for m in r["inverted_residual_setting"]] == [1, 2, 3, 4]]
    names = ["stem1", "stem2"]
    for stage in (1, 2, 3, 4):
        names += [f"s{stage}_blocks", *(f"s{stage}_units{k}" for k in range(1, stage + 1))]
        names += [f"s{stage}_channels{k}" for k in range(1, stage + 1)]
    names.append("last")
    table = {name: [int(r["embedding"][j]) for r in records] for j, name in enumerate(names)}
    return table, np.array([float(r[score]) for r in records])


def ofa(folder: Path) -> Table:
    """Sub-networks that searches visited; kernels and expansions beyond the depth are no decisions, hence gaps."""
    found: dict[str, tuple[dict[str, Any], float]] = {}
    for path in sorted((folder / "dynas-ofa-mbv3").glob("*.csv")):
        with open(path, newline="") as file:
            for line in csv.DictReader(file):
                net = ast.literal_eval(line["Sub-network"])
                row: dict[str, Any] = {f"depth{s + 1}": d for s, d in enumerate(net["d"])}
                for s, depth in enumerate(net["d"]):
                    for k in range(4):
                        row[f"s{s + 1}_kernel{k + 1}"] = net["ks"][4 * s + k] if k < depth else None
                        row[f"s{s + 1}_expand{k + 1}"] = net["e"][4 * s + k] if k < depth else None
                found[repr(row)] = row, float(line["Top-1 Acc (%)"])
    rows, scores = zip(*found.values(), strict=True)
    return {name: [row[name] for row in rows] for name in rows[0]}, np.array(scores)


def vit_bench(folder: Path, space: str, score: str) -> Table:
    """100 rows of AutoFormer (layers beyond the depth are gaps) or PiT."""
    with zipfile.ZipFile(folder / "vit-bench-101" / f"gt_{space}.pth") as archive:
        name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        with archive.open(name) as file:
            records = _Plain(file).load()
    rows = []
    for record in records:
        row: dict[str, Any] = {}
        for key, value in record["arch"].items():
            if isinstance(value, list):
                padded = [*value, *[None] * (14 - len(value))] if space == "autoformer" else value
                row |= {f"{key}{k + 1}": v for k, v in enumerate(padded)}
            else:
                row[key] = value
        rows.append(row)
    return {name: [row[name] for row in rows] for name in rows[0]}, np.array([float(r[score]) for r in records])


def synthetic(kind: str, n: int = 600) -> Table:
    """A problem with a known truth.

    a: widths and depths that saturate, with a learning rate that has a best value; b: a smooth function of mixed columns with an
    interaction and noise; c: categories that matter most, additive; d: a chain of layers that are there or not, later ones
    counting less.
    """
    rng = np.random.default_rng({"a": 1, "b": 2, "c": 3, "d": 4}[kind])
    if kind == "a":
        t = {f"width{k}": rng.choice([16, 32, 64, 128, 256], n) for k in range(1, 5)}
        t |= {f"depth{k}": rng.integers(1, 6, n) for k in range(1, 5)}
        t["lr"] = 10 ** rng.uniform(-4, -1, n).round(1)
        size = sum(np.log2(t[f"width{k}"]) + np.log2(t[f"depth{k}"] + 1) for k in range(1, 5))
        y = 1 - np.exp(-size / 20) - 0.05 * (np.log10(t["lr"]) + 2.5) ** 2 + 0.01 * rng.normal(size=n)
    elif kind == "b":
        t = {"width": rng.integers(1, 17, n) * 16, "depth": rng.integers(2, 9, n), "kernel": rng.choice([3, 5, 7], n)}
        t |= {
            "act": rng.choice(["relu", "gelu", "silu", "tanh"], n),
            "dropout": rng.integers(0, 6, n) / 10,
            "skip": rng.random(n) < 0.5,
        }
        bonus = {"relu": 0.0, "gelu": 0.3, "silu": 0.25, "tanh": -0.5}
        y = np.log(t["width"]) + np.sqrt(t["depth"]) * (0.5 + t["skip"]) + np.array([bonus[a] for a in t["act"]])
        y = y - 8 * (t["dropout"] - 0.2) ** 2 + 0.2 * (t["kernel"] == 5) + 0.3 * rng.normal(size=n)
    elif kind == "c":
        t = {f"op{k}": rng.choice(["conv", "pool", "skip", "attention", "none"], n) for k in range(1, 7)}
        worth = {op: rng.normal(size=6) for op in ("conv", "pool", "skip", "attention", "none")}
        y = sum(np.array([worth[op][k - 1] for op in t[f"op{k}"]]) for k in range(1, 7)) + 0.3 * rng.normal(size=n)
        t["width"] = rng.choice([32, 64, 128], n)
        y = y + np.log2(t["width"])
    else:
        depth = rng.integers(1, 7, n)
        t = {"depth": depth}
        y = np.zeros(n)
        for k in range(1, 7):
            heads, ratio = rng.choice([2, 4, 8], n), rng.choice([2.0, 3.0, 4.0], n)
            there = depth >= k
            t[f"heads{k}"] = [h if a else None for h, a in zip(heads.tolist(), there, strict=True)]
            t[f"ratio{k}"] = [r if a else None for r, a in zip(ratio.tolist(), there, strict=True)]
            y = y + there * (1 + 0.2 * np.log2(heads) + 0.2 * ratio) / k
        y = y + 0.15 * rng.normal(size=n)
    return {
        name: [v.item() if isinstance(v, np.generic) else v for v in values] for name, values in t.items()
    }, np.asarray(y)


def tables(folder: Path | None) -> dict[str, Callable[[], Table]]:
    """Name -> what reads the table."""
    out: dict[str, Callable[[], Table]] = {f"synthetic-{kind}": (lambda kind=kind: synthetic(kind)) for kind in "abcd"}  # type: ignore[misc]
    if folder is not None:
        out |= {
            "accel-nasbench": lambda: accel_nasbench(folder),
            "nas-bench-mr-cls": lambda: nas_bench_mr(folder, "cls-50-1000", "top1", equal=True),
            "nas-bench-mr-seg": lambda: nas_bench_mr(folder, "seg", "mIoU", equal=True),
            "nas-bench-mr-cls-all": lambda: nas_bench_mr(folder, "cls-50-1000", "top1", equal=False),
            "nas-bench-mr-seg-all": lambda: nas_bench_mr(folder, "seg", "mIoU", equal=False),
            "ofa-mobilenetv3": lambda: ofa(folder),
            "vit-autoformer-c100": lambda: vit_bench(folder, "autoformer", "c100_base_acc"),
            "vit-autoformer-flower": lambda: vit_bench(folder, "autoformer", "flower_base_acc"),
            "vit-pit-c100": lambda: vit_bench(folder, "pit", "c100_base_acc"),
            "vit-pit-flower": lambda: vit_bench(folder, "pit", "flower_base_acc"),
        }
    return out


def baselines(seed: int) -> dict[str, Any]:
    """Name -> scikit-learn regressor, default and tuned."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
    from sklearn.linear_model import Ridge, RidgeCV
    from sklearn.model_selection import GridSearchCV
    from xgboost import XGBRegressor

    def process(length: Any) -> Any:
        kernel = ConstantKernel() * Matern(length, nu=2.5) + WhiteKernel(0.1)
        return GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=0, random_state=seed)

    forest = RandomForestRegressor(100, random_state=seed)
    trees = XGBRegressor(n_estimators=100, n_jobs=1, random_state=seed)
    return {
        "gp": process(1.0),
        "gp-ard": "ard",
        "ridge": Ridge(),
        "ridge-cv": RidgeCV(np.logspace(-3, 3, 13)),
        "forest": forest,
        "forest-cv": GridSearchCV(forest, {"max_features": [0.33, 1.0], "min_samples_leaf": [1, 3]}, cv=5),
        "xgboost": trees,
        "xgboost-cv": GridSearchCV(
            trees, {"max_depth": [2, 4], "learning_rate": [0.05, 0.2], "subsample": [0.7]}, cv=5
        ),
        "_process": process,
    }


def trial(
    rows: NDArray[np.int64], space: Any, scores: NDArray[np.float64], n: int, seed: int, names: list[str], base: bool
) -> dict[str, float]:
    """Tau of every predictor and baseline on one split."""
    warnings.simplefilter("ignore")
    order = np.random.default_rng(seed).permutation(len(rows))
    train, test = order[:n], order[n : n + MOST_TESTED]
    out: dict[str, float] = {}
    for label in names:
        name, _, rest = label.partition(":")
        params = {k: ast.literal_eval(v) for k, v in (p.split("=") for p in rest.split(":") if p)}
        predictor = archcast.get_predictor(name, space, random_state=seed, **params).init(rows[train], scores[train])
        out[label] = float(kendalltau(scores[test], predictor.query(rows[test]).mean).statistic)
    if base:
        for encoding in ("one-hot", "log-scaled"):
            x = archcast.get_encoding(encoding, space).transform(rows).astype(float)
            models = baselines(seed)
            process = models.pop("_process")
            for name, model in models.items():
                if encoding == "one-hot" and name in ONLY_SCALED:
                    continue
                model = process(np.ones(x.shape[1])) if isinstance(model, str) else model
                found = model.fit(x[train], scores[train]).predict(x[test])
                tau = kendalltau(scores[test], found).statistic
                out[f"sklearn {name} {encoding}"] = 0.0 if np.isnan(tau) else float(tau)
    return out


def main() -> None:
    """Print, for each table and size, the suite's predictors, the best baseline, and the paired difference."""
    parser = argparse.ArgumentParser(description="Predictors on tables of one's own.")
    parser.add_argument("--tables", help="Names of tables, with commas; by default all.")
    parser.add_argument("--predictors", default="stack,gp", help="Names of predictors, with commas or semicolons.")
    parser.add_argument("--trials", type=int, default=10, help="Number of random splits.")
    parser.add_argument("--sizes", default="10,30,100", help="Numbers of rows to learn from, with commas.")
    parser.add_argument("--jobs", type=int, default=1, help="Number of processes.")
    parser.add_argument("--cache", type=Path, help="File that keeps the baselines' figures.")
    options = parser.parse_args()
    folder = os.environ.get("ARCHCAST_FORMATS")
    known = tables(Path(folder) if folder else None)
    names = options.predictors.split(";" if ";" in options.predictors else ",")
    cache = json.loads(options.cache.read_text()) if options.cache and options.cache.is_file() else {}
    print(
        f"{'table':24} {'n':>4} "
        + " ".join(f"{name[-26:]:>26}" for name in names)
        + "  best of scikit-learn and XGBoost"
    )
    for table in options.tables.split(",") if options.tables else known:
        columns, scores = known[table]()
        space = archcast.Choices.from_table(columns, columns=list(columns))
        rows = space.rows(columns)
        for n in map(int, options.sizes.split(",")):
            if n > len(rows) - 20:
                continue
            key = f"{table} {n} {options.trials}"
            run = Parallel(n_jobs=options.jobs)
            found = run(
                delayed(trial)(rows, space, scores, n, seed, names, key not in cache) for seed in range(options.trials)
            )
            if key not in cache:
                cache[key] = {name: [f[name] for f in found] for name in found[0] if name.startswith("sklearn")}
                if options.cache:
                    options.cache.write_text(json.dumps(cache))
            best = max(cache[key], key=lambda name: np.mean(cache[key][name]))
            other = np.array(cache[key][best])
            cells = []
            for name in names:
                taus = np.array([f[name] for f in found])
                difference = taus - other
                error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else np.nan
                cells.append(f"{taus.mean():.3f} ({difference.mean():+.3f} ± {error:.3f})".rjust(26))
            print(f"{table:24} {n:4} {' '.join(cells)}  {other.mean():.3f} {best}", flush=True)


if __name__ == "__main__":
    main()
