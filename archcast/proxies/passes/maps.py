"""The pass of one sample through the net, for the correlations between the channels of its feature maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from archcast.proxies.machinery.inputs import tensors_in
from archcast.proxies.machinery.session import Session
from archcast.proxies.machinery.tracing import Tracer
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

    Correlations with a constant channel count as 0.
    """
    rng = np.random.default_rng(session.seed)
    found: dict[str, list[float]] = {name: [] for name in wanted}
    last: list[tuple[Tensor, float]] = []

    def smallest(output: Tensor) -> float:
        if not (last and last[0][0] is output):
            last[:] = [(output, _smallest_eigenvalue(output[0].detach()))]
        return last[0][1]

    def module_done(_module: nn.Module, _args: Any, output: Any) -> None:
        for tensor in tensors_in(output)[:1]:
            if tensor.ndim < 3 or not tensor.is_floating_point():
                continue
            if "module_correlations" in found:
                found["module_correlations"].append(smallest(tensor))
            if "sampled_correlations" in found:
                channels = tensor.shape[1]
                chosen = rng.permutation(channels)[:SAMPLED]
                value = _smallest_eigenvalue(tensor[0].detach()[torch.as_tensor(chosen, device=tensor.device)])
                found["sampled_correlations"].append(value * channels / len(chosen))

    def rectified(output: Tensor) -> None:
        if output.ndim > 2:
            found["rectifier_correlations"].append(_smallest_eigenvalue(output[0].detach()))

    hooks = [module.register_forward_hook(module_done) for module in session.model.modules()]
    try:
        with torch.no_grad():
            on_rectifier = rectified if "rectifier_correlations" in wanted else None
            session.forward(session.one(), Tracer({}, on_rectifier=on_rectifier))
    finally:
        for hook in hooks:
            hook.remove()
    return found


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
