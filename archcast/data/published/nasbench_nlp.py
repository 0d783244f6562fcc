"""NAS-Bench-NLP: recurrent cells as language models on Penn Treebank and WikiText-2, with curves of 50 epochs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data._stand_ins import CONTAINERS, NUMPY
from archcast.data.base import Benchmark, register
from archcast.data.published._columns import as_benchmark, column_array, in_space, left_out
from archcast.data.published._files import Part, contents, read_json, reading, unpickled
from archcast.data.published._finding import find
from archcast.data.published._gather import stack
from archcast.errors import InvalidFileError

__all__ = ["read"]

LOSSES = {"train_loss": "train_losses", "val_loss": "val_losses", "test_loss": "test_losses"}
SETTING = ("data", "emsize", "nhid", "nlayers", "epochs")
OPERATIONS = ("linear", "blend", "elementwise_prod", "elementwise_sum", "activation_tanh", "activation_sigm",
              "activation_leaky_relu")  # fmt: skip
EXTRACT = "nb_nlp.pickle"
COMPACT = ("in", "activation_sigm", "activation_tanh", "activation_leaky_relu", "elementwise_sum", "elementwise_prod", "linear",
           "blend")  # fmt: skip
"""Operations by their number in NASLib's table."""

INPUTS = ("x", "h_prev_0", "h_prev_1", "h_prev_2")
Run = tuple[tuple[Any, ...], str, dict[str, Any]]
GET = (
    "Download a folder of train_logs (train_logs_single_run, train_logs_multi_runs or train_logs_wikitext-2) of "
    f"https://github.com/fmsnew/nas-bench-nlp-release, or {EXTRACT} (linked by https://github.com/automl/NASLib)."
)


