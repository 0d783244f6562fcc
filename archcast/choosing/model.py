"""A predictor fitted to a table, with all that is needed to rank candidates of another table: what ``archcast fit`` writes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from archcast.checks import callback, instance, listed, seed_of, switch
from archcast.choosing.roles import Roles
from archcast.choosing.rows import evidence_of, rows_of
from archcast.choosing.table import Table
from archcast.choosing.validation import Tell, Validated, cross_validate, trivial
from archcast.encodings.base import get_encoding
from archcast.errors import InvalidFileError, InvalidInputError, MissingEvidenceError
from archcast.evaluation.metrics import NORMAL_90
from archcast.evidence import Source
from archcast.files import ordinary
from archcast.predictors.base import Predictor, get_predictor
from archcast.predictors.persistence import read_state, write_state
from archcast.predictors.sources import in_space
from archcast.spaces._frames import Columns, columns_of, is_number
from archcast.spaces._units import Quantity
from archcast.spaces.choices import Choices

__all__ = ["Model", "fit"]

FAR = 1.25
"""A candidate is far from all rows that were learned from if the nearest is further than this many times the largest
distance of one of them from its nearest other."""

MOST_COMPARED = 2000
"""Rows that distances are taken to."""


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted predictor and what its table was.

    Attributes:
        predictor: initialised on all rows.
        roles: which column is what.
        seen: ``(m, d)`` rows that were learned from, at most 2,000 of them.
        ranges: name of a number column -> lowest and highest value that was learned from.
        tau, error: by cross-validation, NaN if there was none.
        labels: number of rows that were learned from.

    Examples:
        >>> from archcast.choosing import read_table
        >>> rows = [{"width": w, "act": a, "acc": w / 100 + (a == "gelu")} for w in (16, 32, 64, 128) for a in ("relu", "gelu")]
        >>> model, validated = fit(read_table(rows), "gp")
        >>> [found["width"] for found in model.rank([{"width": 16, "act": "relu"}, {"width": 64, "act": "gelu"}])]
        [64, 16]
    """

    predictor: Predictor
    roles: Roles
    seen: NDArray[np.int64]
    ranges: dict[str, tuple[float, float]]
    tau: float
    error: float
    labels: int

    def rank(self, frame: Any) -> list[dict[str, Any]]:
        """Candidates, best first.

        Each has ``rank``, ``row`` (its number in the table, the first is 1), ``mean``, ``low90`` and ``high90``
        (``None`` where the predictor gives no interval) on the scale of the score, its own columns, and, under
        ``note``, whether it is far from anything seen. Candidates with a value that the model does not know come last,
        without rank and mean; their note says why.

        Args:
            frame: a path, DataFrame, mapping of columns, or list of records, with the columns of the table that was learned from.

        Raises:
            InvalidInputError: none of the candidates can be ranked; the message says why the first cannot.
        """
        columns = columns_of(frame)
        n = len(next(iter(columns.values()), []))
        if n == 0:
            raise InvalidInputError("There are no candidates.")
        space = self.predictor._space
        rows, problems = rows_of(space, columns, self.roles)
        good = np.array([i for i, problem in enumerate(problems) if problem is None], dtype=np.int64)
        if len(good) == 0:
            raise InvalidInputError(f"None of the {n} candidates can be ranked. Row 1: {problems[0]}")
        evidence = evidence_of(columns, self.roles)
        try:
            answer = self.predictor.query(rows[good], evidence[good] if evidence else None)
        except MissingEvidenceError:  # not every predictor can do without what it was told of before
            answer = self.predictor.query(rows[good], evidence_of(columns, self.roles, fill=True)[good])
        sign = -1.0 if self.roles.falls else 1.0
        notes = self._notes(rows[good], {name: [values[i] for i in good] for name, values in columns.items()})
        order = np.argsort(-answer.mean, kind="stable")
        out = []
        for place, k in enumerate(order.tolist()):
            i, mean = int(good[k]), sign * float(answer.mean[k])
            half = None if answer.std is None else NORMAL_90 * float(answer.std[k])
            own = {name: _as_written(values[i]) for name, values in columns.items()}
            out.append(
                {
                    **own,
                    "rank": place + 1,
                    "row": i + 1,
                    "mean": mean,
                    "low90": None if half is None else mean - half,
                    "high90": None if half is None else mean + half,
                    "note": notes[k],
                }
            )
        for i, problem in enumerate(problems):
            if problem is not None:
                own = {name: _as_written(values[i]) for name, values in columns.items()}
                unknown = dict.fromkeys(("mean", "low90", "high90"))
                out.append({**own, "rank": None, "row": i + 1, **unknown, "note": problem})
        first = ("rank", "row", "mean", "low90", "high90", "note")
        return [
            {**{key: record[key] for key in first}, **{k: v for k, v in record.items() if k not in first}}
            for record in out
        ]

    def lacking(self, frame: Any) -> list[str]:
        """Names of costs, proxies and curves that the model was told of and the candidates do not have."""
        columns = columns_of(frame)
        lacks = [name for name in (*self.roles.costs, *self.roles.proxies) if name not in columns]
        return lacks + [name for name, m in self.roles.curves.items() if not set(m[: self.roles.epochs]) & set(columns)]

    def _notes(self, rows: NDArray[np.int64], columns: Columns) -> list[str]:
        """What is unusual of each candidate: numbers beyond those seen, or a combination far from all."""
        notes: list[list[str]] = [[] for _ in rows]
        for name, (low, high) in self.ranges.items():
            for i, value in enumerate(columns.get(name, [])):
                if is_number(value) and not low <= value <= high:
                    beyond = (
                        f"is beyond {low:g} to {high:g}" if low < high else f"where every row learned from has {low:g}"
                    )
                    notes[i].append(f"{name} {value:g} {beyond}")
        space = self.predictor._space
        encoder = get_encoding("adjacency" if space.has_graph else "mixed", space)
        seen = encoder.transform(self.seen).astype(np.float64)
        scale = np.maximum(seen.std(axis=0), 0.25)
        seen /= scale
        apart = cdist(seen, seen)
        np.fill_diagonal(apart, np.inf)
        limit = FAR * float(apart.min(axis=1).max()) if len(seen) > 1 else math.inf
        nearest = cdist(encoder.transform(rows).astype(np.float64) / scale, seen).min(axis=1)
        for i in np.flatnonzero(nearest > max(limit, 1e-9)).tolist():
            notes[i].append("far from anything seen")
        return ["; ".join(parts) for parts in notes]

    def save(self, path: str | Path) -> None:
        """Write the model: arrays and JSON, never a pickle.

        Raises:
            InvalidInputError: the folder does not exist, or the space has no form in JSON.
        """
        state = {
            "predictor": self.predictor,
            "roles": json.dumps(asdict(self.roles)),
            "seen": self.seen,
            "ranges": json.dumps(self.ranges),
            "validated": [self.tau, self.error],
            "labels": self.labels,
        }
        write_state(path, "model", state)

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """Read what :meth:`save` wrote.

        Raises:
            InvalidFileError: it is something else.
        """
        state = read_state(path, "model")
        try:
            told = json.loads(state["roles"])
            roles = Roles(
                told["score"],
                bool(told["falls"]),
                tuple(told["decisions"]),
                tuple(told["costs"]),
                tuple(told["proxies"]),
                {name: tuple(members) for name, members in told["curves"].items()},
                int(told["epochs"]),
            )
            ranges = {name: (float(low), float(high)) for name, (low, high) in json.loads(state["ranges"]).items()}
            tau, error = state["validated"]
            predictor = state["predictor"]
            if not isinstance(predictor, Predictor):
                raise TypeError("it holds no predictor")
            return cls(predictor, roles, predictor._space.validate(state["seen"]), ranges, tau, error, state["labels"])
        except (KeyError, TypeError, ValueError) as problem:
            raise InvalidFileError(f"{str(path)!r} is not a model that archcast fit wrote: {problem}.") from problem


