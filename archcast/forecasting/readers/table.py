"""Curves from a table: a row an epoch, with or without a column that names the run, or a column an epoch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from archcast.errors import InvalidInputError
from archcast.forecasting.metrics import Metric, choose, words
from archcast.forecasting.readers.runs import Run, arrange, number
from archcast.registry import closest

__all__ = ["runs_of"]

EPOCHS = ("epoch", "epochs", "ep", "epoch number", "epoch idx", "epoch index", "current epoch", "trainer epoch")
STEPS = (
    "step",
    "steps",
    "global step",
    "iteration",
    "iter",
    "iterations",
    "evaluations",
    "train size",
    "anchor",
    "size train",
    "round",
)
RUNS = {
    "run",
    "runs",
    "trial",
    "seed",
    "model",
    "arch",
    "architecture",
    "config",
    "configuration",
    "experiment",
    "id",
    "name",
}
RUNS |= {"fold", "version", "strategy", "predictor", "learner", "network", "net", "job", "member", "exp"}
SPLITS = {"phase", "split", "mode", "stage", "set", "subset", "partition"}
PARTS = ("val", "valid", "validation", "dev", "eval", "test")
NOT_METRICS = {
    "lr",
    "learning",
    "time",
    "seconds",
    "wall",
    "timestamp",
    "duration",
    "elapsed",
    "date",
    "step",
    "epoch",
    "iteration",
}
TIDY = ({"metric", "tag", "key", "variable"}, {"value", "values"})

Columns = Mapping[str, Sequence[object]]


def runs_of(columns: Columns, metric: str | None) -> list[Run]:
    """The curves of a table.

    Args:
        columns: name -> cells, all of one length; texts or numbers, ``None`` or an empty text where there is nothing.
        metric: the column to read; ``None`` chooses.

    Raises:
        InvalidInputError: no column is the metric, or several could be; no curve is there.
    """
    columns = _of_split(dict(columns))
    tidy = [next((name for name in columns if name.strip().lower() in names), None) for names in TIDY]
    if tidy[0] is not None and tidy[1] is not None:
        columns = _pivoted(columns, tidy[0], tidy[1])
    columns = _by_run(columns)
    wide = _wide(columns, metric)
    if wide is not None:
        return wide
    return _long(columns, metric)


# -- a row an epoch ----------------------------------------------------------------------------------------------------


def _long(columns: Columns, metric: str | None) -> list[Run]:
    time = next((name for kind in (EPOCHS, STEPS) for name in columns if _plain(name) in kind), None)
    labels = _run_columns(columns, time)
    numeric = {
        name: [number(cell) for cell in cells]
        for name, cells in columns.items()
        if name not in (time, *labels) and any(number(cell) is not None for cell in cells)
    }
    if not numeric:
        raise InvalidInputError(f"there are no numbers besides {time or 'names'}: a column with the metric is needed.")
    column = _column(list(numeric), metric)
    values = [_or_nan(one) for one in numeric[column]]
    if not np.isfinite(values).any():
        raise InvalidInputError(f"every value of {column!r} is missing or NaN.")
    clock = None if time is None else [_or_nan(number(cell)) for cell in columns[time]]
    counted = False
    if clock is not None and time is not None and _plain(time) not in EPOCHS:
        steps = sorted({t for t in clock if not np.isnan(t)})
        counted = set(np.diff(steps)) != {1.0}
        clock = _ranks(clock, values)
    groups: dict[str, list[int]] = {}
    for row in range(len(values)):
        groups.setdefault("/".join(str(columns[label][row]) for label in labels), []).append(row)
    first = None if clock is None else 0 if any(t == 0 for t, v in zip(clock, values) if not np.isnan(v)) else 1
    runs: list[Run] = []
    for name, rows in groups.items():
        curve, notes = arrange(
            None if clock is None else [clock[i] for i in rows], [values[i] for i in rows], first=first
        )
        if counted and not runs:
            notes = [*notes, f"each {time} at which {column} is known counts as one epoch"]
        if len(curve):
            runs.append(Run(name, _diverged(curve, [numeric[c] for c in numeric], rows, values), column, notes))
    if not runs:
        raise InvalidInputError(f"no row has a value of {column!r} and, in column {time!r}, a number of at least 0.")
    if len(runs) > 1 and all(len(run.values) == 1 for run in runs):
        raise InvalidInputError("it has one value for each run: no learning curves, but a table of results.")
    return runs


def _run_columns(columns: Columns, time: str | None) -> list[str]:
    """Columns that name the run: those of a usual name that vary, else the only text column whose texts repeat."""
    varied = [name for name in columns if name != time and len({str(cell) for cell in columns[name]}) > 1]
    own = [name for name in varied if set(words(name)) & RUNS and not _known(name)]
    texts = [name for name in varied if all(number(cell) is None for cell in columns[name])]
    if not own:
        n = len(next(iter(columns.values())))
        own = [name for name in texts if len({str(cell) for cell in columns[name]}) <= n // 2][:1]
    if time is None:
        each = [name for name in own if len({str(cell) for cell in columns[name]}) == len(columns[name])]
        if any(name in texts for name in each):
            raise InvalidInputError(f"it has one row for each {each[0]}: no learning curves, but a table of results.")
        own = [name for name in own if name not in each]  # that numbers the rows
    return own


def _column(names: list[str], metric: str | None) -> str:
    """The column that is the metric."""
    if metric is not None:
        for same in (str, str.lower, lambda name: " ".join(words(name))):
            found = [name for name in names if same(name) == same(metric)]
            if found:
                return found[0]
        raise InvalidInputError(f"there is no column {metric!r}. {closest(metric, names)}")
    chosen = choose(names)
    if chosen is not None:
        return chosen
    left = [
        name for name in names if not set(words(name)) & NOT_METRICS and not name.startswith("Unnamed") and name != ""
    ]
    if len(left) == 1:
        return left[0]
    raise InvalidInputError(
        f"which column is the metric cannot be told from {', '.join(names)}. Choose one with --metric."
    )


def _ranks(clock: list[float], values: list[float]) -> list[float]:
    """Steps as numbers of evaluations: their rank among the steps at which the metric is known."""
    steps = sorted({t for t, v in zip(clock, values) if not np.isnan(v) and not np.isnan(t)})
    rank = {step: float(i) for i, step in enumerate(steps)}
    return [rank.get(t, np.nan) for t in clock]


def _diverged(curve: np.ndarray, columns: list[list[float | None]], rows: list[int], values: list[float]) -> np.ndarray:
    """The curve, with an infinite end if nothing but NaN was logged after its last value."""
    last = max(i for i, row in enumerate(rows) if np.isfinite(values[row]) or np.isinf(values[row]))
    after = [[column[row] for column in columns] for row in rows[last + 1 :]]
    dead = [
        all(one is None or not np.isfinite(one) for one in line) and any(one is not None for one in line)
        for line in after
    ]
    return np.r_[curve, np.inf] if dead and all(dead) and np.isfinite(curve[-1]) else curve


def _of_split(columns: dict[str, Sequence[object]]) -> Columns:
    """Only rows of validation, where a column says which rows those are."""
    for name in columns:
        if _plain(name) not in SPLITS:
            continue
        cells = [str(cell).strip().lower() for cell in columns[name]]
        part = next((part for part in PARTS if part in cells), None)
        if part is not None and any(cell.startswith("train") for cell in cells):
            keep = [i for i, cell in enumerate(cells) if cell == part]
            return {f"{part}_{c}" if _known(c) else c: [v[i] for i in keep] for c, v in columns.items() if c != name}
    return columns


def _by_run(columns: Columns) -> Columns:
    """Columns that are called ``run - metric``, as Weights & Biases exports them, become rows with a column that names the run."""
    kept = {c: v for c, v in columns.items() if re.sub(r"__(MIN|MAX)$", "", c) == c or c[:-5] not in columns}
    split = {name: name.rpartition(" - ") for name in kept if " - " in name}
    rest = [name for name in kept if name not in split]
    if not split or len(rest) > 1 or any(_plain(name) not in (*EPOCHS, *STEPS) for name in rest):
        return columns
    n = len(next(iter(kept.values())))
    runs, metrics = (list(dict.fromkeys(parts[i] for parts in split.values())) for i in (0, 2))
    out: dict[str, Sequence[object]] = {"run": [run for run in runs for _ in range(n)]}
    out |= {name: [*kept[name]] * len(runs) for name in rest}
    return out | {one: [cell for run in runs for cell in kept.get(f"{run} - {one}", [None] * n)] for one in metrics}


def _pivoted(columns: Columns, key: str, value: str) -> Columns:
    """A row for each metric becomes a column for each metric."""
    names = list(dict.fromkeys(str(cell) for cell in columns[key]))
    out: dict[str, Sequence[object]] = {name: cells for name, cells in columns.items() if name not in (key, value)}
    for one in names:
        out[one] = [v if str(k) == one else None for k, v in zip(columns[key], columns[value])]
    return out


# -- a column an epoch -------------------------------------------------------------------------------------------------


def _wide(columns: Columns, metric: str | None) -> list[Run] | None:
    """The curves if columns are epochs: at least three whose names are numbers, or end in one after the same word."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for name in columns:
        found = re.fullmatch(r"(.*?)[\s_\-.:@\[(/]*(\d+)(?:\.0)?[\])]?", name.strip())
        if found:
            groups.setdefault(found[1].strip().lower(), []).append((int(found[2]), name))
    groups = {prefix: sorted(group) for prefix, group in groups.items() if _regular(sorted(group))}
    if not groups:
        return None
    named = [prefix for prefix in groups if Metric.of(prefix)]
    if len(groups) == 1:
        prefix = next(iter(groups))
    elif metric is not None and metric.lower() in groups:
        prefix = metric.lower()
    elif named and (chosen := choose(named)) is not None:
        prefix = chosen
    else:
        raise InvalidInputError(
            f"several groups of columns could be epochs: {', '.join(groups)}. Choose one with --metric."
        )
    order = [name for _, name in groups[prefix]]
    rest = [name for name in columns if name not in {name for group in groups.values() for _, name in group}]
    kinds = next((name for name in rest if _plain(name) in ("metric", "signal", "curve", "measure")), None)
    rows = list(range(len(columns[order[0]])))
    told = prefix if Metric.of(prefix) else metric
    if kinds is not None:
        told = _column(list(dict.fromkeys(str(cell) for cell in columns[kinds])), metric)
        rows = [row for row in rows if str(columns[kinds][row]) == told]
    labels = [
        name for name in rest if name != kinds and (set(words(name)) & RUNS or name == "" or name.startswith("Unnamed"))
    ]
    labels = (
        labels or [name for name in rest if name != kinds and all(number(cell) is None for cell in columns[name])][:1]
    )
    runs = []
    for row in rows:
        values = np.array([_or_nan(number(columns[name][row])) for name in order])
        name = "/".join(str(columns[label][row]) for label in labels)
        if np.isnan(values).all():
            if len(rows) == 1 or name:
                runs.append(Run(name or f"row {row + 1}", values, told))
            continue
        runs.append(Run(name or (f"row {row + 1}" if len(rows) > 1 else ""), values, told))
    if not runs or all(np.isnan(run.values).all() for run in runs):
        raise InvalidInputError("every value is missing or NaN.")
    return runs


def _regular(group: list[tuple[int, str]]) -> bool:
    """Whether numbers of columns can be epochs: three or more, from 0 or 1 on, or evenly spaced."""
    numbers = [value for value, _ in group]
    steps = set(np.diff(numbers).tolist())
    return len(numbers) >= 3 and 0 not in steps and (len(steps) == 1)


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def _plain(name: str) -> str:
    return " ".join(re.findall(r"[a-z]+", name.lower()))


def _known(name: str) -> bool:
    return Metric.of(name) is not None
