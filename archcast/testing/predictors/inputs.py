"""Checks of input: read only, in any form, and refused where it is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from archcast.errors import InvalidInputError
from archcast.predictors.base import NotInitializedError, Predictor
from archcast.testing._assertions import expect_error, require
from archcast.testing.predictors._material import (
    evidence_of,
    fresh,
    query,
    ready,
    require_same,
    require_sound,
    rows_of,
    scores_of,
    size_of,
)


def check_input_is_only_read(predictor: Predictor) -> None:
    archs, queries = rows_of(predictor, size_of(predictor)), rows_of(predictor, 9, 1)
    scores = scores_of(predictor, archs)
    arrays: list[NDArray[Any]] = [archs, scores, queries]
    copies = [array.copy() for array in arrays]
    for array in arrays:
        array.setflags(write=False)
    query(fresh(predictor).init(archs, scores, evidence_of(predictor, archs)), queries)
    for array, copy in zip(arrays, copies, strict=True):
        require(np.array_equal(array, copy), "an input array was changed")


def check_forms_of_input(predictor: Predictor) -> None:
    archs, queries = rows_of(predictor, size_of(predictor)), rows_of(predictor, 9, 1)
    scores, evidence, answer = (
        scores_of(predictor, archs),
        evidence_of(predictor, archs),
        query(ready(predictor), queries),
    )
    for what, convert in (
        ("lists", lambda x: x.tolist()),
        ("Fortran order", np.asfortranarray),
        ("float64", lambda x: x.astype(np.float64)),
    ):
        one = fresh(predictor).init(convert(archs), convert(scores), evidence)
        require_same(query(one, convert(queries)), answer, what, rtol=1e-6)
    require_sound(predictor, query(ready(predictor), queries[0]), 1, "one row of shape (d,)")


def check_query_before_init(predictor: Predictor) -> None:
    with expect_error(NotInitializedError, "query before init", "init"):
        query(clone(predictor), rows_of(predictor, 3))


def check_wrong_archs(predictor: Predictor) -> None:
    one, archs = ready(predictor), rows_of(predictor, size_of(predictor))
    scores, evidence = scores_of(predictor, archs), evidence_of(predictor, archs)
    too_large, negative = archs.copy(), archs.copy()
    too_large[1, 0], negative[1, 0] = predictor._space.cardinalities[0], -1
    cases: list[tuple[str, Any]] = [
        ("too few columns", archs[:, 1:]),
        ("too many columns", np.concatenate([archs, archs], axis=1)),
        ("too large a value", too_large),
        ("a negative value", negative),
        ("values between integers", archs + 0.5),
        ("NaN", np.where(archs == archs[0], np.nan, archs)),
        ("texts", predictor._space.format(archs)),
    ]
    for what, wrong in cases:
        with expect_error(InvalidInputError, f"init with {what}", "archs"):
            fresh(predictor).init(wrong, scores, evidence)
        with expect_error(InvalidInputError, f"query with {what}", "archs"):
            one.query(wrong, evidence)


def check_empty(predictor: Predictor) -> None:
    empty, none = np.zeros((0, len(predictor._space.cardinalities)), dtype=np.int64), np.zeros(0)
    require_sound(predictor, query(ready(predictor), empty), 0, "query of no rows")
    if predictor.requires.none:
        for unlabelled in (fresh(predictor).init(), fresh(predictor).init(empty, none)):
            require_sound(predictor, query(unlabelled, rows_of(predictor, 9, 1)), 9, "init without architectures")
    elif predictor.requires.labels:
        with expect_error(InvalidInputError, "init without architectures"):
            fresh(predictor).init(empty, none)
    if predictor.requires.labels:
        with expect_error(InvalidInputError, "init without scores", "scores"):
            fresh(predictor).init(rows_of(predictor, size_of(predictor)))


def check_wrong_scores(predictor: Predictor) -> None:
    archs = rows_of(predictor, size_of(predictor))
    scores, evidence = scores_of(predictor, archs), evidence_of(predictor, archs)
    nan, infinite = scores.copy(), scores.copy()
    nan[2], infinite[2] = np.nan, -np.inf
    for what, wrong in (
        ("NaN", nan),
        ("infinite", infinite),
        ("too few", scores[1:]),
        ("two-dimensional", scores[:, None]),
        ("text", ["good"] * len(scores)),
    ):
        with expect_error(InvalidInputError, f"init with scores that are {what}", "scores"):
            fresh(predictor).init(archs, wrong, evidence)
