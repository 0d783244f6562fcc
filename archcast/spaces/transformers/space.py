"""What the spaces of transformers share: from a row to its values, its model, its network and its costs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError, short
from archcast.spaces.base import Task
from archcast.spaces.conditional import Condition, ConditionalSpace
from archcast.spaces.decisions import looks_geometric
from archcast.spaces.transformers.model import Model

if TYPE_CHECKING:
    import torch

__all__ = ["TransformerSpace", "by_depth", "dictionary", "per_layer", "size_by_depth"]

LONGEST_TEXT = 16_384
Values = Mapping[str, tuple[Any, ...]]


class TransformerSpace(ConditionalSpace):
    """Base of the spaces of transformers; a subclass lists the values of its columns and says which layers a row has.

    Attributes:
        values: column -> what its integers stand for; ``columns``, ``cardinalities`` and ``numbers`` follow.
    """

    values: Values = {}

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        cls.columns = tuple(cls.values)
        cls.cardinalities = tuple(len(values) for values in cls.values.values())
        cls.numbers = tuple(_numbers(values) for values in cls.values.values())

    # -- rows ---------------------------------------------------------------------------------------------------------

    def settings(self, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Column -> ``(n,)`` values; where a decision is inactive its first value."""
        return {name: np.array(values)[rows[:, j]] for j, (name, values) in enumerate(self.values.items())}

    def row(self, found: Mapping[str, Any]) -> list[int]:
        """A row from the values of its columns; what is left out must be inactive.

        Raises:
            InvalidInputError: names the first column whose value is none of those it may have.
        """
        out = []
        for name, allowed in self.values.items():
            value = found.get(name, allowed[0])
            kinds = (bool,) if isinstance(allowed[0], bool) else (str,) if isinstance(allowed[0], str) else (int, float)
            if isinstance(value, bool) is not isinstance(allowed[0], bool) or not isinstance(value, kinds):
                raise InvalidInputError(f"{name} is {short(value, 20)}, not one of {_listed(allowed)}")
            if value not in allowed:
                raise InvalidInputError(f"{name} is {short(value, 20)}, not one of {_listed(allowed)}")
            out.append(allowed.index(value))
        return out

    # -- network ------------------------------------------------------------------------------------------------------

    def model(self, rows: NDArray[np.int64], task: Task) -> Model:
        """The networks of ``(n, d)`` valid rows; a subclass writes it, or its own ``costs`` and ``build``."""
        raise NotImplementedError

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows = self.validate(archs)
        return self.model(rows, self.task_of(task)).costs(len(rows), convention)

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The network of one row, with weights of its own, as it is after the search. No part of it is dead, so ``pruned``
        changes nothing."""
        from archcast.spaces.transformers.network import Network

        row = self.validate(arch, allow_empty=False)[:1]
        return Network(self.model(row, self.task_of(task)).of(0))

    def text_sizes(self, task: Task, *, classes: bool = False) -> dict[str, int]:
        """What a network of texts is built from: ``vocabulary``, ``tokens``, with ``classes`` also these, and the sizes.

        Raises:
            InvalidInputError: the task is neither the prediction of tokens nor, with ``classes``, the classification of texts.
        """
        length, vocabulary = task.shapes[0], task.vocabularies[0]
        outputs = task.outputs[:1] if classes else (vocabulary, *length)
        if len(task.shapes) != 1 or len(length) != 1 or vocabulary is None or task.loss != "cross_entropy" or (
            task.outputs != outputs
        ):  # fmt: skip
            wants = "a number of classes" if classes else "(vocabulary, length)"
            does = "classify texts" if classes else "predict the next token"
            raise InvalidInputError(
                f"Networks of space {self.name!r} {does}: task.shape must be (length,) of int64 with a vocabulary, task.outputs "
                f"{wants}, the loss cross_entropy; got shape {task.shape!r}, vocabulary {task.vocabulary!r}, outputs "
                f"{task.outputs!r}, loss {task.loss!r}."
            )
        found = {"vocabulary": vocabulary, "tokens": length[0]}
        return {**found, **({"classes": task.outputs[0]} if classes else {}), **self.size_of(task)}


def by_depth(kinds: Sequence[str], parent: str, depths: Sequence[int]) -> tuple[Condition, ...]:
    """The conditions of decisions of layers, ``heads13`` for instance, that only networks of at least so many layers have.

    Examples:
        >>> by_depth(["heads"], "depth", (1, 2))
        (Condition(column='heads2', parent='depth', values=(1,)),)
    """
    return tuple(
        Condition(f"{kind}{layer}", parent, tuple(k for k, depth in enumerate(depths) if depth >= layer))
        for kind in kinds
        for layer in range(min(depths) + 1, max(depths) + 1)
    )


def size_by_depth(others: int, layer: int, depths: Sequence[int]) -> int:
    """Rows of a space with ``layer`` settings of each of as many layers as the depth says, and ``others`` of the rest.

    Examples:
        >>> size_by_depth(3, 4, (12, 13, 14))
        1056964608
    """
    return others * sum(layer**depth for depth in depths)


def per_layer(kind: str, values: tuple[Any, ...], layers: int) -> dict[str, tuple[Any, ...]]:
    """The same values for each of some layers: ``heads1``, ``heads2``, ...

    Examples:
        >>> per_layer("heads", (3, 4), 2)
        {'heads1': (3, 4), 'heads2': (3, 4)}
    """
    return {f"{kind}{layer}": values for layer in range(1, layers + 1)}


def dictionary(text: str, example: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        InvalidInputError: says what was expected, by an example.
    """
    if len(text) > LONGEST_TEXT:
        raise InvalidInputError("the text is too long")
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidInputError(f"expected {example}")
    return found


def layer_values(found: Mapping[str, Any], key: str, layers: Any, name: str = "") -> dict[str, Any]:
    """The values of the first ``layers`` layers from a list, by the names of their columns.

    Raises:
        InvalidInputError: no list, or it is too short.
    """
    values = found.get(key)
    if isinstance(layers, bool) or not isinstance(layers, int):
        return {}  # the number of layers is wrong itself, and is refused
    if not isinstance(values, list) or len(values) < layers:
        raise InvalidInputError(f"{key!r} must be a list of {layers} values, one for each layer")
    return {f"{name or key}{layer}": value for layer, value in enumerate(values[: max(layers, 0)], start=1)}


def _numbers(values: tuple[Any, ...]) -> tuple[float, ...] | None:
    """What the values count as: logarithms where their ratios count."""
    if any(isinstance(value, (str, bool)) for value in values):
        return None
    return tuple(math.log(value) if looks_geometric(values) else float(value) for value in values)


def _listed(values: tuple[Any, ...]) -> str:
    return str(values) if len(values) <= 8 else f"{values[0]}, {values[1]}, ... {values[-1]}"
