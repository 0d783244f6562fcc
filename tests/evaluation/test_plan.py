"""A plan holds all that decides the results, and a folder of anything else is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import archcast
from archcast._version import versions
from archcast.errors import InvalidInputError
from archcast.evaluation.plan import make_plan
from archcast.evaluation.protocol import Settings, make_predictors
from archcast.predictors import Predictor

SMALL = {"train_sizes": [10], "test_size": 40, "trials": 1}


@pytest.fixture
def curved(tiny):
    n = len(tiny)
    curves = {"val_accuracy": np.linspace(0, 1, n)[:, None] * np.arange(1, 6)}
    return replace(tiny, curves=curves, train_seconds=np.full(n, 9.0), costs={"ms": np.arange(float(n))})


def changed(benchmark, kind):
    """The same table but for one number."""
    if kind == "train_seconds":
        return replace(benchmark, train_seconds=benchmark.train_seconds + 1)
    if kind == "evidence":
        return benchmark
    name, values = next(iter(getattr(benchmark, kind).items()))
    values = values.copy()
    values.flat[np.nanargmax(values)] += 1
    return replace(benchmark, **{kind: {**getattr(benchmark, kind), name: values}})


@pytest.mark.parametrize("kind", ["metrics", "curves", "costs", "train_seconds"])
def test_results_of_another_table_are_refused(curved, kinds, tmp_path, kind) -> None:
    predictor = {"a": kinds["Counts"](curved.space)}
    archcast.evaluate(predictor, curved, **SMALL, out=tmp_path)
    calls = len(kinds["Counts"].calls)
    archcast.evaluate(predictor, curved, **SMALL, out=tmp_path)
    assert len(kinds["Counts"].calls) == calls, "the same table continues"
    with pytest.raises(InvalidInputError, match="holds results of another protocol: its data is"):
        archcast.evaluate(predictor, changed(curved, kind), **SMALL, out=tmp_path)


def test_results_with_other_evidence_are_refused(curved, kinds, tmp_path) -> None:
    predictor = {"a": kinds["Counts"](curved.space)}
    evidence = archcast.Evidence(curves=curved.curves)
    archcast.evaluate(predictor, curved, **SMALL, out=tmp_path, evidence=evidence)
    other = archcast.Evidence(curves={"val_accuracy": curved.curves["val_accuracy"] + 1})
    with pytest.raises(InvalidInputError, match="its data is"):
        archcast.evaluate(predictor, curved, **SMALL, out=tmp_path, evidence=other)


def test_results_of_other_software_are_refused(tiny, kinds, tmp_path, monkeypatch) -> None:
    predictor = {"a": kinds["Counts"](tiny.space)}
    archcast.evaluate(predictor, tiny, **SMALL, out=tmp_path)
    monkeypatch.setattr("archcast.evaluation.plan.versions", lambda: {**versions(), "numpy": "0.1"})
    with pytest.raises(
        InvalidInputError, match=r'its versions is {"numpy": "[1-9].*"}, this run.s is {"numpy": "0.1"}'
    ):
        archcast.evaluate(predictor, tiny, **SMALL, out=tmp_path)


def test_a_predictor_is_known_by_its_source_and_its_arrays(tiny) -> None:
    def described(predictor):
        return make_plan({"a": predictor}, tiny, Settings(**SMALL), None, None).described()["predictors"]["a"]

    class Mine(Predictor):
        def __init__(self, space, *, weights=None, random_state=None):
            super().__init__(space, random_state=random_state)
            self.weights = weights

        def _init(self, known):
            pass

    weights = np.arange(3000.0)
    other = weights.copy()
    other[1500] = 7  # which repr leaves out
    assert described(Mine(tiny.space, weights=weights)) == described(Mine(tiny.space, weights=weights.copy()))
    assert described(Mine(tiny.space, weights=weights)) != described(Mine(tiny.space, weights=other))
    first = described(Mine(tiny.space))

    class Mine(Predictor):
        def __init__(self, space, *, weights=None, random_state=None):
            super().__init__(space, random_state=random_state)
            self.weights = weights

    assert first.startswith("Mine(space=")
    assert described(archcast.get_predictor("gp", tiny.space)).startswith("GaussianProcess(encoding=")
    assert "[" not in described(archcast.get_predictor("gp", tiny.space))


def test_a_plan_runs_nothing(tiny, kinds) -> None:
    calls = len(kinds["Counts"].calls)
    plan = make_plan({"a": kinds["Counts"](tiny.space)}, tiny, Settings(train_sizes=[5, 9], trials=3), None, None)
    assert len(plan.keys()) == 6
    assert len(kinds["Counts"].calls) == calls
    for (size, _), (train, test) in plan.splits.items():
        assert len(train) == size
        assert not set(train) & set(test)
    assert set(plan.tested()) == {int(i) for _, test in plan.splits.values() for i in test}


def test_all_leaves_out_what_trains_networks_and_proxies(tiny) -> None:
    names = set(make_predictors("all", tiny, None))
    assert {"gp", "stack", "omni", "sotl-e", "bananas"} <= names
    assert not {"one-shot", "one-shot-darts", "zero-cost", "evidence"} & names
