"""NAS-HPO-Bench-II: 4,000 cells with learning rate and batch size, 12 epochs on CIFAR-10."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data._unpickle import CONTAINERS, NUMPY
from archcast.data.base import Benchmark, register
from archcast.data.published._columns import as_benchmark, left_out
from archcast.data.published._files import Part, find, reading, unpickled
from archcast.data.published._gather import stack

__all__ = ["read"]

FILES = ("bench12.pkl", "cellinfo.pkl")
EDGES = ("0->1", "0->2", "1->2", "0->3", "1->3", "2->3")
OPERATIONS = (0, 1, 2, 3)
COLUMN = re.compile(r"(train|valid|test)_(acc|time)_(\d+)")
CURVES = {"train": "train_accuracy", "valid": "val_accuracy", "test": "test_accuracy"}
GET = f"Download {' and '.join(FILES)} from https://github.com/yoichii/nashpobench2api."


@register(
    "nas-hpo-bench-ii",
    summary="NAS-HPO-Bench-II, cells with learning rate and batch size, CIFAR-10, 12 epochs; 192,000 configurations",
    paper="Hirose et al. 2021, https://arxiv.org/abs/2110.10165",
    needs="$ARCHCAST_DATA",
    patterns=("bench12.pkl",),
    architectures=192_000,
    licence="MIT",
    files=" and ".join(FILES),
    holds="curves, seeds, times",
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read ``bench12.pkl`` and, beside it, ``cellinfo.pkl``.

    Decisions are the operation of each of six edges (numbers of the file), the learning rate and the batch size.
    Metrics are ``val_accuracy`` (default), ``test_accuracy`` and ``train_accuracy`` after the last epoch as
    published, means over seeds, ``..._seed<n>`` of one; curves are those of 12 epochs. Cells of one hash are one.
    ``avgaccs200.pkl`` is not read: it holds the predictions of a surrogate model for 200 epochs, not
    measurements.
    """
    part = find([FILES[0]], folder, benchmark="nas-hpo-bench-ii", get=GET)[0]
    info = find([FILES[1]], part.path.parent, benchmark="nas-hpo-bench-ii", get=GET)[0]
    codes = _codes(info)
    table = unpickled(part, {**NUMPY, **CONTAINERS}, max_opcodes=400_000_000, limit=1 << 33)
    with reading(part, "the table of NAS-HPO-Bench-II"):
        runs: dict[tuple[Any, ...], dict[int, dict[str, dict[int, float]]]] = {}
        for column, values in table.items():
            if (match := COLUMN.fullmatch(str(column))) is None or int(match[3]) > 999:
                continue
            for (code, rate, batch, seed), value in values.items():
                by_seed = runs.setdefault((code, rate, batch), {}).setdefault(int(seed), {})
                by_seed.setdefault(f"{match[1]}_{match[2]}", {})[int(match[3])] = float(value)
        known = {key: by_seed for key, by_seed in runs.items() if key[0] in codes}
        arrays = stack([_digest(by_seed) for by_seed in known.values()])
        cells = [codes[code] for code, _, _ in known]
        decisions: dict[str, list[Any]] = {f"edge {edge}": [cell[k] for cell in cells] for k, edge in enumerate(EDGES)}
        decisions |= {"learning_rate": [key[1] for key in known], "batch_size": [key[2] for key in known]}
        metrics = {name: values for name, values in arrays.items() if "accuracy" in name and "/" not in name}
        return as_benchmark(
            "nas-hpo-bench-ii",
            decisions,
            metrics,
            "val_accuracy",
            choices=dict.fromkeys(list(decisions)[:6], OPERATIONS),
            curves={
                name.removeprefix("curve/"): values for name, values in arrays.items() if name.startswith("curve/")
            },
            train_seconds=arrays.get("seconds"),
            source=str(part.path),
            test_metric="test_accuracy" if "test_accuracy" in metrics else None,
            left_out=left_out(configurations_of_a_cell_without_code=len(runs) - len(known)),
        )


def _codes(part: Part) -> dict[Any, tuple[int, ...]]:
    """Hash -> operations of the six edges, of the first cell that has it."""
    table = unpickled(part, {**NUMPY, **CONTAINERS}, max_opcodes=50_000_000)
    with reading(part, "the list of cells of NAS-HPO-Bench-II"):
        out: dict[Any, tuple[int, ...]] = {}
        for text, code in table["hash"].items():
            digits = tuple(int(digit) for digit in str(text) if digit.isdigit())
            if len(digits) != len(EDGES):
                raise ValueError(f"a cell {str(text)[:40]!r} has {len(digits)} operations, not six")
            out.setdefault(code, digits)
        return out


def _digest(by_seed: dict[int, dict[str, dict[int, float]]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for split, name in CURVES.items():
        curves = {
            seed: np.array([values[epoch] for epoch in sorted(values)])
            for seed, run in by_seed.items()
            if (values := run.get(f"{split}_acc"))
        }
        if curves:
            out[name] = float(np.mean([curve[-1] for curve in curves.values()]))
            out[f"curve/{name}"] = np.mean(list(curves.values()), axis=0)
            if len(curves) > 1:
                out |= {f"{name}_seed{seed}": float(curve[-1]) for seed, curve in curves.items()}
    seconds = [sum(run["train_time"].values()) for run in by_seed.values() if "train_time" in run]
    if seconds:
        out["seconds"] = float(np.mean(seconds))
    return out
