"""Rows of many features of which few are not 0, such as counts of labels: what a linear term of a kernel asks of its features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from archcast.predictors.persistence import saved

__all__ = ["SparseRows"]

Array = NDArray[np.float64]


@saved("sparse-rows")
@dataclass(frozen=True, eq=False)
class SparseRows:
    """A sparse ``(n, k)`` matrix; products with another, or with an array, are arrays.

    Attributes:
        values, columns: of the entries, row by row.
        starts: ``(n + 1,)`` where the entries of each row start, and their number.
        width: k.

    Examples:
        >>> rows = SparseRows.of(csr_array(np.array([[0.0, 2.0], [3.0, 0.0]])))
        >>> rows @ (10 * rows).T
        array([[40.,  0.],
               [ 0., 90.]])
        >>> rows.square_lengths()
        array([4., 9.])
    """

    values: Array
    columns: NDArray[np.int32]
    starts: NDArray[np.int32]
    width: int

    __array_ufunc__ = None  # numpy's numbers leave the multiplication to this class

    @classmethod
    def of(cls, matrix: csr_array) -> SparseRows:
        """The rows of a matrix."""
        return cls(matrix.data, matrix.indices, matrix.indptr, matrix.shape[1])

    @property
    def matrix(self) -> csr_array:
        """As scipy has it."""
        return csr_array((self.values, self.columns, self.starts), shape=(len(self), self.width))

    @property
    def T(self) -> Any:
        """Transposed, to be multiplied by from the left."""
        return self.matrix.T

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, rows: Any) -> SparseRows:
        return SparseRows.of(self.matrix[rows])

    def __rmul__(self, factor: float) -> SparseRows:
        return SparseRows(factor * self.values, self.columns, self.starts, self.width)

    def __matmul__(self, other: Any) -> Array:
        product = self.matrix @ other
        return np.asarray(product if isinstance(product, np.ndarray) else product.toarray())

    def square_lengths(self) -> Array:
        """``(n,)`` squared length of each row."""
        return np.asarray(self.matrix.multiply(self.matrix).sum(axis=1))
