"""NAS-Bench-101's network (Ying et al. 2019, https://arxiv.org/abs/1902.09635, section 2 and appendix)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archcast.errors import InvalidInputError

__all__ = ["Cell", "Network", "node_channels"]

CONV3, CONV1, POOL = range(3)


def conv_bn_relu(c_in: int, c_out: int, kernel: int) -> nn.Sequential:
    """Convolution without bias, batch norm (momentum and epsilon of the paper's code), ReLU."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(c_out, eps=1e-5, momentum=0.003),
        nn.ReLU(),
    )


def node_channels(c_in: int, c_out: int, matrix: list[list[bool]]) -> list[int]:
    """Channels of every node of a pruned cell.

    The nodes that feed the output share its channels, the first ones taking the remainder; any other interior node has as
    many as the widest node it feeds.
    """
    v = len(matrix)
    channels = [c_in, *[0] * (v - 2), c_out]
    last = [k for k in range(1, v - 1) if matrix[k][-1]]
    for place, k in enumerate(last):
        channels[k] = c_out // len(last) + (place < c_out % len(last))
    for k in reversed(range(1, v - 1)):
        if k not in last:
            channels[k] = max(channels[j] for j in range(k + 1, v - 1) if matrix[k][j])
    return channels


class Cell(nn.Module):
    """A node adds up its inputs, cut to its channels, and applies its operation; the output concatenates. ``(b, c_in, h, w)`` ->
    ``(b, c_out, h, w)``.

    The cell's input reaches a node or the output through a 1x1 projection and is added there.
    """

    def __init__(self, matrix: list[list[bool]], ops: list[int], c_in: int, c_out: int) -> None:
        super().__init__()
        self.matrix = matrix
        self.channels = node_channels(c_in, c_out, matrix)
        if min(self.channels) < 1:
            raise InvalidInputError(
                f"task.width is too small: {c_out} channels cannot be shared by the "
                f"{sum(row[-1] for row in matrix[1:])} nodes that feed the output. Use a width of at least 5."
            )
        self.projections, self.operations = nn.ModuleDict(), nn.ModuleDict()
        for k, c in enumerate(self.channels):
            if k and matrix[0][k]:
                self.projections[str(k)] = conv_bn_relu(c_in, c, 1)
        for k, op in enumerate(ops, start=1):
            c = self.channels[k]
            kernel = 3 if op == CONV3 else 1
            self.operations[str(k)] = nn.MaxPool2d(3, 1, padding=1) if op == POOL else conv_bn_relu(c, c, kernel)

    def forward(self, x: Tensor) -> Tensor:
        last = len(self.matrix) - 1
        nodes = [x]
        for k in range(1, last):
            terms = [nodes[i][:, : self.channels[k]] for i in range(1, k) if self.matrix[i][k]]
            if str(k) in self.projections:
                terms.append(self.projections[str(k)](x))
            total = terms[0]
            for term in terms[1:]:
                total = total + term
            nodes.append(self.operations[str(k)](total))
        outputs = [nodes[k] for k in range(1, last) if self.matrix[k][last]]
        if not outputs:
            projected: Tensor = self.projections[str(last)](x)
            return projected
        out = torch.cat(outputs, dim=1)
        return out + self.projections[str(last)](x) if str(last) in self.projections else out


class Network(nn.Module):
    """Stem, stacks of cells, head. ``(b, channels, h, w)`` -> ``(b, classes)`` logits."""

    def __init__(
        self,
        matrix: list[list[bool]],
        ops: list[int],
        *,
        channels: int,
        classes: int,
        width: int,
        depth: int,
        stages: int,
    ) -> None:
        super().__init__()
        self.stem = conv_bn_relu(channels, width, 3)
        blocks: list[nn.Module] = []
        for stack in range(stages):
            if stack:
                blocks.append(nn.MaxPool2d(2, ceil_mode=True))
            for k in range(depth):
                wider = 2 * width if stack and k == 0 else width
                blocks.append(Cell(matrix, ops, width, wider))
                width = wider
        self.cells = nn.Sequential(*blocks)
        self.classifier = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(self.cells(self.stem(x)).flatten(2).mean(dim=2))
        return out
