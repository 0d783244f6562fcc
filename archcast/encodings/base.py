"""The contract of an encoding: rows of integers in, a matrix of numbers out, as a scikit-learn transformer.

To add one, subclass :class:`Encoder`, write ``_encode`` and ``_names``, and decorate the class with ``@register("my-encoding")``;
``archcast.testing.check_encoding`` tells whether it keeps the contract.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError
from typing_extensions import Self

from archcast.errors import ArchcastError
from archcast.names import ENCODINGS, get_encoding
from archcast.spaces.base import SearchSpace, get_space

__all__ = ["ENCODINGS", "Encoder", "EncoderNotFittedError", "get_encoding", "register"]

register = ENCODINGS.register

CHUNK = 4096
"""Rows that are encoded at a time: what an encoder needs besides its result does not grow with n."""


class EncoderNotFittedError(ArchcastError, NotFittedError):
    """``transform`` of an encoder that learns was called before ``fit``."""


class Encoder(TransformerMixin, BaseEstimator):
    """A vectorised map from architectures to features.

    Encoders are stateless (``transform`` works without ``fit``) unless their docstring says what ``fit`` learns.
    ``transform`` takes the integer rows ``(n, d)`` of the space and returns float32 ``(n, k)``. It works through the rows
    in chunks, so ``_encode`` may use memory freely, and the features of a row never depend on the other rows.

    Args:
        space: name of a search space, or a :class:`~archcast.spaces.SearchSpace`.

    Attributes:
        pruned: whether the canonical rows are encoded, so that rows which compute the same function get the same features.
            An encoder that has a choice takes it as a parameter of this name.
    """

    pruned: bool = False

    def __init__(self, space: str | SearchSpace) -> None:
        self.space = space

    def _fit(self, space: SearchSpace, archs: NDArray[np.int64]) -> None:
        """Learn from validated rows (canonical ones if ``pruned``); set attributes that end in ``_``."""

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        """Features of validated rows (canonical ones if ``pruned``), ``(n, k)``; there is at least one."""
        raise NotImplementedError

    def _names(self, space: SearchSpace) -> list[str]:
        """``k`` feature names."""
        raise NotImplementedError

    def fit(self, archs: ArrayLike, scores: Any = None) -> Self:
        """Validate ``archs`` and learn what there is to learn; scores are ignored.

        Raises:
            InvalidInputError: no architectures, wrong shape or values.
        """
        space = get_space(self.space)
        rows = space.validate(archs, allow_empty=False)
        self._fit(space, space.canonical(rows) if self.pruned else rows)
        return self

    def transform(self, archs: ArrayLike, canonical: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Encode ``(n, d)`` rows as ``(n, k)`` float32.

        Args:
            archs: the rows.
            canonical: ``space.canonical(archs)``, so that several encoders of the same rows need not find it again.

        Raises:
            InvalidInputError: wrong shape or values.
            EncoderNotFittedError: the encoder learns and ``fit`` was not called.
        """
        self._check_is_fitted()
        space = get_space(self.space)
        rows = space.validate(archs)
        if len(rows) == 0:
            return np.zeros((0, len(self._names(space))), dtype=np.float32)
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            if self.pruned:
                chunk = space.canonical(chunk) if canonical is None else canonical[start : start + CHUNK]
            features = self._encode(space, chunk)
            if start == 0:
                out = np.empty((len(rows), features.shape[1]), dtype=np.float32)
            out[start : start + CHUNK] = features
        return out

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """``(k,)`` names of the features.

        Raises:
            EncoderNotFittedError: the encoder learns and ``fit`` was not called.
        """
        self._check_is_fitted()
        return np.asarray(self._names(get_space(self.space)), dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def _check_is_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise EncoderNotFittedError(f"{type(self).__name__} learns its features: call fit(archs) first.")
