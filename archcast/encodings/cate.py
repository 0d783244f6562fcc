"""What a transformer makes of an architecture that has learned to guess operations: an encoding learned without scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import whole
from archcast.encodings._learned import LearnedEncoder
from archcast.encodings.base import register
from archcast.errors import InvalidInputError
from archcast.graphs import CellGraphs
from archcast.spaces.base import SearchSpace

__all__ = ["CATE"]


@register(
    "cate",
    summary="transformer that guesses operations of architectures that compute about as much; trains itself without scores",
    paper="Yan et al. 2021, https://arxiv.org/abs/2102.07108",
)
class CATE(LearnedEncoder):
    """CATE (Yan et al. 2021, https://arxiv.org/abs/2102.07108): computation-aware encodings by transformers.

    Two architectures of about equal computation are read side by side. A fifth of the operations of both is masked, and the
    network minimises the cross-entropy of its guesses. In the first blocks a node attends to itself and to all nodes that
    lead to it, the transitive closure of the graph; in the last to all nodes of the other architecture as well. So architectures of
    equal computation come to lie close together. The encoding of an architecture is the mean over its nodes, in each cell,
    before the two meet.

    ``fit`` trains the network on the architectures that it is given. No scores are needed: predictors give it 1,000 of the
    space. That takes seconds, once in a process. Departures from the paper: three blocks and one of 32 units, and a
    thousand architectures, where the paper trains a larger network on most of the space; computation is counted from the weights
    that the space declares for its operations.

    Args:
        space: search space with cell graphs.
        size: units of the network, a multiple of 4.
        epochs: passes over the architectures.
        seed: of the training.

    Attributes:
        weights_: the network's weights.

    Shapes:
        ``(n, d)`` rows to ``(n, cells * size)``.

    Examples:
        >>> import archcast
        >>> archs = archcast.get_space("nasbench201").sample(50, 0)
        >>> CATE("nasbench201", epochs=2).fit(archs).transform(archs).shape
        (50, 32)

    Raises:
        InvalidInputError: the space has no cell graphs, or a parameter is no whole number of at least 1.
    """

    letter = "h"

    def __init__(self, space: str | SearchSpace, *, size: int = 32, epochs: int = 20, seed: int = 0) -> None:
        super().__init__(space)
        self.size = size
        self.epochs = epochs
        self.seed = seed

    def _fit(self, space: SearchSpace, archs: NDArray[np.int64]) -> None:
        if whole("size", self.size, 1) % 4:
            raise InvalidInputError(f"size must be a multiple of 4, for four heads of attention, got {self.size}.")
        super()._fit(space, archs)

    def _making(self, graphs: CellGraphs) -> Any:
        from archcast.encodings._masked_operations import Making

        return Making(graphs.operations.shape[1], len(graphs.op_names), len(graphs.cells), self.size)

    def _loss(self, graphs: CellGraphs, tensors: Any) -> Any:
        import torch

        from archcast.encodings import _masked_operations as transformer

        order = torch.from_numpy(np.argsort(transformer.computation(graphs), kind="stable"))
        return lambda network, rows: transformer.loss(
            network, tensors[rows], tensors[transformer.partners(order, rows)]
        )

    def _embedding(self, network: Any, tensors: Any) -> Any:
        from archcast.encodings._masked_operations import embedding

        return embedding(network, tensors)
