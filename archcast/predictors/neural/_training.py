"""Training and answers of ensembles of networks on batches of graphs, whatever the network.

Not imported before a network is needed, because it imports torch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archcast.predictors.networks import (
    Arrays,
    BatchedLinear,
    arrays_of,
    of_functions,
    private_random_stream,
    single,
    train,
    with_arrays,
)
from archcast.predictors.neural._gcn import Graphs, graphs_of
from archcast.predictors.neural.losses import Loss
from archcast.spaces.base import SearchSpace

__all__ = ["ReadOut", "answers", "learn", "on_nodes"]


def learn(
    make: Callable[[], nn.Module],
    graphs: Graphs,
    targets: NDArray[np.float64],
    loss: Loss,
    *,
    rng: np.random.Generator,
    seen: NDArray[np.bool_],
    epochs: int,
    learning_rate: float,
    weight_decay: float,
) -> Arrays:
    """Weights of the networks that ``make`` makes, trained on ``n`` graphs and ``(n,)`` targets.

    Args:
        make: an ensemble of ``m`` networks; it maps graphs to ``(m, n)`` outputs, or to what the loss takes for them.
        loss: see :mod:`archcast.predictors.neural.losses`.
        seen: ``(m, n)``, whether the member sees the row.
    """
    batch, t, w = graphs.float(), single(targets), single(seen)
    with private_random_stream(rng):
        module = make()
        train(
            module,
            lambda rows: loss(module(batch[rows]), t[rows], w[:, rows]).sum(),
            len(t),
            epochs=epochs,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
        )
    return arrays_of(module)


def answers(
    make: Callable[[], nn.Module],
    arrays: Arrays,
    space: SearchSpace,
    archs: NDArray[np.int64],
    prepare: Callable[[Graphs], Graphs] = lambda graphs: graphs,
) -> NDArray[np.float64]:
    """``(m, n)`` outputs of trained networks for ``(n, d)`` rows; ``prepare`` adds to the graphs what the network reads."""
    module = with_arrays(make, arrays)
    return of_functions(space, archs, lambda rows: module(prepare(graphs_of(space, rows))))


def on_nodes(linear: nn.Module, h: Tensor) -> Tensor:
    """A linear layer of ``m`` networks on each node: ``(m, n, v, inputs) -> (m, n, v, outputs)``."""
    flat: Tensor = linear(h.flatten(1, 2))
    return flat.reshape(*flat.shape[:1], *h.shape[1:3], -1)


class ReadOut(nn.Module):
    """Averages over the nodes of each graph, a hidden layer, one output: ``(m, n, v, hidden) -> (m, n)``.

    Args:
        members: number of networks ``m``.
        averages: number of averages ``r``, see :class:`~archcast.predictors.neural._gcn.Graphs`.
        hidden: width.
    """

    def __init__(self, members: int, averages: int, hidden: int) -> None:
        super().__init__()
        self.hidden = BatchedLinear(members, averages * hidden, hidden)
        self.output = BatchedLinear(members, hidden, 1)

    def forward(self, h: Tensor, pooling: Tensor) -> Tensor:
        """Outputs for what the nodes hold and ``(n, r, v)`` averages."""
        together = torch.einsum("nrv,mnvk->mnrk", pooling, h).flatten(2)
        return self.output(torch.tanh(self.hidden(together)))[..., 0]
