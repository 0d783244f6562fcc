"""Counts what layers cost, for a whole batch of networks at once and without building one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.costs.conventions import Convention, convention_of

__all__ = ["COSTS", "Counted", "Shape", "Tally", "halved", "listing"]

COSTS = {
    "params": "number of parameters",
    "macs": "operations for one sample, counted by the convention",
    "activations": "elements of the outputs of all convolutions and linear layers, for one sample",
    "depth": "convolutions and linear layers on the longest path from input to output",
    "resolution": "height of the input in pixels",
}
"""Cost -> meaning."""

Count = Any
"""A whole number, or an ``(n,)`` array with one for each network."""

Shape = tuple[Count, Count]
"""Height and width of a map of features."""


@dataclass(frozen=True)
class Counted:
    """A layer of ``n`` networks.

    Attributes:
        kind: ``conv``, ``conv1d``, ``transposed``, ``linear``, ``products``, ``norm``, ``activation``, ``pool`` or ``global pool``.
        numbers: what tells it from others of the kind, each a whole number or ``(n,)``; kernels in two dimensions by their area.
        times: how often a network has it.
    """

    kind: str
    numbers: tuple[Count, ...]
    times: Count


_lists: ContextVar[list[Tally] | None] = ContextVar("lists", default=None)


@contextmanager
def listing() -> Iterator[list[Tally]]:
    """Within the block every new tally remembers the layers that it counts, and is added to the list.

    Examples:
        >>> with listing() as tallies:
        ...     Tally(2).linear(8, np.array([4, 5]))
        >>> tallies[0].layers
        [Counted(kind='linear', numbers=(8, array([4, 5]), True, 1), times=1)]
    """
    tallies: list[Tally] = []
    token = _lists.set(tallies)
    try:
        yield tallies
    finally:
        _lists.reset(token)


def halved(shape: Shape) -> Shape:
    """Height and width after a layer of stride two, rounded up.

    Examples:
        >>> halved((32, 15))
        (16, 8)
    """
    return (shape[0] + 1) // 2, (shape[1] + 1) // 2


class Tally:
    """Running sums over the layers of ``n`` networks.

    Every argument that counts something is a whole number or an ``(n,)`` array. ``times`` says how often a network has the
    layer: 0 for one that lacks it.

    Args:
        n: number of networks.
        convention: how operations are counted, one of :data:`~archcast.costs.conventions.CONVENTIONS`.

    Attributes:
        params, macs, activations: ``(n,)`` float64 sums so far.
        layers: what was counted, within :func:`listing`; ``None`` elsewhere.

    Examples:
        A 3x3 convolution of 3 to 16 channels on 32x32 pixels, which the second network has twice:

        >>> tally = Tally(2)
        >>> tally.conv(3, 16, 3, (32, 32), times=np.array([1, 2]))
        >>> tally.params, tally.macs
        (array([432., 864.]), array([442368., 884736.]))
    """

    def __init__(self, n: int, convention: str = "macs") -> None:
        self.convention: Convention = convention_of(convention)
        self.params, self.macs, self.activations = np.zeros((3, n))
        tallies = _lists.get()
        self.layers: list[Counted] | None = None if tallies is None else []
        if tallies is not None:
            tallies.append(self)

    def _see(self, kind: str, times: Count, *numbers: Count) -> None:
        if self.layers is not None:
            self.layers.append(Counted(kind, numbers, times))

    def conv(
        self,
        c_in: Count,
        c_out: Count,
        kernel: Count | tuple[int, int],
        out: Shape,
        *,
        groups: Count = 1,
        bias: bool = False,
        times: Count = 1,
    ) -> None:
        """A convolution whose output has height and width ``out``; of a kernel that is not square, both sides are given."""
        area = kernel[0] * kernel[1] if isinstance(kernel, tuple) else kernel**2
        self._see("conv", times, c_in, c_out, area, groups, bias, *out)
        weights = _float(c_in) * c_out * area / groups
        pixels = _float(out[0]) * out[1]
        self.params += times * (weights + bias * _float(c_out))
        self.macs += times * (weights * pixels + bias * self.convention.bias * _float(c_out) * pixels)
        self.activations += times * (c_out * pixels)

    def conv1d(
        self,
        c_in: Count,
        c_out: Count,
        kernel: Count,
        tokens: Count,
        *,
        groups: Count = 1,
        bias: bool = False,
        times: Count = 1,
    ) -> None:
        """A convolution along a sequence, whose output has ``tokens`` places."""
        self._see("conv1d", times, c_in, c_out, kernel, groups, bias, tokens)
        weights = _float(c_in) * c_out * kernel / groups
        self.params += times * (weights + bias * _float(c_out))
        self.macs += times * (weights + bias * self.convention.bias * _float(c_out)) * tokens
        self.activations += times * (_float(c_out) * tokens)

    def transposed(
        self, c_in: Count, c_out: Count, kernel: Count, given: Shape, out: Shape, *, times: Count = 1
    ) -> None:
        """A transposed convolution with bias, from height and width ``given`` to ``out``."""
        self._see("transposed", times, c_in, c_out, kernel**2, *given, *out)
        weights, pixels = _float(c_in) * c_out * kernel**2, _float(out[0]) * out[1]
        self.params += times * (weights + c_out)
        if self.convention.transposed:
            self.macs += times * (weights * given[0] * given[1] + self.convention.bias * c_out * pixels)
        self.activations += times * (c_out * pixels)

    def linear(self, c_in: Count, c_out: Count, *, bias: Count = True, tokens: Count = 1, times: Count = 1) -> None:
        """A linear layer on each of some vectors."""
        self._see("linear", times, c_in, c_out, bias, tokens)
        weights = _float(c_in) * c_out
        self.params += times * (weights + bias * _float(c_out))
        self.macs += times * (weights * tokens)
        self.activations += times * (_float(c_out) * tokens)

    def weights(self, number: Count, *, times: Count = 1) -> None:
        """Parameters that are added or looked up: tables of embeddings, positions."""
        self.params += times * _float(number)

    def products(self, rows: Count, inner: Count, columns: Count, *, times: Count = 1) -> None:
        """A product of two matrices without weights, ``rows x inner`` times ``inner x columns``, as in attention."""
        self._see("products", times, rows, inner, columns)
        self.macs += times * (_float(rows) * inner * columns)

    def norm(self, channels: Count, shape: Shape, *, times: Count = 1) -> None:
        """A normalisation with scale and shift of each channel."""
        self._see("norm", times, channels, _float(shape[0]) * shape[1])
        self.params += times * 2 * _float(channels)
        self.macs += times * (self.convention.norm * _float(channels) * shape[0] * shape[1])

    def relu(self, channels: Count, shape: Shape, *, times: Count = 1) -> None:
        """A rectifier."""
        self.activation(channels, shape, times=times)
        self.macs += times * (self.convention.rectifier * _float(channels) * shape[0] * shape[1])

    def activation(self, channels: Count, shape: Shape, *, times: Count = 1) -> None:
        """Another function of each element, which no convention counts."""
        self._see("activation", times, _float(channels) * shape[0] * shape[1])

    def pool(self, channels: Count, kernel: Count, out: Shape, *, times: Count = 1) -> None:
        """A pooling whose output has height and width ``out``."""
        self._see("pool", times, channels, kernel, *out)
        self.macs += times * (self.convention.window * kernel**2 * _float(channels) * out[0] * out[1])

    def global_pool(self, channels: Count, shape: Shape, *, times: Count = 1) -> None:
        """The average over all pixels."""
        self._see("global pool", times, channels, _float(shape[0]) * shape[1])
        self.macs += times * (_float(channels) * self.convention.global_pool(shape[0], shape[1]))

    def costs(self, depth: Count, resolution: Count) -> dict[str, NDArray[np.float64]]:
        """Name -> ``(n,)`` values, as :data:`COSTS` names them."""
        values = {
            "params": self.params,
            "macs": self.macs,
            "activations": self.activations,
            "depth": depth,
            "resolution": resolution,
        }
        shape = self.params.shape
        return {name: np.array(np.broadcast_to(values[name], shape), dtype=np.float64) for name in COSTS}


def _float(value: Count) -> Any:
    """The same as float64, so that products of counts cannot overflow."""
    return np.asarray(value, dtype=np.float64)
