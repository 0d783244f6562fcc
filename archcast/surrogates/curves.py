"""Learning curves as a few numbers each, after NAS-Bench-x11 (Yan et al. 2021, https://arxiv.org/abs/2111.03602).

Curves ``(n, T)`` less their mean are decomposed, ``C = U S V^T``, and the first rows of ``V^T`` are the basis: a curve is its
coefficients ``c = (curve - mean) V``, and ``mean + c V^T`` is what is left of it. The coefficients are what predictors learn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.persistence import saved

__all__ = ["MOST", "Basis"]

Array = NDArray[np.float64]
MOST = 6
"""Most coefficients of a curve; NAS-Bench-x11 has six where noise is predicted beside them."""

KEPT = 0.995
"""Share of the variance of the curves that the coefficients keep, if so few are enough."""


@saved("surrogate-basis")
@dataclass(frozen=True, eq=False)
class Basis:
    """Mean and directions of learning curves.

    Attributes:
        mean: ``(T,)``.
        directions: ``(r, T)``, orthonormal rows.
    """

    mean: Array
    directions: Array

    @classmethod
    def of(cls, curves: Array) -> Basis:
        """The basis of ``(n, T)`` curves without NaN.

        Examples:
            >>> curves = np.outer([1.0, 2.0, 4.0], [0.0, 1.0, 2.0])
            >>> basis = Basis.of(curves)
            >>> len(basis.directions), bool(np.allclose(basis.curves(basis.coefficients(curves)), curves))
            (1, True)
        """
        mean = curves.mean(axis=0)
        _, size, directions = np.linalg.svd(curves - mean, full_matrices=False)
        share = np.cumsum(np.square(size)) / max(float(np.square(size).sum()), 1e-300)
        count = min(MOST, int(np.searchsorted(share, KEPT)) + 1, len(directions))
        return cls(mean, directions[:count])

    def coefficients(self, curves: Array) -> Array:
        """``(n, r)`` of ``(n, T)``."""
        return np.asarray((curves - self.mean) @ self.directions.T)

    def curves(self, coefficients: Array) -> Array:
        """``(n, T)`` of ``(n, r)``."""
        return np.asarray(self.mean + coefficients @ self.directions)
