"""Work on a model and leave it bit-identical, whatever happens.

Weights, buffers and plain tensor attributes are swapped for copies while the work lasts, so their own memory is never
written; the attributes of every module (training flags, hooks, caches), gradients, ``requires_grad`` and the states of
the random generators are put back afterwards, also after an exception or Ctrl-C.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["preserved", "swapped"]


@contextmanager
def preserved(model: nn.Module, device: torch.device | None = None) -> Iterator[None]:
    """Within the context the model may be changed at will; afterwards it and all random generators are as they were.

    Inside, the model works on copies of its tensors, on ``device`` if one is given, without gradients, with
    ``requires_grad`` set on every parameter that can have a gradient.
    """
    restore = _Restoration(model)
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
        values = [value for _, attributes in self.attributes for value in attributes.values()]
        self.containers = [
            (value, value.copy() if value else None) for value in values if isinstance(value, (dict, list, set))
        ]
        held = [v for module in modules for own in (module._parameters, module._buffers) for v in own.values()]
        unique = {id(value): value for value in (*held, *values) if isinstance(value, Tensor)}
        self.tensors = [tensor for tensor in unique.values() if tensor.is_leaf]
        self.before = [(tensor, tensor.data, tensor.grad, tensor.requires_grad) for tensor in self.tensors]
        self.generators = _Generators()

    def __call__(self) -> None:
        for module, attributes in self.attributes:
            own = vars(module)
            for name in [name for name in own if name not in attributes]:
                del own[name]
            own.update(attributes)
        for container, content in self.containers:
            if container or content:
                _refill(container, content or ())
        for tensor, data, gradient, requires_grad in self.before:
            tensor.grad = None
            tensor.data = data
            tensor.requires_grad_(requires_grad)
            tensor.grad = gradient
        self.generators.restore()


def _refill(container: Any, content: Any) -> None:
    """Give a dict, list or set its former content, in its former order."""
    container.clear()
    if isinstance(container, list):
        container.extend(content)
    else:
        container.update(content)


class _Generators:
    """States of the generators that a model may draw from: torch on every device in use, numpy, Python."""

    def __init__(self) -> None:
        self.torch = torch.get_rng_state()
        self.cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]
        self.numpy = np.random.get_state()  # noqa: NPY002
        self.python = random.getstate()

    def restore(self) -> None:
        torch.set_rng_state(self.torch)
        if self.cuda is not None:
            torch.cuda.set_rng_state_all(self.cuda)
        np.random.set_state(self.numpy)  # noqa: NPY002
        random.setstate(self.python)
