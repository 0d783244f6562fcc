"""Torch's global state, lent for a block and given back: random generators, the number of threads, the device.

Not imported before a network is needed, because it imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from archcast.checks import device_of
from archcast.errors import InvalidInputError

__all__ = ["here", "one_thread", "seeded", "usable_device", "working_on"]


def usable_device(name: str, mixed_precision: bool = False) -> torch.device:
    """The device of that name.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:1``.
        mixed_precision: whether it is to compute in mixed precision.

    Raises:
        InvalidInputError: there is no such device here, or it has no numbers, or no mixed precision.

    Examples:
        >>> usable_device("cpu")
        device(type='cpu')
    """
    device = device_of("device", name)
    if mixed_precision and device.type == "cpu":
        raise InvalidInputError("mixed_precision is for accelerators; leave it out with device 'cpu'.")
    return device


def here() -> torch.device:
    """The device on which torch makes tensors now."""
    return torch.empty(0).device


def working_on(device: str) -> AbstractContextManager[object]:
    """Within the block torch makes tensors on ``device``.

    Examples:
        >>> with working_on("meta"):
        ...     print(here())
        meta
        >>> here()
        device(type='cpu')
    """
    return nullcontext() if torch.device(device) == here() else torch.device(device)


@contextmanager
def seeded(seed: int, device: str | torch.device = "cpu") -> Iterator[None]:
    """Within the block layers draw by ``seed``, on the processor and on ``device``; afterwards both generators are as they were.

    Generators of other devices are not touched.

    Args:
        seed: 0 to 2^64 - 1.
        device: where the layers of the block compute.

    Examples:
        >>> import torch
        >>> draws = []
        >>> for _ in range(2):
        ...     with seeded(3):
        ...         draws.append(torch.rand(2))
        >>> torch.equal(*draws)
        True
    """
    place = torch.device(device)
    accelerators = [] if place.type == "cpu" else [place]
    # without accelerators any name will do
    kind = place.type if accelerators else "cuda"
    with torch.random.fork_rng(accelerators, device_type=kind):
        torch.default_generator.manual_seed(seed)
        if accelerators:
            module = torch.get_device_module(kind)
            with nullcontext() if place.index is None else module.device(place):
                module.manual_seed(seed)
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the block torch computes on one thread: on small networks more of them only wait for each other, which takes
    twenty times as long where cores are busy. Afterwards their number is as it was."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
