"""Work on a model and leave it bit-identical, whatever happens.

Weights, buffers and plain tensor attributes are swapped for copies while the work lasts, so their own memory is never
written; the attributes of every module (training flags, hooks, caches), gradients, ``requires_grad`` and the states of
the random generators are put back afterwards, also after an exception or Ctrl-C. So is what else can be reached from the
model: its own generators, arrays, and containers and objects in any nesting; and what it may set for the whole process, see
:mod:`~archcast.proxies.machinery.settings`, and filters of warnings.
"""

from __future__ import annotations

import copy
import random
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from archcast.proxies.machinery import settings

__all__ = ["Generators", "preserved", "swapped"]


@contextmanager
def preserved(model: nn.Module, device: torch.device | None = None) -> Iterator[None]:
    """Within the context the model may be changed at will; afterwards it and all random generators are as they were.

    Inside, the model works on copies of its tensors, on ``device`` if one is given, without gradients, with
    ``requires_grad`` set on every parameter that can have a gradient.
    """
    if device is not None and device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]  # its generators exist from here on, and are put back
    restore = _Restoration(model)
    with warnings.catch_warnings():  # puts filters back
        try:
            for tensor in restore.tensors:
                tensor.grad = None
                tensor.data = tensor.data.clone() if device is None else tensor.data.to(device, copy=True)
                if isinstance(tensor, nn.Parameter):
                    tensor.requires_grad_(tensor.is_floating_point() or tensor.is_complex())
            yield
        finally:
            _insist(restore)


@contextmanager
def swapped(model: nn.Module, dtype: torch.dtype | None = None) -> Iterator[None]:
    """Within the context every parameter and buffer is a copy that may be written to, real numbers in ``dtype``."""
    tensors = [*model.parameters(), *model.buffers()]
    before = [tensor.data for tensor in tensors]

    def restore() -> None:
        for tensor, data in zip(tensors, before, strict=True):
            tensor.grad = None
            tensor.data = data

    try:
        with torch.no_grad():
            for tensor in tensors:
                kind = dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype
                tensor.data = tensor.data.to(kind, copy=True)
        yield
    finally:
        _insist(restore)


def _insist(restore: Callable[[], None]) -> None:
    """Finish ``restore``, which may be begun again at any time, even if Ctrl-C comes in the middle of it."""
    interrupted: KeyboardInterrupt | None = None
    while True:
        try:
            restore()
            break
        except KeyboardInterrupt as error:
            interrupted = error
    if interrupted is not None:
        raise interrupted


class _Restoration:
    """What must be put back; calling it puts it back."""

    def __init__(self, model: nn.Module) -> None:
        modules = list(model.modules())
        self.attributes = [(module, dict(vars(module))) for module in modules]
        reached = _reachable(model)
        self.objects = [(o, dict(vars(o))) for o in reached if _is_object(o)]
        self.containers = [(c, c.copy() if len(c) else None) for c in reached if isinstance(c, CONTAINERS)]
        self.arrays = [(a, a.copy()) for a in reached if isinstance(a, np.ndarray) and a.dtype != object]
        unique = {id(value): value for value in reached if isinstance(value, Tensor)}
        self.tensors = [tensor for tensor in unique.values() if tensor.is_leaf]
        self.before = [(tensor, tensor.data, tensor.grad, tensor.requires_grad) for tensor in self.tensors]
        self.generators = Generators(model, reached)
        self.states = self.generators.state()
        self.settings = settings.settings()

    def __call__(self) -> None:
        for module, attributes in self.attributes:
            own = vars(module)
            for name in [name for name in own if name not in attributes]:
                del own[name]
            own.update(attributes)
        for value, attributes in self.objects:
            own = vars(value)
            if [(name, id(v)) for name, v in own.items()] != [(name, id(v)) for name, v in attributes.items()]:
                own.clear()
                own.update(attributes)
        for container, content in self.containers:
            if len(container) or content:
                _refill(container, content or ())
        for array, values in self.arrays:
            if array.flags.writeable:
                array[...] = values
        for tensor, data, gradient, requires_grad in self.before:
            tensor.grad = None
            tensor.data = data
            tensor.requires_grad_(requires_grad)
            tensor.grad = gradient
        self.generators.restore(self.states)
        settings.restore(self.settings)


