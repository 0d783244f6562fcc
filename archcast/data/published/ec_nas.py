"""EC-NAS: NAS-Bench-101's small cells trained with their energy metered, three repeats."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data.base import Benchmark, register
from archcast.data.published._columns import left_out
from archcast.data.published._files import contents, find, read_json, reading
from archcast.data.published._gather import stack
from archcast.data.published._nasbench101_records import cell
from archcast.errors import DataNotFoundError
from archcast.spaces.base import get_space

__all__ = ["read"]

PLACE = re.compile(r"(?:(\d+)_epochs/.*)?([0-9a-f]{32})/repeat_(\d+)/results\.json$")
ACCURACIES = {
    "val_accuracy": "validation_accuracy",
    "test_accuracy": "test_accuracy",
    "train_accuracy": "train_accuracy",
}
GET = (
    "Download the folders train_model_results (or an archive of them) and generated_graphs_*.json of "
    "https://github.com/PedramBakh/EC-NAS-Bench. Its TFRecords are in Git LFS and are not read."
)


@register(
    "ec-nas",
    summary="EC-NAS, NAS-Bench-101's cells of few nodes with metered energy, CIFAR-10; 91 or 2,532 cells",
    paper="Bakhtiarifard et al. 2024, https://arxiv.org/abs/2210.06015",
    space="nasbench101",
    needs="$ARCHCAST_DATA",
    patterns=(
        "repeat_*/results.json",
        "*ecnas*.tar.gz",
    ),
    licence="MIT",
    files="<E>_epochs/.../<hash>/repeat_<k>/results.json and generated_graphs_*.json",
    holds="curves, seeds, times, costs",
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read the raw ``results.json`` files and the list of cells, ``generated_graphs_*.json``.

    Accuracies are fractions: ``val_accuracy`` (default), ``test_accuracy`` and ``train_accuracy`` at the end of
    the longest training that is there, means of the repeats, ``..._run1`` and so on. Curves are those at the
    epochs that were evaluated (beginning, middle, end). Costs are ``params``, and at the end of the training
    ``energy_kwh`` and ``co2eq_g``. Training seconds are ``training_time``.
    """
    options = {"benchmark": "ec-nas", "get": GET}
    found = find(["repeat_*/results.json"], folder, archives=["*ecnas*", "*train_model_results*"], **options)  # type: ignore[arg-type]
    near = folder.parent if folder is not None and folder.is_file() else folder
    matrices = {}
    for part in find(["generated_graphs_*.json"], near, **options):  # type: ignore[arg-type]
        with reading(part, "a list of cells of EC-NAS"):
            for code, (matrix, labels) in read_json(part, part.read(1 << 28)).items():
                if labels[0] != -1 or labels[-1] != -2:
                    raise ValueError("a cell does not begin with -1 and end with -2")
                digits = "".join(str(int(bit)) for line in matrix for bit in line)
                matrices[code] = cell(digits, [int(label) for label in labels[1:-1]])
    runs: dict[str, dict[int, dict[str, Any]]] = {}
    longest, shorter, unknown = 0, 0, 0
    for part, data in contents(found, 1 << 22):
        with reading(part, "a result of EC-NAS"):
            match = PLACE.search(part.name)
            if match is None or match[2] not in matrices:
                unknown += 1
                continue
            job = read_json(part, data)
            run = _run(job)
            epochs = int(run.pop("epochs"))
            if epochs > longest:
                shorter += sum(map(len, runs.values()))
                runs, longest = {}, epochs
            if epochs < longest:
                shorter += 1
                continue
            runs.setdefault(match[2], {})[int(match[3])] = run
    if not runs:
        raise DataNotFoundError(f"{found[0].path} holds no result of a cell that is in the list of cells. {GET}")
    digests = []
    for by_repeat in runs.values():
        some = list(by_repeat.values())
        digest = {name: np.mean([run[name] for run in some], axis=0) for name in some[0]}
        for repeat, run in by_repeat.items():
            digest |= {f"{name}_run{repeat}": run[name] for name in ACCURACIES}
        digests.append(digest)
    arrays = stack(digests)
    space = get_space("nasbench101")
    metrics = {name: arrays[name] for name in ACCURACIES}
    metrics |= {name: values for name, values in arrays.items() if "_run" in name}
    return Benchmark(
        "ec-nas",
        space,
        space.validate(np.array([matrices[code] for code in runs])),
        metrics,
        "val_accuracy",
        curves={name.removeprefix("curve/"): values for name, values in arrays.items() if name.startswith("curve/")},
        costs={name.removeprefix("cost/"): values for name, values in arrays.items() if name.startswith("cost/")},
        train_seconds=arrays["seconds"],
        source=str(found[0].path if found[0].inside else found[0].path.parents[2]),
        test_metric="test_accuracy",
        left_out=left_out(shorter_trainings=shorter, results_of_unknown_cells=unknown),
    )


def _run(job: Mapping[str, Any]) -> dict[str, Any]:
    steps = sorted(job["evaluation_results"], key=lambda step: step["epochs"])
    last = steps[-1]
    out: dict[str, Any] = {"epochs": last["epochs"], "seconds": float(last["training_time"])}
    for name, key in ACCURACIES.items():
        out[name] = float(last[key])
        out[f"curve/{name}"] = np.array([step[key] for step in steps], dtype=np.float64)
    out["cost/params"] = float(job["trainable_params"])
    for name, key in (("energy_kwh", "energy (kWh)"), ("co2eq_g", "co2eq (g)")):
        out[f"cost/{name}"] = float(last.get(key, np.nan))
    return out
