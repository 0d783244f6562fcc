"""HW-NAS-Bench: measured latency and energy of all NAS-Bench-201 cells on six devices, and a look-up table for FBNet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data._stand_ins import CONTAINERS, NUMPY
from archcast.data.base import Benchmark, data_folder, register
from archcast.data.published._columns import column_array
from archcast.data.published._files import Part, reading, unpickled
from archcast.data.published._finding import find
from archcast.spaces.base import get_space

__all__ = ["FBNET_OPERATIONS", "costs_beside", "fbnet_cost", "nasbench201_costs", "read"]

FILE = "HW-NAS-Bench-v1_0.pickle"
DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "ImageNet16-120"}
METRICS = ("edgegpu_latency", "edgegpu_energy", "raspi4_latency", "edgetpu_latency", "pixel3_latency", "eyeriss_latency",
           "eyeriss_energy", "eyeriss_arithmetic_intensity", "fpga_latency", "fpga_energy")  # fmt: skip
HIGHER_IS_BETTER = ("eyeriss_arithmetic_intensity",)
GET = f"Download {FILE} from https://github.com/GATECH-EIC/HW-NAS-Bench."

FBNET_OPERATIONS = ("k3_e1", "k3_e1_g2", "k3_e3", "k3_e6", "k5_e1", "k5_e1_g2", "k5_e3", "k5_e6", "skip")
FBNET_STAGES = ((1, 16), (4, 24), (4, 32), (4, 64), (4, 112), (4, 184), (1, 352))
"""Layers and channels of each stage."""

FBNET_STRIDES = {"cifar100": (1, 1, 2, 2, 1, 2, 1), "imagenet": (1, 2, 2, 2, 1, 2, 1)}
FBNET_INPUT = {"cifar100": (32, 1, 1504), "imagenet": (224, 2, 1984)}
"""Side of the image, stride of the stem, channels of the head."""

STEM_CHANNELS = 16
FBNET_CLASSES = {"cifar100": 100, "imagenet": 1000}


@register(
    "hw-nas-bench",
    summary="HW-NAS-Bench, latency and energy of NAS-Bench-201 on six devices; 15,625 cells",
    paper="Li et al. 2021, https://arxiv.org/abs/2103.10584",
    space="nasbench201",
    tasks=tuple(DATASETS),
    needs="$ARCHCAST_DATA",
    patterns=("HW-NAS-Bench-v1_0.pickle",),
    architectures=15_625,
    licence="MIT",
    files=FILE,
    holds="costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read ``HW-NAS-Bench-v1_0.pickle``.

    Costs are those published: milliseconds and millijoules for one image. ``edgetpu_latency`` of -1 means that the cell did not
    compile: it is unknown (NaN). Metrics are the costs with the sign turned, ``neg_edgegpu_latency`` (default) and so on, for
    higher is better; ``eyeriss_arithmetic_intensity`` keeps its sign. Accuracies are in ``nasbench201`` and ``nats-tss``,
    which take up these costs where the file is beside theirs.
    """
    part = find([FILE], folder, benchmark=f"hw-nas-bench/{task}", get=GET, renamed=["*HW-NAS-Bench*.pickle"])[0]
    table = unpickled(part, {**NUMPY, **CONTAINERS})
    archs, costs = nasbench201_costs(part, table, task)
    metrics = {
        name if name in HIGHER_IS_BETTER else f"neg_{name}": _signed(name, values) for name, values in costs.items()
    }
    failed = int(np.isnan(costs["edgetpu_latency"]).sum()) if "edgetpu_latency" in costs else 0
    return Benchmark(
        f"hw-nas-bench/{task}",
        get_space("nasbench201"),
        archs,
        metrics,
        next(iter(metrics)),
        costs=costs,
        source=str(part.path),
        left_out=f"{failed:,} latencies on edgetpu, where the cell did not compile" if failed else "",
    )


