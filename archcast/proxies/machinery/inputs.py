"""What goes into a model and what comes out: any nesting of tensors, and the logits somewhere in the output."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from archcast.errors import InvalidInputError, short

__all__ = ["Batch", "BatchDim", "find_logits", "find_loss", "map_tensors", "tensors_in"]

MOST_SHAPES = 4
"""Shapes that a message names."""


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


BatchDim = int | str | Sequence[int | None] | Mapping[str, int | None]
"""``"auto"``; an axis of every tensor; ``"list"``; or an axis (``None``: no batch) for each argument."""


class Batch:
    """The inputs of one call of the model.

    Args:
        inputs: one tensor; a tuple or list of positional arguments; a mapping of keyword arguments; or an object, e.g.
            a graph, that is passed on as it is.
        batch_dim: which axis of the tensors is the batch. ``"auto"``: the first, where the tensors agree on its size; one
            that has size 1 where others have more belongs to all samples. ``1``: the second, as in sequence-first
            layouts. A sequence gives the axis for each positional argument and a mapping for each keyword argument, with
            ``None`` for an argument that belongs to all samples, e.g. a mask of positions. ``"list"``: an argument that
            is a list holds one entry for each sample, as images of different sizes do.

    Attributes:
        size: number of samples.
        divisible: whether the batch can be cut into samples.
        axis: the axis of the samples in the first tensor that has one.
        unclear: why the number of samples is only a guess; empty if it is known.
    """

    def __init__(self, inputs: Any, batch_dim: BatchDim = "auto") -> None:
        self.inputs = inputs
        self.axes: list[int | None] = []
        self.listed = False
        self.divisible = True
        self.unclear = ""
        self.guessed = isinstance(batch_dim, str) and batch_dim == "auto"
        """Whether ``batch_dim`` was not given."""
        try:
            tensors = tensors_in(inputs)
        except RecursionError as error:
            raise InvalidInputError("inputs is nested too deeply. Pass what the model takes.") from error
        except Exception as error:  # of an object of the user's own that cannot be looked into
            raise InvalidInputError(
                f"inputs cannot be read ({type(error).__name__}). Pass what the model takes."
            ) from error
        if not tensors:
            raise InvalidInputError(f"inputs holds no tensor (got {type(inputs).__name__}). Pass what the model takes.")
        if any(tensor.is_meta for tensor in tensors):
            raise InvalidInputError(
                "inputs holds a tensor on the meta device, which has no values. Pass one that is on a device."
            )
        if isinstance(batch_dim, str) and batch_dim == "list":
            self._take_lists()
        elif isinstance(batch_dim, str):
            if batch_dim != "auto":
                raise InvalidInputError(
                    f"batch_dim is {short(batch_dim)}: use 'auto', 'list', or the number of an axis."
                )
            self._guess(tensors)
        else:
            self._take_axes(batch_dim)
        if self.size < 1:
            raise InvalidInputError(f"inputs (shapes {self.shapes()}) must hold at least one sample.")

    # -- which axis --------------------------------------------------------------------------------------------------

    def _guess(self, tensors: list[Tensor]) -> None:
        first = next((t for t in tensors if t.is_floating_point()), tensors[0])
        if first.ndim == 0 or first.shape[0] == 0:
            raise InvalidInputError(
                f"inputs has shape {tuple(first.shape)}: its first dimension must be the batch, with at least one sample."
            )
        sizes = {int(t.shape[0]) for t in tensors if t.ndim > 0}
        several = sizes - {1}
        self.axis = 0
        if len(several) <= 1:
            self.size = several.pop() if several else 1
            self.axes = [0 if t.ndim > 0 and t.shape[0] == self.size else None for t in tensors]
            if sizes != {self.size}:
                self.unclear = "some inputs have one row and others have more"
        else:
            self.size = int(first.shape[0])
            self.axes = [0 if t.ndim > 0 and t.shape[0] == self.size else None for t in tensors]
            self.divisible = False
            self.unclear = f"the first dimensions of the inputs are {', '.join(map(str, sorted(sizes)))}"
        if self._lists():
            self.unclear = "an argument is a list, which may hold a sample each or belong to all"

    def _lists(self) -> list[list[Any]]:
        """Arguments that are lists with a tensor first."""
        values = self.inputs.values() if isinstance(self.inputs, Mapping) else self.inputs
        if not isinstance(self.inputs, (Mapping, tuple, list)):
            return []
        return [v for v in values if isinstance(v, list) and v and isinstance(v[0], Tensor)]

    def _take_lists(self) -> None:
        lists = self._lists()
        if not lists:
            raise InvalidInputError("batch_dim is 'list', but no argument of the model is a list of tensors.")
        self.size, self.axis, self.listed = len(lists[0]), 0, True
        self.axes = [None] * len(tensors_in(self.inputs))
        self.divisible, self.unclear = True, ""

    def _take_axes(self, batch_dim: Any) -> None:
        def check(axis: Any) -> Any:
            if axis is not None and (isinstance(axis, bool) or not isinstance(axis, int) or axis < 0):
                raise InvalidInputError(
                    f"batch_dim holds {short(axis)}: an axis must be a whole number from 0, or None."
                )
            return axis

        if isinstance(batch_dim, Mapping):
            if not isinstance(self.inputs, Mapping) or set(batch_dim) - set(self.inputs):
                raise InvalidInputError(
                    "batch_dim is a mapping: it needs inputs that are a mapping with the same names."
                )
            pairs = [(value, check(batch_dim.get(key))) for key, value in self.inputs.items()]
        elif isinstance(batch_dim, Sequence):
            if not isinstance(self.inputs, (tuple, list)) or len(batch_dim) != len(self.inputs):
                raise InvalidInputError(
                    f"batch_dim gives {len(batch_dim)} axes: it needs inputs that are a tuple of as many arguments."
                )
            pairs = [(value, check(axis)) for value, axis in zip(self.inputs, batch_dim)]
        else:
            pairs = [(self.inputs, check(batch_dim))]
        self.axes = []
        sizes = []
        for value, axis in pairs:
            for tensor in tensors_in(value):
                fits = axis is not None and tensor.ndim > axis
                self.axes.append(axis if fits else None)
                if fits:
                    sizes.append(int(tensor.shape[axis]))
        if not sizes:
            raise InvalidInputError(
                f"batch_dim is {short(batch_dim)}, which is no axis of inputs of shape {self.shapes()}."
            )
        if len(set(sizes)) > 1:
            raise InvalidInputError(
                f"batch_dim is {short(batch_dim)}, but the inputs have {', '.join(map(str, sizes))} samples there. "
                "Give an axis for each argument, and None for one that belongs to all samples."
            )
        self.size = sizes[0]
        self.axis = next(axis for axis in self.axes if axis is not None)

    def settle(self, seen: tuple[int, bool, int] | None, rows: int | None) -> None:
        """Decide what the shapes alone do not tell, after a forward pass.

        Args:
            seen: what the first convolution, recurrent network or attention took for the batch: (samples, whether on its
                second axis, number of axes of its input).
            rows: first dimension of the logits.
        """
        rank = None if seen is None or seen[1] else seen[2]
        tensors = self.tensors()
        lists = self._lists()
        if lists:
            entries = len(lists[0])
            ranks = {t.ndim for t in lists[0] if isinstance(t, Tensor)}
            apart = len({t.shape[0] for t in lists[0] if isinstance(t, Tensor)}) > 1
            if rank is not None and ranks == {rank - 1}:
                return self._take_lists()
            if ranks == {rank}:
                self.unclear = ""
            elif rows == entries and (apart or all(t.shape[0] != rows for t in tensors if t.ndim)):
                return self._take_lists()
            return None
        first = next((t for t in tensors if t.is_floating_point()), tensors[0])
        if seen is not None and seen[1] and first.ndim > 1 and first.shape[1] == seen[0] != first.shape[0]:
            self.size, self.axis, self.unclear = seen[0], 1, ""
            self.axes = [1 if t.ndim > 1 and t.shape[1] == self.size else None for t in tensors]
            self.divisible = len(tensors) == 1
            return None
        sizes = {int(t.shape[0]) for t in tensors if t.ndim > 0}
        found = next((k for k in (rows, None if seen is None else seen[0]) if k in sizes), None)
        if self.unclear and found is not None:
            self.size, self.unclear = int(found), ""
            self.axes = [0 if t.ndim > 0 and t.shape[0] == self.size else None for t in tensors]
            self.divisible = self.divisible and self.size > 1
        return None

    @property
    def needs_settling(self) -> bool:
        """Whether the shapes alone do not tell."""
        return bool(self.unclear)

    def _like(self, inputs: Any, size: int) -> Batch:
        new = copy.copy(self)
        new.inputs, new.size = inputs, size
        return new

    def __getitem__(self, rows: slice) -> Batch:
        size = len(range(*rows.indices(self.size)))
        if self.listed:

            def cut(value: Any) -> Any:
                return value[rows] if isinstance(value, list) and len(value) == self.size else value

            if isinstance(self.inputs, Mapping):
                new = self._like({key: cut(value) for key, value in self.inputs.items()}, size)
            else:
                new = self._like(tuple(map(cut, self.inputs)), size)
            new.axes = [None] * len(tensors_in(new.inputs))
            return new
        axes = iter(self.axes)

        def narrow(tensor: Tensor) -> Tensor:
            axis = next(axes)
            return tensor if axis is None else tensor[(slice(None),) * axis + (rows,)]

        return self._like(map_tensors(self.inputs, narrow), size)

    def drawn(self, n: int) -> Batch | None:
        """A batch of ``n`` samples of N(0, 1) of the same shapes; ``None`` if there are inputs that are no real numbers, or
        samples of different shapes.
        """
        tensors = self.tensors()
        if self.listed or not self.divisible or not all(t.is_floating_point() for t in tensors):
            return None
        axes = iter(self.axes)

        def draw(tensor: Tensor) -> Tensor:
            axis = next(axes)
            shape = [n if i == axis else size for i, size in enumerate(tensor.shape)]
            return tensor if axis is None else torch.randn(shape, dtype=tensor.dtype, device=tensor.device)

        return self._like(map_tensors(self.inputs, draw), n)

    def tensors(self) -> list[Tensor]:
        """Every tensor."""
        return tensors_in(self.inputs)

    def map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with ``function`` applied to each tensor."""
        return self._like(map_tensors(self.inputs, function), self.size)

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
        shapes = ["x".join(map(str, tensor.shape)) for tensor in tensors_in(self.inputs)]
        more = f" and {len(shapes) - MOST_SHAPES} more" if len(shapes) > MOST_SHAPES else ""
        return ", ".join(shapes[:MOST_SHAPES]) + more


