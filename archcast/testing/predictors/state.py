"""Checks of state: a failed init changes nothing, nothing global is touched, pickles and files hold it all."""

from __future__ import annotations

import os
import pickle
import random
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from archcast.errors import InvalidInputError
from archcast.predictors.base import Predictor
from archcast.testing._assertions import expect_error, require
from archcast.testing.predictors._material import (
    evidence_of,
    initialised,
    query,
    ready,
    require_same,
    rows_of,
    scores_of,
    size_of,
)


def check_failed_init_changes_nothing(predictor: Predictor) -> None:
    one, queries = ready(predictor), rows_of(predictor, 9, 1)
    before, answer = dict(vars(one)), query(one, queries)
    archs = rows_of(predictor, size_of(predictor), 3)
    scores, learn = scores_of(predictor, archs), type(one)._init

    def interrupted(self: Predictor, *args: Any) -> None:
        learn(self, *args)
        raise KeyboardInterrupt

    with expect_error(InvalidInputError, "init with NaN scores"):
        one.init(archs, scores * np.nan, evidence_of(one, archs))
    with mock.patch.object(type(one), "_init", interrupted):
        try:
            one.init(archs, scores, evidence_of(one, archs))
        except KeyboardInterrupt:
            pass
        else:
            raise AssertionError("init swallowed a KeyboardInterrupt")
    require(vars(one).keys() == before.keys(), "a failed init changed the attributes")
    require(all(vars(one)[name] is before[name] for name in before), "a failed init changed the learned state")
    require_same(query(one, queries), answer, "query after a failed init")


def check_no_global_state_is_touched(predictor: Predictor) -> None:
    queries = rows_of(predictor, 9, 1)
    query(ready(predictor), queries)  # what is imported on first use is imported now
    with _other_global_seeds():  # so that a seed that the warm-up has set is noticed
        before = _global_state()
        with _seeds_of_devices() as seeded:
            query(initialised(predictor), queries)
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


def check_pickle(predictor: Predictor) -> None:
    one, queries = initialised(predictor), rows_of(predictor, 9, 1)
    require_same(query(pickle.loads(pickle.dumps(one)), queries), query(one, queries), "after pickling")


def check_save_and_load(predictor: Predictor) -> None:
    one, queries = ready(predictor), rows_of(predictor, 9, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictor.npz"
        one.save(path)
        loaded = type(one).load(path)
        require([p.name for p in Path(folder).iterdir()] == ["predictor.npz"], "save left other files behind")
    require(type(loaded) is type(one), f"a {type(loaded).__name__} was loaded")
    require(repr(loaded) == repr(one), f"parameters differ after loading: {loaded!r}")
    require_same(query(loaded, queries), query(one, queries), "after saving and loading")
