"""Latent vectors of a graph autoencoder: an encoding that is learned from architectures without scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import whole
from archcast.encodings.base import Encoder, register
from archcast.spaces.base import SearchSpace

__all__ = ["Arch2Vec"]


@register(
    "arch2vec",
    summary="latent means of a variational graph autoencoder; trains itself on architectures without scores",
    paper="Yan et al. 2020, https://arxiv.org/abs/2006.06936",
)
class Arch2Vec(Encoder):
    """arch2vec (Yan et al. 2020, https://arxiv.org/abs/2006.06936): unsupervised representations of architectures.

    A variational graph isomorphism autoencoder. Layers ``h <- MLP((1 + epsilon) h + (A + A^T) h)`` over the nodes of the
    pruned graph give each node a normal distribution in a latent space. From samples of it edges, ``sigmoid(z_i . z_j + b)``,
    and operations, ``softmax(W z_i)``, are decoded. The network minimises the cross-entropies of both and the divergence of the
    latent distributions from the standard normal. The encoding of a cell is the mean of its nodes' latent means.

    ``fit`` trains the network on the architectures that it is given. No scores are needed, so architectures that nobody has
    trained will do: predictors give it 1,000 of the space. That takes seconds, once in a process. Departures from the paper:
    four layers of 64 units and layer normalisation, a bias in the decoder of edges, and a thousand architectures, where
    the paper trains a larger network on most of the space.

    Args:
        space: search space with cell graphs.
        size: dimensions of the latent space.
        epochs: passes over the architectures.
        seed: of the training.

    Attributes:
        weights_: the network's weights.

    Shapes:
        ``(n, d)`` rows to ``(n, cells * size)``.

    Examples:
        >>> import archcast
        >>> archs = archcast.get_space("nasbench201").sample(50, 0)
        >>> Arch2Vec("nasbench201", epochs=2).fit(archs).transform(archs).shape
        (50, 16)

    Raises:
        InvalidInputError: the space has no cell graphs, or a parameter is no whole number of at least 1.
    """

    pruned = True

    def __init__(self, space: str | SearchSpace, *, size: int = 16, epochs: int = 40, seed: int = 0) -> None:
        super().__init__(space)
        self.size = size
        self.epochs = epochs
        self.seed = seed

    def _fit(self, space: SearchSpace, archs: NDArray[np.int64]) -> None:
        whole("size", self.size, 1)
        whole("epochs", self.epochs, 1)
        whole("seed", self.seed, 0)
        graphs = space.graphs(np.unique(archs, axis=0)).pruned()
        from archcast.encodings import _graph_autoencoder as autoencoder
        from archcast.encodings._pretraining import Graphs, pretrained

        double = Graphs.of(graphs)
        single = double.float()
        self.weights_ = pretrained(
            self._making(space),
            lambda network, rows: autoencoder.loss(network, single[rows]),
            double,
            epochs=self.epochs,
            seed=self.seed,
        )

    def _making(self, space: SearchSpace) -> Any:
        from archcast.encodings._graph_autoencoder import Making

        graphs = space.graphs(np.zeros((0, len(space.cardinalities)), dtype=np.int64))
        return Making(len(graphs.op_names), len(graphs.cells), self.size)

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        import torch

        from archcast.encodings._graph_autoencoder import embedding
        from archcast.encodings._pretraining import Graphs, restored, settled

        network = restored(self._making(space), self.weights_)
        with torch.no_grad(), settled(0):
            return np.asarray(embedding(network, Graphs.of(space.graphs(archs).pruned())).numpy())

    def _names(self, space: SearchSpace) -> list[str]:
        return [f"cell{cell}:z{k}" for cell in range(self._making(space).cells) for k in range(self.size)]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "weights_")
