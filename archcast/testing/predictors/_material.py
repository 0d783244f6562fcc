"""What the checks of predictors are made of: rows, scores, evidence, initialised predictors, comparisons."""

from __future__ import annotations

import pickle
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from archcast.evidence import Evidence
from archcast.predictors.base import Prediction, Predictor
from archcast.predictors.learning_curve.curves import falls
from archcast.testing._assertions import require


def fresh(predictor: Predictor, seed: int = 0) -> Predictor:
    """A clone that is not initialised."""
    return clone(predictor).set_params(random_state=seed)


def size_of(predictor: Predictor, n: int = 16) -> int:
    """Number of training rows: ``n``, or more where the predictor needs more."""
    return max(n, predictor.requires.min_archs)


def scores_of(predictor: Predictor, archs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Percentages that increase with every decision of the row."""
    return 60 + 30 * (archs / np.maximum(np.asarray(predictor._space.cardinalities) - 1, 1)).mean(axis=1)


def evidence_of(predictor: Predictor, archs: NDArray[np.int64]) -> Evidence | None:
    """What the predictor requires, if it requires anything; curves are complete, twice as long as at query."""
    needs, scores = predictor.requires, scores_of(predictor, archs)
    curves = {}
    if needs.curve is not None:
        total = 2 * needs.epochs
        rising = scores[:, None] * (1 - 0.5 ** (1 + 8 * np.arange(total) / total))
        curves[needs.curve] = 100 - rising if falls(needs.curve) else rising
    return Evidence(curves=curves, proxies=dict.fromkeys(needs.proxies, scores)) if curves or needs.proxies else None


def noisy_evidence_of(predictor: Predictor, archs: NDArray[np.int64], known: bool = True) -> Evidence:
    """The evidence required, and proxies that are partly, wholly or not at all known, or enormous."""
    base, scores = evidence_of(predictor, archs) or Evidence(), scores_of(predictor, archs)
    unknown = np.full(len(archs), np.nan)
    partly = np.where(np.arange(len(archs)) % 3 == 0, np.nan, scores)
    extra = {"grad_norm": partly, "zen": unknown, "synflow": 1e48 * scores, "l2_norm": np.ones(len(archs))}
    if not known:
        extra = dict.fromkeys(extra, unknown)
    return Evidence(curves=base.curves, proxies={**extra, **base.proxies}, costs={"latency_ms": scores})


def shortened(predictor: Predictor, evidence: Evidence | None) -> Evidence | None:
    """The same, of architectures that were trained as long as the predictor requires and no longer."""
    if evidence is None:
        return None
    epochs = predictor.requires.epochs
    return Evidence(
        {name: np.array(values[:, :epochs]) for name, values in evidence.curves.items()},
        evidence.proxies,
        evidence.costs,
    )


def rows_of(predictor: Predictor, n: int, seed: int = 0) -> NDArray[np.int64]:
    """``(n, d)`` sampled rows of the predictor's space."""
    return predictor._space.sample(n, seed)


def initialised(predictor: Predictor, n: int = 16, seed: int = 0) -> Predictor:
    """A clone that has learned from ``n`` rows."""
    archs = rows_of(predictor, size_of(predictor, n), seed)
    return fresh(predictor).init(archs, scores_of(predictor, archs), evidence_of(predictor, archs))


def ready(predictor: Predictor, seed: int = 0) -> Predictor:
    """A copy of what :func:`initialised` makes of the rows of a seed, which is made once for all checks."""
    try:
        return pickle.loads(_packed(pickle.dumps(predictor), seed))
    except Exception:  # what cannot be pickled is initialised anew; the check of pickles fails and names it
        return initialised(predictor, seed=seed)


@lru_cache(maxsize=4)
def _packed(predictor: bytes, seed: int) -> bytes:
    return pickle.dumps(initialised(pickle.loads(predictor), seed=seed))


def query(predictor: Predictor, archs: ArrayLike) -> Prediction:
    """The answer to rows and to the evidence that the predictor requires."""
    return predictor.query(archs, shortened(predictor, evidence_of(predictor, predictor._space.validate(archs))))


def require_same(a: Prediction, b: Prediction, what: str, rtol: float = 0.0) -> None:
    """Equal predictions, up to ``rtol`` of the largest value."""
    for name, x, y in (("mean", a.mean, b.mean), ("std", a.std, b.std)):
        require((x is None) == (y is None), f"{what}: one prediction has a {name}, the other has none")
        if x is not None and y is not None:
            close = x.shape == y.shape and np.allclose(x, y, rtol=0, atol=rtol * np.abs(x).max(initial=0))
            require(close, f"{what}: {name} differs, e.g. {x[:4]} and {y[:4]}")


def require_sound(predictor: Predictor, prediction: Prediction, n: int, what: str) -> None:
    """Right shapes, finite, std non-negative."""
    mean, std = prediction.mean, prediction.std
    require(mean.shape == (n,), f"{what}: mean has shape {mean.shape}, not ({n},)")
    require(mean.dtype == np.float64, f"{what}: mean is {mean.dtype}, not float64")
    require(np.isfinite(mean).all(), f"{what}: mean is not finite: {mean[:4]}")
    require((std is not None) == predictor.has_std, f"{what}: has_std is {predictor.has_std}, std is {std}")
    if std is not None:
        require(std.shape == (n,), f"{what}: std has shape {std.shape}, not ({n},)")
        require(np.isfinite(std).all() and (std >= 0).all(), f"{what}: std is negative or not finite: {std[:4]}")
