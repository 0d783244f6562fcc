"""What is attacked of what learns from tables of one's own and trains networks: benchmarks, results, trainings, shared weights."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from attack_inputs import Target, methods

import archcast


def tables() -> Iterator[Target]:
    """Benchmarks, results, and what learns from a table of one's own."""
    from archcast.choosing import Model, choose, fit, read_table
    from archcast.evaluation.leaderboard import leaderboard

    space = archcast.get_space("nasbench201")
    rows = space.sample(60, 0)
    curve = rows.mean(axis=1)[:, None] + np.arange(4.0)
    table = archcast.Benchmark("t", space, rows, {"m": rows.mean(axis=1)}, "m", curves={"val_accuracy": curve})
    yield from methods("Benchmark", table, {
        "at": {"archs": rows[:3], "seed": None}, "evidence": {"rows": [0, 1]}, "find": {"rows": rows[:2]},
        "scores": {"archs": rows[:3], "metric": "m", "seed": None},
    })  # fmt: skip
    found = archcast.evaluate(["bayesian-linear"], table, train_sizes=[10], test_size=20, trials=1)
    yield from methods("Results", found, {
        "plot": {"path": "r.png"}, "save": {"folder": "r"}, "to_html": {"path": "r.html"},
    })  # fmt: skip
    yield Target("Results", archcast.Results, {"frame": found.frame, "protocol": dict(found.protocol)})
    names = ["bayesian-linear", "gp", "random-forest"]
    greedy = {name: {"name": "bayesian", "predictor": name, "acquisition": "mean"} for name in names}
    found = archcast.evaluate(names, table, train_sizes=[10], test_size=20, trials=1, jobs=1)
    searched = archcast.run_search(greedy, table, budget=12, batch=2)
    yield Target("joint_report", archcast.joint_report, {"results": found, "searches": searched})
    board = {
        "benchmarks": ["digits"], "predictors": ["bayesian-linear"], "train_sizes": [10], "trials": 1, "recommended": None,
        "out": "board", "jobs": 1, "progress": None,
    }  # fmt: skip
    yield Target("leaderboard function", leaderboard, board)
    rng = np.random.default_rng(0)
    numbers = rng.integers(1, 5, (40, 3))
    columns: dict[str, Any] = {name: numbers[:, j].tolist() for j, name in enumerate(("depth", "width", "kernel"))}
    columns["accuracy"] = (numbers @ [3, 2, 1] + 60.0).tolist()
    reading = {"frame": columns, "score": "accuracy", "better": "higher", "space": None, "epochs": None, "beside": ()}
    yield Target("choosing.read_table", read_table, reading)
    for column in ("depth", "accuracy"):  # whatever a cell, or a column, holds
        changed = {"column": columns[column]}
        yield Target(
            f"choosing.read_table of {column}",
            lambda column, name=column: read_table({**columns, name: column}, score="accuracy"),
            changed,
            frozenset({"column"}),
        )
        yield Target(
            f"choosing.read_table of a cell of {column}",
            lambda cell, name=column: read_table({**columns, name: [cell, *columns[name][1:]]}, score="accuracy"),
            {"cell": columns[column][0]},
            frozenset({"cell"}),
        )
    own = read_table(columns, score="accuracy")
    learning = {
        "table": own,
        "predictor": "bayesian-linear",
        "validate": False,
        "seed": 0,
        "kept": None,
        "tell": None,
        "sources": (),
    }
    yield Target("choosing.fit", fit, learning, frozenset({"tell"}))
    choosing = {"table": own, "predictors": ["bayesian-linear"], "seed": 0, "kept": None, "tell": None}
    yield Target("choosing.choose", choose, choosing, frozenset({"tell"}))
    model = fit(own, "bayesian-linear", validate=False)[0]
    asked = {name: values[:3] for name, values in columns.items() if name != "accuracy"}
    folder = Path(tempfile.mkdtemp())
    model.save(folder / "m.npz")
    yield from methods(
        "Model", model, {"rank": {"frame": asked}, "lacking": {"frame": asked}, "save": {"path": "m.npz"}}
    )
    yield Target("Model.load", Model.load, {"path": folder / "m.npz"})
    yield Target(
        "Model.rank of a column",
        lambda column: model.rank({**asked, "depth": column}),
        {"column": asked["depth"]},
        frozenset({"column"}),
    )


