"""What ``--input`` says: the tensors that a model takes, of any shape and type.

- ``3x224x224``, or ``3,224,224``: one input, N(0, 1) numbers; the batch is added in front.
- ``ids:128:long:30522``: the argument ``ids`` with 128 whole numbers below 30,522; ``mask:128:bool``: ones.
- ``package.module:make_inputs`` or ``file.py:make_inputs``: a function of the number of samples that returns a tensor, a tuple
  of positional arguments, a mapping of arguments by name, or a list with an image for each sample.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archcast.errors import USER_ERRORS, ArchcastError, InvalidInputError

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["DTYPES", "Inputs", "advised", "axis_of", "inputs_of"]

DTYPES = {
    "float": "float32",
    "half": "float16",
    "bfloat16": "bfloat16",
    "double": "float64",
    "long": "int64",
    "int": "int32",
    "bool": "bool",
}
"""Word of an ``--input`` -> dtype of torch."""
MOST_ELEMENTS = 2**31
_SHAPE = re.compile(r"[0-9]+(x[0-9]+)*")
_SPELT = re.compile(r"[(\[]? *[0-9]+( *[xX×*,] *[0-9]+)* *,? *[)\]]?")
"""A shape as people write it: ``3,32,32``, ``(3, 32, 32)``, ``3X32X32``."""


@dataclass(frozen=True)
class _Part:
    """One tensor: its name (``""`` for the first positional argument), shape without the batch, type, and bound of integers."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    below: int | None

    def draw(self, samples: int, generator: Generator, axis: int) -> Tensor:
        import torch

        if axis > len(self.shape):
            raise InvalidInputError(
                f"--batch-dim {axis}: an input of shape {'x'.join(map(str, self.shape))} has no axis {axis} for the samples."
            )
        shape = (*self.shape[:axis], samples, *self.shape[axis:])
        dtype = getattr(torch, DTYPES[self.dtype])
        if self.dtype == "bool":
            return torch.ones(shape, dtype=dtype)
        if self.below is not None:
            return torch.randint(0, self.below, shape, generator=generator, dtype=dtype)
        return torch.randn(shape, generator=generator).to(dtype)


