"""Sub-networks of Once-for-All's MobileNetV3, measured on ImageNet: DyNAS-T's searches, or a data set of Once-for-All."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data.base import Benchmark, register
from archcast.data.published._columns import as_benchmark, column_array, firsts, flatten, left_out
from archcast.data.published._files import Part, contents, read_json, reading
from archcast.data.published._finding import find, fits
from archcast.errors import InvalidFileError
from archcast.spaces.base import get_space

__all__ = ["read"]

STAGES, LAYERS = 5, 4
PROXYLESS_LAYERS, MAX_TEXT = 21, 4096
KERNELS, EXPANSIONS, DEPTHS = (3, 5, 7), (3, 4, 6), (2, 3, 4)
NETWORK, TOP1 = "Sub-network", "Top-1 Acc (%)"
COSTS = {"Model Parameters": "params", "MACs": "macs", "Latency (ms)": "latency_ms"}
TABLES, MERGED, PARTS = "mbnv3w10_*.csv", "acc.dict", "src/[0-9]*.dict"
GET = (
    f"Download the CSV files of https://github.com/IntelLabs/DyNAS-T (notebooks/data/{TABLES}), or write a table with the "
    f"columns {NETWORK} (ks, e, d, r) and {TOP1}; or build an accuracy data set with https://github.com/mit-han-lab/once-for-all "
    f"({MERGED}, or {PARTS})."
)
Row = tuple[tuple[Any, ...], float, dict[str, "float | None"], dict[str, Any], str]
"""Decisions, score, costs, the network as it was written, and what the score is."""


@register(
    "ofa-mobilenetv3",
    summary="Once-for-All MobileNetV3 on ImageNet, networks that searches of DyNAS-T visited; about 2,000",
    paper="Cai et al. 2020, https://arxiv.org/abs/1908.09791; Cummings et al. 2022, https://arxiv.org/abs/2205.10358",
    needs="$ARCHCAST_DATA",
    patterns=(TABLES, MERGED, PARTS),
    licence="Apache-2.0",
    files=f"{TABLES}; or {MERGED}, or {PARTS}, of a data set of Once-for-All",
    holds="costs",
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read one CSV file of DyNAS-T, or all of a folder together; or a data set as Once-for-All builds it, which is a folder with
    ``net_id.dict`` (the networks), ``acc.dict`` and ``src/<resolution>.dict`` (accuracies by network).

    The metric is ``val_top1``, percent on ImageNet's validation images with the weights of the supernet. DyNAS-T's rows are
    traces of searches, not a random sample. The space is ``ofa-mobilenetv3``; where the networks were measured at several
    resolutions, it is a list of choices with the resolution as one more decision. So is it for the networks of another supernet
    (ProxylessNAS, ResNet, a translator) that such a file may hold; a score that is no top-1 accuracy has the name of its column, as
    ``bleu_score``. Kernel and expansion of a layer beyond
    the depth of its stage do nothing: they are read over. A network that occurs again counts once, as it was measured first.
    Costs are ``params``, ``macs`` and ``latency_ms``, where 0 in the file means that it was not measured.
    """
    options: dict[str, Any] = {"benchmark": "ofa-mobilenetv3", "get": GET}
    found = find([TABLES, MERGED, PARTS], folder, **options)
    if whole := [part for part in found if not fits(part.name, [PARTS])]:
        found = whole  # the parts are merged in acc.dict
    rows: list[Row] = []
    for part, data in contents(found, 1 << 28):
        with reading(part, "a table of Once-for-All networks"):
            rows += _accuracies(part, data) if data.lstrip()[:1] == b"{" else _table(part, data)
    keep = [rows[place] for place in firsts([row[0] for row in rows])]
    with reading(found[0], "a table of Once-for-All networks"):
        costs = {name: column_array([row[2].get(name) for row in keep], found[0], name) for name in COSTS.values()}
        metric = keep[0][4]
        if any(row[4] != metric for row in keep):
            raise InvalidFileError(
                f"{found[0].path.parent}: its files measure {metric!r} and other things. Name one of them."
            )
        metrics = {metric: column_array([row[1] for row in keep], found[0], metric)}
        fields: dict[str, Any] = {
            "costs": {name: values for name, values in costs.items() if not np.isnan(values).all()},
            "source": ", ".join(sorted({str(part.path) for part in found})),
            "left_out": left_out(repeated_networks=len(rows) - len(keep)),
        }
        if any(len(row[0]) != len(CHOICES) for row in keep):
            decisions = [flatten(row[3]) for row in keep]
            names = dict.fromkeys(name for row in decisions for name in row)
            table = {name: [row.get(name) for row in decisions] for name in names}
            return as_benchmark("ofa-mobilenetv3", table, metrics, metric, **fields)
        if len({row[0][-1] for row in keep}) == 1:
            space = get_space("ofa-mobilenetv3")
            texts = [json.dumps({name: row[3][name] for name in ("ks", "e", "d")}) for row in keep]
            return Benchmark("ofa-mobilenetv3", space, space.parse(texts), metrics, "val_top1", **fields)
        return as_benchmark(
            "ofa-mobilenetv3",
            {column: [row[0][place] for row in keep] for place, column in enumerate(CHOICES)},
            metrics,
            "val_top1",
            choices={column: values for column, values in CHOICES.items() if values},
            conditions=CONDITIONS,
            **fields,
        )