def _signed(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values if name in HIGHER_IS_BETTER else -values


def nasbench201_costs(part: Part, table: Any, task: str) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    """Rows of NAS-Bench-201 and their costs on a data set."""
    with reading(part, "HW-NAS-Bench"):
        by_metric: Mapping[str, Any] = table["nasbench201"][DATASETS[task]]
        archs = get_space("nasbench201").parse([str(config["arch_str"]) for config in _values(by_metric["config"])])
        costs = {}
        for name in METRICS:
            if name in by_metric:
                values = column_array(_values(by_metric[name]), part, name)
                if len(values) != len(archs):
                    raise ValueError(f"{name} has {len(values):,} values for {len(archs):,} cells")
                costs[name] = np.where(values < 0, np.nan, values)
        return archs, costs


def costs_beside(folder: Path | None, archs: NDArray[np.int64], task: str) -> dict[str, NDArray[np.float64]]:
    """Costs of cells of NAS-Bench-201 from the file that lies among theirs; none if there is no such file.

    Args:
        folder: where the cells' own files were looked for.
        archs: ``(n, 6)`` rows.
        task: the data set.
    """
    folder = data_folder() if folder is None else folder
    if folder is None:
        return {}
    folder = folder if folder.is_dir() else folder.parent
    parts = find([FILE], folder, benchmark=f"hw-nas-bench/{task}", get=GET, optional=True)
    if not parts:
        return {}
    rows, costs = nasbench201_costs(parts[0], unpickled(parts[0], {**NUMPY, **CONTAINERS}), task)
    place = {bytes(row): k for k, row in enumerate(rows)}
    order = np.array([place.get(bytes(row), -1) for row in archs])
    return {name: np.where(order >= 0, values[order], np.nan) for name, values in costs.items()}


def _values(values: Any) -> list[Any]:
    """A list in the order of the index, from a list, an array or a dictionary by index."""
    if isinstance(values, Mapping):
        return [values[number] for number in sorted(values)]
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


def fbnet_cost(table: Mapping[str, Any], metric: str, arch: list[int], dataset: str = "cifar100") -> float:
    """Cost of a network of FBNet's space: the sum of its layers in the look-up table ``table["fbnet"][metric]``,
    and of stem, head, pooling and classifier where the table has them.

    Args:
        table: what the file holds.
        metric: one of the table's; there is none of edgetpu.
        arch: 22 numbers of :data:`FBNET_OPERATIONS`.
        dataset: ``"cifar100"`` or ``"imagenet"``.
    """
    costs = table["fbnet"][metric]
    costs = costs.get(dataset, costs)
    side, stride, head = FBNET_INPUT[dataset]
    total = costs.get(f"ConvNorm_H{side}_W{side}_Cin3_Cout{STEM_CHANNELS}_kernel3_stride{stride}_group1", 0.0)
    side, channels, layer = side // stride, STEM_CHANNELS, 0
    for (layers, width), first in zip(FBNET_STAGES, FBNET_STRIDES[dataset]):
        for k in range(layers):
            step = first if k == 0 else 1
            key = f"H{side}_W{side}_Cin{channels}_Cout{width}"
            name = FBNET_OPERATIONS[arch[layer]]
            if name == "skip":
                total += costs[f"Skip_{key}_stride{step}"]
            else:
                kernel, expansion, *group = name.split("_")
                total += costs[
                    f"ConvBlock_{key}_exp{expansion[1:]}_kernel{kernel[1:]}_stride{step}_group{2 if group else 1}"
                ]
            side, channels, layer = -(-side // step), width, layer + 1
    total += costs.get(f"ConvNorm_H{side}_W{side}_Cin{channels}_Cout{head}_kernel1_stride1_group1", 0.0)
    total += costs.get(f"AvgP_H{side}_W{side}_Cin{head}_Cout{head}_kernel{side}_stride1", 0.0)
    total += costs.get(f"FC_Cin{head}_Cout{FBNET_CLASSES[dataset]}", 0.0)
    return float(total)
