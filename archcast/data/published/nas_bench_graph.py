"""NAS-Bench-Graph: 26,206 graph neural networks on nine data sets; the table comes with the package ``nas-bench-graph``."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data._stand_ins import CONTAINERS, NUMPY
from archcast.data.base import register
from archcast.data.benchmark import Benchmark
from archcast.data.published._files import Part, reading, unpickled
from archcast.data.published._finding import find
from archcast.errors import InvalidFileError, MissingDependencyError
from archcast.spaces.base import get_space
from archcast.spaces.nasbench_graph import LINKS

__all__ = ["read"]

METRICS = ("valid_perf", "perf")
CURVES = ("train_perf", "valid_perf", "test_perf", "train_loss", "valid_loss", "test_loss")
GET = (
    "The package nas-bench-graph carries the light tables. Download the full ones, <task><seed>.bench, from "
    "https://figshare.com/articles/dataset/20070371."
)

TASKS = ("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv", "proteins")


@register(
    "nas-bench-graph",
    summary="graph neural networks on nine node classification data sets; 26,206 (proteins: 2,021)",
    paper="Qin et al. 2022, https://arxiv.org/abs/2206.09166",
    space="nasbench-graph",
    tasks=TASKS,
    licence="Apache-2.0",
    files="<task>.bench of the package, or <task><seed>.bench",
    holds="curves (full files), costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read a table of the installed package, or of ``folder``: the light ``<task>.bench``, or the full
    ``<task><seed>.bench`` of one or more seeds, which has curves.

    Metrics are ``valid_perf`` (default) and ``perf`` (test): accuracy, for proteins ROC-AUC, means of three
    seeds. Costs are ``latency`` (seconds) and ``para`` (million parameters), as published.
    """
    if folder is None:
        found = importlib.util.find_spec("nas_bench_graph")
        if found is None or found.origin is None:
            raise MissingDependencyError(
                f"Benchmark 'nas-bench-graph/{task}' comes with the package nas-bench-graph, which is not installed. "
                f"Install it with: pip install nas-bench-graph"
            )
        parts = [Part(Path(found.origin).parent / "light" / f"{task}.bench")]
    else:
        parts = find([f"{task}[0-9]*.bench"], folder, benchmark=f"nas-bench-graph/{task}", get=GET, optional=True)
        parts = parts or find([f"{task}.bench"], folder, benchmark=f"nas-bench-graph/{task}", get=GET)
    tables = [_read(part) for part in parts]
    keys = tables[0][0]
    for part, (other, table) in zip(parts, tables):
        if not np.array_equal(np.sort(other), np.sort(keys)):
            raise InvalidFileError(f"{part} and {parts[0]} do not hold the same architectures.")
        order = np.argsort(other)[np.argsort(np.argsort(keys))]
        table |= {name: values[order] for name, values in table.items()}
    names = [name for name in tables[0][1] if all(name in table for _, table in tables)]
    columns = {name: _mean([table[name] for _, table in tables]) for name in names}
    metrics = {name: columns[name] for name in METRICS}
    if len(tables) > 1:
        for part, (_, table) in zip(parts, tables):
            seed = re.sub(r"\D", "", part.path.stem.removeprefix(task))
            metrics |= {f"{name}_seed{seed}": table[name] for name in METRICS}
    decimal = keys[:, None] // 10 ** np.arange(4, -1, -1)
    with reading(parts[0], "a table of NAS-Bench-Graph"):
        archs = np.concatenate([np.array(LINKS)[decimal[:, 0]], decimal[:, 1:] % 10], axis=1)
    return Benchmark(
        f"nas-bench-graph/{task}",
        get_space("nasbench-graph"),
        archs,
        metrics,
        "valid_perf",
        curves={name: columns[f"curve/{name}"] for name in CURVES if f"curve/{name}" in columns},
        costs={name: columns[name] for name in ("latency", "para")},
        source="package nas-bench-graph, Apache-2.0" if folder is None else ", ".join(str(part.path) for part in parts),
        test_metric="perf",
    )


def _mean(tables: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Mean over seeds, of the epochs that all of them have."""
    epochs = min(table.shape[-1] for table in tables)
    return np.asarray(np.mean([table[..., :epochs] for table in tables], axis=0))


def _compact(box: dict[Any, Any]) -> None:
    """The curves of an architecture as an array, as soon as they are read."""
    if isinstance(box.get("dur"), (list, tuple, np.ndarray)):
        box["dur"] = np.array([epoch[: len(CURVES)] for epoch in box["dur"]], dtype=np.float64).reshape(-1, len(CURVES))


def _read(part: Part) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    """Keys, and what the file holds of each: numbers, and the curves of the full version."""
    table = unpickled(part, {**NUMPY, **CONTAINERS}, max_opcodes=400_000_000, limit=1 << 33, finish=_compact)
    with reading(part, "a table of NAS-Bench-Graph"):
        keys = np.array(list(table), dtype=np.int64)
        if (keys < 0).any() or (keys >= 90_000).any():
            raise ValueError("a key is not five digits, the first of them at most 8")
        rows = list(table.values())
        columns = {
            name: np.array([row[name] for row in rows], dtype=np.float64) for name in (*METRICS, "latency", "para")
        }
        if "dur" in rows[0]:
            epochs = max(len(row["dur"]) for row in rows)
            curves = np.full((len(rows), epochs, len(CURVES)), np.nan)
            for k, row in enumerate(rows):
                curves[k, : len(row["dur"])] = row["dur"]
            columns |= {f"curve/{name}": curves[:, :, j] for j, name in enumerate(CURVES)}
        return keys, columns
