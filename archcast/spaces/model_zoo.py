"""Real models as a space: one decision, which model.

A row is the number of a model, which says nothing by itself. What tells one model from another is what it costs: the encoding
``counts`` reads it from :meth:`ModelZoo.costs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.spaces.choices import Choices
from archcast.spaces.decisions import Decision

__all__ = ["ModelZoo"]


class ModelZoo(Choices):
    """A list of models.

    Args:
        names: of the models, each once.
        costs: ``params``, ``macs``, ``activations``, ``resolution`` of each, as far as they are known (NaN else).

    Examples:
        >>> zoo = ModelZoo(["resnet18", "resnet50"], {"params": [11.7e6, 25.6e6]})
        >>> zoo.costs([[1]])["params"]
        array([25600000.])

    Raises:
        InvalidInputError: a name stands twice, or the costs are not aligned.
    """

    def __init__(self, names: Sequence[str], costs: Mapping[str, ArrayLike]) -> None:
        if len(set(names)) < len(names):
            raise InvalidInputError("names: a model stands twice in the list.")
        super().__init__(model=Decision(tuple(names)), name="model-zoo")
        self.known = {name: np.asarray(values, dtype=np.float64) for name, values in costs.items()}
        for name, values in self.known.items():
            if values.shape != (len(names),):
                raise InvalidInputError(f"costs[{name!r}] must have shape ({len(names)},), got {values.shape}.")

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Any = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        """The published costs; what is not known is the median of the others, 1 where none is known."""
        rows = self.validate(archs)[:, 0]
        out = {}
        for name in ("params", "macs", "activations", "depth", "resolution"):
            values = self.known.get(name, np.full(self.cardinalities[0], np.nan))
            usual = float(np.nanmedian(values)) if np.isfinite(values).any() else 1.0
            out[name] = np.where(np.isfinite(values), values, usual)[rows]
        return out
