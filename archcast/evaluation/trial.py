"""One trial: initialise one predictor on one training set, query the test set, measure. It runs in a worker process."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import cpu_count
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from archcast.errors import USER_ERRORS
from archcast.evaluation.deciles import as_text, by_decile
from archcast.evaluation.metrics import METRICS
from archcast.evidence import Evidence, Pool, Source
from archcast.predictors.base import Predictor

__all__ = ["COLUMNS", "Trial", "run_trial"]

COLUMNS: dict[str, type] = {
    "predictor": str,
    "train_size": int,
    "epochs": int,
    "trial": int,
    "test_size": int,
    **dict.fromkeys(METRICS, float),
    "fit_seconds": float,
    "query_ms": float,
    "init_train_seconds": float,
    "query_train_seconds": float,
    "correlations": str,
    "deciles": str,
    "error": str,
}
"""Columns of ``results.csv`` and their types; an empty field is undefined (NaN), or no error. ``correlations`` are those that a
predictor found of its sources with the scores, with spaces between them; ``deciles`` is what
:func:`archcast.evaluation.deciles.as_text` writes."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Everything one trial needs, so that a worker on another machine can run it.

    Attributes:
        label: what the predictor is called in the results.
        predictor: not initialised; its ``random_state`` is set.
        number: number of the trial; equal numbers mean equal splits.
        train, scores, train_evidence: the training set.
        test, truth, test_evidence: the test set.
        pool: unlabelled candidates.
        sources: rows of other tasks.
        epochs: epochs of the curves of the test set; 0 if the predictor looks at none.
        init_train_seconds: simulated seconds spent on training the training set; NaN where the benchmark does not know.
        query_train_seconds: simulated seconds spent on partial curves, an architecture; NaN where it does not know.
    """

    label: str
    predictor: Predictor
    number: int
    train: NDArray[np.int64]
    scores: NDArray[np.float64]
    train_evidence: Evidence
    test: NDArray[np.int64]
    truth: NDArray[np.float64]
    test_evidence: Evidence
    pool: Pool | None
    sources: tuple[Source, ...] = ()
    epochs: int = 0
    init_train_seconds: float = math.nan
    query_train_seconds: float = math.nan


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for BLAS, OpenMP, torch and xgboost inside; everything as it was afterwards."""
    before = os.environ.get("OMP_NUM_THREADS")
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else int(before or cpu_count())
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        with threadpool_limits(limits=1):
            if torch:
                torch.set_num_threads(1)
            yield
    finally:
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(threads)
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def run_trial(trial: Trial) -> dict[str, Any]:
    """One row of results, with the keys of :data:`COLUMNS`.

    Whatever the predictor raises is kept in ``error`` with its reason and the measures stay NaN, so one failure does not end a
    run of many.
    """
    row: dict[str, Any] = {
        "predictor": trial.label,
        "train_size": len(trial.train),
        "epochs": trial.epochs,
        "trial": trial.number,
        "test_size": len(trial.test),
        **dict.fromkeys(METRICS, math.nan),
        "fit_seconds": math.nan,
        "query_ms": math.nan,
        "init_train_seconds": trial.init_train_seconds,
        "query_train_seconds": trial.query_train_seconds,
        "correlations": "",
        "deciles": "",
        "error": "",
    }
    try:
        with one_thread():
            start = time.process_time()
            trial.predictor.init(
                trial.train, trial.scores, trial.train_evidence, pool=trial.pool, sources=trial.sources or None
            )
            row["fit_seconds"] = time.process_time() - start
            start = time.process_time()
            prediction = trial.predictor.query(trial.test, trial.test_evidence)
            row["query_ms"] = (time.process_time() - start) * 1000 / len(trial.test)
    except USER_ERRORS as error:
        row["error"] = " ".join(f"{type(error).__name__}: {error}".split())
        return row
    if any(part is not None and part.shape != trial.truth.shape for part in (prediction.mean, prediction.std)):
        row["error"] = f"query returned shape {prediction.mean.shape} for {len(trial.test)} architectures"
        return row
    unknown = int((~np.isfinite(prediction.mean)).sum())
    if unknown:
        row["error"] = f"query returned {unknown} of {len(trial.test)} predictions that are not finite"
        return row
    row["correlations"] = " ".join(f"{value:.3f}" for value in getattr(trial.predictor, "correlations", []))
    for name, metric in METRICS.items():
        row[name] = metric(trial.truth, prediction.mean, prediction.std)
    row["deciles"] = as_text(by_decile(trial.truth, prediction.mean, prediction.std))
    if math.isnan(row["kendall_tau"]):
        side = "predictions" if np.ptp(prediction.mean) == 0 else "scores of the test set"
        row["error"] = f"rank correlation is undefined: all {side} are equal"
    return row