@register(
    "nasbench-nlp",
    summary="NAS-Bench-NLP, recurrent cells as language models, with curves; 14,322 on Penn Treebank",
    paper="Klyuchnikov et al. 2022, https://arxiv.org/abs/2006.07116",
    needs="$ARCHCAST_DATA",
    patterns=(
        "log_stats_model_*.json",
        "*logs*.zip",
        EXTRACT,
    ),
    licence="Apache-2.0",
    files=f"log_stats_model_*.json, or the zip archives of them; or {EXTRACT}",
    holds="curves, seeds, times, costs",
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read ``log_stats_model_*.json`` of a folder or of its zip archives; or where there are none, NASLib's ``nb_nlp.pickle``.

    Metrics are minus losses in nats a word (the perplexity is their exponential): ``neg_val_loss`` (default) and
    ``neg_test_loss`` after the last epoch, with ``_best`` at the epoch of the least validation loss. Curves are the
    losses themselves. A cell is its recipe, ``recepie`` in the file, however its number may be; a recipe that was
    trained several times is the mean of its runs, the number of which is the cost ``runs``. Recipes are rows of the space
    ``nasbench-nlp``; where one of them is no row of it, the decisions count nodes, states and operations, and ``variant``
    numbers the recipes that are equal in these. Trainings that failed, and
    those of another setting (data set, widths, layers, epochs) than most of the files have, are left out: give one
    folder at a time.
    """
    patterns = ["log_stats_model_*.json", EXTRACT]
    found = find(patterns, folder, benchmark="nasbench-nlp", get=GET, archives=["*logs*.zip"])
    logs = [part for part in found if not part.name.endswith((".pickle", ".pkl"))]
    failed: Counter[str] = Counter()
    runs = _logs(logs, failed) if logs else _extract(found[0], failed)
    if not runs:
        raise InvalidFileError(f"{found[0].path} holds no training that did not fail, of {len(found):,}.")
    setting = Counter(run[0] for run in runs).most_common(1)[0][0]
    by_recipe: dict[str, list[dict[str, Any]]] = {}
    for of, text, run in runs:
        if of == setting:
            by_recipe.setdefault(text, []).append(run)
    rows = in_space("nasbench-nlp", list(by_recipe))
    groups = list(by_recipe.values())
    other = len(runs) - sum(map(len, groups))
    if rows is not None:  # recipes that differ in the names of their nodes alone are one row
        by_row: dict[tuple[int, ...], list[dict[str, Any]]] = {}
        for row, some in zip(rows[1].tolist(), groups, strict=True):
            by_row.setdefault(tuple(row), []).extend(some)
        rows, groups = (rows[0], np.array(list(by_row))), list(by_row.values())
    with reading(found[0].path, "a folder of NAS-Bench-NLP"):
        arrays = stack([_mean(some) for some in groups])
        metrics = {name: values for name, values in arrays.items() if name.startswith("neg_")}
        fields: dict[str, Any] = {
            "curves": {name: arrays[name].astype(np.float64) for name in LOSSES},
            "costs": {
                name.removeprefix("cost/"): column
                for name, column in arrays.items()
                if name.startswith("cost/") and np.isfinite(column).any()
            },
            "train_seconds": column_array(arrays["seconds"].tolist(), found[0].path, "wall_times"),
            "source": f"{found[0].path if found[0].inside else found[0].path.parent} ({_words(setting)})",
            "test_metric": "neg_test_loss",
            "left_out": left_out(
                trainings_whose_loss_was_nan=failed["nan"],
                trainings_that_ended_with_an_exception=failed["exception"],
                trainings_of_another_setting=other,
            ),
        }
        if rows is not None:
            return Benchmark("nasbench-nlp", *rows, metrics, "neg_val_loss", **fields)
        decisions = _decisions(list(map(json.loads, by_recipe)))
        return as_benchmark("nasbench-nlp", decisions, metrics, "neg_val_loss", **fields)


def _logs(parts: list[Part], failed: Counter[str]) -> list[Run]:
    """Setting, recipe and results of each log that did not fail."""
    runs: list[Run] = []
    for part, data in contents(parts, 1 << 24):
        with reading(part, "a log of NAS-Bench-NLP"):
            log = read_json(part, data)
            if log["status"] != "OK":
                failed["nan" if "nan" in log["status"] else "exception"] += 1
                continue
            if not np.isfinite(np.array(_list(log["val_losses"]), dtype=np.float64)).all():
                failed["nan"] += 1
                continue
            recipe = json.loads(log["recepie"])  # the file's spelling
            text = json.dumps(recipe, sort_keys=True)
            runs.append((tuple(log.get(name) for name in SETTING), text, _run(log, recipe)))
    return runs


def _extract(part: Part, failed: Counter[str]) -> list[Run]:
    """The same of NASLib's pickle: (edges, operations, new states) -> lists by epoch. Of node k, numbers 0 to 3 are the input and
    the states; new states are numbered in the order of their nodes."""
    table = unpickled(part, {**NUMPY, **CONTAINERS}, max_opcodes=400_000_000, limit=1 << 32)
    runs: list[Run] = []
    with reading(part, "NASLib's table of NAS-Bench-NLP"):
        for (edges, ops, new), entry in table.items():
            if not np.isfinite(np.array(entry["val_losses"], dtype=np.float64)).all():
                failed["nan"] += 1
                continue
            states = {node: f"h_new_{i}" for i, node in enumerate(sorted(new))}
            names = [*INPUTS, *(states.get(k, f"node_{k}") for k in range(len(INPUTS), len(ops)))]
            recipe: dict[str, Any] = {
                names[k]: {"op": COMPACT[ops[k]], "input": [names[a] for a, b in edges if b == k]}
                for k in range(len(INPUTS), len(ops))
            }
            runs.append((("Penn Treebank",), json.dumps(recipe, sort_keys=True), _run(entry, recipe)))
    return runs


def _words(setting: tuple[Any, ...]) -> str:
    """Data set and sizes, which differ between folders."""
    data, *sizes = setting
    return ", ".join([Path(str(data)).name, *(f"{name} {size}" for name, size in zip(SETTING[1:], sizes))])


def _decisions(recipes: list[Mapping[str, Any]]) -> dict[str, list[int]]:
    """How many nodes, states and operations of each kind a recipe has, and its number among those that are equal in that."""
    seen: Counter[tuple[int, ...]] = Counter()
    rows = []
    for recipe in recipes:
        kinds = Counter(node["op"] for node in recipe.values())
        row = (len(recipe), sum(name.startswith("h_new_") for name in recipe), *(kinds[kind] for kind in OPERATIONS))
        rows.append((*row, seen[row]))
        seen[row] += 1
    return {name: [row[k] for row in rows] for k, name in enumerate(("nodes", "states", *OPERATIONS, "variant"))}


def _run(log: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any]:
    val = np.array(_list(log["val_losses"]), dtype=np.float64)
    unknown_curve = np.full(len(val), np.nan)
    curves = {
        name: unknown_curve if log.get(key) is None else np.array(_list(log[key]), dtype=np.float64)
        for name, key in LOSSES.items()
    }
    test = curves["test_loss"]
    if len(val) != len(test) or not len(val):
        raise ValueError("its losses have different lengths")
    best = int(np.nanargmin(val))
    if unknown := {node["op"] for node in recipe.values()} - set(OPERATIONS):
        raise ValueError(f"operation {min(unknown)!r} is not one of {', '.join(OPERATIONS)}")
    return {
        **curves,
        "neg_val_loss": -val[-1],
        "neg_test_loss": -test[-1],
        "neg_val_loss_best": -val[best],
        "neg_test_loss_best": -test[best],
        "seconds": np.nan if log.get("wall_times") is None else float(sum(_list(log["wall_times"]))),
        "cost/params": np.nan if log.get("num_params") is None else float(log["num_params"]),
    }


def _list(values: Any) -> list[float]:
    return json.loads(values) if isinstance(values, str) else values


def _mean(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean of runs; of curves, over the epochs that all of them have."""
    shortest = min(len(run["val_loss"]) for run in runs)
    out = {
        name: np.mean([run[name][:shortest] if name in LOSSES else run[name] for run in runs], axis=0)
        for name in runs[0]
    }
    return {**out, "cost/runs": float(len(runs))}