def find_logits(output: Any) -> Tensor:
    """The logits in a model's output.

    A tensor is taken as it is; of an object or mapping the entry ``logits``, else ``out``; of a mapping of losses their
    sum; of anything else the first floating-point tensor.

    Raises:
        InvalidInputError: if there is none.
    """
    if isinstance(output, Tensor):
        return output
    for name in ("logits", "out"):
        found = output.get(name) if isinstance(output, Mapping) else getattr(output, name, None)
        if isinstance(found, Tensor):
            return found
    losses = _sum_of_losses(output)
    if losses is not None:
        return losses
    for tensor in _candidates(output):
        return tensor
    raise InvalidInputError(
        f"The model returned {type(output).__name__}, in which no tensor of logits was found. "
        "Pass output=, a function from what the model returns to its logits."
    )


def find_loss(output: Any) -> Tensor | None:
    """The loss that a model returns which was given its labels: the entry ``loss``, or the sum of a mapping of losses.

    Examples:
        >>> import torch
        >>> find_loss({"classification": torch.tensor(0.5), "boxes": torch.tensor(0.25)})
        tensor(0.7500)
        >>> find_loss({"logits": torch.zeros(4, 3)}) is None
        True
    """
    found = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
    if isinstance(found, Tensor) and found.numel() == 1 and found.is_floating_point():
        return found.reshape(())
    return _sum_of_losses(output)


def _sum_of_losses(output: Any) -> Tensor | None:
    """The sum of a mapping to nothing but single numbers, as torchvision's detectors return in training."""
    if not isinstance(output, Mapping) or not output:
        return None
    values = list(output.values())
    if not all(isinstance(value, Tensor) and value.ndim == 0 and value.is_floating_point() for value in values):
        return None
    return torch.stack(values).sum()


def _candidates(output: Any) -> Iterator[Tensor]:
    values = (
        output if isinstance(output, (tuple, list, Mapping)) else vars(output) if hasattr(output, "__dict__") else ()
    )
    yield from (tensor for tensor in tensors_in(values) if torch.is_floating_point(tensor))
