"""The ridge regression of `stack`, for spaces without cell graphs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.persistence import saved

__all__ = ["Line"]

PENALTIES = tuple(10.0 ** (k / 2) for k in range(-4, 8))
"""Penalties that ridge regression chooses from."""

Array = NDArray[np.float64]


@saved("line")
@dataclass(frozen=True, eq=False)
class Line:
    """Ridge regression on the decisions themselves, for spaces without cell graphs, where much is often just a sum.

    Attributes:
        weights: ``(k,)``.
        centre: ``(k,)`` means of the features.
        offset: mean of the targets.
    """

    weights: Array
    centre: Array
    offset: float

    @classmethod
    def fit(cls, features: Array, targets: Array) -> tuple[Line, Array]:
        """Fit ``(n, k)`` features to ``(n,)`` targets with the penalty whose leave-one-out error, in closed form, is
        least; returns the member and these predictions ``(n,)``."""
        n, centre, offset = len(targets), features.mean(axis=0), float(targets.mean())
        u, s, v = np.linalg.svd(features - centre, full_matrices=False)
        along, best = u.T @ (targets - offset), None
        for penalty in PENALTIES:
            kept = np.square(s) / (np.square(s) + penalty)
            leverage = np.square(u) @ kept + 1 / n
            residual = (targets - offset - u @ (kept * along)) / np.maximum(1 - leverage, 1e-9)
            error = float(np.square(residual).mean())
            if best is None or error < best[0]:
                best = error, v.T @ (s / (np.square(s) + penalty) * along), targets - residual
        assert best is not None
        return cls(best[1], centre, offset), best[2]

    def predict(self, features: Array) -> Array:
        """``(n,)``."""
        return np.asarray((features - self.centre) @ self.weights + self.offset)
