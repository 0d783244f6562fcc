"""The pass that counts linear regions: how many different rectifier codes many random samples have."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.agreement import NO_RECTIFIER
from archcast.proxies.machinery.initialisation import redrawn
from archcast.proxies.machinery.inputs import Batch
from archcast.proxies.machinery.session import Session
from archcast.proxies.machinery.tracing import by_sample
from archcast.proxies.passes import makes

__all__ = ["run"]

SAMPLES = 3000
DRAWS = 3
FAR = 64
"""Rectified units: samples that all differ in as many have no chance to meet in one region."""


@makes("regions", needs=("data",))
def run(session: Session, _wanted: frozenset[str]) -> dict[str, Any]:
    """Recording ``regions``: number of different rectifier codes of 3,000 samples, mean over three draws of the weights.

    The samples are N(0, 1), of the shape of the inputs, in one forward pass; the weights are Kaiming normal. Inputs that
    cannot be drawn, such as words or graphs, are taken as they are.

    A net of usual width puts every sample into a region of its own. That says nothing of the net, so it is a failure.
    """
    batch = session.whole()
    many = batch.drawn(SAMPLES)
    if many is not None and batch.size > 1:
        few = _codes(session, batch.drawn(batch.size) or batch)
        if _smallest_distance(few) >= FAR:
            raise ProxyFailure(_saturated(SAMPLES))
    sample = batch if many is None else many
    if session.micro_batch is not None and sample.size > session.micro_batch:
        raise ProxyFailure(f"needs {sample.size} samples at once and cannot be split into micro-batches")
    counts = []
    session.reseed()
    for _ in range(DRAWS):
        fresh = batch.drawn(SAMPLES)
        codes = np.packbits(_codes(session, sample if fresh is None else fresh), axis=1)
        counts.append(len(np.unique(codes, axis=0)))
    if min(counts) == sample.size:
        raise ProxyFailure(_saturated(sample.size))
    return {"regions": float(np.mean(counts))}


def _saturated(samples: int) -> str:
    return (
        f"each of {samples} samples lies in a linear region of its own, as in any net of usual width: "
        "score a thin one, of one channel and 3x3 inputs"
    )


def _codes(session: Session, batch: Batch) -> NDArray[np.bool_]:
    """``(samples, units)``: which rectified units are on, with new weights."""
    codes: list[NDArray[np.bool_]] = []

    def add(output: Tensor) -> None:
        rows = by_sample(output.detach(), batch.size, sequence_first=batch.axis == 1)
        if rows is not None and rows.numel() > 0:
            codes.append((rows > 0).reshape(batch.size, -1).cpu().numpy())

    with redrawn(session, kaiming=True), torch.no_grad():
        logits = session.forward(batch, session.tracer(on_rectifier=add))
    if not codes:
        raise ProxyFailure(NO_RECTIFIER)
    if not bool(logits.isfinite().all()):
        raise ProxyFailure("the output of the model is not finite")
    return np.concatenate(codes, axis=1)


def _smallest_distance(codes: NDArray[np.bool_]) -> int:
    """Fewest units in which two samples differ."""
    bits = codes.astype(np.float32)
    ones = bits.sum(axis=1)
    distances = ones[:, None] + ones - 2 * bits @ bits.T
    np.fill_diagonal(distances, np.inf)
    return int(distances.min())
