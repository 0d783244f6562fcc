"""NAS-Bench-Graph: 26,206 graph neural networks on nine data sets; the table comes with the package ``nas-bench-graph``."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from archcast.data._unpickle import NUMPY_SCALARS, read_pickle
from archcast.data.base import register
from archcast.data.benchmark import Benchmark
from archcast.errors import InvalidFileError, MissingDependencyError
from archcast.spaces.base import get_space
from archcast.spaces.nasbench_graph import LINKS

__all__ = ["read"]

TASKS = ("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv", "proteins")


@register(
    "nas-bench-graph",
    summary="graph neural networks on nine node classification data sets; 26,206 (proteins: 2,021)",
    paper="Qin et al. 2022, https://arxiv.org/abs/2206.09166",
    space="nasbench-graph",
    tasks=TASKS,
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read a table of the installed package, or ``<task>.bench`` in ``folder``.

    Metrics are ``valid_perf`` (default) and ``perf`` (test): accuracy, for proteins ROC-AUC, means of three seeds. Costs are
    ``latency`` (seconds) and ``para`` (million parameters), as published.
    """
    if folder is None:
        found = importlib.util.find_spec("nas_bench_graph")
        if found is None or found.origin is None:
            raise MissingDependencyError(
                f"Benchmark 'nas-bench-graph/{task}' comes with the package nas-bench-graph, which is not installed. "
                f"Install it with: pip install nas-bench-graph"
            )
        folder = Path(found.origin).parent / "light"
    path = folder / f"{task}.bench"
    if not path.is_file():
        raise InvalidFileError(f"{str(path)!r} is not there: the installed package nas-bench-graph does not hold it.")
    table = read_pickle(path, NUMPY_SCALARS)
    try:
        keys = np.array(list(table), dtype=np.int64)
        columns = {
            name: np.array([row[name] for row in table.values()], dtype=np.float64)
            for name in ("valid_perf", "perf", "latency", "para")
        }
        decimal = keys[:, None] // 10 ** np.arange(4, -1, -1)
        archs = np.concatenate([np.array(LINKS)[decimal[:, 0]], decimal[:, 1:] % 10], axis=1)
    except (TypeError, KeyError, ValueError, IndexError, AttributeError) as error:
        raise InvalidFileError(f"{str(path)!r} is not a table of NAS-Bench-Graph: {error!r}.") from error
    return Benchmark(
        f"nas-bench-graph/{task}",
        get_space("nasbench-graph"),
        archs,
        {name: columns[name] for name in ("valid_perf", "perf")},
        "valid_perf",
        costs={name: columns[name] for name in ("latency", "para")},
        source="package nas-bench-graph, Apache-2.0",
        test_metric="perf",
    )
