"""What a transformer makes of an architecture that has learned to guess operations: an encoding learned without scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import whole
from archcast.encodings.base import Encoder, register
from archcast.errors import InvalidInputError
from archcast.spaces.base import SearchSpace

__all__ = ["CATE"]


@register(
    "cate",
    summary="transformer that guesses operations of architectures that compute about as much; trains itself without scores",
    paper="Yan et al. 2021, https://arxiv.org/abs/2102.07108",
)
class CATE(Encoder):
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

    pruned = True

    def __init__(self, space: str | SearchSpace, *, size: int = 32, epochs: int = 20, seed: int = 0) -> None:
        super().__init__(space)
        self.size = size
        self.epochs = epochs
        self.seed = seed

    def _fit(self, space: SearchSpace, archs: NDArray[np.int64]) -> None:
        if whole("size", self.size, 1) % 4:
            raise InvalidInputError(f"size must be a multiple of 4, for four heads of attention, got {self.size}.")
        whole("epochs", self.epochs, 1)
        whole("seed", self.seed, 0)
        graphs = space.graphs(np.unique(archs, axis=0)).pruned()
        import torch

        from archcast.encodings import _masked_operations as transformer
        from archcast.encodings._pretraining import Graphs, pretrained

        double = Graphs.of(graphs)
        single = double.float()
        order = torch.from_numpy(np.argsort(transformer.computation(graphs), kind="stable"))
        self.weights_ = pretrained(
            self._making(space),
            lambda network, rows: transformer.loss(network, single[rows], single[transformer.partners(order, rows)]),
            double,
            epochs=self.epochs,
            seed=self.seed,
        )

    def _making(self, space: SearchSpace) -> Any:
        from archcast.encodings._masked_operations import Making

        graphs = space.graphs(np.zeros((0, len(space.cardinalities)), dtype=np.int64))
        return Making(graphs.operations.shape[1], len(graphs.op_names), len(graphs.cells), self.size)

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        import torch

        from archcast.encodings._masked_operations import embedding
        from archcast.encodings._pretraining import Graphs, restored, settled

        network = restored(self._making(space), self.weights_)
        with torch.no_grad(), settled(0):
            return np.asarray(embedding(network, Graphs.of(space.graphs(archs).pruned())).numpy())

    def _names(self, space: SearchSpace) -> list[str]:
        return [f"cell{cell}:h{k}" for cell in range(self._making(space).cells) for k in range(self.size)]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "weights_")
