"""NAS-Bench-ASR's acoustic model (Mehrotra et al. 2021, https://openreview.net/forum?id=CU0APx9LMaL, section 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from archcast.spaces.recurrent.network import NodesCell

__all__ = ["LSTM", "Network"]

LOOK_AHEAD = 4
"""Frames of the future that a convolution sees at most."""
CLIP, GROUPS = 20.0, 100
LSTM: tuple[tuple[str, tuple[int, ...]], ...] = (
    *(pair for k in range(3) for pair in (("linear", (0, 1)), ("activation_sigm", (4 + 2 * k,)))),
    ("linear", (0, 1)),
    ("activation_tanh", (10,)),
    ("elementwise_prod", (7, 2)),
    ("elementwise_prod", (5, 11)),
    ("elementwise_sum", (12, 13)),
    ("activation_tanh", (14,)),
    ("elementwise_prod", (9, 15)),
)
"""Input, forget and output gate, candidate, new cell state, output; each map has one bias, as in TensorFlow."""


class Convolution(nn.Module):
    """Convolution over time and clipped ReLU. ``(b, c_in, t)`` -> ``(b, c_out, t / stride)``, rounded up."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int, *, stride: int = 1, dilation: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        total = (kernel - 1) * dilation
        ahead = min(LOOK_AHEAD // stride, total)
        self.padding = (total - ahead, ahead)
        self.conv = nn.Conv1d(c_in, c_out, kernel, stride, dilation=dilation, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        return functional.hardtanh(self.conv(functional.pad(x, self.padding)), 0.0, CLIP)


class Linear(nn.Module):
    """Linear map of each frame and clipped ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return functional.hardtanh(self.linear(x.transpose(1, 2)).transpose(1, 2), 0.0, CLIP)


class Norm(nn.LayerNorm):
    """Layer norm of each frame of ``(b, channels, t)``."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


def operation(name: str, channels: int) -> nn.Module:
    """The operation with that name; ``zero`` is none."""
    if name == "linear":
        return Linear(channels)
    dilation = 2 if name.endswith("d2") else 1
    return Convolution(channels, channels, int(name[4]), dilation=dilation, groups=math.gcd(channels, GROUPS))


class Cell(nn.Module):
    """Nodes that add skips of earlier nodes to an operation on the last one; a layer norm after the last."""

    def __init__(self, ops: Sequence[str], skips: Sequence[Sequence[int]], channels: int) -> None:
        super().__init__()
        self.skips = [list(sources) for sources in skips]
        self.ops = nn.ModuleDict({str(k): operation(op, channels) for k, op in enumerate(ops) if op != "zero"})
        self.norm = Norm(channels, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        nodes = [x]
        for k, sources in enumerate(self.skips):
            terms = [self.ops[str(k)](nodes[-1])] if str(k) in self.ops else []
            terms += [nodes[source] for source in sources]
            total = terms[0] if terms else torch.zeros_like(x)
            for term in terms[1:]:
                total = total + term
            nodes.append(total)
        out: Tensor = self.norm(nodes[-1])
        return out


class Network(nn.Module):
    """Four blocks of a convolution and cells, an LSTM, a classifier of every frame.

    ``(b, features, t)`` -> ``(b, classes, t / 4)`` logits, rounded up twice.

    Args:
        ops: operation of each node, ``zero`` for none.
        skips: for each node the earlier ones that it adds.
        features, classes: of the task.
        blocks: stride, channels and cells of each block.
        hidden: numbers of the LSTM's state.
    """

    def __init__(
        self,
        ops: Sequence[str],
        skips: Sequence[Sequence[int]],
        features: int,
        classes: int,
        blocks: Sequence[tuple[int, int, int]],
        hidden: int,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        c = features
        for stride, channels, cells in blocks:
            layers += [Convolution(c, channels, 8, stride=stride), Norm(channels, eps=1e-3)]
            layers += [Cell(ops, skips, channels) for _ in range(cells)]
            c = channels
        self.layers = nn.Sequential(*layers)
        self.lstm = NodesCell(LSTM, (12, 10), c, hidden)
        self.classifier = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        frames = self.layers(x)
        states = [frames.new_zeros(len(x), self.lstm.hidden) for _ in range(2)]
        outputs = []
        for frame in frames.unbind(dim=2):
            states = self.lstm(frame, states)
            outputs.append(states[0])
        out: Tensor = self.classifier(torch.stack(outputs, dim=1))
        return out.transpose(1, 2)
