"""The pass of one sample through the net, for the correlations between the channels of its feature maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.channels import Channels
from archcast.proxies.machinery.inputs import tensors_in
from archcast.proxies.machinery.session import Session, reason
from archcast.proxies.machinery.tracing import by_sample
from archcast.proxies.machinery.witness import aside
from archcast.proxies.passes import makes

__all__ = ["NO_MAP", "run"]

NO_MAP = "no feature map seen"
SAMPLED = 8


@makes("module_correlations", needs=("data",))
@makes("sampled_correlations", needs=("data",))
@makes("rectifier_correlations", needs=("data",))
def run(session: Session, wanted: frozenset[str]) -> dict[str, Any]:
    """Recordings, each a list with one number for each feature map of one sample, reshaped to (channels, positions):

    - ``module_correlations``: the smallest eigenvalue of the channels' correlation matrix, for the output of every
      module, containers included;
    - ``sampled_correlations``: the same of 8 channels drawn at random, times channels / 8;
    - ``rectifier_correlations``: the first for the output of every rectifier.

    The channels are on the axis where the last layer put them: the second for convolutions, the last for tokens and for
    channels-last images. Correlations with a constant channel count as 0.
    """
    return _Maps(session, wanted).record()


class _Maps:
    """The pass while it runs."""

    def __init__(self, session: Session, wanted: frozenset[str]) -> None:
        self.session, self.wanted = session, wanted
        self.rng = np.random.default_rng(session.seed)
        self.found: dict[str, Any] = {name: [] for name in wanted}
        self.last: list[tuple[Tensor, float]] = []
        self.channels = Channels()

    def record(self) -> dict[str, Any]:
        hooks = [module.register_forward_hook(self.module_done) for module in self.session.model.modules()]
        rectified = self.rectified if "rectifier_correlations" in self.wanted else None
        tracer = self.session.tracer(on_call=self.channels.follow, on_rectifier=rectified)
        try:
            with torch.no_grad():
                logits = self.session.forward(self.session.one(), tracer)
        finally:
            for hook in hooks:
                hook.remove()
        if not bool(logits.isfinite().all()):
            raise ProxyFailure("the output of the model is not finite")
        return self.found

    def attempt(self, name: str, compute: Callable[[Tensor], float], output: Tensor) -> None:
        """Add a number to a recording; what goes wrong is the failure of this recording alone."""
        if name in self.wanted and not isinstance(self.found[name], ProxyFailure):
            try:
                self.found[name].append(compute(output))
            except Exception as error:
                self.found[name] = ProxyFailure(reason(error))

    def module_done(self, _module: nn.Module, _args: Any, output: Any) -> None:
        with aside():
            for tensor in tensors_in(output)[:1]:
                if tensor.ndim > 2 and tensor.is_floating_point():
                    self.attempt("module_correlations", self.smallest, tensor)
                    self.attempt("sampled_correlations", self.sampled, tensor)

    def rectified(self, output: Tensor) -> None:
        if output.ndim > 2:
            self.attempt("rectifier_correlations", lambda map_: _smallest_eigenvalue(self.one_map(map_)), output)

    def one_map(self, output: Tensor) -> Tensor:
        """``(channels, ...)`` of the one sample."""
        axis = self.channels.axis_of(output)
        return self.sample(output.detach().movedim(axis, -1)).movedim(-1, 0)

    def sample(self, output: Tensor) -> Tensor:
        rows = by_sample(output, 1, sequence_first=self.session.batch.axis == 1)
        return output[0] if rows is None else rows[0]

    def smallest(self, output: Tensor) -> float:
        if not (self.last and self.last[0][0] is output):
            self.last[:] = [(output, _smallest_eigenvalue(self.one_map(output)))]
        return self.last[0][1]

    def sampled(self, output: Tensor) -> float:
        features = self.one_map(output)
        chosen = self.rng.permutation(len(features))[:SAMPLED]
        value = _smallest_eigenvalue(features[torch.as_tensor(chosen, device=features.device)])
        return value * len(features) / len(chosen)


def _smallest_eigenvalue(features: Tensor) -> float:
    """Of the correlation matrix of the rows of ``(channels, ...)``, in float64; constant channels correlate with
    nothing.
    """
    rows = features.flatten(1).double()
    channels, positions = rows.shape
    if positions <= channels:
        return 0.0
    rows = rows - rows.mean(dim=1, keepdim=True)
    norms = rows.norm(dim=1, keepdim=True)
    if not bool((norms > 0).all() & norms.isfinite().all()):
        return 0.0
    rows = rows / norms
    return float(torch.linalg.eigvalsh(rows @ rows.t())[0])
