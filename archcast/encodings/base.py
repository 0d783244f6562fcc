"""The contract of an encoding: rows of integers in, a matrix of numbers out, as a scikit-learn transformer.

To add one, subclass :class:`Encoder`, write ``_encode`` and ``_names``, and decorate the class with ``@register("my-encoding")``;
``archcast.testing.check_encoding`` tells whether it keeps the contract.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from archcast.registry import Registry
from archcast.spaces.base import SearchSpace, get_space

__all__ = ["ENCODINGS", "Encoder", "get_encoding", "register"]

ENCODINGS: Registry[type[Encoder]] = Registry("encoding", "archcast.encodings")
register = ENCODINGS.register


class Encoder(TransformerMixin, BaseEstimator):
    """A vectorised map from architectures to features.

    Encoders are stateless (``transform`` works without ``fit``) unless their docstring says what ``fit`` learns.
    ``transform`` takes the integer rows ``(n, d)`` of the space and returns float32 ``(n, k)``.

    Args:
        space: name of a search space, or a :class:`~archcast.spaces.SearchSpace`.
    """

    def __init__(self, space: str | SearchSpace) -> None:
        self.space = space

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        """Features of validated rows, ``(n, k)``."""
        raise NotImplementedError

    def _names(self, space: SearchSpace) -> list[str]:
        """``k`` feature names."""
        raise NotImplementedError

    def fit(self, archs: ArrayLike, scores: Any = None) -> Encoder:
        """Validate ``archs``; scores are ignored."""
        get_space(self.space).validate(archs, allow_empty=False)
        return self

    def transform(self, archs: ArrayLike) -> NDArray[np.float32]:
        """Encode ``(n, d)`` rows as ``(n, k)`` float32."""
        space = get_space(self.space)
        return np.ascontiguousarray(self._encode(space, space.validate(archs)), dtype=np.float32)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """``(k,)`` names of the features."""
        return np.asarray(self._names(get_space(self.space)), dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True


def get_encoding(name: str, space: str | SearchSpace, **params: Any) -> Encoder:
    """Return the encoder called ``name`` for ``space``.

    Examples:
        >>> import archcast
        >>> encoder = archcast.get_encoding("adjacency", "nasbench201")
        >>> encoder.transform([[3, 0, 1, 0, 0, 4]]).shape
        (1, 30)

    Raises:
        UnknownNameError: with the closest names.
    """
    return ENCODINGS[name](space, **params)
