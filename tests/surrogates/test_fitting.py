"""``make_surrogate``: what it learns, how it is repeated, what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau

from archcast.data.benchmark import Benchmark
from archcast.errors import InvalidInputError, UnknownNameError
from archcast.surrogates import make_surrogate
from archcast.surrogates.fitting import centred, fitted_rows, repeats_of


def test_it_covers_the_space_and_ranks_what_it_has_not_seen(table: Benchmark, surrogate: Benchmark) -> None:
    assert len(surrogate) == 15625
    seen = {row.tobytes() for row in surrogate.function.seen}  # type: ignore[union-attr]
    rest = np.array([row.tobytes() not in seen for row in table.archs])
    assert 150 < rest.sum() < 250
    answer = surrogate.scores(table.archs[rest])
    assert kendalltau(answer, table.scores()[rest]).statistic > 0.7
    curve = surrogate.at(table.archs[rest]).curves["val_accuracy"]
    assert np.abs(curve - table.curves["val_accuracy"][rest]).mean() < 0.02


def test_constant_columns_and_seconds(surrogate: Benchmark) -> None:
    assert (surrogate.costs["same"] == 7).all()
    assert surrogate.train_seconds is not None
    assert 9 < surrogate.train_seconds.min() < surrogate.train_seconds.max() < 18


def test_same_seed_same_surrogate(table: Benchmark, surrogate: Benchmark) -> None:
    again = make_surrogate(table, share=0.5, members=["xgboost", "bayesian-linear"], curves=[])
    np.testing.assert_array_equal(again.scores(), surrogate.scores())
    other = make_surrogate(table, share=0.5, members=["xgboost"], curves=[], seed=1)
    assert not np.array_equal(other.scores(), surrogate.scores())
    assert not other.curves


def test_rows_of_a_share(table: Benchmark) -> None:
    values = table.scores().copy()
    values[:100] = np.nan
    partly = replace(table, metrics={"accuracy": values})
    rows = fitted_rows(partly, "accuracy", 0.25, 0)
    assert rows.min() >= 100
    assert len(rows) == round(0.25 * (len(table) - 100))


def test_trainings_are_found_by_their_names(table: Benchmark) -> None:
    assert repeats_of(table, "accuracy") == ["accuracy_s1", "accuracy_s2", "accuracy_s3"]
    assert repeats_of(table, "accuracy_s1") == []
    values = table.scores()
    named = replace(table, metrics={"a_mean3": values, "a_s1": values, "a_s2": values}, default_metric="a_mean3")
    assert repeats_of(named, "a_mean3") == ["a_s1", "a_s2"]


def test_residuals_from_the_mean_have_the_spread_of_a_training() -> None:
    runs = np.random.default_rng(0).normal(5, 2, (20000, 3))
    runs[:5000, 2] = np.nan
    runs[0, 1:] = np.nan
    residuals = centred(runs)
    assert np.isnan(residuals[0]).all()
    assert abs(np.nanstd(residuals) - 2) < 0.05


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"share": 0.01}, InvalidInputError, "at least 20 rows"),
        ({"share": 0}, InvalidInputError, "share must be a number above 0"),
        ({"metrics": ["acc"]}, UnknownNameError, "Did you mean 'accuracy'"),
        ({"metrics": []}, InvalidInputError, "metrics is empty"),
        ({"curves": ["val_acc"]}, UnknownNameError, "Did you mean 'val_accuracy'"),
        ({"members": ["gpp"]}, UnknownNameError, "Unknown predictor 'gpp'"),
        ({"members": []}, InvalidInputError, "members is empty"),
        ({"members": ["sotl-e"]}, InvalidInputError, "does not learn from scores alone"),
    ],
)
def test_refusals(table: Benchmark, settings: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_surrogate(table, **settings)  # type: ignore[arg-type]


def test_a_space_too_large_to_list_has_drawn_rows() -> None:
    from archcast.spaces.base import get_space

    space = get_space("darts")
    archs = space.sample(40, 0)
    scores = archs[:, 0] + 0.1 * archs[:, 1]
    made = make_surrogate(Benchmark("d", space, archs, {"s": scores}, "s"), members=["bayesian-linear"])
    assert 9_000 < len(made) <= 10_040
    assert made.scores(space.sample(3, 5)).shape == (3,)
