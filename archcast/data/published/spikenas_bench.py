"""SpikeNAS-Bench on CIFAR-10: spiking cells with the learning curves of all epochs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archcast.data.base import register
from archcast.data.benchmark import Benchmark
from archcast.data.published._columns import left_out
from archcast.data.published._finding import find
from archcast.data.published._tables import digits, read_csv
from archcast.errors import InvalidFileError
from archcast.files import read_arrays
from archcast.spaces.base import get_space

__all__ = ["read"]

TABLE = "snn_cifar10_acc.csv.gz"
CURVES = {"train_loss": "snn_cifar10_curves_trainloss.npz", "val_accuracy": "snn_cifar10_curves_valacc.npz"}
EPOCHS = 100
METRICS = {"test_accuracy": "test_acc", "val_accuracy": "val_acc_last", "val_accuracy_best": "val_acc_best"}
GET = (
    f"It is a table with the columns ops (six digits), epochs_run and {', '.join(METRICS.values())} (percent), and beside it "
    f"{' and '.join(CURVES.values())} with the arrays curve (row by row as the table) and scale, made from the training logs of "
    "https://github.com/tju-sun-lab/SpikeNAS-Bench."
)


@register(
    "spikenas-bench",
    summary="SpikeNAS-Bench, CIFAR-10, with 100-epoch curves; 14,935 spiking cells",
    paper="Sun et al. 2025, https://doi.org/10.1109/TAI.2025.3534136",
    space="spikenas-bench",
    needs="$ARCHCAST_DATA",
    patterns=("snn_cifar10_acc.csv.gz",),
    architectures=14_935,
    licence="none stated",
    files=", ".join((TABLE, *CURVES.values())),
    holds="curves, times, costs",
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read ``snn_cifar10_acc.csv.gz`` and the curves beside it.

    The default metric is ``test_accuracy`` in percent. Curves are ``train_loss``, cross-entropy, and
    ``val_accuracy`` in percent, 100 epochs each. The 690 cells whose logs are of a longer training are left out:
    their curves do not compare.
    """
    path = find([TABLE], folder, benchmark="spikenas-bench", get=GET)[0].path
    table = read_csv(path, ["ops", "epochs_run", *METRICS.values()])
    keep = (table["epochs_run"] == EPOCHS).to_numpy()
    space = get_space("spikenas-bench")
    archs = space.parse(["".join(map(str, row)) for row in digits(table["ops"].tolist(), 6, path)[keep].tolist()])
    curves = {}
    for signal, name in CURVES.items():
        beside = find([name], path.parent, benchmark="spikenas-bench", get=GET)[0].path
        curves[signal] = _read_curves(beside, len(table))[keep]
    known = {column: table[column].to_numpy(float)[keep] for column in table if column not in ("arch_id", "ops")}
    return Benchmark(
        "spikenas-bench",
        space,
        archs,
        {metric: known[column] for metric, column in METRICS.items()},
        "test_accuracy",
        curves=curves,
        costs={name: known[name] for name in ("params", "mean_firing_rate") if name in known},
        train_seconds=known.get("train_seconds"),
        source=str(path),
        left_out=left_out(cells_with_longer_trainings=int((~keep).sum())),
    )


def _read_curves(path: Path, n: int) -> NDArray[np.float64]:
    """``(n, EPOCHS)`` values of a file of counts and their scale."""
    try:
        file = read_arrays(path)
        values = np.asarray(file["curve"], dtype=np.float64) / float(file["scale"])
    except (ValueError, KeyError, OSError, TypeError) as error:
        raise InvalidFileError(f"{str(path)!r} does not hold the arrays curve and scale: {error}.") from error
    if values.shape != (n, EPOCHS) or not np.isfinite(values).all():
        raise InvalidFileError(f"{str(path)!r}: curve must be finite and of shape ({n}, {EPOCHS}), got {values.shape}.")
    return values
