"""Checks of the two verbs: what they return, that they repeat, that the predictor learns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from archcast.errors import InvalidInputError
from archcast.predictors.base import Prediction, Predictor
from archcast.testing._assertions import expect_error, require
from archcast.testing.predictors._material import (
    evidence_of,
    fresh,
    initialised,
    query,
    ready,
    require_same,
    require_sound,
    rows_of,
    scores_of,
    shortened,
    size_of,
)


def check_init_returns_self_and_keeps_parameters(predictor: Predictor) -> None:
    archs = rows_of(predictor, size_of(predictor))
    one = fresh(predictor)
    before = one.get_params(deep=False)
    require(one.init(archs, scores_of(one, archs), evidence_of(one, archs)) is one, "init does not return self")
    changed = [name for name, value in one.get_params(deep=False).items() if value is not before[name]]
    require(not changed, f"init changes the parameters {changed}")
    wrong = [name for name in vars(one) if name not in before and (not name.endswith("_") or name.startswith("_"))]
    require(not wrong, f"init sets {wrong}: learned attributes end in an underscore")
    require_sound(one, query(one, rows_of(one, 7, 1)), 7, "query")


def check_init_is_idempotent_and_forgets(predictor: Predictor) -> None:
    queries, one = rows_of(predictor, 9, 1), fresh(predictor)
    for seed, what in ((3, "init"), (0, "init again with other data"), (0, "init again with the same data")):
        archs = rows_of(predictor, size_of(predictor), seed)
        answer = query(one.init(archs, scores_of(one, archs), evidence_of(one, archs)), queries)
        require_same(answer, query(ready(predictor, seed), queries), what)


def check_same_seed_same_answer(predictor: Predictor) -> None:
    queries = rows_of(predictor, 9, 1)
    one = initialised(predictor)
    answer = query(one, queries)
    require_same(answer, query(ready(predictor), queries), "two runs with one seed")
    require_same(answer, query(one, queries), "two queries of one predictor")


def check_fit_and_predict_are_aliases(predictor: Predictor) -> None:
    archs, queries = rows_of(predictor, size_of(predictor)), rows_of(predictor, 9, 1)
    one = fresh(predictor).fit(archs, scores_of(predictor, archs), evidence_of(predictor, archs))
    answer, evidence = query(ready(predictor), queries), shortened(predictor, evidence_of(predictor, queries))
    require(
        np.array_equal(one.predict(queries, evidence=evidence), answer.mean), "fit, predict differ from init, query"
    )
    if predictor.has_std:
        mean, std = one.predict(queries, return_std=True, evidence=evidence)
        require_same(Prediction(mean, std), answer, "predict(return_std=True)")
    else:
        with expect_error(InvalidInputError, "predict(return_std=True) without uncertainty"):
            one.predict(queries, return_std=True, evidence=evidence)


def check_query_ignores_order_and_company(predictor: Predictor) -> None:
    one, queries = ready(predictor), rows_of(predictor, 40, 1)
    whole = query(one, queries)

    def part(rows: NDArray[np.int64]) -> Prediction:
        return Prediction(whole.mean[rows], None if whole.std is None else whole.std[rows])

    for rows in (np.arange(40)[::-1], np.array([5]), np.array([7, 7, 31]), np.arange(3, 33)):
        require_same(query(one, queries[rows]), part(rows), f"rows {rows[:4]} alone", rtol=1e-6)


def check_few_archs(predictor: Predictor) -> None:
    queries = rows_of(predictor, 9, 1)
    for n in range(1, 6):
        archs = rows_of(predictor, n, n)
        scores, evidence, one = scores_of(predictor, archs), evidence_of(predictor, archs), fresh(predictor)
        if n < predictor.requires.min_archs:
            with expect_error(InvalidInputError, f"init with {n} architectures", str(predictor.requires.min_archs)):
                one.init(archs, scores, evidence)
        else:
            require_sound(one, query(one.init(archs, scores, evidence), queries), 9, f"{n} architectures")


def check_constant_scores(predictor: Predictor) -> None:
    archs, queries = rows_of(predictor, size_of(predictor)), rows_of(predictor, 9, 1)
    for value in (0.0, 93.25):
        one = fresh(predictor).init(archs, np.full(len(archs), value), evidence_of(predictor, archs))
        answer = query(one, queries)
        require_sound(predictor, answer, 9, f"scores that are all {value}")
        if predictor.requires.labels:
            require(np.allclose(answer.mean, value, atol=1), f"scores all {value} give mean {answer.mean[:4]}")


def check_duplicate_rows(predictor: Predictor) -> None:
    archs, queries = rows_of(predictor, size_of(predictor)), rows_of(predictor, 9, 1)
    for what, rows in (
        ("every row twice", np.repeat(archs, 2, axis=0)),
        ("one row only", np.repeat(archs[:1], 6, axis=0)),
    ):
        if len(rows) >= predictor.requires.min_archs:
            scores = scores_of(predictor, rows) + np.arange(len(rows)) % 2
            one = fresh(predictor).init(rows, scores, evidence_of(predictor, rows))
            require_sound(predictor, query(one, queries), 9, what)


def check_scale_of_scores(predictor: Predictor) -> None:
    if not predictor.requires.labels:
        return
    archs, queries = rows_of(predictor, size_of(predictor)), rows_of(predictor, 9, 1)
    for factor, offset in ((1.0, 0.0), (1e-4, 0.0), (1e4, -1e6)):
        scores = scores_of(predictor, archs) * factor + offset
        answer = query(fresh(predictor).init(archs, scores, evidence_of(predictor, archs)), queries)
        margin = 2 * np.ptp(scores)
        inside = (answer.mean > scores.min() - margin) & (answer.mean < scores.max() + margin)
        require(inside.all(), f"scores in {scores.min():g}..{scores.max():g} give {answer.mean[~inside][:3]}")


def check_learns(predictor: Predictor) -> None:
    if predictor.requires.data:  # it learns from images, not from scores
        return
    one, queries = initialised(predictor, 60), rows_of(predictor, 150, 1)
    tau = kendalltau(query(one, queries).mean, scores_of(one, queries)).statistic
    require(
        tau > 0.3,
        f"Kendall tau is {tau:.2f} after 60 rows of a simple function: no better than chance, or the wrong sign",
    )


def check_std(predictor: Predictor) -> None:
    if predictor.has_std:
        std = query(ready(predictor), rows_of(predictor, 40, 1)).std
        assert std is not None
        require(std.max() > 0, "std is zero everywhere")
        require(std.max() < 1000, f"scores of 60..90 give a std of {std.max():g}")