def _table(part: Part, data: bytes) -> Iterator[Row]:
    """Rows of a CSV file, each with a network as the text of a dictionary."""
    table = csv.DictReader(io.StringIO(data.decode("utf-8")))
    names = list(table.fieldnames or ())
    others = [name for name in names if re.search(r"\b(Acc|BLEU|F1|mAP)\b|HR@", name)]
    score = TOP1 if TOP1 in names else others[0] if others else None
    if NETWORK not in names or score is None:
        raise InvalidFileError(f"{part} has no column {(NETWORK if NETWORK not in names else TOP1)!r}.")
    metric = "val_top1" if score == TOP1 else re.sub(r"\W+", "_", score).strip("_").lower()
    for row in table:
        with reading(f"{part}, line {table.line_num}", "a table of DyNAS-T"):
            known = {new: float(row[old]) or None for old, new in COSTS.items() if row.get(old)}
            network = _network(row[NETWORK])
            ours = "ks" in network and len(network["ks"]) != PROXYLESS_LAYERS
            decisions = _decisions(network) if ours else (json.dumps(network, sort_keys=True),)
            yield decisions, float(row[score]), known, network, metric


def _accuracies(part: Part, data: bytes) -> Iterator[Row]:
    """Rows of ``acc.dict`` or ``src/<resolution>.dict``: JSON whose names are networks as JSON texts."""
    for text, top1 in read_json(part, data).items():
        with reading(f"{part}, network {text[:60]!r},", "an accuracy of Once-for-All"):
            if len(text) > MAX_TEXT:
                raise ValueError("it is too long a text")
            network = json.loads(text)
            if not isinstance(network, dict) or "d" not in network:
                raise ValueError("it is no network with depths d")
            mobile = "ks" in network and len(network["ks"]) == STAGES * LAYERS
            if mobile:
                network["r"] = network.get("image_size", 224)
            decisions = _decisions(network) if mobile else (json.dumps(network, sort_keys=True),)
            yield decisions, float(top1), {}, network, "val_top1"


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


def _network(text: str) -> dict[str, Any]:
    """A dictionary that is read literally and never evaluated."""
    if len(text) > MAX_TEXT:
        raise ValueError("the sub-network is too long a text")
    return dict(ast.literal_eval(text))


def _decisions(network: dict[str, Any]) -> tuple[int | None, ...]:
    """A row of :data:`CHOICES`."""
    kernels, expansions, depths = network["ks"], network["e"], network["d"]
    if (len(kernels), len(expansions), len(depths)) != (STAGES * LAYERS, STAGES * LAYERS, STAGES):
        raise ValueError("ks and e must have 20 values, d 5")
    resolution = network["r"]
    resolution = resolution[0] if isinstance(resolution, (list, tuple)) else resolution
    active = [layer % LAYERS < depths[layer // LAYERS] for layer in range(STAGES * LAYERS)]
    layers = ([value if on else None for value, on in zip(values, active)] for values in (kernels, expansions))
    return (*depths, *(value for values in layers for value in values), resolution)
