"""AnalogNAS-Bench: a second, independent training of all NAS-Bench-201 cells, and their accuracy on analog hardware."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from archcast.data._stand_ins import Record
from archcast.data._unpickle import read_pickle
from archcast.data.base import register
from archcast.data.benchmark import Benchmark
from archcast.data.naslib import from_ops
from archcast.data.published._finding import find
from archcast.errors import InvalidFileError, MissingDependencyError
from archcast.spaces.base import get_space

__all__ = ["read"]

PLAIN = ("baseline_accuracy", "ptq_accuracy", "qat_accuracy", "noisy_accuracy", "analog_accuracy")
DRIFT = tuple(f"{kind}_drift_{seconds}" for kind in ("baseline", "analog") for seconds in (60, 3600, 86400, 2592000))
ALLOWED = {("analognasbench.data", "Architecture"): Record, ("analognasbench.data", "DriftMeasurement"): Record}


@register(
    "analog-nasbench",
    summary="NAS-Bench-201 trained again on CIFAR-10, and on analog hardware; 15,625 cells",
    paper="AnalogNAS-Bench, https://pypi.org/project/analog-nasbench",
    space="nasbench201",
    needs="the extra analog",
    architectures=15_625,
    licence="none stated",
    files="data.anb of the package",
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read ``data.anb`` of the installed package ``analog-nasbench``, or of ``folder``.

    Metrics are test accuracies in percent: ``baseline_accuracy`` (digital, default), quantised, noise-trained and
    analog ones, and the analog ones after a drift of 60 to 2,592,000 seconds.
    """
    if folder is None:
        found = importlib.util.find_spec("analognasbench")
        if found is None or found.origin is None:
            raise MissingDependencyError(
                "Benchmark 'analog-nasbench' comes with the package analog-nasbench, which is not installed. "
                "Install it with: pip install 'archcast[analog]'"
            )
        folder = Path(found.origin).parent
    path = find(["data.anb"], folder, benchmark="analog-nasbench", get="The package analog-nasbench carries it.")[
        0
    ].path
    table = read_pickle(path, ALLOWED)
    try:
        archs = from_ops(np.array(list(table), dtype=np.int64).reshape(len(table), 6))
        metrics = {name: np.array([getattr(row, name) for row in table.values()], float) for name in PLAIN}
        metrics |= {name: np.array([getattr(row, name).value for row in table.values()], float) for name in DRIFT}
    except (TypeError, AttributeError, ValueError, IndexError) as error:
        raise InvalidFileError(f"{str(path)!r} is not a table of AnalogNAS-Bench: {error!r}.") from error
    return Benchmark(
        "analog-nasbench",
        get_space("nasbench201"),
        archs,
        metrics,
        "baseline_accuracy",
        source="package analog-nasbench",
    )
