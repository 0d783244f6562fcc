"""How many rectified units any two samples agree on: the kernel of Mellor et al. 2021, gathered while the model
runs.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["NO_RECTIFIER", "Agreement"]

NO_RECTIFIER = "no ReLU-like activation seen"


class Agreement:
    """Accumulates K = sum over rectifiers of c c' + (1 - c)(1 - c)', where c is ``(samples, units)`` and 1 for a
    positive output.

    Only the ``(samples, samples)`` sums are kept, except with micro-batches, each of which needs the codes of the
    earlier ones.

    Args:
        samples: number of samples of the whole batch.
        pieces: whether the samples come in micro-batches.
    """

    def __init__(self, samples: int, *, pieces: bool = False) -> None:
        self.samples = samples
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
        """Count a rectifier's output; one without a row (or an equal number of rows) for each sample is left out."""
        if output.ndim == 0 or output.shape[0] % self._size or output.numel() == 0:
            return
        code = _code(output.detach(), self._size)
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


def _code(output: Tensor, samples: int) -> Tensor:
    """``(samples, units)`` int8: 1 where the output is positive. The order of units does not matter, so memory order is
    kept.
    """
    if output.ndim == 4 and output.is_contiguous(memory_format=torch.channels_last):
        output = output.permute(0, 2, 3, 1)
    if output.device.type == "cpu" and output.is_contiguous() and output.dtype in (torch.float32, torch.float64):
        positive = torch.from_numpy(np.greater(output.numpy(), 0))
    else:
        positive = output > 0
    return positive.reshape(samples, -1).view(torch.int8)


def _product(left: Tensor, right: Tensor) -> NDArray[np.float64]:
    """Number of units that are 1 in both, ``(rows of left, rows of right)``, exact."""
    if left.device.type == "cpu" and hasattr(torch, "_int_mm"):
        both = torch._int_mm(left, right.t())
    else:
        both = torch.zeros(len(left), len(right), dtype=torch.float64, device=left.device)
        for a, b in zip(left.split(1 << 22, dim=1), right.split(1 << 22, dim=1), strict=True):  # type: ignore[no-untyped-call]
            both += (a.float() @ b.float().t()).double()
    return both.cpu().numpy().astype(np.float64)
