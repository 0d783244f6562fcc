"""What is attacked from Python, but for what learns: spaces, tasks, and the functions of the front page."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from attack_inputs import Target

import archcast
from archcast.names import PROXIES, SPACES


def spaces() -> Iterator[Target]:
    """Methods of every space."""
    yield Target("get_space", archcast.get_space, {"space": "nasbench201"})
    for name in SPACES.names():
        space = archcast.get_space(name)
        rows = space.sample(3, 0)
        known = {
            "n": 3, "rng": 0, "archs": rows, "arch": rows[0], "texts": space.format(rows), "task": None, "pruned": False,
            "convention": "macs",
        }  # fmt: skip
        for method in (
            "sample",
            "validate",
            "parse",
            "format",
            "neighbors",
            "mutate",
            "canonical",
            "graphs",
            "costs",
            "image_sizes",
            "task_of",
            "input_shape",
        ):
            call = getattr(space, method)
            takes = [p for p in inspect.signature(call).parameters if p in known]
            if (method == "graphs" and not space.has_graph) or (method == "costs" and not space.tasks):
                continue
            yield Target(f"space {name}.{method}", call, {p: known[p] for p in takes})
    task = {
        "shape": (3, 8, 8), "classes": 10, "width": 4, "depth": 1, "stages": 1, "outputs": None, "dtype": "float32",
        "vocabulary": None, "loss": "cross_entropy", "size": {"width": 4},
    }  # fmt: skip
    only = {name: task[name] for name in task if name not in ("outputs", "size")}
    yield Target("Task", archcast.Task, only)
    yield Target("Task with outputs", archcast.Task, {"shape": (3, 8, 8), "outputs": (3,), "size": {"width": 4}})


def functions() -> Iterator[Target]:
    """Functions of the front page, and those that measure, fit and read."""
    import torch

    from archcast.costs import count, measure
    from archcast.data import load_benchmark, read_benchmark, read_table, save_benchmark
    from archcast.data.tables import read_evidence
    from archcast.surrogates import check_surrogate, make_surrogate, save_surrogate

    space = archcast.get_space("nasbench201")
    rows = space.sample(60, 0)
    curve = rows.mean(axis=1)[:, None] + np.arange(4.0)
    table = archcast.Benchmark("t", space, rows, {"m": rows.mean(axis=1)}, "m", curves={"c": curve})
    yield Target(
        "forecast",
        archcast.forecast,
        {
            "curves": [[0.1, 0.2, 0.3]],
            "epochs": 10,
            "metric": "accuracy",
            "better": None,
            "best": None,
            "random_state": 0,
        },
    )
    settings = {
        "predictors": ["bayesian-linear"], "benchmark": table, "encoding": None, "train_sizes": [10], "test_size": 20,
        "test": None, "trials": 1, "seed": 0, "metric": "m", "evidence": None, "proxies": None, "preset": None, "epochs": None,
        "budgets": False, "jobs": 1, "out": None, "progress": None,
    }  # fmt: skip
    yield Target(
        "evaluate",
        archcast.evaluate,
        settings,
    )
    made = make_surrogate(table, members=["bayesian-linear"], curves=[])
    yield Target(
        "make_surrogate",
        make_surrogate,
        {
            "table": table,
            "share": 1.0,
            "metrics": ["m"],
            "curves": [],
            "members": ["bayesian-linear"],
            "seed": 0,
            "jobs": 1,
            "tell": None,
        },
        free=frozenset({"tell"}),
    )
    yield Target(
        "check_surrogate",
        check_surrogate,
        {
            "surrogate": made,
            "table": table,
            "regions": None,
            "budget": 0,
            "trials": 1,
            "strategies": ["random"],
            "seed": 0,
            "jobs": 1,
            "tell": None,
        },
        free=frozenset({"tell"}),
    )
    yield Target("Surrogate.at", made.at, {"archs": rows[:3], "seed": None})
    yield Target("save_surrogate", save_surrogate, {"benchmark": made, "path": "s.npz"})
    small = archcast.Task((3, 4, 4), width=2, depth=1, stages=1)
    yield Target(
        "measure",
        measure,
        {
            "space": space,
            "archs": rows[:1],
            "task": small,
            "device": "cpu",
            "batch": 1,
            "runs": 2,
            "warmup": 0,
            "threads": 1,
            "clock": "wall",
            "together": 2,
            "seed": 0,
            "out": None,
            "progress": None,
        },
        free=frozenset({"progress"}),
    )
    net = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
    x, y = torch.randn(6, 4), torch.randint(0, 3, (6,))
    scoring = {
        "model": net, "inputs": x, "targets": y, "proxies": ["params", "snip", "near"], "seed": 0, "micro_batch": None,
        "device": None, "autocast": None, "batch_dim": "auto", "ignore_index": -100, "memory_format": "auto", "options": None,
    }  # fmt: skip
    yield Target("score", archcast.score, scoring)
    functions = {"loss": torch.nn.functional.cross_entropy, "output": lambda found: found}
    yield Target(
        "score with functions", lambda **given: archcast.score(net, x, y, proxies=["snip"], **given), functions
    )
    for proxy in PROXIES.names():
        given = {"inputs": x, "targets": y, "seed": 0, "options": None}
        yield Target(f"proxy {proxy}", lambda proxy=proxy, **given: archcast.score(net, proxies=proxy, **given), given)
    yield Target("costs.count", count, {"model": net, "inputs": x})
    yield Target(
        "load_benchmark",
        load_benchmark,
        {"name": "digits", "path": None, "converted": True},
    )
    folder = Path(tempfile.mkdtemp())
    lines = [f'"{text}",{k}' for k, text in enumerate(space.format(rows))]
    (folder / "t.csv").write_text("\n".join(["arch,score", *lines]) + "\n")
    save_benchmark(table, folder / "t.npz")
    yield Target("read_table", read_table, {"path": folder / "t.csv", "space": space})
    yield Target("read_benchmark", read_benchmark, {"path": folder / "t.npz"})
    yield Target("read_evidence", read_evidence, {"path": folder / "t.csv", "benchmark": table, "arch_column": "arch"})
