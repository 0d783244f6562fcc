"""HW-NAS-Bench's half on FBNet: costs of any network of the space, summed from a look-up table of layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data._stand_ins import CONTAINERS, NUMPY
from archcast.data.base import Benchmark, register
from archcast.data.published._files import Part, reading, unpickled
from archcast.data.published._finding import find
from archcast.data.published.hw_nas_bench import FBNET_INPUT, FILE, GET, HIGHER_IS_BETTER, METRICS, fbnet_cost
from archcast.errors import DataNotFoundError, InvalidFileError, InvalidInputError
from archcast.spaces.base import get_space

__all__ = ["Sums", "read"]

READY = 1_000
"""Networks that are drawn and summed when the file is loaded; any other is summed when it is asked for."""


@dataclass(frozen=True, eq=False)
class Sums:
    """Costs of networks of FBNet's space, the function of the benchmark.

    Attributes:
        name: of the benchmark.
        dataset: ``"cifar100"`` or ``"imagenet"``.
        table: what the file holds of FBNet.
        part: the file.
    """

    name: str
    dataset: str
    table: Mapping[str, Any]
    part: Part

    def __call__(self, archs: NDArray[np.int64], seed: int | None = None) -> Benchmark:
        """The benchmark of ``(n, 22)`` rows."""
        if seed is not None:
            raise InvalidInputError(f"seed {seed}: benchmark {self.name!r} holds costs, which were measured once.")
        costs = {}
        with reading(self.part, "a look-up table of FBNet"):
            for metric in (metric for metric in METRICS if metric in self.table):
                sums = [fbnet_cost({"fbnet": self.table}, metric, row, self.dataset) for row in archs.tolist()]
                costs[metric] = np.array(sums, dtype=np.float64)
        if not costs:
            raise InvalidFileError(f"{self.part} holds no costs of FBNet.")
        metrics = {
            name if name in HIGHER_IS_BETTER else f"neg_{name}": values if name in HIGHER_IS_BETTER else -values
            for name, values in costs.items()
        }
        first, path = next(iter(metrics)), str(self.part.path)
        return Benchmark(self.name, get_space("fbnet"), archs, metrics, first, costs=costs, source=path, function=self)


@register(
    "hw-nas-bench-fbnet",
    summary="HW-NAS-Bench, latency and energy of FBNet's networks on five devices; any of the space",
    paper="Li et al. 2021, https://arxiv.org/abs/2103.10584",
    space="fbnet",
    tasks=tuple(FBNET_INPUT),
    needs="$ARCHCAST_DATA",
    patterns=(FILE,),
    licence="MIT",
    files=FILE,
    holds="costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read the look-up table in ``HW-NAS-Bench-v1_0.pickle``; a task is ``cifar100`` or ``imagenet``.

    A network costs the sum of its layers, stem, head, pooling and classifier: milliseconds and millijoules for one image. Metrics
    are the costs with the sign turned, for higher is better. 1,000 random networks are ready, ``scores(archs)`` and a search ask
    for any other. There are no accuracies, and no edge TPU.
    """
    name = f"hw-nas-bench-fbnet/{task}"
    part = find([FILE], folder, benchmark=name, get=GET, renamed=["*HW-NAS-Bench*.pickle"])[0]
    table = unpickled(part, {**NUMPY, **CONTAINERS})
    with reading(part, "HW-NAS-Bench"):
        if "fbnet" not in table:
            raise DataNotFoundError(f"{part} holds no look-up table of FBNet. {GET}")
        sums = Sums(name, task, dict(table["fbnet"]), part)
    return sums(np.unique(get_space("fbnet").sample(READY, np.random.default_rng(0)), axis=0))
