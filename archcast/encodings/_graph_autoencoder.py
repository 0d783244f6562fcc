"""The network of ``arch2vec``: a variational graph isomorphism autoencoder.

Not imported before the encoding is fitted, because it imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from archcast.encodings._pretraining import Graphs, cell_means

__all__ = ["GraphAutoencoder", "Making", "embedding", "loss"]

HIDDEN, LAYERS = 64, 4
DIVERGENCE = 0.005
"""Weight of the divergence of the latent distribution from the normal one."""


@dataclass(frozen=True)
class Making:
    """Makes the network for so many kinds of operations, cells and latent dimensions."""

    kinds: int
    cells: int
    size: int

    def __call__(self) -> GraphAutoencoder:
        return GraphAutoencoder(self.kinds, self.cells, self.size)


class _Layer(nn.Module):
    """Graph isomorphism layer: ``MLP((1 + epsilon) h + (A + A^T) h)``, normalised."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.epsilon = nn.Parameter(torch.zeros(()))
        self.first, self.second, self.norm = nn.Linear(inputs, HIDDEN), nn.Linear(HIDDEN, HIDDEN), nn.LayerNorm(HIDDEN)

    def forward(self, h: Tensor, near: Tensor) -> Tensor:
        mixed = (1 + self.epsilon) * h + near @ h
        return torch.relu(self.norm(self.second(torch.relu(self.first(mixed)))))


class GraphAutoencoder(nn.Module):
    """Graphs to the means and log variances of the latent vectors of their nodes, and back.

    Args:
        kinds: number of operations, terminals included.
        cells: number of cells.
        size: dimensions of a latent vector.
    """

    def __init__(self, kinds: int, cells: int, size: int) -> None:
        super().__init__()
        widths = [kinds + cells] + [HIDDEN] * LAYERS
        self.layers = nn.ModuleList(_Layer(width) for width in widths[:-1])
        self.mean, self.log_variance = nn.Linear(HIDDEN, size), nn.Linear(HIDDEN, size)
        nn.init.constant_(self.log_variance.bias, -4.0)  # little noise at first: else nothing is learned for long
        self.operation, self.edge = nn.Linear(size, kinds), nn.Parameter(torch.zeros(()))

    def forward(self, graphs: Graphs) -> tuple[Tensor, Tensor]:
        """Means and log variances, ``(n, v, size)`` each; those of absent nodes mean nothing."""
        present = graphs.present[:, :, None]
        h = torch.cat(
            [one_hot(graphs.operations, graphs.kinds).to(present), graphs.cells.expand(len(graphs), -1, -1)], 2
        )
        h, near = h * present, graphs.adjacency + graphs.adjacency.transpose(1, 2)
        for layer in self.layers:
            h = layer(h, near) * present
        return self.mean(h), self.log_variance(h)

    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of an edge between two nodes ``(n, v, v)``, whatever its direction, and of operations ``(n, v, kinds)``."""
        return z @ z.transpose(1, 2) + self.edge, self.operation(z)


def loss(network: GraphAutoencoder, graphs: Graphs) -> Tensor:
    """Cross-entropies of edges and operations, each a mean over what is there, and the weighted divergence a node."""
    mean, log_variance = network(graphs)
    edges, operations = network.decode(mean + (log_variance / 2).exp() * torch.randn_like(mean))
    pairs = torch.triu(graphs.present[:, :, None] * graphs.present[:, None], 1) * (graphs.cells @ graphs.cells.T)
    wrong = binary_cross_entropy_with_logits(edges, graphs.adjacency, reduction="none")
    edge_loss = (wrong * pairs).sum() / pairs.sum().clamp(min=1)
    unlike = cross_entropy(operations.transpose(1, 2), graphs.operations, reduction="none")
    operation_loss = (unlike * graphs.present).sum() / graphs.present.sum()
    divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=2) / 2
    return edge_loss + operation_loss + DIVERGENCE * (divergence * graphs.present).sum() / graphs.present.sum()


def embedding(network: GraphAutoencoder, graphs: Graphs) -> Tensor:
    """``(n, cells size)``: for each cell the mean of the latent means of its nodes."""
    return cell_means(network(graphs)[0], graphs)