@dataclass(frozen=True)
class Inputs:
    """What a model takes.

    Attributes:
        parts: tensors to be drawn; empty where a function makes the inputs.
        maker: name of that function, ``""`` if there is none.
    """

    parts: tuple[_Part, ...] = ()
    maker: str = ""

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of a single unnamed input of floats; ``None`` for anything else."""
        only = self.parts[0] if len(self.parts) == 1 else None
        return only.shape if only is not None and not only.name and only.dtype == "float" else None

    def batch(self, samples: int, seed: int = 0, axis: int = 0) -> Any:
        """A tensor, a tuple of positional arguments or a mapping of arguments by name. ``axis`` is that of the samples, for
        tensors that are drawn here.

        Raises:
            InvalidInputError: the function is not there, or fails, or an input has no such axis; the message names it.
        """
        import torch

        generator = torch.Generator().manual_seed(seed)
        if self.maker:
            made = _made(self.maker, samples)
            images = isinstance(made, list) and len(made) == samples
            return (made,) if images and all(isinstance(one, torch.Tensor) for one in made) else made
        drawn = [part.draw(samples, generator, axis) for part in self.parts]
        if self.parts[0].name:
            return {part.name: tensor for part, tensor in zip(self.parts, drawn)}
        return drawn[0] if len(drawn) == 1 else tuple(drawn)


def inputs_of(texts: Sequence[str]) -> Inputs:
    """Read the values of ``--input``, one for each input of the model.

    Examples:
        >>> inputs_of(["ids:128:long:30522", "mask:128:bool"]).batch(2)["ids"].shape
        torch.Size([2, 128])

    Raises:
        InvalidInputError: names the value that is wrong, and what is allowed.
    """
    texts = [_spelt(text) for text in texts]
    for text in texts:
        first, _, rest = text.partition(":")
        if rest and not _SHAPE.fullmatch(rest.split(":")[0]) and not _SHAPE.fullmatch(first):
            if len(texts) > 1:
                raise InvalidInputError(f"--input {_short(text)} makes all inputs: give no other --input beside it.")
            return Inputs(maker=text)
    parts = tuple(_part(text) for text in texts)
    names = [part.name for part in parts]
    if any(names) and not all(names):
        raise InvalidInputError("--input: name all inputs, e.g. ids:128:long:30522, or none of them.")
    if len(set(names)) < len(names) and any(names):
        raise InvalidInputError(f"--input: two inputs are called {next(n for n in names if names.count(n) > 1)!r}.")
    return Inputs(parts)


def advised(message: str) -> str:
    """An error of a model, and what to change in ``--input`` where a layer that looks numbers up has refused them.

    Examples:
        >>> advised("IndexError: index out of range in self")[38:80]
        '; a whole number is too large to look up: '
    """
    if "index out of range in self" in message:
        said = "a whole number is too large to look up: the last field of --input bounds it, as in ids:128:long:30522."
    elif "'indices'" in message and "Float" in message:
        said = "it looks up whole numbers: --input takes their type and bound, as in ids:128:long:30522."
    else:
        return message
    return f"{message.rstrip('.')}; {said}"


def _spelt(text: str) -> str:
    """The text with its shape as ``3x32x32``."""
    fields = text.split(":")
    for i, field in enumerate(fields[:2]):
        if _SPELT.fullmatch(field.strip()):
            fields[i] = "x".join(re.findall("[0-9]+", field))
            break
    return ":".join(fields)


def axis_of(text: str) -> int:
    """The number of an axis that ``--batch-dim`` gives.

    Raises:
        InvalidInputError: it is something else.
    """
    if len(text) != 1 or not text.isascii() or not text.isdigit():
        raise InvalidInputError(f"--batch-dim must be auto or the number of an axis, got {text[:40]!r}.")
    return int(text)


def _part(text: str) -> _Part:
    fields = text.split(":")
    name = ""
    if not _SHAPE.fullmatch(fields[0]) and len(fields) > 1:
        name = fields.pop(0)
        if not name.isidentifier():
            raise InvalidInputError(f"--input {_short(text)}: {_short(name)} is no name of an argument.")
    dtype = fields[1] if len(fields) > 1 else "float"
    if not _SHAPE.fullmatch(fields[0]) or len(fields) > 3 or dtype not in DTYPES:
        raise InvalidInputError(
            f"--input {_short(text)} must be a shape such as 3x224x224, or NAME:SHAPE:TYPE:BELOW such as ids:128:long:30522 "
            f"with a type of {', '.join(DTYPES)}, or module:function."
        )
    if max(map(len, fields[0].split("x"))) > 10:
        raise InvalidInputError(f"--input {_short(text)} is too large for any memory.")
    shape = tuple(map(int, fields[0].split("x")))
    elements = 1
    for size in shape:
        elements *= size
    if not 0 < elements <= MOST_ELEMENTS:
        raise InvalidInputError(f"--input {_short(text)}: a sample must have between 1 and {MOST_ELEMENTS:,} numbers.")
    whole = dtype in ("long", "int")
    if len(fields) == 3 and not (whole and re.fullmatch("[1-9][0-9]{0,9}", fields[2])):
        raise InvalidInputError(
            f"--input {_short(text)}: the last field bounds whole numbers of type long or int, e.g. ids:128:long:30522."
        )
    return _Part(name, shape, dtype, int(fields[2]) if len(fields) == 3 else 2 if whole else None)


def _made(maker: str, samples: int) -> Any:
    """What the function returns, checked to hold a tensor."""
    from archcast.cli._targets import imported

    try:
        made = imported(maker)(samples)
    except ArchcastError:
        raise
    except USER_ERRORS as error:
        message = " ".join(str(error).split())[:200]
        raise InvalidInputError(f"--input {_short(maker)} raised {type(error).__name__}: {message}") from error
    if not _has_tensor(made):
        raise InvalidInputError(
            f"--input {_short(maker)} returned a {type(made).__name__} without a tensor: return a tensor, a tuple, or a mapping."
        )
    return made


def _has_tensor(value: Any) -> bool:
    import torch

    if isinstance(value, (Mapping, tuple, list)):
        return any(_has_tensor(item) for item in (value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, torch.Tensor)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
