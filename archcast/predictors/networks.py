"""What the neural predictors share: private random numbers, batched linear layers, a training loop, weights as arrays.

Not imported before a network is needed, because it imports torch.

An ensemble is one module whose weights have a leading axis of ``m`` members, so that a layer of all members is one
batched matrix product. The members never meet in the loss except as a sum, and AdamW works weight by weight, so each
learns as it would alone. Networks are trained in single precision and answer in double: a row's answer then does not
depend on the rows beside it.

They are trained where torch makes its tensors (:func:`archcast.torch_state.here`), which the parameter ``device`` of a predictor
decides (:class:`~archcast.predictors.neural.device.OnDevice`), and answer on the processor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archcast.torch_state import here, one_thread, seeded, working_on

__all__ = [
    "BatchedLinear",
    "arrays_of",
    "in_chunks",
    "of_functions",
    "one_thread",
    "private_random_stream",
    "single",
    "train",
    "with_arrays",
]

Module = TypeVar("Module", bound=nn.Module)
Arrays = dict[str, NDArray[np.float32]]

CHUNK = 1024
"""Rows that a network answers at a time, which bounds the memory of a query."""


def private_random_stream(rng: np.random.Generator) -> AbstractContextManager[None]:
    """:func:`~archcast.torch_state.seeded` by a number that is drawn from ``rng`` at the call."""
    return seeded(int(rng.integers(2**62)), here())


def single(array: NDArray[np.generic]) -> Tensor:
    """A single-precision tensor with its own memory."""
    return torch.tensor(np.asarray(array), dtype=torch.float32)


def arrays_of(module: nn.Module) -> Arrays:
    """Weights as numpy arrays, which pickle and save."""
    return {name: value.detach().cpu().numpy().copy() for name, value in module.state_dict().items()}


def with_arrays(make: Callable[[], Module], arrays: Arrays) -> Module:
    """The module that ``make`` makes, with the weights of :func:`arrays_of`, in double precision and evaluation mode.

    It is made on the meta device, so no initial weights are drawn.
    """
    with torch.device("meta"):
        module = make()
    weights = {name: torch.from_numpy(np.array(value, dtype=np.float64)) for name, value in arrays.items()}
    module.load_state_dict(weights, assign=True)
    return module.eval()


def in_chunks(function: Callable[[NDArray[Any]], Tensor], rows: NDArray[Any]) -> NDArray[np.float64]:
    """``function`` of a few rows at a time, without gradients; the rows are the second axis of its result."""
    with torch.no_grad(), one_thread(), working_on("cpu"):
        parts = [function(rows[start : start + CHUNK]).numpy() for start in range(0, len(rows), CHUNK)]
    return np.concatenate(parts, axis=1)


def of_functions(
    space: Canonical, archs: NDArray[np.int64], function: Callable[[NDArray[np.int64]], Tensor]
) -> NDArray[np.float64]:
    """:func:`in_chunks` of canonical rows, each distinct one once, for a function that sees nothing else of a row."""
    distinct, row = np.unique(space.canonical(archs), axis=0, return_inverse=True)
    return np.asarray(in_chunks(function, distinct)[:, row.ravel()])


class Canonical(Protocol):
    """What :func:`of_functions` asks of a space."""

    def canonical(self, archs: NDArray[np.int64], /) -> NDArray[np.int64]:
        """Equal rows for equal functions."""


class BatchedLinear(nn.Module):
    """``m`` linear layers side by side: ``(m, n, inputs) -> (m, n, outputs)``; input of one member serves all.

    Weights start from He's uniform distribution, ``U(-sqrt(3/inputs), sqrt(3/inputs)) * gain``, biases from zero.
    """

    def __init__(self, members: int, inputs: int, outputs: int, *, bias: bool = True, gain: float = 1.0) -> None:
        super().__init__()
        bound = gain * math.sqrt(3 / inputs)
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        x = x.expand(len(self.weight), -1, -1)
        return torch.bmm(x, self.weight) if self.bias is None else torch.baddbmm(self.bias, x, self.weight)


@one_thread()
def train(
    module: nn.Module,
    loss: Callable[[Tensor], Tensor],
    n: int,
    *,
    epochs: int,
    learning_rate: float,
    weight_decay: float = 0.0,
    batch_size: int = 256,
) -> None:
    """AdamW (Loshchilov & Hutter 2019) with a linear warm-up over a tenth of the steps and a cosine to zero.

    Args:
        module: trained in place, then left in evaluation mode.
        loss: rows of the batch, ``(b,)`` integers below ``n``, to the scalar that is minimised.
        n: number of training rows; up to ``batch_size`` of them make one full batch, more are shuffled every epoch.
        epochs: passes over the rows.
        learning_rate: its peak.
        weight_decay: decoupled, of weights; biases are left alone.
        batch_size: rows a step.
    """
    groups = [
        {"params": [p for name, p in module.named_parameters() if "bias" not in name], "weight_decay": weight_decay},
        {"params": [p for name, p in module.named_parameters() if "bias" in name], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, fused=True)
    batches = math.ceil(n / batch_size)
    steps = epochs * batches
    warm = max(1, steps // 10)
    module.train()
    for step in range(steps):
        rate = (step + 1) / warm if step < warm else 0.5 + 0.5 * math.cos(math.pi * (step - warm) / (steps - warm))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * rate
        if step % batches == 0:
            order = (torch.randperm(n) if batches > 1 else torch.arange(n)).chunk(batches)
        optimizer.zero_grad()
        loss(order[step % batches]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    module.eval()
