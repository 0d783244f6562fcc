"""The pass for sample-wise activation patterns: how a batch switches each rectified unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.agreement import NO_RECTIFIER
from archcast.proxies.machinery.initialisation import redrawn
from archcast.proxies.machinery.session import Session
from archcast.proxies.machinery.tracing import Tracer, by_sample
from archcast.proxies.passes import makes

__all__ = ["run"]

SAMPLES = 32
DRAWS = 3


@makes("patterns", needs=("data",))
def run(session: Session, _wanted: frozenset[str]) -> dict[str, Any]:
    """Recording ``patterns``: number of distinct columns of the binary matrix (samples, units), mean over three draws
    of the weights.

    Units are those of rectifiers on feature maps; the samples are the first 32 of the batch; weights are drawn from
    N(0, 1).
    """
    batch = session.whole(SAMPLES)
    counts = []
    for _ in range(DRAWS):
        columns = _Columns(batch.size, sequence_first=batch.axis == 1)
        with redrawn(session, kaiming=False), torch.no_grad():
            logits = session.forward(batch, Tracer({}, on_rectifier=columns.add))
        if not bool(logits.isfinite().all()):
            raise ProxyFailure("the output of the model is not finite")
        counts.append(columns.distinct())
    return {"patterns": float(np.mean(counts))}


class _Columns:
    """The column of each unit as a 32-bit number."""

    def __init__(self, samples: int, *, sequence_first: bool) -> None:
        self.samples, self.sequence_first = samples, sequence_first
        self.codes: list[NDArray[np.uint32]] = []

    def add(self, output: Tensor) -> None:
        values = by_sample(output, self.samples, sequence_first=self.sequence_first) if output.ndim > 2 else None
        if values is None:
            return
        bits = np.zeros((SAMPLES, output.numel() // self.samples), dtype=bool)
        bits[: self.samples] = (values.detach() > 0).reshape(self.samples, -1).cpu().numpy()
        columns = np.ascontiguousarray(np.packbits(bits, axis=0).T)
        self.codes.append(np.unique(columns.view(np.uint32)))

    def distinct(self) -> int:
        if not self.codes:
            raise ProxyFailure(f"{NO_RECTIFIER} on a feature map")
        return len(np.unique(np.concatenate(self.codes)))
