"""What is attacked of the classes that a user makes or is given: their parameters, and every method that takes something."""

from __future__ import annotations

import importlib.util
import inspect
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from attack_commands import mirror
from attack_inputs import Target

import archcast


def objects() -> Iterator[Target]:
    """Spaces of one's own, answers, objectives, tables, trainings, shared weights, callbacks of other libraries."""
    yield from own_spaces()
    yield from answers()
    yield from searches()
    yield from tables()
    yield from trainings()
    yield from supernets()
    yield from others()


def own_spaces() -> Iterator[Target]:
    """Decisions, and spaces of them."""
    numbers = {"low": 1, "high": 8, "step": None, "log": False, "levels": None}
    yield Target("Int", lambda **given: archcast.Choices(a=archcast.Int(**given)).sample(2, 0), numbers)
    yield Target("Float", lambda **given: archcast.Choices(a=archcast.Float(**given)).sample(2, 0), numbers)
    log = {"low": 1.0, "high": 8.0, "levels": None}
    yield Target("Log", lambda **given: archcast.Choices(a=archcast.Log(**given)).sample(2, 0), log)
    values = {"values": [1, 2, 4], "ordered": False}
    yield Target("Categorical", lambda **given: archcast.Choices(a=archcast.Categorical(**given)).sample(2, 0), values)
    given = {"space": {"a": [1, 2], "b": ["x", "y"]}, "conditions": None, "forbidden": (), "name": "own"}
    yield Target("Choices", lambda space, **more: archcast.Choices(space, **more).sample(2, 0), given)
    own = archcast.Choices(
        {"depth": [1, 2, 3], "op": ["conv", "pool"], "width": archcast.Int(8, 32, step=8)},
        conditions={"width": {"op": "conv"}},
    )
    rows = own.sample(4, 0)
    archs = own.dicts(rows)
    yield from methods("Choices", own, {
        "active": {"archs": rows}, "dicts": {"archs": rows}, "frame": {"archs": rows}, "function_keys": {"archs": rows},
        "is_allowed": {"archs": rows}, "is_valid": {"archs": rows}, "row": {"architecture": archs[0]},
        "rows": {"frame": own.frame(rows), "nearest": False}, "settle": {"archs": rows},
        "sample": {"n": 2, "rng": 0, "by": "decision"},
        "parse": {"texts": own.format(rows)}, "validate": {"archs": rows, "allow_empty": True},
        "neighbors": {"arch": rows[0]}, "mutate": {"archs": rows, "rng": 0}, "canonical": {"archs": rows},
        "from_json": {"text": own.to_json()}, "from_dict": {"description": own.to_dict()},
        "from_table": {"frame": own.frame(rows), "columns": ["depth", "op"], "name": "t"},
    })  # fmt: skip
    grammar = {"grammar": 'net -> "chain" block block\nblock -> "conv" | "pool"', "depth": 4, "name": "g"}
    yield Target("GrammarSpace", lambda **given: archcast.GrammarSpace(**given).sample(2, 0), grammar)
    graph = archcast.get_space("nasbench201").graphs(archcast.get_space("nasbench201").sample(2, 0))
    cell = {"adjacency": graph.adjacency, "operations": graph.operations, "op_names": graph.op_names, "terminals": 2}
    yield Target("CellGraphs", archcast.CellGraphs, cell)


def methods(
    name: str, made: Any, of: dict[str, dict[str, Any]], free: frozenset[str] = frozenset()
) -> Iterator[Target]:
    """A target for each method of an object."""
    for method, given in of.items():
        yield Target(f"{name}.{method}", getattr(made, method), given, free)


def answers() -> Iterator[Target]:
    """Predictions, forecasts, evidence, metrics."""
    from archcast.forecasting.readers.read import read_logs
    from archcast.forecasting.stopper import Stopper

    values = np.array([0.3, 0.1, 0.2, 0.5, 0.4])
    yield Target("Prediction", archcast.Prediction, {"mean": values, "std": values})
    yield Target("Prediction.interval", archcast.Prediction(values, values).interval, {"level": 0.9})
    curves = 1 - 0.5 ** np.arange(1, 7)[None] * np.array([[1.0], [0.8]])
    found = archcast.forecast(curves.tolist(), epochs=10, metric="accuracy", best=0.9)
    yield from methods("Forecast", found, {
        "above": {"value": 0.9}, "at": {"epoch": 4}, "interval": {"level": 0.9}, "plot": {"path": "f.png"},
    })  # fmt: skip

    def stop(value: Any, **given: Any) -> Any:
        stopper = Stopper(**given)
        for _ in range(4):
            stopper.update(value)
        return stopper.update(value)

    stopping = {
        "value": 0.5, "epochs": 10, "done": [[0.1] * 10], "best": 0.9, "metric": "val_accuracy", "better": None, "patience": 3,
        "chance": 0.05,
    }  # fmt: skip
    yield Target("Stopper", stop, stopping)
    folder = Path(tempfile.mkdtemp())
    (folder / "log.csv").write_text("epoch,accuracy\n1,0.1\n2,0.2\n")
    yield Target("read_logs", read_logs, {"paths": [folder / "log.csv"], "metric": "accuracy"})
    evidence = archcast.Evidence(proxies={"synflow": values, "params": values})
    yield Target("Evidence.matrix", lambda proxies: evidence.matrix(proxies).shape, {"proxies": ["synflow"]})
    yield from methods("Evidence", evidence, {
        "shared": {"other": evidence}, "concatenate": {"parts": [evidence, evidence]},
        "__getitem__": {"rows": [0, 1]},
    })  # fmt: skip


