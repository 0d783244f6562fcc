"""The layers of a network, and how long each takes by itself on a device.

A layer is a module without modules inside. Two layers are the same if they are built alike and are given inputs of the same
shape; what is added or activated between modules is no layer.
"""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from archcast.checks import device_of
from archcast.costs.measuring import CLOCKS, rounds
from archcast.errors import USER_ERRORS, InvalidInputError, short

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Layers", "layers_of", "seconds_of"]

Examples = dict[str, tuple[Any, tuple[Any, ...]]]
Layers = Counter[str]
"""Description of a layer -> how often a network has it."""

TOGETHER = 32
"""Layers that take turns."""

_measured: dict[tuple[str, str, int, int, str], float] = {}
"""What this process has measured: no layer is measured twice."""


def layers_of(network: nn.Module, inputs: Sequence[Tensor], examples: Examples | None = None) -> Layers:
    """The layers that a network runs for some inputs; both may be on the device ``meta``, where nothing is computed.

    Args:
        network: any module; it is left in evaluation mode.
        inputs: positional arguments.
        examples: is given a layer of each description, with the shapes and types of its inputs, for :func:`seconds_of`.

    Examples:
        >>> import torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 8))
        >>> for layer, times in layers_of(model, [torch.zeros(4, 8)]).items():
        ...     print(times, layer)
        2 Linear(in_features=8, out_features=8, bias=True) on 4x8
        1 ReLU() on 4x8
    """
    import torch

    found: Layers = Counter()
    leaves = [module for module in network.modules() if not list(module.children())]

    def note(module: nn.Module, given: tuple[Any, ...], _: Any) -> None:
        tensors = [value for value in given if isinstance(value, torch.Tensor)]
        key = f"{module!r} on {', '.join('x'.join(map(str, value.shape)) for value in tensors)}"
        found[key] += 1
        if examples is not None and key not in examples and len(tensors) == len(given):
            examples[key] = module, tuple((tuple(value.shape), value.dtype) for value in tensors)

    handles = [module.register_forward_hook(note) for module in leaves]
    try:
        with torch.no_grad():
            network.eval()(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found


def seconds_of(
    examples: Mapping[str, tuple[Any, tuple[Any, ...]]],
    device: str = "cpu",
    *,
    runs: int = 50,
    warmup: int = 10,
    clock: str = "wall",
) -> dict[str, float]:
    """Milliseconds of each layer by itself: the median of its runs, in which the layers take turns.

    A layer that this process has measured before, with the same settings, is not measured again.

    Args:
        examples: what :func:`layers_of` filled.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        runs, warmup: runs of each layer that count, and before these.
        clock: one of :data:`~archcast.costs.measuring.CLOCKS`.

    Raises:
        InvalidInputError: a layer cannot be run by itself, or the clock is unknown.
    """
    import torch

    from archcast.torch_state import seeded

    if clock not in CLOCKS:
        raise InvalidInputError(f"Unknown clock {short(clock)}. Available: {', '.join(CLOCKS)}.")
    device_of("device", device)
    todo = [key for key in examples if (key, device, runs, warmup, clock) not in _measured]
    gpu = torch.device(device).type == "cuda"
    wait = torch.cuda.synchronize if gpu else (lambda: None)
    now = time.perf_counter if clock == "wall" else time.thread_time
    for start in range(0, len(todo), TOGETHER):
        keys = todo[start : start + TOGETHER]
        with seeded(0, device), torch.inference_mode():
            calls = [_ready(key, *examples[key], device) for key in keys]
            times = rounds(calls, runs, np.random.default_rng(0), warmup=warmup, wait=wait, now=now)
        middle = np.median(times, axis=1).tolist()
        _measured.update({(key, device, runs, warmup, clock): value for key, value in zip(keys, middle, strict=True)})
    return {key: _measured[key, device, runs, warmup, clock] for key in examples}


def _ready(key: str, module: nn.Module, given: tuple[Any, ...], device: str) -> Any:
    """A call of a copy of a layer with weights and inputs of usual size."""
    import torch

    layer = copy.deepcopy(module).to_empty(device=device).eval()
    for tensor in (*layer.parameters(), *layer.buffers()):
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape) * 0.1 + 0.01)
        else:
            tensor.zero_()
    inputs = [
        (torch.randn(shape) if dtype.is_floating_point else torch.zeros(shape)).to(device=device, dtype=dtype)
        for shape, dtype in given
    ]
    call = partial(layer, *inputs)
    try:
        call()
    except USER_ERRORS as error:  # whatever a layer may raise without its network
        raise InvalidInputError(
            f"layer {short(key)} cannot be run by itself: {type(error).__name__}: {error}"
        ) from error
    return call
