"""Torch's state is lent: the same seed draws the same, and everything is as it was afterwards, also after an error."""

from __future__ import annotations

import pytest
import torch

from archcast.torch_state import one_thread, seeded


@pytest.mark.usefixtures("no_device_is_seeded")
def test_a_seed_is_for_its_block() -> None:
    before, draws = torch.get_rng_state(), []
    for seed in (0, 0, 1):
        with seeded(seed):
            draws.append(torch.rand(3))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    with pytest.raises(RuntimeError), seeded(2):
        torch.rand(3).reshape(2)
    assert torch.equal(torch.get_rng_state(), before)


def test_blocks_may_stand_in_each_other() -> None:
    with seeded(0):
        first = torch.rand(3)
        with seeded(1, torch.device("cpu")):
            torch.rand(5)
        second = torch.rand(3)
    with seeded(0):
        assert torch.equal(torch.rand(6), torch.cat([first, second]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_a_cuda_device_is_seeded_too_and_given_back(device: str) -> None:
    before, draws = torch.cuda.get_rng_state(), []
    for seed in (0, 0, 1):
        with seeded(seed, device):
            draws.append(torch.rand(3, device=device))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(torch.cuda.get_rng_state(), before)


def test_threads_come_back() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    with pytest.raises(RuntimeError), one_thread():
        torch.rand(3).reshape(2)
    assert torch.get_num_threads() == before
