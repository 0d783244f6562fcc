"""What a network is built for: what is learnt, and, apart from it, how large the network is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

from archcast.checks import mapping
from archcast.errors import InvalidInputError
from archcast.errors import short as _short

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["DTYPES", "LARGEST_SIZE", "LOSSES", "Task"]

LOSSES = {
    "cross_entropy": "logits of classes along the first output axis against whole numbers",
    "binary_cross_entropy": "logits against 0 and 1",
    "mse": "mean squared error",
    "l1": "mean absolute error",
}
"""Loss -> meaning."""

DTYPES = ("float32", "int64")
LARGEST_SIZE = 65_536
"""No width, depth or number of heads is larger; the layers of a larger network fit into no memory."""
_MOST_ELEMENTS = 2**31

Shape = tuple[int, ...]


@dataclass(frozen=True, init=False)
class Task:
    """What a network is built for.

    The first five attributes say what is learnt: inputs of any shape and type, the output, the loss. ``size`` says how
    large the network is. The space owns its names (``SearchSpace.sizes`` lists them with the values of the paper) and
    refuses others.

    Args:
        shape: of one input, without the batch: ``(3, 32, 32)`` for images (channels, height, width), ``(128,)`` for a
            sequence of tokens. A network with several inputs has a tuple of shapes:
            ``((100, 16), (2, 400))`` for the features of 100 vertices and the two ends of 400 edges.
        classes: number of classes, where one input belongs to one class; short for ``outputs=(classes,)``. The default is
            10.
        width: short for ``size={"width": ...}``, channels of the first stage; ``None`` takes the paper's.
        depth: short for ``size={"depth": ...}``, cells a stage, or in all for DARTS.
        stages: short for ``size={"stages": ...}``, images halved and channels doubled from one to the next. In a single
            stage nothing but the cell decides how good a network is.
        outputs: shape of the output for one input: ``(1,)`` for one number, ``(17, 256, 256)`` for 17 classes of every
            pixel, ``(50_000, 128)`` for the next of 50,000 tokens at 128 places.
        dtype: ``float32``, or ``int64`` for whole numbers below ``vocabulary``; a tuple for several inputs.
        vocabulary: how many whole numbers an ``int64`` input tells apart; a tuple for several inputs.
        loss: one of :data:`LOSSES`.
        size: name -> whole number; what is left out is as in the paper.

    Examples:
        >>> Task((3, 16, 16), 120, width=8).outputs                            # images of 120 classes
        (120,)
        >>> Task((81,), outputs=(1,), loss="mse").classes is None              # regression on 81 numbers
        True
        >>> text = Task((128,), outputs=(1000, 128), dtype="int64", vocabulary=1000, size={"heads": 4})
        >>> text.size["heads"]
        4

    Raises:
        InvalidInputError: for a size that is not a whole number between 1 and what fits into memory, an unknown loss or
            type, whole numbers without a vocabulary.
    """

    shape: Shape | tuple[Shape, ...]
    outputs: Shape
    dtype: str | tuple[str, ...]
    vocabulary: int | tuple[int | None, ...] | None
    loss: str
    size: Mapping[str, int]

    def __init__(
        self,
        shape: Shape | tuple[Shape, ...] = (3, 32, 32),
        classes: int | None = None,
        width: int | None = None,
        depth: int | None = None,
        stages: int | None = None,
        *,
        outputs: int | Shape | None = None,
        dtype: str | tuple[str, ...] = "float32",
        vocabulary: int | tuple[int | None, ...] | None = None,
        loss: str = "cross_entropy",
        size: Mapping[str, int] | None = None,
    ) -> None:
        if classes is not None and outputs is not None:
            raise InvalidInputError("task.classes is short for task.outputs=(classes,): give one of the two.")
        if not isinstance(dtype, (str, tuple)):
            raise InvalidInputError(
                f"task.dtype must be one of {', '.join(DTYPES)}, or a tuple of them, got {_short(dtype)}."
            )
        if outputs is None:
            outputs = (_whole("classes", 10 if classes is None else classes, _MOST_ELEMENTS),)
        elif isinstance(outputs, Integral):
            outputs = (outputs,)
        short = {"width": width, "depth": depth, "stages": stages}
        size = {} if size is None else mapping("task.size", size, "names to whole numbers")
        sizes = {**size, **{name: value for name, value in short.items() if value is not None}}
        values = {
            "shape": shape,
            "outputs": outputs,
            "dtype": dtype,
            "vocabulary": vocabulary,
            "loss": loss,
            "size": {
                name: _whole(name if name in short else f"size[{_short(name)}]", value, LARGEST_SIZE)
                for name, value in sizes.items()
                if value is not None
            },
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        parts = self.shapes
        for part in parts:
            _elements("shape", part, self.shape)
        _elements("outputs", self.outputs, self.outputs)
        if not isinstance(self.loss, str) or self.loss not in LOSSES:
            raise InvalidInputError(f"task.loss must be one of {', '.join(LOSSES)}, got {_short(self.loss)}.")
        for name in ("dtype", "vocabulary"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != len(parts):
                raise InvalidInputError(
                    f"task.{name} must hold one entry for each of {len(parts)} inputs, got {_short(value)}."
                )
        for dtype, vocabulary in zip(self.dtypes, self.vocabularies):
            if dtype not in DTYPES:
                raise InvalidInputError(f"task.dtype must be one of {', '.join(DTYPES)}, got {_short(dtype)}.")
            if (dtype == "int64") != (vocabulary is not None):
                raise InvalidInputError(
                    f"task.vocabulary must be given for inputs of type int64 and for no other, got {_short(vocabulary)} "
                    f"for {dtype}."
                )
            if vocabulary is not None:
                _whole("vocabulary", vocabulary, _MOST_ELEMENTS)

    def __hash__(self) -> int:
        return hash(
            (self.shape, self.outputs, self.dtype, self.vocabulary, self.loss, tuple(sorted(self.size.items())))
        )

    # -- what is learnt -----------------------------------------------------------------------------------------------

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Shape of each input."""
        shape: Any = self.shape
        return shape if isinstance(shape, tuple) and shape and isinstance(shape[0], tuple) else (shape,)

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Type of each input."""
        return self.dtype if isinstance(self.dtype, tuple) else (self.dtype,) * len(self.shapes)

    @property
    def vocabularies(self) -> tuple[int | None, ...]:
        """Vocabulary of each input."""
        return self.vocabulary if isinstance(self.vocabulary, tuple) else (self.vocabulary,) * len(self.shapes)

    @property
    def pixels(self) -> tuple[int, int]:
        """Height and width of an image, the last two axes of the first input.

        Raises:
            InvalidInputError: the first input has fewer than three axes.
        """
        shape = self.shapes[0]
        if len(shape) < 3:
            raise InvalidInputError(
                f"task.shape must be (channels, height, width) for images, got {_short(self.shape)}."
            )
        return shape[-2], shape[-1]

    @property
    def classes(self) -> int | None:
        """Number of classes; ``None`` where the loss knows no classes."""
        return self.outputs[0] if self.loss == "cross_entropy" else None

    def noise(self, n: int, generator: Generator) -> tuple[Tensor | tuple[Tensor, ...], Tensor]:
        """Random inputs and targets: N(0, 1) numbers, whole numbers evenly below the vocabulary or the number of classes.

        Args:
            n: samples.
            generator: of the random numbers; the inputs are drawn first.

        Returns:
            Inputs ``(n, *shape)``, a tuple where there are several; targets ``(n, *outputs)``, for classes without the
            first axis of ``outputs``.
        """
        import torch

        inputs = tuple(
            torch.randn(n, *shape, generator=generator)
            if vocabulary is None
            else torch.randint(vocabulary, (n, *shape), generator=generator)
            for shape, vocabulary in zip(self.shapes, self.vocabularies)
        )
        if self.loss == "cross_entropy":
            targets = torch.randint(0, self.outputs[0], (n, *self.outputs[1:]), generator=generator)
        elif self.loss == "binary_cross_entropy":
            targets = torch.randint(0, 2, (n, *self.outputs), generator=generator).float()
        else:
            targets = torch.randn(n, *self.outputs, generator=generator)
        return inputs if len(inputs) > 1 else inputs[0], targets

    def loss_function(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The loss: outputs ``(n, *outputs)`` and targets -> their mean loss."""
        from torch.nn import functional

        functions: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
            "cross_entropy": functional.cross_entropy,
            "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
            "mse": functional.mse_loss,
            "l1": functional.l1_loss,
        }
        return functions[self.loss]


def _whole(name: str, value: Any, most: int) -> int:
    """``value`` as an int between 1 and ``most``."""
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < 1:
        raise InvalidInputError(f"task.{name} must be a positive integer, got {_short(value)}.")
    if int(value) > most:
        raise InvalidInputError(f"task.{name} must be a positive integer of at most {most:,}, got {_short(value)}.")
    return int(value)


def _elements(name: str, shape: Any, given: Any) -> None:
    """Check that ``shape`` is a tuple of positive integers of a size that fits into memory."""
    if not isinstance(shape, tuple) or not shape:
        raise InvalidInputError(
            f"task.{name} must be a tuple of positive integers such as (channels, height, width), got {_short(given)}."
        )
    for value in shape:
        if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < 1:
            raise InvalidInputError(f"task.{name} must be a tuple of positive integers, got {_short(given)}.")
    if math.prod(map(int, shape)) > _MOST_ELEMENTS:
        raise InvalidInputError(f"task.{name} must have at most 2**31 elements, got {_short(given)}.")
