"""The contract of a supernet: one network that holds every architecture of a space, its weights shared.

To add one, subclass :class:`Supernet` and name it in ``SUPERNETS``.
"""

from __future__ import annotations

import importlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from archcast.checks import LARGEST_SEED, instance, one_of, switch, whole
from archcast.errors import InvalidInputError, short
from archcast.spaces.base import SearchSpace, Task, get_space
from archcast.supernets.mixtures import Mixture
from archcast.torch_state import seeded

__all__ = ["SUPERNETS", "Norm", "Supernet", "active_choices", "get_supernet", "module_of", "normalise"]

SUPERNETS = {
    "nasbench201": "archcast.supernets.nasbench201",
    "nats-size": "archcast.supernets.nats_size",
    **dict.fromkeys(("darts", *(f"darts-s{k}" for k in (1, 2, 3, 4))), "archcast.supernets.darts"),
    **dict.fromkeys((f"nasbench-1shot1-{k}" for k in (1, 2, 3)), "archcast.supernets.nasbench_1shot1"),
    "neural-fabrics": "archcast.supernets.neural_fabrics",
    **dict.fromkeys(("ofa-mobilenetv3", "accel-nasbench"), "archcast.supernets.mbconv"),
}
"""Space -> module whose class ``Network`` is its supernet."""


EPSILON = 1e-5
"""What batch norm adds to a variance, as in PyTorch."""
MOMENTUM = 0.1
"""Weight of a batch in moving averages, as in PyTorch."""
Channels = slice | Tensor
"""Numbers of some channels."""


class Norm(nn.Module):
    """Batch norm whose statistics are those of the batch, in training as in evaluation.

    Running averages mean little where every batch takes another path (Bender et al. 2018). ``calibration`` is how many images,
    the first of a batch, give the statistics that normalise the whole batch; ``None`` for all of them.

    Attributes:
        moving: ``(2, channels)`` moving averages of mean and variance, as batch norm has them after a training on paths; where they
            are there, they are brought up to date by each pass while ``recording``, and normalise it else.
    """

    moving: Tensor | None = None
    recording: bool = False

    def __init__(self, channels: int, affine: bool = True) -> None:
        super().__init__()
        self.channels = channels
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.calibration: int | None = None

    def forward(self, x: Tensor) -> Tensor:
        return self.part(x)

    def part(self, x: Tensor, channels: Channels = slice(None)) -> Tensor:
        """Normalise images that have some of the channels, in that order."""
        weight = None if self.weight is None else self.weight[channels]
        bias = None if self.bias is None else self.bias[channels]
        if self.moving is not None and self.recording:
            variance, mean = torch.var_mean(x, dim=(0, 2, 3))
            found = torch.stack([mean, variance])
            self.moving[:, channels] = (1 - MOMENTUM) * self.moving[:, channels] + MOMENTUM * found
        elif self.moving is not None:
            mean, variance = self.moving[:, channels]
            return functional.batch_norm(x, mean, variance, weight, bias, training=False, eps=EPSILON)
        return normalise(x, weight, bias, self.calibration)


def normalise(x: Tensor, weight: Tensor | None, bias: Tensor | None, calibration: int | None = None) -> Tensor:
    """Batch norm by the statistics of the first ``calibration`` images of ``(b, c, h, w)``."""
    if calibration is None:
        return functional.batch_norm(x, None, None, weight, bias, training=True, eps=EPSILON)
    variance, mean = torch.var_mean(x[:calibration], dim=(0, 2, 3), correction=0)
    out = (x - _as_channels(mean)) * torch.rsqrt(_as_channels(variance) + EPSILON)
    if weight is not None and bias is not None:
        out = out * _as_channels(weight) + _as_channels(bias)
    return out


def _as_channels(values: Tensor) -> Tensor:
    return values[None, :, None, None]