def trainings() -> Iterator[Target]:
    """Trainings of one's own, and their data."""
    from archcast import training

    space = archcast.get_space("nasbench201")
    rows = space.sample(2, 0)
    yield Target("Recipe", training.Recipe, {p: getattr(training.Recipe(), p) for p in _fields(training.Recipe)})
    yield Target("Augmentation", training.Augmentation, {"shift": 0, "fill": 0.0, "flip": False, "noise": 0.0})
    yield Target("load_dataset", training.load_dataset, {"name": "digits", "canvas": 8, "train": 64, "noise": 0.0})
    digits = training.load_dataset("digits", train=64, validation=32)
    yield Target("Dataset", training.Dataset, {p: getattr(digits, p) for p in _fields(training.Dataset)})
    given = {
        "space": space, "dataset": digits, "recipe": training.Recipe(epochs=1), "width": 2, "depth": 1, "stages": 1, "seed": 0,
        "device": "cpu", "mixed_precision": False, "weights": None,
    }  # fmt: skip
    yield Target("Trainer", training.Trainer, given)
    trainer = trainer_of(space)
    yield from methods(
        "Trainer", trainer, {"train": {"arch": rows[0], "seed": 0}, "train_seeds": {"arch": rows[0], "seeds": [0]}}
    )
    making = {
        "trainer": trainer,
        "archs": rows,
        "out": "t",
        "seeds": (0,),
        "jobs": 1,
        "seconds": None,
        "progress": None,
    }
    yield Target("train_table", training.train_table, making)
    yield Target("sample_functions", training.sample_functions, {"space": space, "n": 2, "seed": 0})
    yield Target("settings_for", training.settings_for, {"dataset": "digits", "space": space, "epochs": 2})
    yield Target("read_runs", training.read_runs, {"folder": "t"})


def trainer_of(space: Any) -> Any:
    """The smallest training of a space's networks."""
    from archcast.training import Recipe, Trainer, load_dataset

    digits = load_dataset("digits", train=64, validation=32)
    return Trainer(space, digits, Recipe(epochs=1), width=2, depth=1, stages=1)


def _fields(made: Any) -> list[str]:
    return list(inspect.signature(made).parameters)


def supernets() -> Iterator[Target]:
    """Shared weights: networks that hold every architecture, and predictors that train them."""
    import torch

    from archcast.names import PREDICTORS
    from archcast.supernets import Settings, evaluate, get_supernet

    space = archcast.get_space("nasbench201")
    small = archcast.Task((1, 8, 8), width=2, depth=1, stages=1)
    yield Target("get_supernet", get_supernet, {"space": space, "task": small, "seed": 0, "affine": True, "partial": 1})
    yield Target("supernets.Settings", Settings, {p: getattr(Settings(), p) for p in _fields(Settings)})
    net = get_supernet(space, small)
    rows = space.sample(2, 0)
    x, y = torch.randn(4, 1, 8, 8), torch.randint(0, 10, (4,))
    judged = {"net": net, "rows": rows, "x": x, "y": y, "calibration": None, "reference": None, "progress": None}
    yield Target("supernets.evaluate", evaluate, judged, frozenset({"progress"}))
    yield from methods("Supernet", net, {
        "forward": {"x": x, "row": rows[0]}, "has_path": {"rows": rows}, "shares": {"rows": rows},
        "choices_of": {"rows": rows},
    })  # fmt: skip
    yield Target("Supernet.inherited", lambda row: net.inherited(row), {"row": rows[0]})
    cheap = {"epochs": 1, "batch_size": 256, "images": 16, "task": small}
    for name in ("one-shot", "one-shot-fairnas", "one-shot-darts"):
        if name not in PREDICTORS.names():
            continue
        takes = archcast.get_predictor(name, space).get_params(deep=False)
        more = {p: v for p, v in cheap.items() if p in takes}

        def learn(
            archs: Any,
            scores: Any,
            dataset: Any,
            asked: Any,
            name: str = name,
            more: dict[str, Any] = more,
        ) -> Any:
            made = archcast.get_predictor(name, space, random_state=0, dataset=dataset, **more)
            return made.init(archs, scores).query(asked).mean

        given = {"archs": None, "scores": None, "dataset": "digits", "asked": rows}
        yield Target(f"predictor {name}.init", learn, given)
