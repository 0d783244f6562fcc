"""How many rectified units any two samples agree on: the kernel of Mellor et al. 2021, gathered while the model
runs.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archcast.proxies.machinery.tracing import by_sample

__all__ = ["NO_RECTIFIER", "Agreement"]

SMALLEST = 64
"""Fewest units for torch's product of 8-bit matrices, which is wrong for one unit."""
LARGEST = 1 << 22
"""Most units that a sum in single precision counts exactly, with room to spare."""
NO_RECTIFIER = "no ReLU-like activation seen"


class Agreement:
    """Accumulates K = sum over rectifiers of c c' + (1 - c)(1 - c)', where c is ``(samples, units)`` and 1 for a
    positive output.

    Only the ``(samples, samples)`` sums are kept, except with micro-batches, each of which needs the codes of the
    earlier ones.

    Args:
        samples: number of samples of the whole batch.
        pieces: whether the samples come in micro-batches.
        sequence_first: whether the samples are on the second axis.
    """

    def __init__(self, samples: int, *, pieces: bool = False, sequence_first: bool = False) -> None:
        self.samples = samples
        self.sequence_first = sequence_first
        self.units = 0
        self._kernel = np.zeros((samples, samples))
        self._pieces = pieces
        self._codes: list[list[tuple[Tensor, NDArray[np.float64]]]] = []
        self._start = 0
        self._size = samples

    def begin(self, start: int, size: int) -> None:
        """The following outputs are those of samples ``start .. start + size``."""
        self._start, self._size = start, size
        self._codes.append([])

    def add(self, output: Tensor) -> None:
        """Count a rectifier's output; one that does not tell which values belong to which sample is left out."""
        rows = by_sample(output.detach(), self._size, sequence_first=self.sequence_first)
        if rows is None or rows.numel() == 0:
            return
        code = _code(rows)
        both = _product(code, code)
        ones = both.diagonal()
        units = code.shape[1]
        here = slice(self._start, self._start + self._size)
        self._kernel[here, here] += 2 * both - ones[:, None] - ones + units
        if self._start == 0:
            self.units += units
        if self._pieces:
            position = len(self._codes[-1])
            start = 0
            for earlier in self._codes[:-1]:
                other, other_ones = earlier[position]
                there = slice(start, start + len(other))
                block = 2 * _product(code, other) - ones[:, None] - other_ones + units
                self._kernel[here, there] += block
                self._kernel[there, here] += block.T
                start += len(other)
            self._codes[-1].append((code, ones))

    def matrix(self) -> NDArray[np.float64]:
        """K, ``(samples, samples)`` float64 whole numbers."""
        return self._kernel


def _code(output: Tensor) -> Tensor:
    """``(samples, units)`` int8: 1 where the output is positive. The order of units does not matter, so memory order is
    kept.
    """
    if output.ndim == 4 and output.is_contiguous(memory_format=torch.channels_last):
        output = output.permute(0, 2, 3, 1)
    if output.device.type == "cpu" and output.is_contiguous() and output.dtype in (torch.float32, torch.float64):
        positive = torch.from_numpy(np.greater(output.numpy(), 0))
    else:
        positive = output > 0
    return positive.reshape(len(output), -1).view(torch.int8)


def _product(left: Tensor, right: Tensor) -> NDArray[np.float64]:
    """Number of units that are 1 in both, ``(rows of left, rows of right)``, exact."""
    if left.device.type == "cpu" and left.shape[1] >= SMALLEST and _integer_product_works():
        both = torch._int_mm(left, right.t())
    else:
        both = torch.zeros(len(left), len(right), dtype=torch.float64, device=left.device)
        for start in range(0, left.shape[1], LARGEST):
            columns = slice(start, start + LARGEST)
            both += left[:, columns].float() @ right[:, columns].float().t()
    return both.cpu().numpy().astype(np.float64)


@cache
def _integer_product_works() -> bool:
    """Whether torch's product of 8-bit matrices, four times as fast as that of real ones, is there and right."""
    if not hasattr(torch, "_int_mm"):
        return False
    numbers = torch.arange(64 * 4 * SMALLEST).mul(2654435761).bitwise_right_shift(16).bitwise_and(1)
    codes = numbers.view(64, -1).to(torch.int8)
    try:
        return torch.equal(torch._int_mm(codes, codes.t()).double(), codes.double() @ codes.double().t())
    except RuntimeError:
        return False
