"""NATS-Bench, topology space: NAS-Bench-201's 15,625 cells on three data sets, 12 and 200 epochs, one to three seeds."""

from __future__ import annotations

from pathlib import Path

from archcast.data.base import Benchmark, register
from archcast.data.published._nats import read_nats
from archcast.data.published._nats_runs import DATASETS

__all__ = ["read"]


@register(
    "nats-tss",
    summary="NATS-Bench, topology space, three data sets, curves of 12 and 200 epochs, up to three seeds; 15,625 cells",
    paper="Dong et al. 2021, https://arxiv.org/abs/2009.00437",
    space="nasbench201",
    tasks=tuple(DATASETS),
    needs="$ARCHCAST_DATA",
    patterns=(
        "NATS-tss-*-simple/[0-9]*.pickle.pbz2",
        "NATS-tss-v1_0-3ffb9.pickle.pbz2",
    ),
    architectures=15_625,
    licence="MIT",
    files="NATS-tss-v1_0-3ffb9-simple (or NATS-tss-v1_0-3ffb9.pickle.pbz2)",
    holds="curves, seeds, times, costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read the folder ``NATS-tss-v1_0-3ffb9-simple``, or as many of its files as there are.

    Metrics are percent, means over the seeds: ``val_accuracy`` (default) and ``test_accuracy`` after 200 epochs;
    after 12 epochs with ``_12ep``; of one seed with ``_seed777``. On CIFAR-10 validation is of the net that was
    trained on half of the training images, ``test_accuracy`` of the net trained on all, and
    ``test_accuracy_half_train`` the test accuracy of the former. On CIFAR-100 and ImageNet16-120 the 200-epoch curve
    is ``val_and_test_accuracy``: validation and test images together. Costs are ``flops`` (M multiply-adds),
    ``params`` (M) and ``latency`` (seconds, a batch of 256). Training seconds are the benchmark's estimate, the same
    in each epoch.
    """
    return read_nats("tss", task, folder)
