"""Real models as a space: one decision, which model.

A row is the number of a model, which says nothing by itself. What tells one model from another is how it is built and what it
costs: the encoding ``structure`` builds it and looks, the encoding ``counts`` reads :meth:`ModelZoo.costs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.costs import COSTS, count
from archcast.errors import InvalidInputError, short
from archcast.spaces.choices import Choices
from archcast.spaces.decisions import Decision
from archcast.spaces.task import Task

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ModelZoo"]

IMAGE = (3, 224, 224)


class ModelZoo(Choices):
    """A list of models.

    Args:
        names: of the models, each once.
        costs: ``params``, ``macs``, ``activations``, ``resolution`` of each, as far as they are known (NaN else).
        make: from the name of a model to the model, for :meth:`build`; ``None`` if it cannot be built.

    Examples:
        >>> zoo = ModelZoo(["resnet18", "resnet50"], {"params": [11.7e6, 25.6e6]})
        >>> zoo.costs([[1]])["params"]
        array([25600000.])

    Raises:
        InvalidInputError: a name stands twice, or the costs are not aligned.
    """

    def __init__(
        self, names: Sequence[str], costs: Mapping[str, ArrayLike], make: Callable[[str], nn.Module] | None = None
    ) -> None:
        if len(set(names)) < len(names):
            raise InvalidInputError("names: a model stands twice in the list.")
        super().__init__(model=Decision(tuple(names)), name="model-zoo")
        self.make = make
        self.known = {name: np.asarray(values, dtype=np.float64) for name, values in costs.items()}
        for name, values in self.known.items():
            if values.shape != (len(names),):
                raise InvalidInputError(f"costs[{name!r}] must have shape ({len(names)},), got {values.shape}.")

    @classmethod
    def from_models(cls, models: Mapping[str, Any], shape: tuple[int, ...] = IMAGE) -> ModelZoo:
        """A space of models of one's own.

        Args:
            models: name -> ``torch.nn.Module``, or a function without arguments that makes one; the latter is called without memory
                for the weights.
            shape: channels, height, width of an image.

        Examples:
            >>> import archcast
            >>> from torch import nn
            >>> def net(width: int) -> nn.Module:
            ...     return nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.Flatten(), nn.Linear(196 * width, 10))
            >>> zoo = ModelZoo.from_models({"narrow": lambda: net(8), "wide": lambda: net(64)}, shape=(3, 16, 16))
            >>> archcast.get_encoding("structure", zoo).transform([[0], [1]]).shape
            (2, 30)

        Raises:
            InvalidInputError: no models, one that is neither a module nor a function, or that fails on such an image.
        """
        import torch
        from torch import nn

        if not isinstance(models, Mapping) or not models:
            raise InvalidInputError(f"models must map names to modules, at least one, got {short(models)}.")
        for name, model in models.items():
            if not isinstance(model, nn.Module) and not callable(model):
                raise InvalidInputError(f"models[{name!r}] must be a torch.nn.Module or make one, got {short(model)}.")

        def make(name: str) -> nn.Module:
            model = models[name]
            return model if isinstance(model, nn.Module) else model()

        found = []
        for name in models:
            with torch.device("meta"):
                model = make(name)
            device = next((t.device for t in (*model.parameters(), *model.buffers())), torch.device("cpu"))
            found.append(count(model, torch.zeros(1, *shape, device=device)))
        costs = {cost: [counted[cost] for counted in found] for cost in COSTS}
        zoo = cls([str(name) for name in models], costs, make)
        zoo.tasks = {"default": Task(shape, 1000)}
        return zoo

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> nn.Module:
        """The model of one row, as its package or its maker builds it.

        Raises:
            InvalidInputError: the models are known by name only.
        """
        row = self.validate(arch, allow_empty=False)
        if self.make is None:
            raise InvalidInputError("This list of models cannot build them: give ModelZoo make=, or use from_models.")
        return self.make(self.names[int(row[0, 0])])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models, in the order of the rows."""
        return tuple(self.decisions["model"].values)

    def input_shape(self, arch: ArrayLike) -> tuple[int, ...]:
        """Shape of an image: of the resolution that is known of the model, else that of the task."""
        if self.tasks:
            return super().input_shape(arch)
        size = float(
            self.known.get("resolution", np.full(len(self.names), np.nan))[self.validate(arch, allow_empty=False)[0, 0]]
        )
        return (3, int(size), int(size)) if np.isfinite(size) else IMAGE

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Any = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        """The published costs; what is not known is the median of the others, 1 where none is known."""
        rows = self.validate(archs)[:, 0]
        out = {}
        for name in COSTS:
            values = self.known.get(name, np.full(self.cardinalities[0], np.nan))
            usual = float(np.nanmedian(values)) if np.isfinite(values).any() else 1.0
            out[name] = np.where(np.isfinite(values), values, usual)[rows]
        return out
