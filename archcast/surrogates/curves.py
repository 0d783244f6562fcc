"""Learning curves as a few numbers each, after NAS-Bench-x11 (Yan et al. 2021, https://arxiv.org/abs/2111.03602).

Curves ``(n, T)`` are brought to mean 0 and standard deviation 1 at each epoch, so that late epochs, where losses are small,
count as much as early ones, and decomposed, ``C = U S V^T``. The first rows of ``V^T`` are the basis: a curve is its coefficients
``c = C V``, and ``c V^T`` is what is left of it. The coefficients are what predictors learn. Where the largest value of an epoch is
many times its median, as a loss is where some networks do not train, the curves are logarithms.
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


LEAST = 1e-6
"""Share of the largest standard deviation below which an epoch is constant."""

SKEWED = 10.0
"""How many times the median of an epoch the largest value is where logarithms are taken."""


@saved("surrogate-basis")
@dataclass(frozen=True, eq=False)
class Basis:
    """Mean, scale and directions of learning curves.

    Attributes:
        mean: ``(T,)``.
        scale: ``(T,)``, above 0.
        directions: ``(r, T)``, orthonormal rows.
        floor: smallest value that was seen, where logarithms are taken; else 0.
    """

    mean: Array
    scale: Array
    directions: Array
    floor: float = 0.0

    @classmethod
    def of(cls, curves: Array) -> Basis:
        """The basis of ``(n, T)`` curves without NaN.

        Examples:
            >>> curves = np.outer([1.0, 2.0, 4.0], [0.0, 1.0, 2.0])
            >>> basis = Basis.of(curves)
            >>> len(basis.directions), bool(np.allclose(basis.curves(basis.coefficients(curves)), curves))
            (1, True)
        """
        smallest = float(curves.min())
        skewed = smallest > 0 and bool((curves.max(axis=0) > SKEWED * np.median(curves, axis=0)).any())
        values = np.log(curves) if skewed else curves
        mean, scale = values.mean(axis=0), values.std(axis=0)
        scale = np.where(scale > LEAST * scale.max(), scale, 1.0)  # an epoch at which all are equal
        _, size, directions = np.linalg.svd((values - mean) / scale, full_matrices=False)
        share = np.cumsum(np.square(size)) / max(float(np.square(size).sum()), 1e-300)
        count = min(MOST, int(np.searchsorted(share, KEPT)) + 1, len(directions))
        return cls(mean, scale, directions[:count], smallest if skewed else 0.0)

    def coefficients(self, curves: Array) -> Array:
        """``(n, r)`` of ``(n, T)``."""
        values = np.log(np.maximum(curves, self.floor)) if self.floor > 0 else curves
        return np.asarray(((values - self.mean) / self.scale) @ self.directions.T)

    def curves(self, coefficients: Array) -> Array:
        """``(n, T)`` of ``(n, r)``."""
        values = self.mean + coefficients @ self.directions * self.scale
        return np.asarray(np.exp(values) if self.floor > 0 else values)

    def residuals(self, curves: Array, expected: Array) -> Array:
        """How far curves ``(n, T)`` are from what is expected; of logarithms, the difference of these."""
        if self.floor > 0:
            return np.asarray(np.log(np.maximum(curves, self.floor)) - np.log(np.maximum(expected, self.floor)))
        return np.asarray(curves - expected)

    def moved(self, expected: Array, residuals: Array) -> Array:
        """Expected curves with residuals: the inverse of :meth:`residuals`."""
        return np.asarray(expected * np.exp(residuals) if self.floor > 0 else expected + residuals)
