"""What long and large work costs: processor time of a unit at the start and at the end, peak memory, and its growth.

    python benchmarks/scale.py --out scale.jsonl                  # every part; the same line continues it
    python benchmarks/scale.py --only "search*" --share 0.1       # a tenth of the units

Each part runs in a process of its own, three times: on a hundredth of its units, on a tenth, on all. *Start* is the processor time
of a unit that the second run has and the first has not, *end* that of a unit that only the third has. Growth is the memory that
the additional units of the third need. Queries are three calls in one process, of a predictor that is initialised once.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import io
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import archcast
from archcast.journal import Journal
from archcast.names import PREDICTORS
from archcast.search import FunctionObjective

ROWS = 423_624
"""Rows of NAS-Bench-101, the largest table that is published in full."""
NETWORKS = 15_625
"""Rows of NAS-Bench-201."""
QUERIES = 100_000
SIZE = "--width 2 --depth 1 --stages 1"
CHEAP: dict[str, Any] = {
    "epochs": 2, "n_estimators": 10, "rounds": 10, "n_members": 2, "steps": 10, "burn_in": 4, "draws": 4, "searches": 2,
    "passes": 4, "examples": 20, "max_epochs": 4, "runs": 2, "warmup": 0, "looks": 4, "walkers": 50, "iterations": 10,
}  # fmt: skip
"""Parameters that make init quick: what is measured is the query."""
Part = Callable[[int, Path], dict[str, Any] | None]


# -- commands ----------------------------------------------------------------------------------------------------------


def command(line: str) -> None:
    """Run a command line; an error ends the part."""
    done = subprocess.run(
        [sys.executable, "-m", "archcast", *shlex.split(line)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-400:])


def own_table(n: int) -> Path:
    """A table of ``n`` different rows of ten decisions in the working directory."""
    path = Path(f"table-{n}.csv")
    rng = np.random.default_rng(0)
    rows = np.stack(np.unravel_index(rng.permutation(4**10)[:n], (4,) * 10), axis=1)
    scores = 60 + rows @ np.linspace(3, 0.3, 10) + rng.normal(0, 1, n)
    lines = [",".join(map(str, row)) + f",{score:.4f}" for row, score in zip(rows.tolist(), scores.tolist())]
    path.write_text("\n".join([",".join([*(f"d{j}" for j in range(10)), "accuracy"]), *lines]) + "\n")
    return path


def bench_table(n: int, _: Path) -> None:
    """``bench`` of two predictors on a table."""
    table = own_table(n)
    predictors = "bayesian-linear,random-forest"
    command(f"bench --table {table} --predictors {predictors} --train-sizes 100 --test-size 1000 --trials 2 --jobs 1")


def search_table(n: int, _: Path) -> None:
    """Two strategies with 100 evaluations each on a table."""
    rng = np.random.default_rng(0)
    space = archcast.Choices(**{f"d{j}": [0, 1, 2, 3] for j in range(10)})
    rows = np.stack(np.unravel_index(rng.permutation(4**10)[:n], (4,) * 10), axis=1)
    table = archcast.Benchmark("t", space, rows, {"accuracy": rows @ np.linspace(3, 0.3, 10)}, "accuracy")
    archcast.run_search(["random", "bayesian"], table, budget=100, batch=10, trials=1, jobs=1)


def score_table(n: int, _: Path) -> dict[str, Any]:
    """``score`` of a list of architectures in which each stands many times."""
    space = archcast.get_space("nasbench201")
    different = max(1, n * NETWORKS // ROWS)
    rows = space.enumerate()[np.random.default_rng(0).integers(0, different, n)]
    Path("archs.txt").write_text("\n".join(space.format(rows)) + "\n")
    command(f"score --space nasbench201 --archs archs.txt --proxies params {SIZE} --format csv --out scores.csv")
    found = len(Path("scores.csv").read_text().splitlines()) - 1
    return {"note": f"{found:,} rows for {len(np.unique(rows, axis=0)):,} different architectures"}


def score_networks(n: int, _: Path) -> dict[str, Any]:
    """``score`` of networks, one after the other."""
    every = n == NETWORKS
    command(f"score --space nasbench201 {'--all' if every else f'--sample {n}'} --proxies params,snip --input 3x8x8 --batch-size 2 "
            f"{SIZE} --format csv --out scores.csv")  # fmt: skip
    return {"note": f"{len(Path('scores.csv').read_text().splitlines()) - 1:,} rows"}


# -- searches ----------------------------------------------------------------------------------------------------------


def preferred(arch: Any) -> float:
    """Stands in for a training."""
    return float(
        (arch == 3).sum() + 0.3 * (arch == 2).sum() - 0.5 * (arch == 4).sum() + np.sin(arch @ np.arange(1, 7)) / 5
    )


def long_search(strategy: str) -> Part:
    def run(n: int, folder: Path) -> None:
        archcast.run_search(
            [strategy],
            FunctionObjective(preferred, "nasbench201"),
            budget=n,
            batch=10,
            trials=1,
            jobs=1,
            out=folder / "out",
        )

    run.__doc__ = f"A search of strategy {strategy}, ten architectures at a time."
    return run


WORKER = """
import os, sys, optuna
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
sys.path.insert(0, os.path.dirname({file!r}))
from scale import preferred
from archcast.integrations.optuna import PredictorSampler, suggest_arch
optuna.logging.set_verbosity(optuna.logging.ERROR)
storage = JournalStorage(JournalFileBackend("study.log")) if {journal} else RDBStorage("sqlite:///study.db")
study = optuna.create_study(study_name="s", storage=storage, load_if_exists=True, direction="maximize",
                            sampler=PredictorSampler("nasbench201", "gp", seed=0, n_candidates=200))
