"""What a search remembers."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError
from archcast.search.history import FULL, History

E = archcast.Evidence


def add(history, scores, epochs=None, evidence=None, failures=None):
    scores = np.asarray(scores, dtype=float)
    scores = scores[:, None] if scores.ndim == 1 else scores
    n = len(scores)
    archs = np.arange(2 * n).reshape(n, 2) + 100 * len(history)
    epochs = np.full(n, FULL) if epochs is None else np.array(epochs)
    return history.add(archs, scores, epochs, failures or [""] * n, evidence or E())


def test_evidence_that_is_not_there_is_nan() -> None:
    history = add(History.empty(2), [1.0, 2.0])
    history = add(history, [3.0], evidence=E(curves={"loss": [[3.0, 2.0]]}, proxies={"snip": [5.0]}))
    history = add(history, [4.0], evidence=E(curves={"loss": [[3.0, 2.0, 1.0]], "acc": [[0.5]]}))
    nan = np.nan
    want = [[nan] * 3, [nan] * 3, [3, 2, nan], [3, 2, 1]]
    np.testing.assert_array_equal(history.evidence.curves["loss"], want)
    np.testing.assert_array_equal(history.evidence.curves["acc"], [[nan], [nan], [nan], [0.5]])
    np.testing.assert_array_equal(history.evidence.proxies["snip"], [nan, nan, 5, nan])
    part = history[np.array([2, 3])]
    assert len(part) == len(part.evidence) == 2


def test_the_best_is_among_those_trained_longest() -> None:
    history = add(History.empty(2), [0.9, 0.3, 0.5], epochs=[1, 3, 3])
    assert history.best().score == 0.5
    history = add(history, [0.2], epochs=[FULL])
    assert history.best().score == 0.2
    history = add(history, [np.nan], epochs=[FULL], failures=["no"])
    assert history.best().score == 0.2
    assert History.empty(2).best() is None


def test_the_best_of_several_objectives_is_by_the_first() -> None:
    history = add(History.empty(2), [[0.5, -1.0], [0.7, -9.0]])
    assert history.best().score == (0.7, -9.0)
    with pytest.raises(InvalidInputError, match="scores has 1 objectives, those told before have 2"):
        add(history, [0.5])


def test_dict_and_back() -> None:
    history = add(History.empty(2), [0.5, np.nan], failures=["", "no"], evidence=E(curves={"loss": [[1.0], [2.0]]}))
    again = History.from_dict(history.to_dict())
    for name in ("archs", "scores", "epochs", "failures"):
        np.testing.assert_array_equal(getattr(again, name), getattr(history, name))
    np.testing.assert_array_equal(again.evidence.curves["loss"], history.evidence.curves["loss"])
