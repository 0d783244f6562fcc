"""Common checks of the predictor contract, for archcast's own predictors and for yours.

``check_predictor(MyPredictor("nasbench201"))`` runs them all; :func:`predictor_checks` lists them, so that a test suite can be
parametrised over them. Each check takes a predictor that it never changes (it works on clones), raises ``AssertionError``
with what is wrong, and is small enough to be read when it fails. Costly predictors are checked with cheap parameters (fewer
trees or epochs): the contract does not depend on them.
"""

from __future__ import annotations

import os
import pickle
import random
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import kendalltau
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from archcast.errors import InvalidInputError, MissingEvidenceError
from archcast.evidence import Evidence, Pool, Source
from archcast.predictors.base import PREDICTORS, NotInitializedError, Prediction, Predictor
from archcast.predictors.learning_curve.curves import CurvePredictor, falls
from archcast.predictors.parameters import rules_of
from archcast.spaces.choices import Choices
from archcast.testing._assertions import expect_error, require

__all__ = ["check_predictor", "predictor_checks"]

Check = Callable[[Predictor], None]
_CHECKS: list[Check] = []


def predictor_checks() -> list[Check]:
    """The checks, each a function of an uninitialised predictor."""
    return list(_CHECKS)


def check_predictor(predictor: Predictor) -> None:
    """Run every check on ``predictor``.

    Examples:
        >>> import archcast
        >>> check_predictor(archcast.get_predictor("random-forest", "nasbench201", n_estimators=10))

    Raises:
        AssertionError: names the first check that failed and says why.
    """
    for check in _CHECKS:
        try:
            check(predictor)
        except Exception as error:
            raise AssertionError(f"{type(predictor).__name__} fails {check.__name__}: {error}") from error


# -- what the checks are made of ---------------------------------------------------------------------------------------


def _check(function: Check) -> Check:
    _CHECKS.append(function)
    return function


def _fresh(predictor: Predictor, seed: int = 0) -> Predictor:
    return clone(predictor).set_params(random_state=seed)


def _size(predictor: Predictor, n: int = 16) -> int:
    return max(n, predictor.requires.min_archs)


