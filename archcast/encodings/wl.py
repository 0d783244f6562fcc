"""Weisfeiler-Lehman features: how often each kind of neighbourhood occurs in the pruned graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array, vstack

from archcast.encodings.base import CHUNK, Encoder, register
from archcast.errors import InvalidInputError, short
from archcast.graphs import ABSENT
from archcast.spaces.base import SearchSpace, get_space
from archcast.spaces.functions import mix

__all__ = ["WeisfeilerLehman"]


@register(
    "wl",
    summary="counts of Weisfeiler-Lehman labels; learns its vocabulary",
    paper="Shervashidze et al. 2011; Ru et al. 2021, https://arxiv.org/abs/2006.07556",
)
class WeisfeilerLehman(Encoder):
    """Counts of the labels that Weisfeiler-Lehman refinement gives to the nodes of the pruned, canonical graph.

    At h = 0 the label of a node is its operation (and its cell). At each further step it becomes the triple of its label, the
    multiset of its predecessors' labels and the multiset of its successors' labels; direction is kept, which the
    undirected original does not know. The dot product of two rows is the Weisfeiler-Lehman subtree kernel of Ru
    et al. 2021 (NAS-BOWL), summed over h.

    Labels are 64-bit hashes and multisets their sums, so no order has to be found; two labels of a million collide with probability
    less than 1e-7.

    ``fit`` learns the vocabulary: the labels held by at least ``min_count`` of the architectures it is given. Others are
    not counted by ``transform``. Architectures without scores serve as well.

    Args:
        space: search space.
        iterations: number of refinements, the largest h.
        min_count: fewest architectures that hold a label of the vocabulary.

    Attributes:
        labels_: for each h the sorted labels ``(k_h,)`` uint64.

    Examples:
        >>> import archcast
        >>> archs = archcast.get_space("nasbench201").sample(100, 0)
        >>> WeisfeilerLehman("nasbench201", min_count=3).fit(archs).transform(archs).shape
        (100, 103)
    """

    pruned = True

    def __init__(self, space: str | SearchSpace, *, iterations: int = 2, min_count: int = 1) -> None:
        super().__init__(space)
        self.iterations = iterations
        self.min_count = min_count

    def _fit(self, space: SearchSpace, archs: NDArray[np.int64]) -> None:
        for name, least in (("iterations", 0), ("min_count", 1)):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or value < least:
                raise InvalidInputError(f"{name} must be an integer of at least {least}, got {short(value)}.")
        chunks = [self._hashes(space, archs[start : start + CHUNK]) for start in range(0, len(archs), CHUNK)]
        vocabulary = []
        for labels in np.concatenate(chunks, axis=1):
            labels.sort(axis=1)
            first = np.concatenate([labels[:, :1] != 0, labels[:, 1:] != labels[:, :-1]], axis=1)
            found, held = np.unique(labels[first], return_counts=True)
            vocabulary.append(found[held >= self.min_count])
        self.labels_ = vocabulary

    def sparse(self, archs: ArrayLike) -> csr_array:
        """The same counts as :meth:`transform`, as a sparse ``(n, k)`` matrix of float64: few of many columns are not 0, and where
        cells are deep it is many times smaller and faster.

        Raises:
            InvalidInputError: wrong shape or values.
            EncoderNotFittedError: before ``fit``.
        """
        self._check_is_fitted()
        space = get_space(self.space)
        rows = space.canonical(space.validate(archs))
        chunks = [self._counts(space, rows[start : start + CHUNK]) for start in range(0, len(rows), CHUNK)]
        return vstack(chunks, format="csr") if chunks else csr_array((0, sum(map(len, self.labels_))))

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        return np.asarray(self._counts(space, archs).astype(np.float32).toarray())

    def _counts(self, space: SearchSpace, archs: NDArray[np.int64]) -> csr_array:
        """Counts of validated, canonical rows."""
        rows, columns, offset = [], [], 0
        for vocabulary, labels in zip(self.labels_, self._hashes(space, archs), strict=True):
            if len(vocabulary):
                column = np.minimum(np.searchsorted(vocabulary, labels), len(vocabulary) - 1)
                arch, node = np.nonzero(vocabulary[column] == labels)
                rows.append(arch)
                columns.append(offset + column[arch, node])
                offset += len(vocabulary)
        row, column = (np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64) for parts in (rows, columns))
        return coo_array((np.ones(len(row)), (row, column)), shape=(len(archs), offset)).tocsr()

    def square_lengths(self, archs: ArrayLike) -> NDArray[np.float64]:
        """``(n,)`` squared length of the counts of all labels, of those too that are not in the vocabulary; needs no ``fit``."""
        space = get_space(self.space)
        rows = space.canonical(space.validate(archs))
        out = np.zeros(len(rows))
        for start in range(0, len(rows), CHUNK):
            for labels in self._hashes(space, rows[start : start + CHUNK]):
                equal = (labels[:, :, None] == labels[:, None, :]) & (labels != 0)[:, :, None]
                out[start : start + CHUNK] += equal.sum(axis=(1, 2))
        return out

    def _names(self, space: SearchSpace) -> list[str]:
        return [f"h{h}:{label:016x}" for h, labels in enumerate(self.labels_) for label in labels.tolist()]

    def _hashes(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[np.uint64]:
        """``(iterations + 1, n, v)`` labels of the nodes at each h, 0 for absent ones."""
        graphs = space.graphs(archs).pruned()
        edges = graphs.edges[..., None].astype(np.uint64)
        pairs = np.argwhere(edges.any(axis=(2, 3))).tolist()
        codes = (graphs.operations + graphs.cell_of_node * len(graphs.op_names)).T.astype(np.uint64)
        label = mix(
            np.moveaxis(np.stack([codes, codes]), 0, -1)
        )  # the lanes last, as mix has them, but apart in memory
        steps = [label]
        for _ in range(self.iterations):
            neighbour = mix(label)
            predecessors, successors = np.zeros_like(label), np.zeros_like(label)
            for i, j in pairs:
                predecessors[j] += edges[i, j] * neighbour[i]
                successors[i] += edges[i, j] * neighbour[j]
            label = mix(label ^ mix(predecessors ^ mix(successors)))
            steps.append(label)
        present = graphs.operations != ABSENT
        return np.array([np.where(present, (s[..., 0] ^ s[..., 1]).T, np.uint64(0)) for s in steps])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "labels_")