study.optimize(lambda trial: preferred(suggest_arch(trial, "nasbench201")),
               callbacks=[optuna.study.MaxTrialsCallback({n}, states=(optuna.trial.TrialState.COMPLETE,))])
"""


def study(journal: bool) -> Part:
    def run(n: int, _: Path) -> dict[str, Any]:
        code = WORKER.format(file=os.path.abspath(__file__), journal=journal, n=n)
        crew = [subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], stderr=subprocess.PIPE)]
        time.sleep(8)  # one makes the storage
        crew += [
            subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], stderr=subprocess.PIPE) for _ in range(3)
        ]
        ends = [worker.communicate()[1] for worker in crew]
        if any(worker.returncode for worker in crew):
            raise RuntimeError(max(ends, key=len).decode()[-300:])
        import optuna

        storage: Any = "sqlite:///study.db"
        if journal:
            storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend("study.log"))
        trials = optuna.load_study(study_name="s", storage=storage).trials
        different = {tuple(trial.params.values()) for trial in trials}
        return {"note": f"{len(trials)} trials, {len(different)} different"}

    run.__doc__ = f"An Optuna study with four workers on {'a journal' if journal else 'SQLite'}."
    return run


# -- a cluster ---------------------------------------------------------------------------------------------------------


def dask_bench(n: int, folder: Path) -> dict[str, Any]:
    """A bench of so many trials on two Dask workers, one of which is killed."""
    import distributed
    import joblib

    space = archcast.get_space("nasbench201")
    rows = space.enumerate()[::16]
    table = archcast.Benchmark("t", space, rows, {"m": np.array([preferred(row) for row in rows])}, "m")
    settings: dict[str, Any] = {"train_sizes": [20], "test_size": 100, "trials": n}
    killed: list[int] = []

    def kill(step: Any) -> None:
        if not killed and step.done >= step.total // 3:
            killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], 9)

    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        joblib.parallel_config("dask"),
    ):
        found = archcast.evaluate(["bayesian-linear"], table, out=folder / "out", progress=kill, **settings)
    alone = archcast.evaluate(["bayesian-linear"], table, jobs=1, **settings)
    same = [row["kendall_tau"] for row in found.rows()] == [row["kendall_tau"] for row in alone.rows()]
    return {"note": f"{len(killed)} worker killed; results {'equal' if same else 'differ from'} those of one process"}


# -- queries -----------------------------------------------------------------------------------------------------------


def queried(name: str, counts: list[int]) -> dict[str, Any]:
    """Queries of a predictor fitted to 60 rows: for each number, seconds of the processor, and peak memory so far."""
    space = archcast.get_space("nasbench201")
    rng = np.random.default_rng(0)
    rows = space.enumerate()[rng.permutation(NETWORKS)]
    train, scores = rows[:60], np.array([preferred(row) for row in rows[:60]])
    taken = archcast.get_predictor(name, space).get_params(deep=False)
    made = archcast.get_predictor(name, space, random_state=0, **{p: v for p, v in CHEAP.items() if p in taken})

    def known(k: int) -> archcast.Evidence:
        values = rng.normal(size=k)
        curves = np.clip(values, -1, 1)[:, None] * 0.1 + 0.5 + 0.1 * np.log1p(np.arange(20))
        signal = made.requires.curve or "val_accuracy"
        costs = {"params": values + 9, "latency_ms": values + 9}
        return archcast.Evidence({signal: curves}, dict.fromkeys(("synflow", *made.requires.proxies), values), costs)

    given = known(len(train)) if str(made.requires) else None
    made.init(train, None if made.requires.data else scores, given)
    runs = {}
    for k in counts:
        asked = np.concatenate([rows] * (k // NETWORKS + 1))[:k]
        evidence = known(k) if str(made.requires) else None
        start = time.process_time()
        answer = made.query(asked, evidence).mean
        seconds = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        runs[str(k)] = {"seconds": seconds, "mb": peak, "note": f"{int(np.isnan(answer).sum())} NaN"}
    return runs


def units_of(name: str) -> int:
    """Queries of a predictor: fewer of those that run a network for each architecture."""
    return 2_000 if name.startswith("one-shot") else QUERIES


PARTS: dict[str, tuple[int, str, Part]] = {
    "bench table": (ROWS, "rows", bench_table),
    "search table": (ROWS, "rows", search_table),
    "score table": (ROWS, "lines", score_table),
    "score networks": (NETWORKS, "networks", score_networks),
    "search evolution": (2000, "evaluations", long_search("regularized-evolution")),
    "search bayesian": (2000, "evaluations", long_search("bayesian")),
    "optuna journal": (500, "trials", study(True)),
    "optuna sqlite": (500, "trials", study(False)),
    "dask bench": (60, "trials", dask_bench),
}
"""Name -> how many units, what they are, and what runs."""
QUERIED = {f"query {name}": name for name in PREDICTORS.names()}
"""Name of a part -> predictor whose queries it is."""


# -- measuring ---------------------------------------------------------------------------------------------------------


def measured(run: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    """What a function returns of a process of its own."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.write(write, json.dumps(run(*given)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    return json.loads(text) if text else {"failed": f"the process ended with status {status}"}


