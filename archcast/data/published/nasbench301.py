"""NAS-Bench-301: the trainings of DARTS' space on which its surrogates were fitted, as JSON logs or NASLib's extract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data._stand_ins import CONTAINERS, NUMPY
from archcast.data.base import Benchmark, register
from archcast.data.naslib import native
from archcast.data.published._columns import column_array, firsts, left_out
from archcast.data.published._files import Part, contents, read_json, reading, unpickled
from archcast.data.published._finding import find
from archcast.data.published._gather import stack
from archcast.errors import DataNotFoundError
from archcast.spaces.base import get_space
from archcast.spaces.darts import OPERATIONS

__all__ = ["read"]

PREFIX = "NetworkSelectorDatasetInfo:darts:"
FIRST_EDGE = {2: 0, 3: 2, 4: 5, 5: 9}
"""Node -> number of its first edge; its edges are numbered in order of their source."""

FIDELITY = {"epochs": 100, "init_channels": 32, "layers": 8}
SCHEDULE = "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max"
EXTRACT = "nb301_full_training.pickle"
EXTRACT_CURVES = {"train_losses": "train_loss", "train_accuracies": "train_accuracy", "val_losses": "val_loss",
                  "val_accuracies": "val_accuracy"}  # fmt: skip
CURVES = ("train_loss", "train_accuracy", "train_cross_entropy", "val_accuracy", "val_cross_entropy")
MAX_EPOCHS = 10_000
GET = (
    "Download the data (folder nb_301_v13, https://figshare.com/articles/dataset/13246952), or with learning curves "
    f"https://figshare.com/articles/dataset/13286105, or NASLib's {EXTRACT}. The surrogate models "
    "(nb_models) are pickled classes, which would have to be executed: they are not read."
)


@register(
    "nasbench301",
    summary="NAS-Bench-301, trainings of DARTS' cells on CIFAR-10; about 50,000",
    paper="Zela et al. 2022, https://arxiv.org/abs/2008.09777",
    space="darts",
    tasks=("standard", "all-fidelities"),
    default_task="standard",
    needs="$ARCHCAST_DATA",
    patterns=(
        "results_[0-9]*.json",
        "nb301_full_training.pickle",
    ),
    licence="Apache-2.0",
    files=f"<optimiser>/results_*.json or {EXTRACT}",
    holds="curves, times, costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read ``results_<n>.json`` of all folders, or NASLib's ``nb301_full_training.pickle``.

    Metrics are ``val_accuracy`` (default) and ``test_accuracy`` in percent, of one seed. Trainings of another length,
    width or depth than 100 epochs, 32 channels and 8 cells do not compare: ``nasbench301`` leaves them out,
    ``nasbench301/all-fidelities`` keeps them, with ``epochs``, ``init_channels`` and ``layers`` among the costs. An
    architecture that was trained again at the same fidelity counts once, as it was found first. Logs of every epoch
    are curves, those of ``learning_curves`` in the full logs. Training seconds are ``runtime``.
    """
    found = find(
        ["results_[0-9]*.json", EXTRACT],
        folder,
        benchmark=f"nasbench301/{task}",
        get=GET,
        archives=["*nb_301*", "*nb301*"],
    )
    json_parts = [part for part in found if not part.name.endswith((".pickle", ".pkl"))]
    if not json_parts:
        return _read_extract(found[0])
    rows: list[dict[str, Any]] = []
    keys, other = [], 0
    order = {part: place for place, part in enumerate(json_parts)}
    for part, data in sorted(contents(json_parts, 1 << 24), key=lambda item: order[item[0]]):
        with reading(part, "a log of NAS-Bench-301"):
            row = _result(read_json(part, data))
        if task == "standard" and any(row[f"cost/{name}"] != value for name, value in FIDELITY.items()):
            other += 1
            continue
        rows.append(row)
        keys.append((row["arch"], *(row[f"cost/{name}"] for name in FIDELITY)))
    if not rows:
        raise DataNotFoundError(
            f"{json_parts[0].path.parent} holds no training of 100 epochs, 32 channels and 8 cells, but {other} of another "
            "fidelity. Read those as nasbench301/all-fidelities."
        )
    keep = firsts(keys)
    texts = [rows[place].pop("arch") for place in keep]
    arrays = stack([rows[place] for place in keep])
    costs = {name.removeprefix("cost/"): values for name, values in arrays.items() if name.startswith("cost/")}
    return Benchmark(
        f"nasbench301/{task}",
        get_space("darts"),
        get_space("darts").parse(texts),
        {name: arrays[name] for name in ("val_accuracy", "test_accuracy") if name in arrays},
        "val_accuracy",
        curves={name.removeprefix("curve/"): values for name, values in arrays.items() if name.startswith("curve/")},
        costs=costs if task != "standard" else {"params": costs["params"]},
        train_seconds=arrays.get("seconds"),
        source=str(json_parts[0].path.parent),
        test_metric="test_accuracy" if "test_accuracy" in arrays else None,
        left_out=left_out(trainings_of_another_fidelity=other, repeated_architectures=len(rows) - len(keep)),
    )