def _scores(predictor: Predictor, archs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Percentages that increase with every decision of the row."""
    return 60 + 30 * (archs / np.maximum(np.asarray(predictor._space.cardinalities) - 1, 1)).mean(axis=1)


def _evidence(predictor: Predictor, archs: NDArray[np.int64]) -> Evidence | None:
    """What the predictor requires, if it requires anything; curves are complete, twice as long as at query."""
    needs, scores = predictor.requires, _scores(predictor, archs)
    curves = {}
    if needs.curve is not None:
        total = 2 * needs.epochs
        rising = scores[:, None] * (1 - 0.5 ** (1 + 8 * np.arange(total) / total))
        curves[needs.curve] = 100 - rising if falls(needs.curve) else rising
    return Evidence(curves=curves, proxies=dict.fromkeys(needs.proxies, scores)) if curves or needs.proxies else None


def _partial(predictor: Predictor, evidence: Evidence | None) -> Evidence | None:
    """The same, of architectures that were trained as long as the predictor requires and no longer."""
    if evidence is None:
        return None
    epochs = predictor.requires.epochs
    return Evidence(
        {name: np.array(values[:, :epochs]) for name, values in evidence.curves.items()},
        evidence.proxies,
        evidence.costs,
    )


def _rows(predictor: Predictor, n: int, seed: int = 0) -> NDArray[np.int64]:
    return predictor._space.sample(n, seed)


def _init(predictor: Predictor, n: int = 16, seed: int = 0) -> Predictor:
    """An initialised clone."""
    archs = _rows(predictor, _size(predictor, n), seed)
    return _fresh(predictor).init(archs, _scores(predictor, archs), _evidence(predictor, archs))


def _ready(predictor: Predictor) -> Predictor:
    """A copy of what :func:`_init` makes, which is made once: for checks of what comes after init."""
    try:
        return pickle.loads(_packed(pickle.dumps(predictor)))
    except Exception:  # what cannot be pickled is initialised anew; the check of pickles fails and names it
        return _init(predictor)


@lru_cache(maxsize=2)
def _packed(predictor: bytes) -> bytes:
    return pickle.dumps(_init(pickle.loads(predictor)))


def _query(predictor: Predictor, archs: ArrayLike) -> Prediction:
    return predictor.query(archs, _partial(predictor, _evidence(predictor, predictor._space.validate(archs))))


def _require_same(a: Prediction, b: Prediction, what: str, rtol: float = 0.0) -> None:
    """Equal predictions, up to ``rtol`` of the largest value."""
    for name, x, y in (("mean", a.mean, b.mean), ("std", a.std, b.std)):
        require((x is None) == (y is None), f"{what}: one prediction has a {name}, the other has none")
        if x is not None and y is not None:
            close = x.shape == y.shape and np.allclose(x, y, rtol=0, atol=rtol * np.abs(x).max(initial=0))
            require(close, f"{what}: {name} differs, e.g. {x[:4]} and {y[:4]}")


def _require_sound(predictor: Predictor, prediction: Prediction, n: int, what: str) -> None:
    """Right shapes, finite, std non-negative."""
    mean, std = prediction.mean, prediction.std
    require(mean.shape == (n,), f"{what}: mean has shape {mean.shape}, not ({n},)")
    require(mean.dtype == np.float64, f"{what}: mean is {mean.dtype}, not float64")
    require(np.isfinite(mean).all(), f"{what}: mean is not finite: {mean[:4]}")
    require((std is not None) == predictor.has_std, f"{what}: has_std is {predictor.has_std}, std is {std}")
    if std is not None:
        require(std.shape == (n,), f"{what}: std has shape {std.shape}, not ({n},)")
        require(np.isfinite(std).all() and (std >= 0).all(), f"{what}: std is negative or not finite: {std[:4]}")


# -- parameters --------------------------------------------------------------------------------------------------------


@_check
def check_constructor_only_stores(predictor: Predictor) -> None:
    params: dict[str, Any] = {name: object() for name in predictor._get_param_names()}
    stored = vars(type(predictor)(**params))
    require(set(stored) == set(params), f"__init__ sets attributes {sorted(set(stored) ^ set(params))}")
    changed = [name for name in params if stored[name] is not params[name]]
    require(not changed, f"__init__ changes {changed} instead of storing it")


@_check
def check_parameters(predictor: Predictor) -> None:
    copy = clone(predictor)
    require(copy is not predictor, "clone returned the predictor itself")
    params = predictor.get_params(deep=False)
    require(copy.get_params(deep=False).keys() == params.keys(), "clone lost parameters")
    copy.set_params(**params, random_state=7) if "random_state" not in params else copy.set_params(random_state=7)
    require(copy.random_state == 7, "set_params(random_state=7) did not set it")
    fitted = clone(_ready(predictor))
    require(not [name for name in vars(fitted) if name.endswith("_")], "clone kept learned state")


@_check
def check_parameters_out_of_range(predictor: Predictor) -> None:
    """Every parameter has its rule, and what lies outside of it is refused at init, by the name of the parameter."""
    archs, rules = _rows(predictor, 8), rules_of(type(predictor))
    missing = set(predictor.get_params(deep=False)) - set(rules) - {"space", "random_state"}
    require(not missing, f"the table ``parameters`` says nothing of {sorted(missing)}")
    for name, rule in rules.items():
        if name not in predictor.get_params(deep=False):
            continue
        for value in (*rule.wrong, *([] if rule.optional else [None])):
            with expect_error(InvalidInputError, f"{name}={value!r}", name):
                clone(predictor).set_params(**{name: value}).init(
                    archs, _scores(predictor, archs), _evidence(predictor, archs)
                )


@_check
def check_repr(predictor: Predictor) -> None:
    for one in (clone(predictor), _ready(predictor)):
        require(repr(one).startswith(type(predictor).__name__ + "("), f"repr is {repr(one)!r}")


@_check
def check_description(predictor: Predictor) -> None:
    require((type(predictor).__doc__ or "").strip(), "the class has no docstring")
    name = PREDICTORS.name_of(type(predictor))
    if name is not None:
        require(PREDICTORS.entry(name).info.get("summary"), f"{name!r} is registered without a summary")


# -- init and query ----------------------------------------------------------------------------------------------------


@_check
def check_init_returns_self_and_keeps_parameters(predictor: Predictor) -> None:
    archs = _rows(predictor, _size(predictor))
    one = _fresh(predictor)
    before = one.get_params(deep=False)
    require(one.init(archs, _scores(one, archs), _evidence(one, archs)) is one, "init does not return self")
    changed = [name for name, value in one.get_params(deep=False).items() if value is not before[name]]
    require(not changed, f"init changes the parameters {changed}")
    wrong = [name for name in vars(one) if name not in before and (not name.endswith("_") or name.startswith("_"))]
    require(not wrong, f"init sets {wrong}: learned attributes end in an underscore")
    _require_sound(one, _query(one, _rows(one, 7, 1)), 7, "query")


@_check
def check_init_is_idempotent_and_forgets(predictor: Predictor) -> None:
    queries, one = _rows(predictor, 9, 1), _fresh(predictor)
    for seed, what in ((3, "init"), (0, "init again with other data"), (0, "init again with the same data")):
        archs = _rows(predictor, _size(predictor), seed)
        answer = _query(one.init(archs, _scores(one, archs), _evidence(one, archs)), queries)
        _require_same(answer, _query(_init(predictor, seed=seed), queries), what)


@_check
def check_same_seed_same_answer(predictor: Predictor) -> None:
    queries = _rows(predictor, 9, 1)
    _require_same(_query(_init(predictor), queries), _query(_init(predictor), queries), "two runs with one seed")
    one = _init(predictor)
    _require_same(_query(one, queries), _query(one, queries), "two queries of one predictor")


@_check
def check_fit_and_predict_are_aliases(predictor: Predictor) -> None:
    archs, queries = _rows(predictor, _size(predictor)), _rows(predictor, 9, 1)
    one = _fresh(predictor).fit(archs, _scores(predictor, archs), _evidence(predictor, archs))
    answer, evidence = _query(_init(predictor), queries), _partial(predictor, _evidence(predictor, queries))
    require(
        np.array_equal(one.predict(queries, evidence=evidence), answer.mean), "fit, predict differ from init, query"
    )
    if predictor.has_std:
        mean, std = one.predict(queries, return_std=True, evidence=evidence)
        _require_same(Prediction(mean, std), answer, "predict(return_std=True)")
    else:
        with expect_error(InvalidInputError, "predict(return_std=True) without uncertainty"):
            one.predict(queries, return_std=True, evidence=evidence)


@_check
def check_query_ignores_order_and_company(predictor: Predictor) -> None:
    one, queries = _ready(predictor), _rows(predictor, 40, 1)
    whole = _query(one, queries)

    def part(rows: NDArray[np.int64]) -> Prediction:
        return Prediction(whole.mean[rows], None if whole.std is None else whole.std[rows])

    for rows in (np.arange(40)[::-1], np.array([5]), np.array([7, 7, 31]), np.arange(3, 33)):
        _require_same(_query(one, queries[rows]), part(rows), f"rows {rows[:4]} alone", rtol=1e-6)


@_check
def check_input_is_only_read(predictor: Predictor) -> None:
    archs, queries = _rows(predictor, _size(predictor)), _rows(predictor, 9, 1)
    scores = _scores(predictor, archs)
    arrays: list[NDArray[Any]] = [archs, scores, queries]
    copies = [array.copy() for array in arrays]
    for array in arrays:
        array.setflags(write=False)
    _query(_fresh(predictor).init(archs, scores, _evidence(predictor, archs)), queries)
    for array, copy in zip(arrays, copies, strict=True):
        require(np.array_equal(array, copy), "an input array was changed")


@_check
def check_forms_of_input(predictor: Predictor) -> None:
    archs, queries = _rows(predictor, _size(predictor)), _rows(predictor, 9, 1)
    scores, evidence, answer = (
        _scores(predictor, archs),
        _evidence(predictor, archs),
        _query(_ready(predictor), queries),
    )
    for what, convert in (
        ("lists", lambda x: x.tolist()),
        ("Fortran order", np.asfortranarray),
        ("float64", lambda x: x.astype(np.float64)),
    ):
        one = _fresh(predictor).init(convert(archs), convert(scores), evidence)
        _require_same(_query(one, convert(queries)), answer, what, rtol=1e-6)
    _require_sound(predictor, _query(_ready(predictor), queries[0]), 1, "one row of shape (d,)")


@_check
def check_query_before_init(predictor: Predictor) -> None:
    with expect_error(NotInitializedError, "query before init", "init"):
        _query(clone(predictor), _rows(predictor, 3))


@_check
def check_wrong_archs(predictor: Predictor) -> None:
    one, archs = _ready(predictor), _rows(predictor, _size(predictor))
    scores, evidence = _scores(predictor, archs), _evidence(predictor, archs)
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
            _fresh(predictor).init(wrong, scores, evidence)
        with expect_error(InvalidInputError, f"query with {what}", "archs"):
            one.query(wrong, evidence)


@_check
def check_empty(predictor: Predictor) -> None:
    empty, none = np.zeros((0, len(predictor._space.cardinalities)), dtype=np.int64), np.zeros(0)
    _require_sound(predictor, _query(_ready(predictor), empty), 0, "query of no rows")
    if predictor.requires.none:
        for unlabelled in (_fresh(predictor).init(), _fresh(predictor).init(empty, none)):
            _require_sound(predictor, _query(unlabelled, _rows(predictor, 9, 1)), 9, "init without architectures")
    elif predictor.requires.labels:
        with expect_error(InvalidInputError, "init without architectures"):
            _fresh(predictor).init(empty, none)
    if predictor.requires.labels:
        with expect_error(InvalidInputError, "init without scores", "scores"):
            _fresh(predictor).init(_rows(predictor, _size(predictor)))


@_check
def check_wrong_scores(predictor: Predictor) -> None:
    archs = _rows(predictor, _size(predictor))
    scores, evidence = _scores(predictor, archs), _evidence(predictor, archs)
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
            _fresh(predictor).init(archs, wrong, evidence)


@_check
def check_few_archs(predictor: Predictor) -> None:
    queries = _rows(predictor, 9, 1)
    for n in range(1, 6):
        archs = _rows(predictor, n, n)
        scores, evidence, one = _scores(predictor, archs), _evidence(predictor, archs), _fresh(predictor)
        if n < predictor.requires.min_archs:
            with expect_error(InvalidInputError, f"init with {n} architectures", str(predictor.requires.min_archs)):
                one.init(archs, scores, evidence)
        else:
            _require_sound(one, _query(one.init(archs, scores, evidence), queries), 9, f"{n} architectures")


@_check
def check_constant_scores(predictor: Predictor) -> None:
    archs, queries = _rows(predictor, _size(predictor)), _rows(predictor, 9, 1)
    for value in (0.0, 93.25):
        one = _fresh(predictor).init(archs, np.full(len(archs), value), _evidence(predictor, archs))
        answer = _query(one, queries)
        _require_sound(predictor, answer, 9, f"scores that are all {value}")
        if predictor.requires.labels:
            require(np.allclose(answer.mean, value, atol=1), f"scores all {value} give mean {answer.mean[:4]}")


@_check
def check_duplicate_rows(predictor: Predictor) -> None:
    archs, queries = _rows(predictor, _size(predictor)), _rows(predictor, 9, 1)
    for what, rows in (
        ("every row twice", np.repeat(archs, 2, axis=0)),
        ("one row only", np.repeat(archs[:1], 6, axis=0)),
    ):
        if len(rows) >= predictor.requires.min_archs:
            scores = _scores(predictor, rows) + np.arange(len(rows)) % 2
            one = _fresh(predictor).init(rows, scores, _evidence(predictor, rows))
            _require_sound(predictor, _query(one, queries), 9, what)


@_check
def check_scale_of_scores(predictor: Predictor) -> None:
    if not predictor.requires.labels:
        return
    archs, queries = _rows(predictor, _size(predictor)), _rows(predictor, 9, 1)
    for factor, offset in ((1.0, 0.0), (1e-4, 0.0), (1e4, -1e6)):
        scores = _scores(predictor, archs) * factor + offset
        answer = _query(_fresh(predictor).init(archs, scores, _evidence(predictor, archs)), queries)
        margin = 2 * np.ptp(scores)
        inside = (answer.mean > scores.min() - margin) & (answer.mean < scores.max() + margin)
        require(inside.all(), f"scores in {scores.min():g}..{scores.max():g} give {answer.mean[~inside][:3]}")


@_check
def check_learns(predictor: Predictor) -> None:
    if predictor.requires.data:  # it learns from images, not from scores
        return
    one, queries = _init(predictor, 60), _rows(predictor, 150, 1)
    tau = kendalltau(_query(one, queries).mean, _scores(one, queries)).statistic
    require(
        tau > 0.3,
        f"Kendall tau is {tau:.2f} after 60 rows of a simple function: no better than chance, or the wrong sign",
    )


@_check
def check_std(predictor: Predictor) -> None:
    if predictor.has_std:
        std = _query(_ready(predictor), _rows(predictor, 40, 1)).std
        assert std is not None
        require(std.max() > 0, "std is zero everywhere")
        require(std.max() < 1000, f"scores of 60..90 give a std of {std.max():g}")


# -- evidence ----------------------------------------------------------------------------------------------------------


def _noisy_evidence(predictor: Predictor, archs: NDArray[np.int64], known: bool = True) -> Evidence:
    """The evidence required, and proxies that are partly, wholly or not at all known, or enormous."""
    base, scores = _evidence(predictor, archs) or Evidence(), _scores(predictor, archs)
    unknown = np.full(len(archs), np.nan)
    partly = np.where(np.arange(len(archs)) % 3 == 0, np.nan, scores)
    extra = {"grad_norm": partly, "zen": unknown, "synflow": 1e48 * scores, "l2_norm": np.ones(len(archs))}
    if not known:
        extra = dict.fromkeys(extra, unknown)
    return Evidence(curves=base.curves, proxies={**extra, **base.proxies}, costs={"latency_ms": scores})


@_check
def check_evidence_may_be_unknown(predictor: Predictor) -> None:
    archs, queries = _rows(predictor, _size(predictor)), _rows(predictor, 9, 1)
    one = _fresh(predictor).init(archs, _scores(predictor, archs), _noisy_evidence(predictor, archs))
    for known in (True, False):
        answer = one.query(queries, _noisy_evidence(predictor, queries, known))
        _require_sound(predictor, answer, 9, "evidence with NaN")
    try:
        _require_sound(predictor, _query(one, queries), 9, "evidence at init only")
    except MissingEvidenceError as error:
        require("evidence" in str(error) and "\n" not in str(error), f"unclear message: {error}")


@_check
def check_evidence_is_aligned(predictor: Predictor) -> None:
    archs = _rows(predictor, _size(predictor))
    scores, evidence = _scores(predictor, archs), _noisy_evidence(predictor, archs)
    with expect_error(InvalidInputError, "init with evidence of other rows", "evidence"):
        _fresh(predictor).init(archs, scores, evidence[1:])
    one = _fresh(predictor).init(archs, scores, evidence)
    with expect_error(InvalidInputError, "query with evidence of other rows", "evidence"):
        one.query(archs, evidence[1:])
    queries = _rows(predictor, 9, 1)
    known = _noisy_evidence(predictor, queries)
    whole = one.query(queries, known)
    _require_same(
        one.query(queries[4:6], known[4:6]),
        Prediction(whole.mean[4:6], None if whole.std is None else whole.std[4:6]),
        "a part of the rows with their evidence",
        rtol=1e-6,
    )


@_check
def check_required_evidence(predictor: Predictor) -> None:
    if _evidence(predictor, _rows(predictor, 1)) is None:
        return
    archs = _rows(predictor, _size(predictor))
    if predictor.requires.labels:
        with expect_error(MissingEvidenceError, "init without the evidence it requires", "evidence"):
            _fresh(predictor).init(archs, _scores(predictor, archs))
    else:
        one = _fresh(predictor)
        if isinstance(one, CurvePredictor) and one.needs_total and one.total_epochs is None:
            with expect_error(MissingEvidenceError, "query before the length of a training is known", "total_epochs"):
                _query(_fresh(predictor).init(), archs)
            one.set_params(total_epochs=2 * one.epochs)
        _require_sound(predictor, _query(one.init(), archs), len(archs), "init() without anything")
    with expect_error(MissingEvidenceError, "query without the evidence it requires", "evidence"):
        _ready(predictor).query(archs)


@_check
def check_curves(predictor: Predictor) -> None:
    """Of uneven length, too short, with a gap, wholly unknown; constant, and better or worse than anything at init."""
    needs = predictor.requires
    if needs.curve is None:
        return
    one, queries = _ready(predictor), _rows(predictor, 9, 1)
    known = _evidence(predictor, queries)
    assert known is not None
    curves, epochs = np.array(known.curves[needs.curve]), needs.epochs

    def evidence(values: NDArray[np.float64]) -> Evidence:
        return Evidence({needs.curve or "": values}, known.proxies)

    uneven = curves.copy()
    for row in range(9):
        uneven[row, epochs + row * epochs // 9 :] = np.nan
    whole = one.query(queries, evidence(uneven))
    _require_sound(predictor, whole, 9, "curves of uneven length")
    _require_same(
        one.query(queries[3:5], evidence(uneven)[3:5]),
        Prediction(whole.mean[3:5], None if whole.std is None else whole.std[3:5]),
        "a part of curves of uneven length",
        rtol=1e-6,
    )
    strange = curves.copy()
    strange[0], strange[1], strange[2], strange[3] = 0.0, 50.0, 100.0, curves[3, ::-1]
    _require_sound(predictor, one.query(queries, evidence(strange)), 9, "constant and falling curves")
    short, unknown, gap = curves.copy(), curves.copy(), curves.copy()
    short[4, epochs - 1 :], unknown[4], gap[4, 0] = np.nan, np.nan, np.nan
    for what, wrong in (("too short", short), ("unknown", unknown), ("known from the second epoch on", gap)):
        if what != "known from the second epoch on" or curves.shape[1] > 1:
            with expect_error(InvalidInputError, f"query with a curve that is {what}", "row 4"):
                one.query(queries, evidence(wrong))
    with expect_error(MissingEvidenceError, "query with too few epochs", str(epochs)):
        one.query(queries, evidence(curves[:, : epochs - 1]))


@_check
def check_pool(predictor: Predictor) -> None:
    archs, queries, pool = _rows(predictor, _size(predictor)), _rows(predictor, 9, 1), _rows(predictor, 50, 2)
    scores, evidence = _scores(predictor, archs), _noisy_evidence(predictor, archs)
    for candidates in (Pool(pool), Pool(pool, _noisy_evidence(predictor, pool))):
        one = _fresh(predictor).init(archs, scores, evidence, pool=candidates)
        answer = one.query(queries, _noisy_evidence(predictor, queries))
        _require_sound(predictor, answer, 9, "init with a pool")


@_check
def check_sources(predictor: Predictor) -> None:
    archs, queries, rows = _rows(predictor, _size(predictor)), _rows(predictor, 9, 1), _rows(predictor, 14, 2)
    scores, evidence, own = _scores(predictor, archs), _evidence(predictor, archs), predictor._space
    good = Source(own, rows, _scores(predictor, rows))
    if not predictor.learns_from_sources:
        with expect_error(InvalidInputError, "init with a source that is not learned from", "sources"):
            _fresh(predictor).init(archs, scores, evidence, sources=[good])
        return
    other = Choices(only=[1, 2, 3])
    strange = {
        "of another space": (Source(other, other.sample(4, 0), np.arange(4.0)), "sources[1]"),
        "without rows": (Source(own, rows[:0], np.zeros(0)), "sources"),
        "with invalid rows": (Source(own, rows + max(own.cardinalities), good.scores), "sources[1]"),
    }
    for what, (source, words) in strange.items():
        with expect_error(InvalidInputError, f"init with a source {what}", words):
            _fresh(predictor).init(archs, scores, evidence, sources=[good, source])
    unknown = Evidence(proxies={"nobody_knows": np.full(len(rows), np.nan)}, costs={"size": good.scores})
    hostile = {
        "one row": [Source(own, rows[:1], good.scores[:1])],
        "equal scores": [good, Source(own, rows, np.ones(len(rows)))],
        "one architecture": [Source(own, rows[[0] * 5], np.arange(5.0))],
        "huge, tiny and opposite scores": [Source(own, rows, factor * good.scores) for factor in (1e12, 1e-12, -1.0)],
        "unrelated scores and strange evidence": [Source(own, rows, np.sin(99 * good.scores), unknown)],
    }
    for what, sources in hostile.items():
        one = _fresh(predictor).init(archs, scores, evidence, sources=sources)
        _require_sound(one, _query(one, queries), 9, f"init with sources of {what}")
        found = np.asarray(getattr(one, "correlations", np.zeros(len(sources))), dtype=np.float64)
        require(found.shape == (len(sources),), f"sources of {what}: correlations has shape {found.shape}")
        require((np.abs(found) <= 1).all(), f"sources of {what}: correlations are {found}")


# -- state -------------------------------------------------------------------------------------------------------------


@_check
def check_failed_init_changes_nothing(predictor: Predictor) -> None:
    one, queries = _ready(predictor), _rows(predictor, 9, 1)
    before, answer = dict(vars(one)), _query(one, queries)
    archs = _rows(predictor, _size(predictor), 3)
    scores, learn = _scores(predictor, archs), type(one)._init

    def interrupted(self: Predictor, *args: Any) -> None:
        learn(self, *args)
        raise KeyboardInterrupt

    with expect_error(InvalidInputError, "init with NaN scores"):
        one.init(archs, scores * np.nan, _evidence(one, archs))
    with mock.patch.object(type(one), "_init", interrupted):
        try:
            one.init(archs, scores, _evidence(one, archs))
        except KeyboardInterrupt:
            pass
        else:
            raise AssertionError("init swallowed a KeyboardInterrupt")
    require(vars(one).keys() == before.keys(), "a failed init changed the attributes")
    require(all(vars(one)[name] is before[name] for name in before), "a failed init changed the learned state")
    _require_same(_query(one, queries), answer, "query after a failed init")


@_check
def check_no_global_state_is_touched(predictor: Predictor) -> None:
    queries = _rows(predictor, 9, 1)
    _query(_init(predictor), queries)  # what is imported on first use is imported now
    with _other_global_seeds():  # so that a seed that the warm-up has set is noticed
        before = _global_state()
        with _seeds_of_devices() as seeded:
            _query(_init(predictor), queries)
        after = _global_state()
    changed = [name for name in before if before[name] != after[name]] + seeded
    require(not changed, f"init or query changes {changed}")


@contextmanager
def _seeds_of_devices() -> Iterator[list[str]]:
    """Names of the accelerators that are seeded inside; none has to be here, and none is seeded in truth."""
    seeded: list[str] = []
    torch = sys.modules.get("torch")
    if torch is None:
        yield seeded
        return
    usual = torch.cuda.manual_seed_all
    torch.cuda.manual_seed_all = lambda _: seeded.append("CUDA's generators")
    try:
        yield seeded
    finally:
        torch.cuda.manual_seed_all = usual


@contextmanager
def _other_global_seeds() -> Iterator[None]:
    numpy_state, python_state, torch = np.random.get_state(), random.getstate(), sys.modules.get("torch")  # noqa: NPY002
    torch_state = None if torch is None else torch.get_rng_state()
    np.random.seed(20_250_101)  # noqa: NPY002
    random.seed(20_250_101)
    if torch is not None:
        torch.manual_seed(20_250_101)
    try:
        yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
        if torch is not None:
            torch.set_rng_state(torch_state)


def _global_state() -> dict[str, Any]:
    state: dict[str, Any] = {
        "numpy's global generator": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "python's global generator": random.getstate(),
        "numpy's error handling": np.geterr(),
        "warning filters": list(warnings.filters),
        "environment variables": dict(os.environ),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        state["torch's global generator"] = torch.get_rng_state().numpy().tobytes()
        state["torch's threads"] = torch.get_num_threads()
        state["torch's default dtype"] = torch.get_default_dtype()
        state["torch's gradient mode"] = torch.is_grad_enabled()
        state["torch's deterministic mode"] = torch.are_deterministic_algorithms_enabled()
    return state


@_check
def check_pickle(predictor: Predictor) -> None:
    one, queries = _init(predictor), _rows(predictor, 9, 1)
    _require_same(_query(pickle.loads(pickle.dumps(one)), queries), _query(one, queries), "after pickling")


@_check
def check_save_and_load(predictor: Predictor) -> None:
    one, queries = _init(predictor), _rows(predictor, 9, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictor.npz"
        one.save(path)
        loaded = type(one).load(path)
        require([p.name for p in Path(folder).iterdir()] == ["predictor.npz"], "save left other files behind")
    require(type(loaded) is type(one), f"a {type(loaded).__name__} was loaded")
    require(repr(loaded) == repr(one), f"parameters differ after loading: {loaded!r}")
    _require_same(_query(loaded, queries), _query(one, queries), "after saving and loading")


# -- scikit-learn ------------------------------------------------------------------------------------------------------


def _sklearn_data(predictor: Predictor) -> tuple[Predictor, NDArray[np.int64], NDArray[np.float64]] | None:
    """A clone and data, or ``None`` for a predictor that needs evidence: scikit-learn's tools cannot hand it over."""
    if _evidence(predictor, _rows(predictor, 1)) is not None:
        return None
    archs = _rows(predictor, _size(predictor, 2 * predictor.requires.min_archs + 16))
    return _fresh(predictor), archs, _scores(predictor, archs)


@_check
def check_cross_val_score(predictor: Predictor) -> None:
    if (data := _sklearn_data(predictor)) is not None:
        values = cross_val_score(*data, cv=2, scoring="neg_mean_absolute_error")
        require(np.isfinite(values).all(), f"cross_val_score gives {values}")


@_check
def check_grid_search(predictor: Predictor) -> None:
    if (data := _sklearn_data(predictor)) is not None:
        one, archs, scores = data
        grid = {"random_state": [0, 1]}
        search = GridSearchCV(one, grid, cv=2, scoring="neg_mean_absolute_error", error_score="raise").fit(
            archs, scores
        )
        require(search.predict(archs[:3]).shape == (3,), "GridSearchCV does not predict")


@_check
def check_pipeline(predictor: Predictor) -> None:
    if (data := _sklearn_data(predictor)) is not None:
        one, archs, scores = data
        pipeline = Pipeline([("rows", FunctionTransformer()), ("predictor", one)]).fit(archs, scores)
        alone = clone(one).init(archs, scores).query(archs[:5]).mean
        require(np.array_equal(pipeline.predict(archs[:5]), alone), "in a Pipeline it predicts something else")
        require(np.isfinite(pipeline.score(archs, scores)), "Pipeline.score is not finite")