def asked(name: str, counts: list[int]) -> dict[str, Any]:
    """:func:`queried`, or why it failed."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return queried(name, counts)
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[-300:]}"}


def alone(name: str, n: int) -> dict[str, Any]:
    """Run a part in this process, in a folder of its own: seconds of the processor, its children's included, and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        begin = time.process_time()
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                found = PARTS[name][2](n, Path(folder)) or {}
        except Exception as error:
            return {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[-300:]}"}
        finally:
            os.chdir("/")
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() - begin + children.ru_utime + children.ru_stime
    peak = max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, children.ru_maxrss) / 1024
    return {"seconds": seconds, "mb": peak, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure long and large work.")
    parser.add_argument("--only", default="*", help="shell patterns of names of parts, with | between them")
    parser.add_argument("--share", type=float, default=1.0, help="share of the units")
    parser.add_argument("--out", type=Path, help="path of a file with a line for each part; the same line continues it")
    options = parser.parse_args()
    known: dict[str, Any] = {}
    if options.out is not None and options.out.exists():
        known = {line["part"]: line for line in Journal(options.out).records()}
    import sklearn.ensemble  # noqa: F401  what every process would import anew
    import torch  # noqa: F401

    print("| part | units | s/1,000 at the start | at the end | peak MB | MB per 1,000 more | remarks |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name in [*PARTS, *QUERIED]:
        if not any(fnmatch.fnmatch(name, pattern) for pattern in options.only.split("|")):
            continue
        if name not in known:
            units, what = PARTS[name][:2] if name in PARTS else (units_of(QUERIED[name]), "queries")
            n = round(units * options.share)
            small = max(2, n // 10)
            counts = [max(1, small // 10), small, n]
            if name in PARTS:
                runs = {k: measured(alone, name, k) for k in counts}
            else:
                found = measured(asked, QUERIED[name], counts)
                runs = {k: found.get(str(k), found) for k in counts}
            known[name] = {
                "part": name,
                "what": what,
                "small": small,
                "units": n,
                "runs": {str(k): run for k, run in runs.items()},
            }
            if options.out is not None:
                Journal(options.out).add(known[name])
        print(row(known[name]), flush=True)


def row(found: dict[str, Any]) -> str:
    """A line of the table."""
    small, n = found["small"], found["units"]
    least = min(map(int, found["runs"]))
    first, few, many = (found["runs"][str(k)] for k in (least, small, n))
    units = f"{n:,} {found['what']}"
    failed = next((run["failed"] for run in (first, few, many) if "failed" in run), None)
    if failed is not None:
        return f"| {found['part']} | {units} | | | | | failed: {failed} |"
    start = (few["seconds"] - first["seconds"]) / (small - least)
    end = (many["seconds"] - few["seconds"]) / (n - small)
    growth = (many["mb"] - few["mb"]) / (n - small)
    cells = [
        found["part"],
        units,
        f"{1000 * start:.3g}",
        f"{1000 * end:.3g}",
        f"{many['mb']:.0f}",
        f"{1000 * growth:.2g}",
    ]
    return "| " + " | ".join([*cells, many.get("note", "")]) + " |"


if __name__ == "__main__":
    main()
