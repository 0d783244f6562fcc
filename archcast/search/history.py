"""What a search has seen: architectures, their scores, how long they were trained, and why some failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.checks import bounded, numbers
from archcast.errors import InvalidInputError
from archcast.evidence import Evidence

__all__ = ["FULL", "History", "Observation"]

FULL = 0
"""Epochs of an architecture that was trained to the end."""


@dataclass(frozen=True)
class Observation:
    """One architecture with its score.

    Attributes:
        arch: ``(d,)`` its row.
        score: higher is better; with several objectives, a tuple.
    """

    arch: NDArray[np.int64]
    score: float | tuple[float, ...]


@dataclass(frozen=True, eq=False)
class History:
    """Architectures in the order in which their scores were told.

    Attributes:
        archs: ``(n, d)`` rows.
        scores: ``(n, k)``, one column an objective, higher is better; NaN where the evaluation failed.
        epochs: ``(n,)`` epochs trained, ``FULL`` for a full training.
        failures: ``n`` reasons, empty for those that did not fail.
        evidence: what else was told of them, NaN where unknown; empty if nothing ever was.
    """

    archs: NDArray[np.int64]
    scores: NDArray[np.float64]
    epochs: NDArray[np.int64]
    failures: tuple[str, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)

    @classmethod
    def empty(cls, d: int) -> History:
        """Nothing seen yet, of a space with ``d`` decisions."""
        return cls(np.zeros((0, d), dtype=np.int64), np.zeros((0, 1)), np.zeros(0, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.archs)

    @property
    def succeeded(self) -> NDArray[np.bool_]:
        """``(n,)`` whether there is a score."""
        return np.asarray(~np.isnan(self.scores).any(axis=1))

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64] | slice) -> History:
        numbers = np.arange(len(self))[rows]
        return History(
            self.archs[rows],
            self.scores[rows],
            self.epochs[rows],
            tuple(self.failures[i] for i in numbers),
            self.evidence[rows] if self.evidence else Evidence(),
        )

    def add(
        self,
        archs: NDArray[np.int64],
        scores: NDArray[np.float64],
        epochs: NDArray[np.int64],
        failures: Sequence[str],
        evidence: Evidence,
    ) -> History:
        """This history and ``m`` more observations.

        Raises:
            InvalidInputError: the number of objectives changed.
        """
        before = self.scores
        if len(self) == 0:
            before = np.zeros((0, scores.shape[1]))
        if before.shape[1] != scores.shape[1]:
            raise InvalidInputError(
                f"scores has {scores.shape[1]} objectives, those told before have {before.shape[1]}."
            )
        return History(
            np.concatenate([self.archs, archs]),
            np.concatenate([before, scores]),
            np.concatenate([self.epochs, epochs]),
            (*self.failures, *failures),
            _stack(self.evidence, len(self), evidence, len(archs)),
        )

    def best(self) -> Observation | None:
        """The best architecture by the first objective, among those trained longest; ``None`` if there is none."""
        known = self[self.succeeded]
        if len(known) == 0:
            return None
        length = np.where(known.epochs == FULL, np.iinfo(np.int64).max, known.epochs)
        known = known[length == length.max()]
        i = int(known.scores[:, 0].argmax())
        row = known.scores[i]
        return Observation(known.archs[i], float(row[0]) if len(row) == 1 else tuple(row.tolist()))

    def to_dict(self) -> dict[str, Any]:
        """Arrays and JSON, for a file."""
        kinds = {kind: dict(getattr(self.evidence, kind)) for kind in ("curves", "proxies", "costs")}
        return {
            "archs": self.archs,
            "scores": self.scores,
            "epochs": self.epochs,
            "failures": list(self.failures),
            "evidence": kinds,
        }

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> History:
        """Inverse of :meth:`to_dict`."""
        arrays = tree["archs"], tree["scores"], tree["epochs"]
        return cls(*arrays, tuple(tree["failures"]), Evidence(**tree["evidence"]))


def as_scores(scores: ArrayLike, n: int) -> NDArray[np.float64]:
    """``(n, k)`` scores from ``(n,)`` or ``(n, k)``; NaN, for an evaluation that failed, is kept.

    Raises:
        InvalidInputError: another shape, infinite values, not numbers.
    """
    values = numbers("scores", scores)
    shape = values.shape
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or len(values) != n or values.shape[1] == 0:
        raise InvalidInputError(
            f"scores must have shape ({n},), or ({n}, k) for k objectives, got {shape}: one for each architecture."
        )
    if np.isinf(values).any():
        raise InvalidInputError("scores holds an infinite value. Tell NaN for an evaluation that failed.")
    bounded("scores", values.ravel())
    return values


def _stack(first: Evidence, n: int, second: Evidence, m: int) -> Evidence:
    """Evidence of ``n`` and of ``m`` rows; what one of them does not have, or not for as many epochs, is NaN there."""
    kinds = []
    for kind in ("curves", "proxies", "costs"):
        a, b = getattr(first, kind), getattr(second, kind)
        out = {}
        for name in dict.fromkeys([*a, *b]):
            parts = []
            width = max((part[name].shape[1] for part in (a, b) if name in part and kind == "curves"), default=0)
            for part, rows in ((a, n), (b, m)):
                filled = np.full((rows, width) if kind == "curves" else rows, np.nan)
                if name in part:
                    filled[(slice(None), slice(part[name].shape[1])) if kind == "curves" else slice(None)] = part[name]
                parts.append(filled)
            out[name] = np.concatenate(parts)
        kinds.append(out)
    return Evidence(*kinds)
