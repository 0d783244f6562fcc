"""Sub-networks of Once-for-All's MobileNetV3, measured on ImageNet by DyNAS-T's searches."""

from __future__ import annotations

import ast
import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data.base import Benchmark, register
from archcast.data.published._columns import as_benchmark, column_array, firsts, left_out
from archcast.data.published._files import contents, find, reading
from archcast.errors import InvalidFileError
from archcast.spaces.base import get_space

__all__ = ["read"]

STAGES, LAYERS = 5, 4
KERNELS, EXPANSIONS, DEPTHS = (3, 5, 7), (3, 4, 6), (2, 3, 4)
NETWORK, TOP1 = "Sub-network", "Top-1 Acc (%)"
COSTS = {"Model Parameters": "params", "MACs": "macs", "Latency (ms)": "latency_ms"}
GET = (
    "Download the CSV files of https://github.com/IntelLabs/DyNAS-T (notebooks/data/mbnv3w10_*.csv), or write a table with the "
    f"columns {NETWORK} (ks, e, d, r) and {TOP1}."
)


@register(
    "ofa-mobilenetv3",
    summary="Once-for-All MobileNetV3 on ImageNet, networks that searches of DyNAS-T visited; about 2,000",
    paper="Cai et al. 2020, https://arxiv.org/abs/1908.09791; Cummings et al. 2022, https://arxiv.org/abs/2205.10358",
    needs="$ARCHCAST_DATA",
    patterns=("mbnv3w10_*.csv",),
    licence="Apache-2.0",
    files="mbnv3w10_*.csv",
    holds="costs",
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read one CSV file, or all of a folder together.

    The metric is ``val_top1``, percent on ImageNet's validation images with the weights of the supernet. Rows are
    traces of searches, not a random sample. The space is ``ofa-mobilenetv3``; where the networks were measured at several
    resolutions, it is a list of choices with the resolution as one more decision. Kernel and expansion of a layer beyond
    the depth of its stage do nothing: they are read over. A network that occurs again counts once, as it was measured first.
    Costs are ``params``, ``macs`` and ``latency_ms``, where 0 in the file means that it was not measured.
    """
    found = find(["mbnv3w10_*.csv"], folder, benchmark="ofa-mobilenetv3", get=GET)
    rows: list[tuple[tuple[int | None, ...], float, dict[str, float | None], str]] = []
    for part, data in contents(found, 1 << 28):
        with reading(part, "a table of DyNAS-T"):
            table = csv.DictReader(io.StringIO(data.decode("utf-8")))
            missing = {NETWORK, TOP1} - set(table.fieldnames or ())
            if missing:
                raise InvalidFileError(f"{part} has no column {min(missing)!r}.")
            for row in table:
                with reading(f"{part}, line {table.line_num}", "a table of DyNAS-T"):
                    known = {new: float(row[old]) or None for old, new in COSTS.items() if row.get(old)}
                    rows.append((_decisions(row[NETWORK]), float(row[TOP1]), known, row[NETWORK]))
    keep = [rows[place] for place in firsts([row[0] for row in rows])]
    with reading(found[0], "a table of DyNAS-T"):
        costs = {name: column_array([row[2].get(name) for row in keep], found[0], name) for name in COSTS.values()}
        metrics = {"val_top1": np.array([row[1] for row in keep])}
        fields: dict[str, Any] = {
            "costs": {name: values for name, values in costs.items() if not np.isnan(values).all()},
            "source": ", ".join(sorted({str(part.path) for part in found})),
            "left_out": left_out(repeated_networks=len(rows) - len(keep)),
        }
        if len({row[0][-1] for row in keep}) == 1:
            space = get_space("ofa-mobilenetv3")
            return Benchmark(
                "ofa-mobilenetv3", space, space.parse([row[3] for row in keep]), metrics, "val_top1", **fields
            )
        return as_benchmark(
            "ofa-mobilenetv3",
            {column: [row[0][place] for row in keep] for place, column in enumerate(CHOICES)},
            metrics,
            "val_top1",
            choices={column: values for column, values in CHOICES.items() if values},
            conditions=CONDITIONS,
            **fields,
        )


CHOICES: dict[str, tuple[int, ...]] = {
    **{f"d{stage}": DEPTHS for stage in range(1, STAGES + 1)},
    **{f"k{layer}": KERNELS for layer in range(1, STAGES * LAYERS + 1)},
    **{f"e{layer}": EXPANSIONS for layer in range(1, STAGES * LAYERS + 1)},
    "r": (),
}
"""Decisions: depth of each stage, kernel and expansion of each layer, resolution (as many as occur)."""


CONDITIONS = {
    f"{kind}{LAYERS * stage + layer + 1}": {f"d{stage + 1}": [depth for depth in DEPTHS if depth > layer]}
    for kind in "ke"
    for stage in range(STAGES)
    for layer in range(DEPTHS[0], LAYERS)
}
"""Layers beyond the depth of their stage do nothing."""


def _decisions(text: str) -> tuple[int | None, ...]:
    """A row of :data:`CHOICES` from the text of a dictionary, which is read literally and never evaluated."""
    if len(text) > 4096:
        raise ValueError("the sub-network is too long a text")
    network: dict[str, Any] = ast.literal_eval(text)
    kernels, expansions, depths = network["ks"], network["e"], network["d"]
    if (len(kernels), len(expansions), len(depths)) != (STAGES * LAYERS, STAGES * LAYERS, STAGES):
        raise ValueError("ks and e must have 20 values, d 5")
    resolution = network["r"]
    resolution = resolution[0] if isinstance(resolution, (list, tuple)) else resolution
    active = [layer % LAYERS < depths[layer // LAYERS] for layer in range(STAGES * LAYERS)]
    layers = ([value if on else None for value, on in zip(values, active)] for values in (kernels, expansions))
    return (*depths, *(value for values in layers for value in values), resolution)