def searches() -> Iterator[Target]:
    """Objectives, histories, strategies that are saved, fronts."""
    from archcast import search

    space = archcast.get_space("nasbench201")
    rows = space.sample(60, 0)
    table = archcast.Benchmark(
        "t", space, rows, {"m": rows.mean(axis=1)}, "m", costs={"params": rows.sum(axis=1) + 1.0}
    )

    def objective(arch: Any, epochs: Any, trained: Any, **given: Any) -> Any:
        return search.FunctionObjective(lambda arch: float(arch.mean()), **given).evaluate(arch, epochs, trained)

    given = {"arch": rows[0], "epochs": 0, "trained": 0, "space": space, "names": ("score",)}
    yield Target("FunctionObjective", objective, given)
    yield Target(
        "FunctionObjective of what it returns",
        lambda found: search.FunctionObjective(lambda _: found, space).evaluate(rows[0]),
        {"found": 0.5},
        frozenset({"found"}),
    )

    def looked_up(arch: Any, **given: Any) -> Any:
        return search.TableObjective(**given).evaluate(arch)

    asked = {"arch": rows[0], "benchmark": table, "metric": "m", "costs": ["params"], "test_metric": None}
    yield Target("TableObjective", looked_up, asked)

    def trained(arch: Any, epochs: Any, **given: Any) -> Any:
        return search.TrainingObjective(**given).evaluate(arch, epochs)

    made = {"arch": rows[0], "epochs": 1, "trainer": _trainer(space), "costs": ["params"], "seed": 0}
    yield Target("TrainingObjective", trained, made)
    yield Target("ZeroCost", search.ZeroCost, {"function": np.mean, "warmup": 10, "moves": 1}, frozenset({"function"}))
    scores = np.array([[1.0, 2.0], [2.0, 1.0], [0.5, 0.5]])
    yield Target("pareto_front", search.pareto_front, {"scores": scores})
    yield Target("hypervolume", search.hypervolume, {"scores": scores, "reference": [0.0, 0.0]})
    strategy = archcast.get_strategy("regularized-evolution", space, random_state=0)
    strategy.tell(rows[:12], rows[:12].mean(axis=1))
    folder = Path(tempfile.mkdtemp())
    strategy.save(folder / "s.npz")
    yield Target("load_strategy", search.load_strategy, {"path": folder / "s.npz", "zero_cost": None})
    yield from methods("Strategy", strategy, {
        "epochs": {"archs": rows[:2]}, "expect": {"archs": rows[20:22]}, "save": {"path": "s.npz"},
        "load": {"path": folder / "s.npz"},
    })  # fmt: skip
    found = archcast.run_search(["random"], table, budget=4, batch=2)
    yield from methods("SearchResults", found, {
        "front": {"strategy": "random"}, "of": {"strategy": "random"}, "plot": {"path": "s.png"}, "save": {"folder": "s"},
        "to_html": {"path": "s.html"},
    })  # fmt: skip


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
    trainer = _trainer(space)
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


def _trainer(space: Any) -> Any:
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


def others() -> Iterator[Target]:
    """What stands between archcast and other libraries."""
    import torch

    from archcast.costs.structure import structure
    from archcast.data.fetching import fetch
    from archcast.zoo import ZooForecaster, forecast_model, recipe_flags, shipped

    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 5)
    )
    yield Target("forecast_model", forecast_model, {"model": model, "shape": (3, 16, 16), "recipe": None, "known": ()})
    folder = Path(tempfile.mkdtemp())
    shipped().save(folder / "z.npz")
    yield Target("ZooForecaster.save", shipped().save, {"path": "z.npz"})
    yield Target("ZooForecaster.load", ZooForecaster.load, {"path": folder / "z.npz"})
    seen = np.array([list(structure(model, (3, 16, 16)).values())] * 2)
    yield Target("ZooForecaster.predict", shipped().predict, {"structures": seen, "flags": None, "known": None})
    yield Target("recipe_flags", recipe_flags, {"tag": "a1_in1k"})
    fetching = {"name": "nds", "folder": "f", "mirror": mirror(), "report": None}
    yield Target("data.fetching.fetch", fetch, fetching, frozenset({"report"}))
    if importlib.util.find_spec("optuna") is None:
        return
    import optuna

    from archcast.integrations.optuna import (
        CurvePruner,
        PredictorSampler,
        arch_of,
        distributions,
        requeue_lost,
        suggest_arch,
    )

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = archcast.get_space("nasbench201")

    def sampled(trials: int = 2, **given: Any) -> Any:
        study = optuna.create_study(sampler=PredictorSampler(**given))
        study.optimize(lambda trial: float(suggest_arch(trial, "nasbench201").mean()), n_trials=trials)
        return len(study.trials)

    given = {
        "space": space,
        "predictor": "bayesian-linear",
        "acquisition": "ei",
        "n_startup_trials": 1,
        "zero_cost": None,
        "seed": 0,
    }
    yield Target("PredictorSampler", sampled, given)
    pruning = {
        "space": space, "predictor": "lc-increment", "threshold": 0.05, "signal": None, "total_reports": 10, "n_startup_trials": 1,
        "n_warmup_steps": 0, "interval_steps": 1,
    }  # fmt: skip
    yield Target("CurvePruner", CurvePruner, pruning)
    yield Target("distributions", distributions, {"space": space})
    trial = optuna.create_study().ask()
    yield Target("suggest_arch", suggest_arch, {"trial": trial, "space": space})
    suggest_arch(trial, space)
    yield Target("arch_of", arch_of, {"trial": trial, "space": space})
    yield Target("requeue_lost", requeue_lost, {"study": optuna.create_study(), "older_than": 0.0})
