"""The kernel of rectifier codes against its definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from archcast.proxies.machinery.agreement import Agreement


def kernel(outputs: list[Tensor], samples: int) -> np.ndarray:
    total = np.zeros((samples, samples))
    for output in outputs:
        c = (output.reshape(samples, -1) > 0).double().numpy()
        total += c @ c.T + (1 - c) @ (1 - c).T
    return total


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("sizes", [[7], [3, 3, 1], [1] * 7])
def test_kernel(dtype: torch.dtype, sizes: list[int]) -> None:
    torch.manual_seed(0)
    images = torch.randn(7, 5, 4, 3).to(dtype)
    outputs = [images, images.to(memory_format=torch.channels_last), torch.randn(7, 11).to(dtype), images[:, ::2]]
    agreement = Agreement(7, pieces=len(sizes) > 1)
    start = 0
    for size in sizes:
        agreement.begin(start, size)
        for output in outputs:
            agreement.add(output[start : start + size])
        start += size
    assert np.array_equal(agreement.matrix(), kernel(outputs, 7))
    assert agreement.units == 60 + 60 + 11 + 36


def test_windows_and_sequences_belong_to_samples() -> None:
    torch.manual_seed(0)
    windows = torch.randn(8, 5)
    sequence = torch.randn(6, 4, 5)
    agreement = Agreement(4)
    agreement.begin(0, 4)
    agreement.add(windows)
    agreement.add(sequence)
    agreement.add(torch.randn(3, 2))
    agreement.add(torch.randn(4, 0))
    agreement.add(torch.ones(()))
    assert np.array_equal(agreement.matrix(), kernel([windows, sequence.transpose(0, 1)], 4))


def test_counts_are_exact_for_many_units() -> None:
    ones = torch.ones(2, 1 << 20)
    agreement = Agreement(2)
    agreement.begin(0, 2)
    for _ in range(20):
        agreement.add(ones)
    agreement.add(torch.tensor([[1.0], [0.0]]))
    assert agreement.matrix()[0, 1] == 20 * (1 << 20)
    assert agreement.matrix()[0, 0] == agreement.units == 20 * (1 << 20) + 1
