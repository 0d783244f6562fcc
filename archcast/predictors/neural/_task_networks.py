"""Networks that know tasks by an embedding of each, trained on some and tuned to a new one: what ``multi-predict`` is made of.

Not imported before a network is needed, because it imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import silu

from archcast.predictors.networks import (
    Arrays,
    BatchedLinear,
    arrays_of,
    in_chunks,
    private_random_stream,
    single,
    train,
    with_arrays,
)
from archcast.predictors.neural._mlp import BatchedMLP
from archcast.predictors.neural.losses import Loss

__all__ = ["Rows", "TaskNetworks", "learn", "outputs"]

SLOWER = 3.0
"""A new task is tuned to with the learning rate of the sources divided by this."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Scored rows of one task.

    Attributes:
        inputs: ``(n, k)``.
        targets: ``(n,)``.
        seen: ``(m, n)``, whether the member sees the row.
    """

    inputs: NDArray[np.float64]
    targets: NDArray[np.float64]
    seen: NDArray[np.bool_]


class TaskNetworks(nn.Module):
    """``m`` feed-forward networks that read an architecture and a learned embedding of the task: ``(n, k) -> (m, n)``.

    Args:
        members: number of networks ``m``.
        features: number of features ``k`` of an architecture.
        tasks: number of tasks.
        embedding: numbers that stand for a task.
        hidden: units of each hidden layer.
    """

    def __init__(self, members: int, features: int, tasks: int, embedding: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.tasks = nn.Parameter(torch.randn(members, tasks, embedding))
        self.of_task = BatchedLinear(members, embedding, hidden[0], bias=False)
        self.network = BatchedMLP(members, [features, *hidden])

    def forward(self, x: Tensor, task: int) -> Tensor:
        first, *others = self.network.hidden
        h = silu(first(x[None]) + self.of_task(self.tasks[:, task, None]))
        for layer in others:
            h = silu(layer(h))
        out: Tensor = self.network.output(h)[..., 0]
        return out

    @torch.no_grad()
    def begin(self, task: int, rows: Rows) -> None:
        """Give a task the embedding of the earlier task with which each member ranks its rows best."""
        x, t = single(rows.inputs), single(rows.targets)
        alike = torch.stack([_correlation(self(x, other), t, single(rows.seen)) for other in range(task)])
        self.tasks[:, task] = self.tasks[torch.arange(len(self.tasks)), alike.argmax(dim=0)]


def _correlation(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """``(m,)`` weighted correlation of ``(m, n)`` outputs with ``(n,)`` targets; 0 where one of them does not vary."""
    total = weights.sum(dim=1, keepdim=True).clamp_min(1)
    f = outputs - (outputs * weights).sum(dim=1, keepdim=True) / total
    t = targets - (targets * weights).sum(dim=1, keepdim=True) / total
    scale = ((f.square() * weights).sum(dim=1) * (t.square() * weights).sum(dim=1)).sqrt()
    return (f * t * weights).sum(dim=1) / scale.clamp_min(1e-12)


def learn(
    sources: Sequence[Rows],
    task: Rows,
    loss: Loss,
    *,
    rng: np.random.Generator,
    embedding: int,
    hidden: Sequence[int],
    source_epochs: int,
    epochs: int,
    learning_rate: float,
    weight_decay: float,
) -> Arrays:
    """Weights of networks trained on the sources together, then on the task, which is the last of the embeddings.

    Args:
        loss: within one task; scores of different tasks are not compared.
    """
    with private_random_stream(rng):
        module = TaskNetworks(len(task.seen), task.inputs.shape[1], len(sources) + 1, embedding, hidden)
        if sources:
            prepared = [(single(s.inputs), single(s.targets), single(s.seen)) for s in sources]

            def of_sources(rows: Tensor) -> Tensor:
                losses = []
                for number, (x, t, w) in enumerate(prepared):
                    own = rows[rows < len(t)]
                    if len(own):
                        losses.append(loss(module(x[own], number), t[own], w[:, own]).sum())
                return torch.stack(losses).mean()

            train(
                module,
                of_sources,
                max(len(s.targets) for s in sources),
                epochs=source_epochs,
                learning_rate=learning_rate,
                weight_decay=weight_decay,
            )
            module.begin(len(sources), task)
        x, t, w = single(task.inputs), single(task.targets), single(task.seen)
        train(
            module,
            lambda rows: loss(module(x[rows], len(sources)), t[rows], w[:, rows]).sum(),
            len(t),
            epochs=epochs,
            learning_rate=learning_rate / SLOWER if sources else learning_rate,
            weight_decay=weight_decay,
        )
    return arrays_of(module)


def outputs(arrays: Arrays, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(m, n)`` outputs of the networks for the last task."""
    members, tasks, embedding = arrays["tasks"].shape
    layers = sum(name.startswith("network.hidden.") for name in arrays) // 2
    widths = [arrays[f"network.hidden.{i}.weight"].shape[2] for i in range(layers)]
    module = with_arrays(lambda: TaskNetworks(members, inputs.shape[1], tasks, embedding, widths), arrays)
    return in_chunks(lambda rows: module(torch.from_numpy(rows), tasks - 1), inputs)
