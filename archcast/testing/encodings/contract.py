"""Checks of the object, of its features, of input, and of scikit-learn's tools."""

from __future__ import annotations

import pickle
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from archcast.encodings.base import Encoder, EncoderNotFittedError
from archcast.errors import InvalidInputError
from archcast.spaces.base import SearchSpace, get_space
from archcast.testing._assertions import expect_error, require, require_equal


def _space(encoder: Encoder) -> SearchSpace:
    return get_space(encoder.space)


def _rows(encoder: Encoder, n: int = 40, seed: int = 0) -> NDArray[np.int64]:
    """Sampled rows that cannot be written to: a method that changes its argument fails."""
    return _sampled(_space(encoder), n, seed)


@lru_cache(maxsize=8)
def _sampled(space: SearchSpace, n: int, seed: int) -> NDArray[np.int64]:
    rows = space.sample(n, seed)
    rows.flags.writeable = False
    return rows


def _fitted(encoder: Encoder) -> Encoder:
    return clone(encoder).fit(_rows(encoder))


# -- the object --------------------------------------------------------------------------------------------------------


def check_constructor(encoder: Encoder) -> None:
    fresh = clone(encoder)
    params = fresh.get_params(deep=False)
    require("space" in params, "space must be a parameter")
    require(set(vars(fresh)) == set(params), f"__init__ must store its parameters and nothing else: {vars(fresh)}")
    require(isinstance(fresh.pruned, bool), "pruned must be True or False")
    require((type(fresh).__doc__ or "").strip(), "the class has no docstring")


def check_clone_repr_pickle(encoder: Encoder) -> None:
    rows = _rows(encoder, seed=1)
    fitted = _fitted(encoder)
    expected = fitted.transform(rows)
    require_equal(pickle.loads(pickle.dumps(fitted)).transform(rows), expected, "a pickled encoder encodes differently")
    require_equal(clone(fitted).fit(_rows(encoder)).transform(rows), expected, "a clone encodes differently")
    require(type(encoder).__name__ in repr(fitted), "repr does not name the class")


def check_fit(encoder: Encoder) -> None:
    archs, rows = _rows(encoder), _rows(encoder, seed=1)
    fresh = clone(encoder)
    require(fresh.fit(archs) is fresh, "fit must return the encoder itself")
    expected = fresh.transform(rows)
    require_equal(fresh.fit(archs).transform(rows), expected, "a second fit changes the features")
    require_equal(clone(encoder).fit(archs[::-1]).transform(rows), expected, "the order of the rows in fit matters")
    scores = np.arange(len(archs))
    require_equal(clone(encoder).fit(archs, scores).transform(rows), expected, "fit must ignore scores")
    require_equal(
        clone(encoder).fit_transform(archs, scores), fresh.transform(archs), "fit_transform is not fit, transform"
    )


def check_not_fitted(encoder: Encoder) -> None:
    """Transform before fit works, or says that fit is needed."""
    fresh = clone(encoder)
    if fresh.__sklearn_is_fitted__():
        require_equal(
            fresh.transform(_rows(encoder)), _fitted(encoder).transform(_rows(encoder)), "fit changes the features"
        )
        return
    for method in (lambda: fresh.transform(_rows(encoder)), fresh.get_feature_names_out):
        with expect_error(EncoderNotFittedError, "use before fit", "fit"):
            method()
    require(_fitted(encoder).__sklearn_is_fitted__(), "a fitted encoder must say so")


# -- the features ------------------------------------------------------------------------------------------------------


def check_features(encoder: Encoder) -> None:
    fitted = _fitted(encoder)
    features, names = fitted.transform(_rows(encoder)), fitted.get_feature_names_out()
    require(features.dtype == np.float32, f"features must be float32, got {features.dtype}")
    require(features.shape == (40, len(names)), f"features have shape {features.shape}, there are {len(names)} names")
    require(all(isinstance(name, str) and name for name in names), "names must be texts")
    require(len(set(names)) == len(names), "names must be different")
    require(np.isfinite(features).all(), "features must be finite")
    require((features != features[0]).any(), "different architectures all get the same features")


def check_rows_are_independent(encoder: Encoder) -> None:
    rows = _rows(encoder)
    fitted = _fitted(encoder)
    expected = fitted.transform(rows)
    order = np.random.default_rng(0).permutation(len(rows))
    require_equal(fitted.transform(rows[order]), expected[order], "the order of the rows matters")
    require_equal(fitted.transform(rows[5:8]), expected[5:8], "the features of a row depend on the other rows")
    require_equal(fitted.transform(rows[3]), expected[3:4], "one row must count as a batch of one")
    require_equal(
        fitted.transform(np.repeat(rows[:2], 3, axis=0)), np.repeat(expected[:2], 3, axis=0), "duplicates differ"
    )