def fit(
    table: Table,
    predictor: str = "stack",
    *,
    validate: bool = True,
    seed: int = 0,
    kept: Path | None = None,
    tell: Tell | None = None,
    sources: Sequence[Source] = (),
) -> tuple[Model, Sequence[Validated]]:
    """Fit a predictor to a table.

    Args:
        table: see :func:`archcast.choosing.read_table`.
        predictor: its name.
        validate: whether to cross-validate it first, beside what ranks without learning.
        seed: of folds and predictor.
        kept: file that finished folds are kept in, so that an interrupted call goes on.
        tell: called after each fold.
        sources: rows of other tasks that the predictor learns from, see :func:`archcast.choosing.read_source`.

    Returns:
        The model, and how well it does, with sources also without them, and how well the trivial rankings do, the model first;
        nothing if it was not to be validated.
    """
    instance("table", table, Table, "what archcast.choosing.read_table returns")
    switch("validate", validate)
    seed_of("seed", seed)
    callback("tell", tell, 3)
    kept = None if kept is None else ordinary("kept", kept)
    sources = [
        instance("each of sources", each, Source, "an archcast.Source")
        for each in listed("sources", sources, "sources")
    ]
    validated: list[Validated] = []
    made = get_predictor(predictor, table.space, random_state=seed)
    if sources and not made.learns_from_sources:
        raise InvalidInputError(
            f"{predictor!r} does not learn from sources. Leave them out, or choose a predictor that does: stack, gp or omni+."
        )
    if validate:
        told = partial(cross_validate, table, [predictor], seed=seed, kept=kept, tell=tell)
        if sources:
            (best,) = told(sources=in_space(sources, table.space))
            validated = [replace(best, name=f"{predictor} + sources")]
        validated += [*told(), *trivial(table, seed=seed)]
        if validated[0].failed:
            raise InvalidInputError(validated[0].failed)
    made.init(table.archs, table.scores, table.evidence if table.evidence else None, sources=list(sources) or None)
    rows = np.unique(table.archs, axis=0)
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_COMPARED)).astype(int)]
    ranges = {}
    if isinstance(table.space, Choices):
        for j, (name, found) in enumerate(table.space.decisions.items()):
            used = [found.values[code] for code in np.unique(table.archs[table.space.active(table.archs)[:, j], j])]
            numbers = [float(value) for value in used if is_number(value)]
            if numbers and len(numbers) == len([value for value in used if value is not None]):
                ranges[name] = (min(numbers), max(numbers))
    tau, error = (validated[0].tau, validated[0].error) if validated else (math.nan, math.nan)
    return Model(made, table.roles, some, ranges, tau, error, len(table)), validated


def _as_written(value: Any) -> Any:
    """A candidate's own value, with its unit."""
    return value.text if isinstance(value, Quantity) else value
