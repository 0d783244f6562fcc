"""What goes into a model and what comes out: any nesting of tensors, and the logits somewhere in the output."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from archcast.errors import InvalidInputError

__all__ = ["Batch", "find_logits", "map_tensors", "tensors_in"]


def map_tensors(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """A copy of ``value`` with ``function`` applied to every tensor in tuples, lists, mappings and graph data
    objects.
    """
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, tuple):
        items = [map_tensors(item, function) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, list):
        return [map_tensors(item, function) for item in value]
    if isinstance(value, Mapping):
        return {key: map_tensors(item, function) for key, item in value.items()}
    if callable(getattr(value, "apply", None)) and callable(getattr(value, "to", None)):
        return copy.copy(value).apply(function)
    return value


def tensors_in(value: Any) -> list[Tensor]:
    """Every tensor in ``value``, in order."""
    found: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    map_tensors(value, keep)
    return found


class Batch:
    """The inputs of one call of the model.

    Args:
        inputs: one tensor; a tuple or list of positional arguments; a mapping of keyword arguments; or an object, e.g.
            a graph, that is passed on as it is.

    Attributes:
        size: number of samples: the first dimension of the first floating-point tensor, or of the first tensor.
    """

    def __init__(self, inputs: Any) -> None:
        self.inputs = inputs
        tensors = tensors_in(inputs)
        if not tensors:
            raise InvalidInputError(f"inputs holds no tensor (got {type(inputs).__name__}). Pass what the model takes.")
        first = next((t for t in tensors if t.is_floating_point()), tensors[0])
        if first.ndim == 0 or first.shape[0] == 0:
            raise InvalidInputError(
                f"inputs has shape {tuple(first.shape)}: its first dimension must be the batch, with at least one sample."
            )
        self.size = int(first.shape[0])
        self.divisible = all(t.ndim > 0 and t.shape[0] == self.size for t in tensors)
        """Whether the batch can be cut into samples: every tensor has one row for each."""

    def __getitem__(self, rows: slice) -> Batch:
        return Batch(map_tensors(self.inputs, lambda tensor: tensor[rows]))

    def tensors(self) -> list[Tensor]:
        """Every tensor."""
        return tensors_in(self.inputs)

    def map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with ``function`` applied to each tensor."""
        return Batch(map_tensors(self.inputs, function))

    def floats(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with ``function`` applied to each floating-point tensor."""
        return self.map(lambda tensor: function(tensor) if tensor.is_floating_point() else tensor)

    def leaves(self) -> tuple[Batch, list[Tensor]]:
        """A copy to differentiate with respect to: the batch to pass on and its floating-point leaves.

        The model gets clones of the leaves, so an in-place operation on its input is allowed and the caller's tensors
        stay as they are.
        """
        leaves: list[Tensor] = []

        def attach(tensor: Tensor) -> Tensor:
            leaves.append(tensor.detach().requires_grad_())
            return leaves[-1].clone()

        return self.floats(attach), leaves

    def call(self, model: Callable[..., Any]) -> Any:
        """Call ``model`` with the inputs as its arguments."""
        if isinstance(self.inputs, Mapping):
            return model(**self.inputs)
        if isinstance(self.inputs, (tuple, list)):
            return model(*self.inputs)
        return model(self.inputs)

    def shapes(self) -> str:
        """Shapes of the tensors, for messages."""
        return ", ".join("x".join(map(str, tensor.shape)) for tensor in tensors_in(self.inputs))


def find_logits(output: Any) -> Tensor:
    """The logits in a model's output.

    A tensor is taken as it is; of an object or mapping the entry ``logits``, else ``out``; of anything else the first
    floating-point tensor.

    Raises:
        InvalidInputError: if there is none.
    """
    if isinstance(output, Tensor):
        return output
    for name in ("logits", "out"):
        found = output.get(name) if isinstance(output, Mapping) else getattr(output, name, None)
        if isinstance(found, Tensor):
            return found
    for tensor in _candidates(output):
        return tensor
    raise InvalidInputError(
        f"The model returned {type(output).__name__}, in which no tensor of logits was found. "
        "Pass output=, a function from what the model returns to its logits."
    )


def _candidates(output: Any) -> Iterator[Tensor]:
    values = (
        output if isinstance(output, (tuple, list, Mapping)) else vars(output) if hasattr(output, "__dict__") else ()
    )
    yield from (tensor for tensor in tensors_in(values) if torch.is_floating_point(tensor))
