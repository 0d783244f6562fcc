"""Checks of what is known beside the rows: evidence, curves, pools and sources."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError, MissingEvidenceError
from archcast.evidence import Evidence, Pool, Source
from archcast.predictors.base import Prediction, Predictor
from archcast.predictors.learning_curve.curves import CurvePredictor
from archcast.spaces.choices import Choices
from archcast.testing._assertions import expect_error, require
from archcast.testing.predictors._material import (
    evidence_of,
    fresh,
    noisy_evidence_of,
    query,
    ready,
    require_same,
    require_sound,
    rows_of,
    scores_of,
    size_of,
)


def check_evidence_may_be_unknown(predictor: Predictor) -> None:
    archs, queries = rows_of(predictor, size_of(predictor)), rows_of(predictor, 9, 1)
    one = fresh(predictor).init(archs, scores_of(predictor, archs), noisy_evidence_of(predictor, archs))
    for known in (True, False):
        answer = one.query(queries, noisy_evidence_of(predictor, queries, known))
        require_sound(predictor, answer, 9, "evidence with NaN")
    try:
        require_sound(predictor, query(one, queries), 9, "evidence at init only")
    except MissingEvidenceError as error:
        require("evidence" in str(error) and "\n" not in str(error), f"unclear message: {error}")


def check_evidence_is_aligned(predictor: Predictor) -> None:
    archs = rows_of(predictor, size_of(predictor))
    scores, evidence = scores_of(predictor, archs), noisy_evidence_of(predictor, archs)
    with expect_error(InvalidInputError, "init with evidence of other rows", "evidence"):
        fresh(predictor).init(archs, scores, evidence[1:])
    one = fresh(predictor).init(archs, scores, evidence)
    with expect_error(InvalidInputError, "query with evidence of other rows", "evidence"):
        one.query(archs, evidence[1:])
    queries = rows_of(predictor, 9, 1)
    known = noisy_evidence_of(predictor, queries)
    whole = one.query(queries, known)
    require_same(
        one.query(queries[4:6], known[4:6]),
        Prediction(whole.mean[4:6], None if whole.std is None else whole.std[4:6]),
        "a part of the rows with their evidence",
        rtol=1e-6,
    )


def check_required_evidence(predictor: Predictor) -> None:
    if evidence_of(predictor, rows_of(predictor, 1)) is None:
        return
    archs = rows_of(predictor, size_of(predictor))
    if predictor.requires.labels:
        with expect_error(MissingEvidenceError, "init without the evidence it requires", "evidence"):
            fresh(predictor).init(archs, scores_of(predictor, archs))
    else:
        one = fresh(predictor)
        if isinstance(one, CurvePredictor) and one.needs_total and one.total_epochs is None:
            with expect_error(MissingEvidenceError, "query before the length of a training is known", "total_epochs"):
                query(fresh(predictor).init(), archs)
            one.set_params(total_epochs=2 * one.epochs)
        require_sound(predictor, query(one.init(), archs), len(archs), "init() without anything")
    with expect_error(MissingEvidenceError, "query without the evidence it requires", "evidence"):
        ready(predictor).query(archs)


def check_curves(predictor: Predictor) -> None:
    """Of uneven length, too short, with a gap, wholly unknown; constant, and better or worse than anything at init."""
    needs = predictor.requires
    if needs.curve is None:
        return
    one, queries = ready(predictor), rows_of(predictor, 9, 1)
    known = evidence_of(predictor, queries)
    assert known is not None
    curves, epochs = np.array(known.curves[needs.curve]), needs.epochs

    def evidence(values: NDArray[np.float64]) -> Evidence:
        return Evidence({needs.curve or "": values}, known.proxies)

    uneven = curves.copy()
    for row in range(9):
        uneven[row, epochs + row * epochs // 9 :] = np.nan
    whole = one.query(queries, evidence(uneven))
    require_sound(predictor, whole, 9, "curves of uneven length")
    require_same(
        one.query(queries[3:5], evidence(uneven)[3:5]),
        Prediction(whole.mean[3:5], None if whole.std is None else whole.std[3:5]),
        "a part of curves of uneven length",
        rtol=1e-6,
    )
    strange = curves.copy()
    strange[0], strange[1], strange[2], strange[3] = 0.0, 50.0, 100.0, curves[3, ::-1]
    require_sound(predictor, one.query(queries, evidence(strange)), 9, "constant and falling curves")
    short, unknown, gap = curves.copy(), curves.copy(), curves.copy()
    short[4, epochs - 1 :], unknown[4], gap[4, 0] = np.nan, np.nan, np.nan
    for what, wrong in (("too short", short), ("unknown", unknown), ("known from the second epoch on", gap)):
        if what != "known from the second epoch on" or curves.shape[1] > 1:
            with expect_error(InvalidInputError, f"query with a curve that is {what}", "row 4"):
                one.query(queries, evidence(wrong))
    with expect_error(MissingEvidenceError, "query with too few epochs", str(epochs)):
        one.query(queries, evidence(curves[:, : epochs - 1]))


def check_pool(predictor: Predictor) -> None:
    archs, queries, pool = rows_of(predictor, size_of(predictor)), rows_of(predictor, 9, 1), rows_of(predictor, 50, 2)
    scores, evidence = scores_of(predictor, archs), noisy_evidence_of(predictor, archs)
    for candidates in (Pool(pool), Pool(pool, noisy_evidence_of(predictor, pool))):
        one = fresh(predictor).init(archs, scores, evidence, pool=candidates)
        answer = one.query(queries, noisy_evidence_of(predictor, queries))
        require_sound(predictor, answer, 9, "init with a pool")


def check_sources(predictor: Predictor) -> None:
    archs, queries, rows = rows_of(predictor, size_of(predictor)), rows_of(predictor, 9, 1), rows_of(predictor, 14, 2)
    scores, evidence, own = scores_of(predictor, archs), evidence_of(predictor, archs), predictor._space
    good = Source(own, rows, scores_of(predictor, rows))
    if not predictor.learns_from_sources:
        with expect_error(InvalidInputError, "init with a source that is not learned from", "sources"):
            fresh(predictor).init(archs, scores, evidence, sources=[good])
        return
    other = Choices(only=[1, 2, 3])
    strange = {
        "of another space": (Source(other, other.sample(4, 0), np.arange(4.0)), "sources[1]"),
        "without rows": (Source(own, rows[:0], np.zeros(0)), "sources"),
        "with invalid rows": (Source(own, rows + max(own.cardinalities), good.scores), "sources[1]"),
    }
    for what, (source, words) in strange.items():
        with expect_error(InvalidInputError, f"init with a source {what}", words):
            fresh(predictor).init(archs, scores, evidence, sources=[good, source])
    unknown = Evidence(proxies={"nobody_knows": np.full(len(rows), np.nan)}, costs={"size": good.scores})
    hostile = {
        "one row": [Source(own, rows[:1], good.scores[:1])],
        "equal scores": [good, Source(own, rows, np.ones(len(rows)))],
        "one architecture": [Source(own, rows[[0] * 5], np.arange(5.0))],
        "huge, tiny and opposite scores": [Source(own, rows, factor * good.scores) for factor in (1e12, 1e-12, -1.0)],
        "unrelated scores and strange evidence": [Source(own, rows, np.sin(99 * good.scores), unknown)],
    }
    for what, sources in hostile.items():
        one = fresh(predictor).init(archs, scores, evidence, sources=sources)
        require_sound(one, query(one, queries), 9, f"init with sources of {what}")
        found = np.asarray(getattr(one, "correlations", np.zeros(len(sources))), dtype=np.float64)
        require(found.shape == (len(sources),), f"sources of {what}: correlations has shape {found.shape}")
        require((np.abs(found) <= 1).all(), f"sources of {what}: correlations are {found}")
