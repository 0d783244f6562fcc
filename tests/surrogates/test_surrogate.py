"""A surrogate is a benchmark: asked, saved, loaded, searched."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import archcast
from archcast.data.benchmark import Benchmark
from archcast.errors import InvalidFileError, InvalidInputError
from archcast.search.objectives import TableObjective
from archcast.surrogates import save_surrogate


@pytest.fixture(scope="module")
def file(surrogate: Benchmark, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("surrogate") / "surrogate.npz"
    save_surrogate(surrogate, path)
    return path


def test_it_loads_like_any_benchmark(surrogate: Benchmark, file: Path) -> None:
    loaded = archcast.load_benchmark(str(file))
    assert list(loaded.metrics) == ["accuracy", "accuracy_s1", "accuracy_s2", "accuracy_s3"]
    for name in surrogate.metrics:
        np.testing.assert_allclose(loaded.scores(name), surrogate.scores(name), atol=1e-6)
    np.testing.assert_allclose(loaded.curves["val_accuracy"], surrogate.curves["val_accuracy"], atol=1e-5)
    np.testing.assert_allclose(loaded.at(loaded.archs[:5]).scores(), loaded.scores()[:5], atol=1e-6)


def test_seeds(surrogate: Benchmark, table: Benchmark) -> None:
    """A seed gives one training, the same for the same question; they scatter as those of the table do."""
    archs = table.archs
    first, again, second = (surrogate.scores(archs, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != second).mean() > 0.8
    np.testing.assert_array_equal(first, surrogate.at(archs).scores("accuracy_s1"))
    some = surrogate.scores(archs[7:9], seed=1)
    np.testing.assert_allclose(some, first[7:9])
    runs = np.stack([surrogate.scores(archs, seed=seed) for seed in range(8)])
    assert 0.007 < runs.std(axis=0, ddof=1).mean() < 0.013
    assert np.abs(runs.mean(axis=0) - surrogate.scores(archs)).mean() < 0.01
    assert surrogate.at(archs, 3).curves["val_accuracy"].max() <= 1


def test_rows_that_are_the_same_function_have_the_same_answer(surrogate: Benchmark) -> None:
    twins = np.array([[3, 0, 0, 0, 0, 1], [3, 0, 0, 0, 0, 2]])  # only a dead edge differs
    keys = surrogate.space.canonical(twins)
    assert (keys[0] == keys[1]).all()
    np.testing.assert_array_equal(*surrogate.scores(twins, seed=4)[:, None])


def test_a_search_asks_for_what_is_not_ready(surrogate: Benchmark) -> None:
    some = surrogate.at(surrogate.archs[:50])
    objective = TableObjective(some)
    assert objective.pool is None
    assert np.isnan(objective.optimum)
    assert objective.evaluate(surrogate.archs[7000]).scores[0] == pytest.approx(surrogate.scores()[7000], abs=1e-9)
    early = objective.evaluate(surrogate.archs[7000], epochs=3)
    assert early.scores[0] == pytest.approx(surrogate.curves["val_accuracy"][7000, 2], abs=1e-9)
    assert early.share == pytest.approx(3 / 12)


def test_searched_and_evaluated(file: Path) -> None:
    found = archcast.run_search(["random"], str(file), budget=10)
    assert found.protocol["optimum"] is not None
    results = archcast.evaluate(["bayesian-linear"], str(file), train_sizes=[20], test_size=100, trials=1)
    assert results.summary_rows()[0]["kendall_tau"] > 0.3


def test_a_table_is_asked_too(table: Benchmark) -> None:
    np.testing.assert_array_equal(table.scores(table.archs[[5, 2]]), table.scores()[[5, 2]])
    np.testing.assert_array_equal(table.at(table.archs[[5]]).curves["val_accuracy"], table.curves["val_accuracy"][[5]])
    with pytest.raises(InvalidInputError, match="is a table"):
        table.scores(table.archs[:1], seed=1)
    few = table.at(table.archs[:2])
    with pytest.raises(InvalidInputError, match="is not in the table"):
        few.scores(table.archs[2:3])
    with pytest.raises(InvalidInputError, match="is no surrogate"):
        save_surrogate(table, "x.npz")


@pytest.mark.parametrize("seed", [-1, 1.5, True, 10**30])
def test_seeds_out_of_range(surrogate: Benchmark, seed: object) -> None:
    with pytest.raises(InvalidInputError, match="seed must be a whole number"):
        surrogate.scores(surrogate.archs[:1], seed=seed)  # type: ignore[arg-type]


def test_other_files(file: Path, tmp_path: Path) -> None:
    archcast.get_predictor("gp", "nasbench201").init([[0] * 6, [3] * 6], [0.1, 0.9]).save(tmp_path / "gp.npz")
    with pytest.raises(InvalidFileError, match="is not a benchmark file"):
        archcast.load_benchmark(str(tmp_path / "gp.npz"))
    with np.load(file) as arrays:
        kept = {name: arrays[name] for name in arrays.files}
    tree = json.loads(kept["archcast"].tobytes())
    del tree["surrogate"]["items"]["ready"]["items"]["metrics/accuracy"]
    kept["archcast"] = np.frombuffer(json.dumps(tree).encode(), dtype=np.uint8)
    np.savez(tmp_path / "other.npz", **kept)
    with pytest.raises(InvalidFileError, match="is not a surrogate"):
        archcast.load_benchmark(str(tmp_path / "other.npz"))