CONTAINERS = (dict, list, set, deque, bytearray)
OWN_GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
MOST = 200_000
"""Most things that are looked at in search of what a model can change."""


def _is_object(value: Any) -> bool:
    """Whether ``value`` is an instance of a class that is written in Python, but no module and no tensor."""
    if isinstance(value, (nn.Module, Tensor, type)):
        return False
    return type(getattr(value, "__dict__", None)) is dict and type(value).__module__.partition(".")[0] not in FOREIGN


FOREIGN = frozenset({"builtins", "torch", "numpy", "logging", "threading", "weakref", "typing"})


def _reachable(model: nn.Module) -> list[Any]:
    """What can be changed through the attributes of a model: tensors, arrays, generators, containers, objects."""
    seen: dict[int, Any] = {}
    stack: list[Any] = list(model.modules())
    while stack and len(seen) < MOST:
        value = stack.pop()
        if id(value) in seen or isinstance(value, (str, bytes, int, float, complex, type(None), type)):
            continue
        seen[id(value)] = value
        if isinstance(value, nn.Module):
            stack.extend(vars(value).values())
        elif isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, (list, tuple, set, frozenset, deque)):
            stack.extend(value)
        elif _is_object(value):
            stack.extend(vars(value).values())
    return [v for v in seen.values() if not isinstance(v, nn.Module)]


def _refill(container: Any, content: Any) -> None:
    """Give a container its former content, in its former order."""
    container.clear()
    if isinstance(container, (list, deque, bytearray)):
        container.extend(content)
    else:
        container.update(content)


class Generators:
    """The generators that a model may draw from: torch's on every device in use, numpy's, Python's, and its own.

    Args:
        model: whose own generators are looked for.
        reached: what can be reached from the model, if that is known.
    """

    def __init__(self, model: nn.Module, reached: list[Any] | None = None) -> None:
        reached = _reachable(model) if reached is None else reached
        self.own = [value for value in reached if isinstance(value, OWN_GENERATORS)]

    def state(self) -> list[Any]:
        """The states of all of them."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]
        queued = list(getattr(torch.cuda, "_queued_calls", ()))
        common = [torch.get_rng_state(), cuda, queued, np.random.get_state(), random.getstate()]  # noqa: NPY002
        return [*common, *map(_state_of, self.own)]

    def restore(self, state: list[Any]) -> None:
        """Put them back to ``state``."""
        torch.set_rng_state(state[0])
        if state[1] is not None:
            torch.cuda.set_rng_state_all(state[1])
        elif not torch.cuda.is_initialized() and hasattr(torch.cuda, "_queued_calls"):  # type: ignore[no-untyped-call]
            torch.cuda._queued_calls[:] = state[
                2
            ]  # torch.manual_seed leaves a seed for a device that is not in use yet
        np.random.set_state(state[3])  # noqa: NPY002
        random.setstate(state[4])
        for generator, own in zip(self.own, state[5:]):
            _set_state(generator, own)

    def seed(self, seed: int) -> None:
        """Seed all of them, for a look at what depends on them."""
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            for default in torch.cuda.default_generators:
                default.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        random.seed(seed)
        for generator in self.own:
            if isinstance(generator, torch.Generator):
                generator.manual_seed(seed)
            elif isinstance(generator, np.random.Generator):
                generator.bit_generator.state = type(generator.bit_generator)(seed).state
            else:
                generator.seed(seed % 2**32)

    def differ(self, before: list[Any]) -> bool:
        """Whether a number was drawn since ``before``."""
        now = self.state()
        return not all(_same(a, b) for i, (a, b) in enumerate(zip(before, now)) if i != 2)


def _state_of(generator: Any) -> Any:
    if isinstance(generator, torch.Generator):
        return generator.get_state()
    if isinstance(generator, np.random.Generator):
        return copy.deepcopy(generator.bit_generator.state)
    return generator.get_state() if isinstance(generator, np.random.RandomState) else generator.getstate()


def _set_state(generator: Any, state: Any) -> None:
    if isinstance(generator, torch.Generator):
        generator.set_state(state)
    elif isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.setstate(state)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return bool(a == b)
