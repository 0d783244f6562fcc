"""The embedded benchmark: NAS-Bench-201 cells trained by archcast itself on scikit-learn's digits, with learning curves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from archcast.data.base import register
from archcast.data.benchmark import Benchmark
from archcast.data.files import read_benchmark

__all__ = ["FILE", "read"]

FILE = Path(__file__).with_suffix(".npz")


@register(
    "digits",
    summary="NAS-Bench-201 cells trained on digits: 3 seeds, 20-epoch curves, all proxies",
    paper="this project, https://github.com/archcast/archcast/blob/main/docs/digits.md",
    space="nasbench201",
)
def read(_task: str, _folder: Path | None) -> Benchmark:
    """Read the table that comes with archcast.

    A plain random sample of the space's functions. Metrics are ``test_accuracy`` (default) and ``val_accuracy``,
    shares, the mean of three trainings, and those of each (``test_accuracy_s1``, ...). Curves are of the first
    training: ``train_loss``, ``train_accuracy``, ``val_loss``, ``val_accuracy``. Proxies are those of ``archcast
    score`` on the same untrained networks. The curves of the other two trainings are in the file too:
    ``archcast.data.read_benchmark(archcast.data.digits.FILE)``.
    """
    table = read_benchmark(FILE)
    curves = {name: values for name, values in table.curves.items() if "_s" not in name}
    return replace(table, curves=curves, test_metric="test_accuracy")
