"""Hashes of functions: equal for two expressions exactly when they are the same sum of the same terms.

An expression is a multiset of terms, and a term is an operation applied to an expression. Its hash is the sum of the hashes of its
terms modulo 2**64, so the order of a sum, nested sums and identities ("skips followed") cost nothing to normalise, and the
empty sum, which is zero, hashes to 0. Average pooling is linear, pool(a + b) = pool(a) + pool(b): it multiplies a hash by a
constant, so that pooling a sum and summing what is pooled hash alike. Two independent 64-bit lanes make a
collision in a space of a million expressions less likely than 1e-26.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["INPUT", "apply", "mix", "pool"]

_LANES = np.array([0x9E3779B97F4A7C15, 0xD1B54A32D192ED03], dtype=np.uint64)
_MULTIPLIERS = np.array(
    [[0xFF51AFD7ED558CCD, 0xBF58476D1CE4E5B9], [0xC4CEB9FE1A85EC53, 0x94D049BB133111EB]], dtype=np.uint64
)


_POOLED = np.array([0xA0761D6478BD642F, 0xE7037ED1A0B428DB], dtype=np.uint64)


def mix(values: NDArray[np.uint64], lane: int | slice = slice(None)) -> NDArray[np.uint64]:
    """Scramble ``(..., 2)`` hashes, each lane by its own bijection (the finaliser of splitmix64 and murmur3); or hashes of any
    shape, all by that of one ``lane``."""
    x = values + _LANES[lane]
    x = (x ^ (x >> np.uint64(31))) * _MULTIPLIERS[0, lane]
    x = (x ^ (x >> np.uint64(29))) * _MULTIPLIERS[1, lane]
    return np.asarray(x ^ (x >> np.uint64(32)))


def pool(expression: NDArray[np.uint64], lane: int | slice = slice(None)) -> NDArray[np.uint64]:
    """Hash of average pooling of stride one, shaped as in :func:`mix`."""
    return expression * _POOLED[lane]


def apply(operation: NDArray[np.int64], expression: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash of the term ``operation(expression)``, shape ``(n, 2)``; an operation on the empty sum is the empty sum.

    Args:
        operation: ``(n,)`` or scalar code of the operation.
        expression: ``(n, 2)`` hashes of its argument.
    """
    code = mix(np.asarray(operation).astype(np.uint64)[..., None] + np.zeros(2, dtype=np.uint64))
    term = mix(code ^ mix(expression))
    return np.where((expression == 0).all(axis=-1, keepdims=True), np.uint64(0), term)


INPUT: NDArray[np.uint64] = mix(np.array([1, 1], dtype=np.uint64))
"""Hash of the cell's input."""
