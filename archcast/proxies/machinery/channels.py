"""Which axis of a feature map holds the channels."""

from __future__ import annotations

from torch import Tensor

from archcast.proxies.machinery.tracing import Call

__all__ = ["Channels"]


class Channels:
    """Follows the layers of a model while it runs, to tell where the channels of its outputs are.

    A convolution puts them on the second axis, a linear map on the last; what comes between layers moves the axis, but
    not the number of channels. So the axis of an output is the one of the last layer if its size is the number of
    channels of that layer, else another axis of this size: the second (a transposed sequence) or the last (tokens, and
    images with the channels last).

    Examples:
        >>> import torch
        >>> Channels().axis_of(torch.zeros(2, 3, 4, 4)), Channels().axis_of(torch.zeros(2, 16, 8))
        (1, -1)
    """

    def __init__(self) -> None:
        self._last: tuple[int, int, int] | None = None

    def follow(self, call: Call) -> None:
        """Note a layer or normalisation: for :class:`~archcast.proxies.machinery.tracing.Tracer`'s ``on_call``."""
        if call.channels is not None:
            axis = call.channels % call.output.ndim
            self._last = (call.output.ndim, axis, int(call.output.shape[axis]))

    def axis_of(self, output: Tensor) -> int:
        """Axis of the channels of ``output``: 1 or -1."""
        usual = -1 if output.ndim == 3 else 1
        if self._last is None:
            return usual
        ndim, axis, size = self._last
        same = 1 if axis == 1 and ndim > 2 else -1
        order = (same, -same)
        return next((candidate for candidate in order if output.shape[candidate] == size), same)
