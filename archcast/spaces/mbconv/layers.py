"""What networks of inverted residual blocks are made of, in numbers: read by the builder and by the costs alike.

A field that may differ between rows is a whole number or an ``(n,)`` array with one for each row; strides and activations
are the same for all rows.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count

__all__ = ["Block", "Chain", "Conv", "Full", "Layer", "Shuffle", "scaled", "strides_of", "to_multiple_of_8"]


@dataclass(frozen=True)
class Conv:
    """A convolution without bias, batch norm, activation.

    Attributes:
        c_in, c_out: channels.
        kernel, stride: of the convolution.
        activation: ``relu``, ``relu6``, ``hardswish``, ``silu``; empty for none.
        norm: whether there is a batch norm.
        there: whether a row has the layer.
    """

    c_in: Count
    c_out: Count
    kernel: int = 1
    stride: int = 1
    activation: str = ""
    norm: bool = True
    there: Count = True


@dataclass(frozen=True)
class Block:
    """An inverted residual block: 1x1 convolution, depthwise convolution, gate, 1x1 convolution, each with batch norm; a skip
    where input and output have one shape.

    Attributes:
        c_in, mid, c_out: channels of the input, of the depthwise convolution, of the output.
        kernel, stride: of the depthwise convolution.
        activation: after the first two convolutions, as in :class:`Conv`.
        expand: whether there is a first convolution; without it ``mid`` is ``c_in``.
        groups: of both 1x1 convolutions; channels are shuffled after the first where there are several.
        squeeze: channels between the two layers of the gate (squeeze and excitation), 0 for no gate.
        gate: activations between and after the layers of the gate.
        skip: where the shape stays, 1 adds the input, 2 the input after an average pooling of kernel three, 0 nothing.
        there: whether a row has the layer.
    """

    c_in: Count
    mid: Count
    c_out: Count
    kernel: Count
    stride: int = 1
    activation: str = "relu"
    expand: Count = True
    groups: Count = 1
    squeeze: Count = 0
    gate: tuple[str, str] = ("relu", "sigmoid")
    skip: Count = 1
    there: Count = True


@dataclass(frozen=True)
class Full:
    """A convolution with batch norm and activation, then a gate, then a skip; attributes as in :class:`Block`."""

    c_in: Count
    c_out: Count
    kernel: Count
    stride: int = 1
    activation: str = "relu"
    squeeze: Count = 0
    gate: tuple[str, str] = ("relu", "sigmoid")
    skip: Count = 1
    there: Count = True


@dataclass(frozen=True)
class Shuffle:
    """ShuffleNetV2's unit: one half of the channels passes by, the other half goes through a branch of three convolutions, or of
    six in the Xception kind. With stride two all channels go through the branch, and through a second one of two.

    Attributes:
        c_in, mid, c_out: channels of the input, within the branch, of the output.
        kernel, stride: of the depthwise convolution; 3 in the Xception kind, which has three of them.
        xception: whether it is of that kind.
        there: whether a row has the layer.
    """

    c_in: int
    mid: int
    c_out: int
    kernel: Count
    stride: int
    xception: Count
    there: Count = True

    @property
    def branch(self) -> tuple[int, int]:
        """Channels into and out of the branch."""
        given = self.c_in if self.stride == 2 else self.c_in // 2
        return given, self.c_out - given


Layer = Conv | Block | Full | Shuffle


@dataclass(frozen=True)
class Chain:
    """The networks of ``n`` rows: layers, global average pooling, convolutions of single pixels, classifier.

    Attributes:
        layers: before the pooling. A tuple holds layers of equal input and output shape, of which each row has at most one.
        head: after it.
        classes: outputs of the classifier.
        bias: whether the classifier has one.
    """

    layers: tuple[Layer | tuple[Layer, ...], ...]
    head: tuple[Conv, ...]
    classes: int
    bias: bool = True

    def of(self, row: int) -> Chain:
        """The network of one row in plain numbers, without the layers that the row lacks.

        Examples:
            >>> chain = Chain((Conv(3, 8), Conv(8, 8, there=np.array([False, True]))), (), 10)
            >>> [len(chain.of(row).layers) for row in (0, 1)]
            [1, 2]
        """
        layers = [_of(layer, row) for place in self.places() for layer in place]
        return dataclasses.replace(self, layers=tuple(layer for layer in layers if layer.there))

    def places(self) -> list[tuple[Layer, ...]]:
        """Before the pooling, the layers of which each row has at most one."""
        return [place if isinstance(place, tuple) else (place,) for place in self.layers]


def _of(layer: Any, row: int) -> Any:
    values = vars(layer).items()
    return dataclasses.replace(
        layer, **{name: value[row].item() for name, value in values if isinstance(value, np.ndarray)}
    )


def scaled(channels: int, width: int, stem: int) -> int:
    """Channels of a network whose stem has ``width`` channels, where the paper's has ``stem``: an even number, at least 2.

    Examples:
        >>> scaled(40, 16, 16), scaled(40, 6, 16)
        (40, 16)
    """
    return max(2, 2 * ((channels * width + stem) // (2 * stem)))


def to_multiple_of_8(values: Any) -> NDArray[np.int64]:
    """The nearest multiples of eight that are at least nine tenths of the values and at least eight.

    Examples:
        >>> to_multiple_of_8([4, 18, 30, 43]).tolist()
        [8, 24, 32, 40]
    """
    values = np.asarray(values, dtype=np.int64)
    near = np.maximum(8, (values + 4) // 8 * 8)
    return np.where(10 * near < 9 * values, near + 8, near)


def strides_of(stages: tuple[int, ...], strides: tuple[int, ...]) -> list[tuple[int, int]]:
    """Stage and stride of each layer, from the layers of each stage and the stride of its first layer.

    Examples:
        >>> strides_of((2, 1), (2, 1))
        [(0, 2), (0, 1), (1, 1)]
    """
    return [(s, strides[s] if k == 0 else 1) for s, layers in enumerate(stages) for k in range(layers)]