def check_deterministic(encoder: Encoder) -> None:
    rows = _rows(encoder)
    before = pickle.dumps(np.random.get_state())  # noqa: NPY002
    fitted = _fitted(encoder)
    require_equal(fitted.transform(rows), fitted.transform(rows), "a second call gives other features")
    require_equal(_fitted(encoder).transform(rows), fitted.transform(rows), "a second encoder gives other features")
    require(pickle.dumps(np.random.get_state()) == before, "numpy's global generator was used")  # noqa: NPY002


def check_pruned(encoder: Encoder) -> None:
    """Rows that are the same function get the same features where the encoder declares it."""
    variants = [encoder]
    if "pruned" in encoder.get_params(deep=False):
        variants = [clone(encoder).set_params(pruned=value) for value in (False, True)]
    rows = _rows(encoder)
    canonical = _space(encoder).canonical(rows)
    for variant in variants:
        if variant.pruned:
            fitted = _fitted(variant)
            require_equal(fitted.transform(rows), fitted.transform(canonical), "a row and its canonical form differ")
            again = clone(variant).fit(_space(encoder).canonical(_rows(encoder)))
            require_equal(again.transform(rows), fitted.transform(rows), "fit on the canonical forms differs")
        else:
            require(_fitted(variant).transform(rows).shape[0] == len(rows), "the raw encoding fails")


# -- input -------------------------------------------------------------------------------------------------------------


def check_input_types(encoder: Encoder) -> None:
    rows = _rows(encoder)
    copy = rows.copy()
    fitted = _fitted(encoder)
    expected = fitted.transform(rows)
    small = np.min_scalar_type(-max(get_space(encoder.space).cardinalities))
    for same in (rows.tolist(), rows.astype(small), rows.astype(np.float64), np.asfortranarray(rows)):
        require_equal(fitted.transform(same), expected, "the type of the integers matters")
    require_equal(rows, copy, "the input was changed")
    result = fitted.transform(rows)
    require(result.flags.writeable and not np.shares_memory(result, rows), "the result must be a new array")


def check_empty(encoder: Encoder) -> None:
    fitted = _fitted(encoder)
    width = len(_rows(encoder)[0])
    empty = fitted.transform(np.zeros((0, width), dtype=np.int64))
    require(empty.shape == (0, len(fitted.get_feature_names_out())), f"no rows must give (0, k), got {empty.shape}")
    require(empty.dtype == np.float32, "no rows must give float32")
    with expect_error(InvalidInputError, "fit without rows", "archs is empty"):
        clone(encoder).fit(np.zeros((0, width), dtype=np.int64))


def check_errors(encoder: Encoder) -> None:
    fitted = _fitted(encoder)
    rows = _rows(encoder, 4)
    large, nan = rows.copy(), rows.astype(np.float64)
    large[2, 0], nan[1, 0] = 99, np.nan
    bad = {
        "archs[2, 0] is 99": large,
        "must have shape": rows[:, :-1],
        "got shape": rows[None],
        "must hold integers": nan,
        "integers": rows + 0.5,
    }
    state = pickle.dumps(vars(fitted))
    for mentions, archs in bad.items():
        for method in (fitted.transform, fitted.fit):
            with expect_error(InvalidInputError, f"{method.__name__} of bad rows", mentions):
                method(archs)
    require(pickle.dumps(vars(fitted)) == state, "an error changed the encoder")


# -- scikit-learn ------------------------------------------------------------------------------------------------------


def check_pipeline(encoder: Encoder) -> None:
    rows = _rows(encoder)
    scores = rows.sum(axis=1).astype(np.float64)
    predicted = make_pipeline(clone(encoder), DecisionTreeRegressor(random_state=0)).fit(rows, scores).predict(rows)
    features = _fitted(encoder).transform(rows)
    by_hand = DecisionTreeRegressor(random_state=0).fit(features, scores).predict(features)
    require_equal(predicted, by_hand, "a pipeline predicts something else")


def check_set_output(encoder: Encoder) -> None:
    """scikit-learn's ``set_output``: a data frame with the feature names as columns."""
    fitted = _fitted(encoder).set_output(transform="pandas")
    frame = fitted.transform(_rows(encoder))
    require(list(frame.columns) == list(fitted.get_feature_names_out()), "columns are not the feature names")
    require_equal(frame.to_numpy(), _fitted(encoder).transform(_rows(encoder)), "a data frame holds other features")
