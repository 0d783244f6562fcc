"""NATS-Bench, size space: 32,768 channel configurations on three data sets, 1, 12 and 90 epochs."""

from __future__ import annotations

from pathlib import Path

from archcast.data.base import Benchmark, register
from archcast.data.published._nats import read_nats
from archcast.data.published._nats_runs import DATASETS

__all__ = ["read"]


@register(
    "nats-sss",
    summary="NATS-Bench, size space, three data sets, curves of 12 and 90 epochs; 32,768 networks",
    paper="Dong et al. 2021, https://arxiv.org/abs/2009.00437",
    space="nats-size",
    tasks=tuple(DATASETS),
    needs="$ARCHCAST_DATA",
    patterns=(
        "NATS-sss-*-simple/[0-9]*.pickle.pbz2",
        "NATS-sss-v1_0-50262.pickle.pbz2",
    ),
    architectures=32_768,
    licence="MIT",
    files="NATS-sss-v1_0-50262-simple (or NATS-sss-v1_0-50262.pickle.pbz2)",
    holds="curves, seeds, times, costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read the folder ``NATS-sss-v1_0-50262-simple``, or as many of its files as there are.

    Metrics and costs are those of ``nats-tss``; the longest training has 90 epochs (one seed), the others are
    ``_12ep`` (three seeds) and ``_1ep``. Each evaluation set is known at each epoch, so that curves of validation
    and of test are apart.
    """
    return read_nats("sss", task, folder)
