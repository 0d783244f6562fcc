"""Latent vectors of a graph autoencoder: an encoding that is learned from architectures without scores."""

from __future__ import annotations

from typing import Any

from archcast.encodings._learned import LearnedEncoder
from archcast.encodings.base import register
from archcast.graphs import CellGraphs
from archcast.spaces.base import SearchSpace

__all__ = ["Arch2Vec"]


@register(
    "arch2vec",
    summary="latent means of a variational graph autoencoder; trains itself on architectures without scores",
    paper="Yan et al. 2020, https://arxiv.org/abs/2006.06936",
)
class Arch2Vec(LearnedEncoder):
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

    letter = "z"

    def __init__(self, space: str | SearchSpace, *, size: int = 16, epochs: int = 40, seed: int = 0) -> None:
        super().__init__(space)
        self.size = size
        self.epochs = epochs
        self.seed = seed

    def _making(self, graphs: CellGraphs) -> Any:
        from archcast.encodings._graph_autoencoder import Making

        return Making(len(graphs.op_names), len(graphs.cells), self.size)

    def _loss(self, graphs: CellGraphs, tensors: Any) -> Any:
        from archcast.encodings import _graph_autoencoder as autoencoder

        return lambda network, rows: autoencoder.loss(network, tensors[rows])

    def _embedding(self, network: Any, tensors: Any) -> Any:
        from archcast.encodings._graph_autoencoder import embedding

        return embedding(network, tensors)
