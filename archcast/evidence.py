"""What is known of architectures besides their description: learning curves, zero-cost proxies, costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import array_of, bounded, instance, label_of, listed, mapping, numbers, places
from archcast.errors import InvalidInputError, short
from archcast.faces import face

__all__ = ["Evidence", "Pool", "Source"]

_KINDS = ("curves", "proxies", "costs")


@dataclass(frozen=True, eq=False)
class Evidence:
    """Measurements aligned with a batch of architectures, row by row; NaN means unknown.

    Args:
        curves: name -> ``(n, epochs)``, e.g. ``train_loss``, ``val_accuracy``; trailing NaN are epochs not trained.
        proxies: name -> ``(n,)``, e.g. ``synflow``; higher is better.
        costs: name -> ``(n,)``, e.g. ``latency_ms``.

    Indexing with a slice, an index array or a boolean mask gives the evidence of those rows.

    Examples:
        >>> evidence = Evidence(proxies={"synflow": [1.0, 2.0, float("nan")]})
        >>> len(evidence), len(evidence[:2])
        (3, 2)
    """

    curves: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    proxies: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    costs: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        length: tuple[str, int] | None = None
        for kind in _KINDS:
            checked = {}
            for name, values in mapping(f"evidence.{kind}", getattr(self, kind), "names to arrays").items():
                if not isinstance(name, str):
                    raise InvalidInputError(f"evidence.{kind}: names must be texts, got {short(name)}.")
                label = f"evidence.{kind}[{short(name)}]"
                array = numbers(label, values, truth=kind != "curves")
                want = 2 if kind == "curves" else 1
                if array.ndim != want:
                    shape = "(n, epochs)" if kind == "curves" else "(n,)"
                    raise InvalidInputError(f"{label} must have shape {shape}, got {array.shape}.")
                if np.isinf(array).any():
                    raise InvalidInputError(f"{label} holds an infinite value. Use NaN for what is unknown.")
                if length is not None and len(array) != length[1]:
                    raise InvalidInputError(f"{label} has {len(array)} rows, {length[0]} has {length[1]}.")
                length = (label, len(array))
                checked[name] = array
            object.__setattr__(self, kind, checked)

    def __len__(self) -> int:
        return next((len(values) for kind in _KINDS for values in getattr(self, kind).values()), 0)

    def __bool__(self) -> bool:
        return any(getattr(self, kind) for kind in _KINDS)

    def __getitem__(self, rows: Any) -> Evidence:
        rows = places("rows", rows, len(self)) if self else slice(None)
        return Evidence(*({name: values[rows] for name, values in getattr(self, kind).items()} for kind in _KINDS))

    @property
    def names(self) -> set[tuple[str, str]]:
        """Kind and name of all that there is, such as ``("proxies", "synflow")``."""
        return {(kind, name) for kind in _KINDS for name in getattr(self, kind)}

    def shared(self, other: Evidence) -> Evidence:
        """What of it another evidence has too, by kind and name.

        Examples:
            >>> told = Evidence(proxies={"nwot": [1.0], "snip": [2.0]})
            >>> list(told.shared(Evidence(proxies={"nwot": [3.0, 4.0]}, costs={"snip": [5.0, 6.0]})).proxies)
            ['nwot']
        """
        instance("other", other, Evidence, "an archcast.Evidence")
        return Evidence(
            *({name: v for name, v in getattr(self, kind).items() if (kind, name) in other.names} for kind in _KINDS)
        )

    def _repr_html_(self) -> str:
        rows = []
        for kind in _KINDS:
            for name, values in getattr(self, kind).items():
                known = values[np.isfinite(values)]
                ends = map(float, np.quantile(known, [0, 0.5, 1])) if len(known) else [np.nan] * 3
                size = f"{values.shape[1]} epochs" if kind == "curves" else ""
                rows.append([kind, name, size, f"{np.isfinite(values).mean():.0%}", *ends])
        heads = ("kind", "name", "length", "known", "least", "median", "largest")
        return face(f"Evidence of {len(self):,} architectures", heads, rows)

    def matrix(self, proxies: Sequence[str]) -> NDArray[np.float64]:
        """The named proxies as columns, ``(n, len(proxies))``; one that is not there is a column of NaN."""
        unknown = np.full(len(self), np.nan)
        names = [label_of("a name in proxies", name) for name in listed("proxies", proxies, "names")]
        columns = [self.proxies.get(name, unknown) for name in names]
        return np.stack(columns, axis=1) if columns else np.zeros((len(self), 0))

    @classmethod
    def concatenate(cls, parts: Sequence[Evidence]) -> Evidence:
        """Stack evidence of the same names row by row.

        Raises:
            InvalidInputError: if the parts do not hold the same names.
        """
        parts = [
            instance("each of parts", part, Evidence, "an archcast.Evidence")
            for part in listed("parts", parts, "evidence")
        ]
        if not parts:
            return cls()
        for kind in _KINDS:
            names = [sorted(getattr(part, kind)) for part in parts]
            if any(n != names[0] for n in names):
                raise InvalidInputError(f"evidence parts differ in their {kind}: {names}.")
        return cls(
            *(
                {
                    name: np.concatenate([getattr(part, kind)[name] for part in parts])
                    for name in getattr(parts[0], kind)
                }
                for kind in _KINDS
            )
        )


@dataclass(frozen=True, eq=False)
class Pool:
    """Architectures without scores that a predictor may look at in ``init``: the candidates it will be asked about.

    A predictor uses a pool to scale features and to rank evidence; where none is given it draws its own from the space.

    Args:
        archs: ``(m, d)`` rows.
        evidence: of those rows, aligned.
    """

    archs: NDArray[np.int64]
    evidence: Evidence = field(default_factory=Evidence)

    def __post_init__(self) -> None:
        object.__setattr__(self, "archs", _rows("pool.archs", self.archs))
        if self.evidence is None:
            object.__setattr__(self, "evidence", Evidence())
        _check_kind("pool.evidence", self.evidence)


@dataclass(frozen=True, eq=False)
class Source:
    """Scored rows of another task, from which a predictor may learn what it can use for its own.

    Args:
        space: the search space of these rows, or its name.
        archs: ``(m, d)`` rows of that space.
        scores: ``(m,)``, higher is better.
        evidence: of those rows, aligned.

    Raises:
        InvalidInputError: the lengths differ, or a score is not a finite number.

    Examples:
        >>> Source("nasbench201", [[3, 3, 3, 3, 3, 3], [0, 0, 0, 0, 0, 0]], [0.9, 0.1]).scores
        array([0.9, 0.1])
    """

    space: Any
    archs: NDArray[np.int64]
    scores: NDArray[np.float64]
    evidence: Evidence = field(default_factory=Evidence)

    def __post_init__(self) -> None:
        archs, scores = _rows("source.archs", self.archs), numbers("source.scores", self.scores)
        if self.evidence is None:
            object.__setattr__(self, "evidence", Evidence())
        _check_kind("source.evidence", self.evidence)
        if not isinstance(self.space, str) and not hasattr(self.space, "cardinalities"):
            raise InvalidInputError(f"source.space must be a search space or its name, got {short(self.space)}.")
        if archs.ndim != 2 or scores.shape != (len(archs),):
            raise InvalidInputError(
                f"source.archs must have shape (m, d) and source.scores (m,), got {archs.shape} and {scores.shape}."
            )
        if not np.isfinite(scores).all():
            i = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise InvalidInputError(f"source.scores[{i}] is {scores[i]}. Drop architectures whose training failed.")
        bounded("source.scores", scores)
        if self.evidence and len(self.evidence) != len(archs):
            raise InvalidInputError(f"source.evidence has {len(self.evidence)} rows, source.archs has {len(archs)}.")
        object.__setattr__(self, "archs", archs)
        object.__setattr__(self, "scores", scores)


def _rows(name: str, archs: Any) -> NDArray[Any]:
    """Rows of numbers; whether they are architectures, only their space can tell."""
    array = array_of(name, archs)
    numbers(name, array, truth=True)
    if array.ndim not in (1, 2):
        raise InvalidInputError(f"{name} must have shape (m, d), got {array.shape}.")
    return array


def _check_kind(name: str, evidence: Any) -> None:
    if not isinstance(evidence, Evidence):
        raise InvalidInputError(f"{name} must be an archcast.Evidence, got {short(evidence)}.")