def _result(job: Mapping[str, Any]) -> dict[str, Any]:
    config = job["optimized_hyperparamater_config"]  # the file's spelling
    if config.get("NetworkSelectorDatasetInfo:network", "darts") != "darts":
        raise ValueError("it is a network of another space")
    infos: Sequence[Mapping[str, Any]] = sorted(job["info"], key=lambda info: info["epochs"])
    last = infos[-1]
    row = {
        "arch": _genotype(config),
        "val_accuracy": float(last["val_accuracy"]),
        "cost/params": float(last["model_parameters"]),
        "cost/epochs": float(config[SCHEDULE] if SCHEDULE in config else job["budget"]),
        "cost/init_channels": float(config[f"{PREFIX}init_channels"]),
        "cost/layers": float(config[f"{PREFIX}layers"]),
    }
    if job.get("test_accuracy") is not None:
        row["test_accuracy"] = float(job["test_accuracy"])
    if job.get("runtime") is not None:
        row["seconds"] = float(job["runtime"])
    logged = job.get("learning_curves") or {}  # in the full logs: Train/val_accuracy and so on
    for name in CURVES:
        values = logged.get(f"Train/{name}", logged.get(name))
        if values is None and len(infos) > 1 and name in last:
            values = [info[name] for info in infos]
        if values is not None and 0 < len(values) <= MAX_EPOCHS:
            row[f"curve/{name}"] = [np.nan if value is None else float(value) for value in values]
    return row


def _genotype(config: Mapping[str, Any]) -> str:
    cells = []
    for kind in ("normal", "reduce"):
        pairs = []
        for node, first in FIRST_EDGE.items():
            text = "0_1" if node == 2 else config[f"{PREFIX}inputs_node_{kind}_{node}"]
            a, b = map(int, text.split("_"))
            if not 0 <= a < b < node:
                raise ValueError(f"node {node} cannot take {text!r}")
            for source in (a, b):
                op = config[f"{PREFIX}edge_{kind}_{first + source}"]
                if op not in OPERATIONS:
                    raise ValueError(f"operation {op!r} is not one of {', '.join(OPERATIONS)}")
                pairs.append((op, source))
        cells.append(pairs)
    return f"Genotype(normal={cells[0]}, normal_concat=range(2, 6), reduce={cells[1]}, reduce_concat=range(2, 6))"


def _read_extract(part: Part) -> Benchmark:
    """NASLib's pickle: nested tuples ((node, operation), ...) -> train_losses, val_accuracies, runtime."""
    table = unpickled(part, {**NUMPY, **CONTAINERS}, max_opcodes=200_000_000, limit=1 << 32)
    with reading(part, "NASLib's table of NAS-Bench-301"):
        space = get_space("darts")
        archs = space.parse(native(space, [str(key) for key in table]))
        rows = list(table.values())
        digests = [
            {f"curve/{new}": row[old] for old, new in EXTRACT_CURVES.items() if row.get(old) is not None}
            for row in rows
        ]
        arrays = stack(digests)
        val = np.array([row["val_accuracies"][-1] for row in rows], dtype=float)
        return Benchmark(
            "nasbench301",
            space,
            archs,
            {"val_accuracy": val},
            "val_accuracy",
            curves={name.removeprefix("curve/"): values for name, values in arrays.items()},
            train_seconds=column_array(
                [None if row.get("runtime") is None else float(np.sum(row["runtime"])) for row in rows], part, "runtime"
            ),
            source=str(part.path),
        )
