"""Where networks are trained: the parameter ``device`` of every predictor that has networks."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

from archcast.predictors.base import Predictor
from archcast.predictors.parameters import Rule, Text

__all__ = ["OnDevice"]


class OnDevice(Predictor):
    """Base of predictors whose networks may be trained on an accelerator.

    Weights are kept as arrays, and queries are answered on the processor, in double precision. A device draws random numbers of its
    own, so equal seeds give equal weights on one kind of device.
    """

    device: str
    parameters: ClassVar[dict[str, Rule]] = {"device": Text()}

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.device != "cpu":
            from archcast.torch_state import usable_device

            usable_device(self.device)

    def _on_device(self) -> AbstractContextManager[object]:
        """Within the block networks are trained on ``self.device``."""
        if self.device == "cpu":
            return nullcontext()
        from archcast.torch_state import working_on

        return working_on(self.device)
