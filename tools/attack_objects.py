"""What is attacked of the classes that a user makes or is given: their parameters, and every method that takes something."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from attack_commands import mirror
from attack_inputs import Target, methods
from attack_training import supernets, tables, trainer_of, trainings

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

    made = {"arch": rows[0], "epochs": 1, "trainer": trainer_of(space), "costs": ["params"], "seed": 0}
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
