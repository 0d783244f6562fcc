"""What the neural predictors share: a private random stream, batches of linear layers, a training loop, weights as arrays.

Not imported before a network is needed, because it imports torch.

An ensemble is one module whose weights have a leading axis of ``m`` members, so that a layer of all members is one batched matrix
product. The members never meet in the loss except as a sum, and AdamW works weight by weight, so each learns as it would alone.
Networks are trained in single precision and answer in double: a row's answer then does not depend on the rows beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["BatchedLinear", "BatchedMLP", "arrays_of", "private_random_stream", "single", "train", "with_arrays"]


@contextmanager
def private_random_stream(rng: np.random.Generator) -> Iterator[None]:
    """Within the block torch's global generator is seeded from ``rng``; afterwards it is as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**62)))
        yield


def single(array: NDArray[np.generic]) -> Tensor:
    """A single-precision tensor with its own memory."""
    return torch.tensor(np.asarray(array), dtype=torch.float32)


def arrays_of(module: nn.Module) -> dict[str, NDArray[np.float32]]:
    """Weights as numpy arrays, which pickle and save."""
    return {name: value.detach().numpy().copy() for name, value in module.state_dict().items()}


def with_arrays(module: nn.Module, arrays: dict[str, NDArray[np.float32]]) -> nn.Module:
    """``module`` with the weights of :func:`arrays_of`, in double precision and evaluation mode."""
    module.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in arrays.items()})
    return module.double().eval()


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


class BatchedMLP(nn.Module):
    """``m`` feed-forward networks: ``(n, inputs) -> (m, n)``.

    Args:
        members: number of networks ``m``.
        inputs: number of features.
        hidden: widths of the hidden layers.
        activation: elementwise function.
    """

    def __init__(
        self, members: int, inputs: int, hidden: Sequence[int], activation: Callable[[Tensor], Tensor] = torch.relu
    ) -> None:
        super().__init__()
        widths = [inputs, *hidden]
        self.hidden = nn.ModuleList(BatchedLinear(members, a, b) for a, b in zip(widths[:-1], widths[1:], strict=True))
        self.output = BatchedLinear(members, widths[-1], 1)
        self.activation = activation

    def features(self, x: Tensor) -> Tensor:
        """Activations of the last hidden layer, ``(m, n, hidden[-1])``."""
        h = x[None]
        for layer in self.hidden:
            h = self.activation(layer(h))
        return h

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.features(x))[..., 0]


def train(
    module: nn.Module,
    loss: Callable[[Tensor], Tensor],
    n: int,
    *,
    steps: int,
    learning_rate: float,
    weight_decay: float = 0.0,
    batch_size: int = 256,
) -> None:
    """AdamW (Loshchilov & Hutter 2019) with a linear warm-up over a tenth of the steps and a cosine to zero.

    Args:
        module: trained in place, then left in evaluation mode.
        loss: rows of the batch, ``(b,)`` integers below ``n``, to the scalar that is minimised.
        n: number of training rows; up to ``batch_size`` of them make one full batch, more are shuffled every epoch.
        steps: number of updates.
        learning_rate: its peak.
        weight_decay: decoupled, of weights; biases are left alone.
        batch_size: rows a step.
    """
    groups = [
        {"params": [p for name, p in module.named_parameters() if "bias" not in name], "weight_decay": weight_decay},
        {"params": [p for name, p in module.named_parameters() if "bias" in name], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, fused=True)
    warm = max(1, steps // 10)
    batches = _batches(n, batch_size)
    module.train()
    for step in range(steps):
        rate = (step + 1) / warm if step < warm else 0.5 + 0.5 * math.cos(math.pi * (step - warm) / (steps - warm))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * rate
        optimizer.zero_grad()
        loss(next(batches)).backward()
        optimizer.step()
    module.eval()


def _batches(n: int, size: int) -> Iterator[Tensor]:
    """Endless: all rows in order if they fit into one batch, else shuffled batches of nearly equal size."""
    while True:
        if n <= size:
            yield torch.arange(n)
        else:
            yield from torch.randperm(n).chunk(math.ceil(n / size))
