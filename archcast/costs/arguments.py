"""What a model is called with: positional arguments, arguments by name, and lists with an entry for each sample."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["as_arguments", "samples_of"]


def as_arguments(model: Callable[..., Any], inputs: Any, *, listed: bool = False) -> Any:
    """The inputs; a bare list of tensors that the model takes as one argument, as a detector takes its images, becomes that
    argument.

    Args:
        model: a module or a function.
        inputs: a tensor, a tuple or list of positional arguments, or a mapping of arguments by name.
        listed: whether a bare list is known to be one argument. Otherwise it is one if the annotation of the model's first
            argument says so, as that of torchvision's detectors does, or if the model cannot be called with so many arguments.

    Examples:
        >>> import torch
        >>> images = [torch.zeros(3, 8, 8), torch.zeros(3, 8, 6), torch.zeros(3, 4, 4)]
        >>> len(as_arguments(lambda images, targets=None: 0, images)), len(as_arguments(lambda a, b, c: 0, images))
        (1, 3)
    """
    if not isinstance(inputs, list) or not inputs or not all(_is_tensor(item) for item in inputs):
        return inputs
    signature = inspect.signature(getattr(model, "forward", model))
    if listed or _wants_list(signature) or (not _takes(signature, inputs) and _takes(signature, [inputs])):
        return (inputs,)
    return inputs


def samples_of(inputs: Any) -> int:
    """Number of samples: entries of the first list of tensors, or else the first axis of the first tensor; 0 without any."""
    values = (
        inputs.values() if isinstance(inputs, Mapping) else inputs if isinstance(inputs, (tuple, list)) else [inputs]
    )
    for value in values:
        if _is_tensor(value):
            return int(value.shape[0]) if value.ndim else 0
        if isinstance(value, list) and value and _is_tensor(value[0]):
            return len(value)
    return 0


def _takes(signature: inspect.Signature, arguments: Sequence[Any]) -> bool:
    try:
        signature.bind(*arguments)
    except TypeError:
        return False
    return True


def _wants_list(signature: inspect.Signature) -> bool:
    """Whether the first argument is annotated as a list."""
    first = next(iter(signature.parameters.values()), None)
    told = "" if first is None or first.annotation is first.empty else str(first.annotation)
    return "list[" in told.lower() and first is not None and first.kind is not first.VAR_POSITIONAL


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "is_floating_point") and hasattr(value, "ndim")
