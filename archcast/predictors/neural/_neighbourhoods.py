"""Which nodes of a batch of graphs have equal neighbourhoods: a graph network gives them equal activations, so one is computed.

After ``k`` convolutions that sum messages along and against the edges, what a node holds depends on its features, on the
multiset of what its predecessors held a convolution before and on that of its successors: its Weisfeiler-Lehman label. In a
batch of small cells most nodes share their labels with others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archcast.spaces.functions import mix

__all__ = ["Neighbourhoods", "neighbourhoods"]


@dataclass(frozen=True, eq=False)
class Neighbourhoods:
    """The distinct neighbourhoods after ``k`` convolutions.

    Attributes:
        of: ``(n * v,)`` number of each node's neighbourhood, from 0 to ``u - 1``.
        examples: ``(u,)`` number of a node that has it.
    """

    of: NDArray[np.int64]
    examples: NDArray[np.int64]

    def before(self, last: Neighbourhoods, edges: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Senders of the messages to each neighbourhood: their neighbourhoods among ``last``, one after the other, and ``(u,)``
        where those of each start.

        Args:
            last: the neighbourhoods a convolution before.
            edges: ``(n, v, v)``; ``edges[k, i, j]`` is a message from j to i.
        """
        v = edges.shape[1]
        number, sender = np.nonzero(edges.reshape(-1, v)[self.examples])
        senders = last.of[self.examples[number] // v * v + sender]
        return senders, np.searchsorted(number, np.arange(len(self.examples)))


def neighbourhoods(nodes: NDArray[np.float64], edges: NDArray[np.bool_], rounds: int) -> list[Neighbourhoods]:
    """The distinct neighbourhoods after 0, 1, ..., ``rounds`` convolutions.

    Labels are 64-bit hashes; that two of a million differ and share one has a probability below 1e-7.

    Args:
        nodes: ``(n, v, f)`` features of 0 and 1.
        edges: ``(n, v, v)``; ``edges[k, i, j]`` is the edge i -> j.

    Examples:
        >>> edges = np.triu(np.ones((1, 4, 4), dtype=bool), 1)
        >>> [len(round.examples) for round in neighbourhoods(np.ones((1, 4, 1)), edges, 1)]
        [1, 4]
    """
    keys = mix(np.arange(nodes.shape[2], dtype=np.uint64), 0)
    label = mix(nodes.astype(np.uint64) @ keys, 0)
    links = edges.astype(np.uint64)
    found = [_distinct(label)]
    for _ in range(rounds):
        sent = mix(label, 1)
        to = np.matmul(links.transpose(0, 2, 1), sent[..., None])[..., 0]
        back = np.matmul(links, sent[..., None])[..., 0]
        label = mix(label ^ mix(to ^ mix(back, 0), 1), 0)
        found.append(_distinct(label))
    return found


def _distinct(label: NDArray[np.uint64]) -> Neighbourhoods:
    _, examples, of = np.unique(label, return_index=True, return_inverse=True)
    return Neighbourhoods(of.ravel(), examples)