class Supernet(nn.Module, ABC):
    """A network that holds every architecture of a space.

    Attributes:
        space: whose rows are its paths.
        cardinalities: choices of each decision, as in the space.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in {"has_path", "choices_of", "inherited"} & vars(cls).keys():
            setattr(cls, name, _with_rows(vars(cls)[name]))

    def __init__(self, space: SearchSpace) -> None:
        super().__init__()
        self.space = space
        self.cardinalities = space.cardinalities

    @abstractmethod
    def mixture(
        self,
        x: Tensor,
        weights: Mixture,
        active: NDArray[np.bool_] | None = None,
        scales: Tensor | None = None,
    ) -> Tensor:
        """Logits ``(b, classes)`` of a mixture: at every decision the sum of its operations' outputs by their weights.

        Args:
            x: ``(b, c, h, w)`` images.
            weights: one simplex a decision (or any numbers).
            active: ``(d, c)`` bool, operations that are computed; by default those whose weight is not zero. The weight of
                another gets no gradient.
            scales: ``(d,)`` weights of the decisions themselves (of edges, in PC-DARTS).
        """

    @abstractmethod
    def paths(self, x: Tensor, rows: NDArray[np.int64]) -> Iterator[tuple[int, Tensor]]:
        """Number of a row and its logits ``(b, classes)``, for every row, in the order that shares most: what two rows
        compute alike is computed once, which is exact, as batch statistics depend on nothing else."""

    @abstractmethod
    def inherited(self, row: NDArray[np.int64]) -> dict[str, Tensor]:
        """Weights of ``space.build(row, task, pruned=True)`` that are the shared ones, by the names of its parameters."""

    @abstractmethod
    def has_path(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """``(n,)`` whether anything reaches the output."""

    edge_ends: tuple[int, ...] = ()
    """Node at which the edge of each decision ends, where decisions are edges that a node adds up."""

    skips: tuple[int, ...] = ()
    """Choices that are the identity, where decisions are edges."""

    nones: tuple[int, ...] = ()
    """Choices that pass nothing on, where decisions are edges."""

    def narrow(self, partial: int) -> None:
        """Operations see the first of ``partial`` groups of channels from now on, a multiple of the groups that the network was
        made with; weights stay as they are.

        Raises:
            InvalidInputError: a network without partial channels, or whose channels are no multiple.
        """
        if partial != 1:
            raise InvalidInputError(
                f"The supernet of space {self.space.name!r} has no partial channels: groups must be 1, not {partial}."
            )

    def widen(self, partial: int) -> None:
        """As :meth:`narrow`, for fewer groups than now; weights of the channels that are new are made from those of the
        others (Net2Wider, Chen et al. 2016, https://arxiv.org/abs/1511.05641)."""
        self.narrow(partial)

    @property
    def shrinking(self) -> tuple[tuple[int, ...], ...]:
        """Groups of columns in the order in which progressive shrinking makes them elastic; by default all at once."""
        return (tuple(range(len(self.cardinalities))),)

    def shares(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``(n,)`` share of skips and ``(n,)`` share of nones among the edges of rows."""
        choices = self.choices_of(rows)
        return np.isin(choices, self.skips).mean(axis=1), np.isin(choices, self.nones).mean(axis=1)

    def takes(self, name: str, row: NDArray[np.int64]) -> bool:
        """Whether the parameter of that name takes part in the path of a row; by default all do."""
        return True

    @abstractmethod
    def mixes_something(self, active: NDArray[np.bool_]) -> bool:
        """Whether anything reaches the output of a mixture of these operations ``(decisions, choices)``."""

    @property
    def mixed_shape(self) -> tuple[int, int]:
        """Decisions of a mixture, and choices of each; by default the columns of a row and their values.

        Raises:
            InvalidInputError: decisions differ in their number of choices.
        """
        if len(set(self.cardinalities)) > 1:
            raise InvalidInputError(
                f"Space {self.space.name!r} has decisions of different size: it has no one mixture."
            )
        return len(self.cardinalities), self.cardinalities[0]

    def choices_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(n, decisions)`` the choice that each row makes of a mixture's decisions, -1 where it makes none."""
        return rows_of(self, "rows", rows)

    def discretised(self, weights: NDArray[np.float64]) -> NDArray[np.int64]:
        """``(d,)`` the row that a mixture ``(decisions, choices)`` is made into: the largest weight of each decision."""
        return np.asarray(weights.argmax(axis=1), dtype=np.int64)

    def forward(self, x: Tensor, row: NDArray[np.int64]) -> Tensor:
        """Logits ``(b, classes)`` of one path."""
        return next(self.paths(batch_of("x", x), _one(rows_of(self, "row", row))))[1]

    @contextmanager
    def calibrated_by(self, images: int | None) -> Iterator[None]:
        """Within, the first ``images`` of each batch give the statistics of batch norm."""
        layers = [layer for layer in self.modules() if isinstance(layer, Norm)]
        for layer in layers:
            layer.calibration = images
        try:
            yield
        finally:
            for layer in layers:
                layer.calibration = None


def rows_of(net: Supernet, name: str, rows: Any) -> NDArray[np.int64]:
    """``(n, d)`` rows of choices that are there, whether they are an architecture of the space or not.

    Raises:
        InvalidInputError: something else.
    """
    found = net.space._integers(rows, name)
    if ((found < 0) | (found >= np.asarray(net.cardinalities))).any():
        raise InvalidInputError(f"{name} must hold choices below {net.cardinalities}, got {short(rows)}.")
    return found.astype(np.int64, copy=False)


def _one(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows, if there is one.

    Raises:
        InvalidInputError: there are none, or several.
    """
    if len(rows) != 1:
        raise InvalidInputError(f"row must be one architecture, got {len(rows)}.")
    return rows


def batch_of(name: str, x: Any) -> Tensor:
    """``x`` as a batch of images.

    Raises:
        InvalidInputError: it is none.
    """
    if not isinstance(x, Tensor) or x.ndim != 4 or not len(x) or not x.is_floating_point() or x.device.type == "meta":
        raise InvalidInputError(f"{name} must be a tensor (n, channels, height, width) of floats, got {short(x)}.")
    return x


def _with_rows(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, whose first argument is a row, or rows; anything else is refused."""
    name = list(inspect.signature(method).parameters)[1]

    @wraps(method)
    def checked(self: Supernet, rows: Any) -> Any:
        found = rows_of(self, name, rows)
        return method(self, _one(found)[0] if name == "row" else found)

    return checked


def active_choices(weights: Mixture) -> list[list[int]]:
    """Choices of each decision whose weight is not zero; all where a gradient is wanted."""
    if isinstance(weights, Tensor):
        if weights.requires_grad:
            return [list(range(weights.shape[1]))] * len(weights)
        return [np.flatnonzero(part).tolist() for part in weights.cpu().numpy()]
    return [
        list(range(len(part))) if part.requires_grad else np.flatnonzero(part.cpu().numpy()).tolist()
        for part in weights
    ]


def module_of(space: SearchSpace) -> str:
    """Module of the supernet of a space.

    Raises:
        InvalidInputError: it has none.
    """
    if space.name not in SUPERNETS:
        raise InvalidInputError(
            f"Space {space.name!r} has no supernet: one-shot predictors know the spaces {', '.join(SUPERNETS)}."
        )
    return SUPERNETS[space.name]


def get_supernet(space: str | SearchSpace, task: Task, seed: int = 0, **settings: Any) -> Supernet:
    """The supernet of a space, with PyTorch's usual initial weights.

    Args:
        space: search space, or its name.
        task: what is learnt, and the sizes of the networks.
        seed: of the initial weights.
        **settings: ``affine`` (whether batch norm learns a scale and a shift), ``partial`` (operations see one in so many
            channels, PC-DARTS).

    Examples:
        >>> from archcast.spaces.base import Task
        >>> net = get_supernet("nasbench201", Task((1, 8, 8), width=4, depth=1, stages=1))
        >>> net(torch.zeros(2, 1, 8, 8), np.array([3, 3, 1, 0, 2, 4])).shape
        torch.Size([2, 10])

    Raises:
        InvalidInputError: a space without a supernet, or a size that its networks do not have.
    """
    space = get_space(space)
    instance("task", task, Task, "an archcast.Task")
    whole("seed", seed, 0, LARGEST_SEED)
    for name, value in settings.items():
        one_of("setting", name, ("affine", "partial"))
        switch(name, value) if name == "affine" else whole(name, value, 1)
    network = importlib.import_module(module_of(space)).Network
    with seeded(seed):
        net: Supernet = network(space, **space.image_sizes(task), **settings)
    return net
