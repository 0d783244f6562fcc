"""Which axis of a feature map holds the channels."""

from __future__ import annotations

from torch import Size, Tensor

from archcast.proxies.machinery.tracing import Call

__all__ = ["Channels"]


class Channels:
    """Follows the layers of a model while it runs, to tell where the channels of its outputs are.

    A convolution puts them on the second axis, a linear map on the last. What comes between layers may move the axis: to
    the end of an image, if its positions are those of the last layer and the last axis has the size of its channels;
    and back. A map that becomes a sequence has them where the size fits.

    Examples:
        >>> import torch
        >>> Channels().axis_of(torch.zeros(2, 3, 4, 4)), Channels().axis_of(torch.zeros(2, 16, 8))
        (1, -1)
    """

    def __init__(self) -> None:
        self._axis = 0
        self._channels = 0
        self._shape = Size()

    def follow(self, call: Call) -> None:
        """Note a layer or normalisation: for :class:`~archcast.proxies.machinery.tracing.Tracer`'s ``on_call``."""
        if call.channels is not None and call.output.ndim > 1:
            axis = call.channels % call.output.ndim
            self._axis = 1 if axis == 1 and call.output.ndim > 2 else -1
            self._channels, self._shape = int(call.output.shape[axis]), call.output.shape

    def axis_of(self, output: Tensor) -> int:
        """Axis of the channels of ``output``: 1 or -1."""
        if not self._axis:
            return -1 if output.ndim == 3 else 1
        if output.shape[self._axis] == self._channels or output.shape[-self._axis] != self._channels:
            return self._axis
        if output.ndim != len(self._shape):
            return -self._axis
        first, last = slice(1, -1), slice(2, None)
        before, after = (last, first) if self._axis == 1 else (first, last)
        return -self._axis if output.shape[after] == self._shape[before] else self._axis
