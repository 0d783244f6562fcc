"""Objectives: tables with their twins and costs, functions and their failures."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import archcast
from archcast.data.benchmark import Benchmark
from archcast.errors import InvalidInputError, UnknownNameError
from archcast.search.objectives import Evaluation, FunctionObjective, TableObjective

SPACE = archcast.get_space("nasbench201")


def table(archs, **rest):
    archs = np.asarray(archs)
    score = (archs == 3).sum(axis=1) / 6.0
    curves = {"val_accuracy": np.linspace(0.1, score, 4).T}
    return Benchmark(
        "mine",
        SPACE,
        archs,
        {"val": score, "test": score - 0.01},
        "val",
        curves=curves,
        costs={"latency": archs.sum(axis=1).astype(float)},
        train_seconds=np.arange(1.0, len(archs) + 1),
        test_metric="test",
        **rest,
    )


@pytest.fixture(scope="module")
def benchmark():
    return table(SPACE.enumerate()[::7])


def test_a_table_gives_what_it_holds(benchmark) -> None:
    objective = TableObjective(benchmark, costs=["latency"])
    found = objective.evaluate(benchmark.archs[5])
    assert found.scores == (benchmark.scores()[5], -benchmark.costs["latency"][5])
    assert (found.seconds, found.share, found.failure) == (6.0, 1.0, "")
    assert found.test == benchmark.metrics["test"][5]
    np.testing.assert_array_equal(found.curves["val_accuracy"], benchmark.curves["val_accuracy"][5])
    assert objective.names == ("val", "-latency")
    assert objective.optimum == benchmark.scores().max()
    assert objective.simulated


def test_a_short_training_gives_the_curve_and_costs_its_share(benchmark) -> None:
    objective = TableObjective(benchmark)
    assert objective.epochs == 4
    found = objective.evaluate(benchmark.archs[5], epochs=2)
    assert found.scores == (benchmark.curves["val_accuracy"][5, 1],)
    assert (found.share, found.seconds) == (0.5, 3.0)
    assert len(found.curves["val_accuracy"]) == 2
    assert objective.evaluate(benchmark.archs[5], epochs=3, trained=2).share == 0.25


def test_a_twin_is_looked_up() -> None:
    archs = np.array([[3, 0, 0, 0, 0, 3], [3, 3, 3, 3, 3, 3]])
    twins = [row for row in SPACE.enumerate() if (SPACE.canonical(row) == SPACE.canonical(archs[:1])).all()]
    assert len(twins) > 1
    objective = TableObjective(table(archs))
    assert {objective.evaluate(twin).scores for twin in twins} == {(2 / 6,)}
    assert objective.number(twins[-1]) == 0


def test_a_row_that_was_not_measured_is_a_failure() -> None:
    objective = TableObjective(table([[3, 3, 3, 3, 3, 3]]))
    found = objective.evaluate(np.array([3, 3, 3, 3, 3, 2]))
    assert math.isnan(found.scores[0])
    assert found.failure == "not in the table of mine"
    with pytest.raises(InvalidInputError, match="is not in the table of mine"):
        objective.number(np.array([3, 3, 3, 3, 3, 2]))


def test_the_pool_is_what_was_measured() -> None:
    archs = SPACE.enumerate()[::7]
    values = np.where(np.arange(len(archs)) % 2, np.nan, 1.0)
    part = Benchmark("mine", SPACE, archs, {"val": values}, "val")
    np.testing.assert_array_equal(TableObjective(part).pool, archs[::2])
    whole = Benchmark("mine", SPACE, SPACE.enumerate(), {"val": np.ones(15_625)}, "val")
    assert TableObjective(whole).pool is None
    functions = np.unique(SPACE.canonical(SPACE.enumerate()), axis=0)
    assert TableObjective(Benchmark("mine", SPACE, functions, {"val": np.ones(len(functions))}, "val")).pool is None


def test_unknown_names(benchmark) -> None:
    with pytest.raises(
        UnknownNameError, match=r"Unknown objective 'latncy' of benchmark 'mine'. Did you mean 'latency'"
    ):
        TableObjective(benchmark, costs=["latncy"])
    with pytest.raises(UnknownNameError, match="Unknown metric 'vall'"):
        TableObjective(benchmark, "vall")
    bare = Benchmark("bare", SPACE, benchmark.archs, {"val": benchmark.scores()}, "val")
    with pytest.raises(UnknownNameError, match=r"'latency' of benchmark 'bare'. Available: params, macs"):
        TableObjective(bare, costs=["latency"])
    assert TableObjective(bare).epochs is None


def test_a_table_without_a_complete_row() -> None:
    empty = Benchmark("mine", SPACE, [[0] * 6], {"val": [math.nan]}, "val")
    with pytest.raises(InvalidInputError, match="has no architecture with all of val"):
        TableObjective(empty)


@pytest.mark.parametrize(
    ("returned", "scores", "curves"),
    [
        (0.5, (0.5,), {}),
        (np.float32(0.5), (0.5,), {}),
        (np.array([0.5]), (0.5,), {}),
        ((0.5, {"loss": [2, 1]}), (0.5,), {"loss": [2.0, 1.0]}),
    ],
)
def test_what_a_function_may_return(returned, scores, curves) -> None:
    found = FunctionObjective(lambda arch: returned, SPACE).evaluate(np.zeros(6, dtype=int))
    assert (found.scores, found.failure) == (scores, "")
    assert {name: list(curve) for name, curve in found.curves.items()} == curves
    assert found.seconds >= 0


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (math.nan, "the score is nan"),
        (math.inf, "the score is inf"),
        ("good", "must return a number"),
        ([1.0, 2.0], "must return 1 score, got 2"),
        (None, "must return a number"),
    ],
)
def test_what_a_function_may_not_return_is_a_failure(returned, reason) -> None:
    found = FunctionObjective(lambda arch: returned, SPACE).evaluate(np.zeros(6, dtype=int))
    assert reason in found.failure
    assert math.isnan(found.scores[0])


def test_what_a_function_raises_is_the_reason() -> None:
    def train(arch):
        raise MemoryError("out of\n memory")

    assert FunctionObjective(train, SPACE).evaluate(np.zeros(6)).failure == "MemoryError: out of memory"

    def interrupted(arch):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FunctionObjective(interrupted, SPACE).evaluate(np.zeros(6))


def test_a_function_of_epochs() -> None:
    asked = []

    def train(arch, epochs):
        asked.append(epochs)
        return epochs / 10

    objective = FunctionObjective(train, SPACE, epochs=10)
    found = objective.evaluate(np.zeros(6), epochs=5)
    assert (found.scores, found.share, asked) == ((0.5,), 0.5, [5])
    with pytest.raises(InvalidInputError, match="no parameter 'epochs'"):
        FunctionObjective(lambda arch: 1, SPACE, epochs=10)
    with pytest.raises(InvalidInputError, match="function must be callable, got 3"):
        FunctionObjective(3, SPACE)


def test_several_scores() -> None:
    objective = FunctionObjective(lambda arch: (0.9, -5.0), SPACE, names=("accuracy", "-latency"))
    assert objective.evaluate(np.zeros(6)).scores == (0.9, -5.0)


def test_an_evaluation_survives_json() -> None:
    before = Evaluation((0.5, math.nan), math.nan, 0.25, {"loss": np.array([1.0, math.nan])}, 0.4, "because")
    after = Evaluation.from_json(json.loads(json.dumps(before.to_json(), allow_nan=False)))
    assert repr(after) == repr(before)
