"""What `stack` knows of an architecture from its description, and from evidence with gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from archcast.encodings._decisions import effects
from archcast.encodings.base import Encoder, get_encoding
from archcast.evidence import Evidence, Pool
from archcast.predictors.features import (
    EvidenceColumn,
    FeatureGroups,
    evidence_values,
    median_distance,
    reference_numbers,
    reference_rows,
    suited,
)
from archcast.predictors.parameters import AUTO
from archcast.predictors.persistence import saved
from archcast.spaces.base import SearchSpace

__all__ = ["FilledEvidence", "Key", "Measured", "Structure", "View", "measured"]

RARE = 3
"""Weisfeiler-Lehman labels that fewer reference rows hold are not counted."""

MOSTLY = 0.5
"""Evidence known of at least this share of the reference counts a gap as a failure, the worst value; else gaps are unknown."""

OWN = 0.25
"""Variance that decisions have each of its own in a linear term, beside 1 for what alike decisions have in common."""

RIDGE = 10.0
"""Penalty of the regression that fills gaps, on standardised features."""

TRUSTED = {"flops": 0.2, "macs": 0.2, "naswot": 0.1, "nwot": 0.1}
"""Evidence that ranks architectures in the right direction on nearly every benchmark, and the slope of the targets on it that is
expected. On any other it is 0: on some benchmark each other proxy ranks at random, or backwards."""

BESIDE_COUNTS = (("counts", "log_params"), ("counts", "log_activations"))
BESIDE_WEIGHTS = (("operation-flow", "weight_max"),)
"""Encodings and features of what may rank architectures beside the size, in a direction that is not known beforehand: beside the
multiplications, and beside the weights of a cell the weights of its heaviest path."""

Array = NDArray[np.float64]

Key: TypeAlias = tuple[str, str, int]
"""Kind, name and epochs of a column of numbers: ``("proxy", "nwot", 0)``, ``("last", "val_accuracy", 5)``."""

Measured: TypeAlias = Mapping[Key, Array]
"""Columns ``(n,)`` of what was measured, NaN where unknown."""


def measured(evidence: Evidence, keys: Sequence[Key]) -> dict[Key, Array]:
    """The columns of evidence that are asked for, as far as it has them."""
    found = {key: evidence_values(*key, evidence) for key in keys}
    return {key: values for key, values in found.items() if values is not None}


@dataclass(frozen=True, eq=False)
class View:
    """Features of ``n`` architectures.

    Attributes:
        groups: one standardised ``(n, k_g)`` matrix for each encoding.
        labels: ``(n, k)`` float32, Weisfeiler-Lehman label counts; ``None`` where there are no cell graphs.
        length: ``(n, 1)`` Euclidean length of these counts, 1 where there are none.
        size: ``(n,)`` normal quantile of the size; 0 where nothing is known of it.
        beside: ``(n, k)`` quantiles of other numbers that may rank architectures, see :class:`Structure`; ``None`` without any.
        effects: without cell graphs, ``(n, k)`` features of what each decision, or all that are alike, does by itself.
        apart: the same of each decision, also of those that are alike.
    """

    groups: tuple[Array, ...]
    labels: NDArray[np.float32] | None
    length: Array
    size: Array
    effects: tuple[Array, ...] = ()
    apart: tuple[Array, ...] = ()
    beside: Array | None = None

    @cached_property
    def matrix(self) -> Array:
        """``(n, k)``: all groups side by side."""
        return np.concatenate(self.groups, axis=1)

    def cosines(self, known: NDArray[np.bool_]) -> Array:
        """``(n, l + 1)`` unit vectors: the label counts of the ``l`` labels that are known, and the length of all others.

        Without cell graphs the groups themselves, scaled to a mean square length of 1 for what alike decisions have in common and
        of ``OWN`` for each decision of its own.
        """
        if self.labels is None:
            lengths = [OWN] * (len(self.groups) - 1) + [1.0]
            parts = [g * np.sqrt(length / g.shape[1]) for g, length in zip(self.groups, lengths, strict=True)]
            return np.concatenate(parts, axis=1)
        out = np.empty((len(self.labels), int(known.sum()) + 1))
        seen = out[:, :-1]
        np.divide(self.labels[:, known], self.length, out=seen)
        out[:, -1] = np.sqrt(np.maximum(1 - np.einsum("ij,ij->i", seen, seen), 0.0))
        return out


@saved("sum-of-features")
@dataclass(frozen=True, eq=False)
class Sum:
    """A number that may rank architectures: the sum of columns of a group, as normal quantiles.

    Attributes:
        group: its number.
        columns: of that group.
        scale: rank-normal map of the sum.
    """

    group: int
    columns: list[int]
    scale: EvidenceColumn

    def __call__(self, features: FeatureGroups, groups: Sequence[Array]) -> Array:
        """``(n,)`` quantiles, of standardised groups."""
        scale, mean = (part[self.group][self.columns] for part in (features.scales, features.means))
        return self.scale.quantiles((groups[self.group][:, self.columns] * scale + mean).sum(axis=1))


@saved("structure")
@dataclass(frozen=True, eq=False)
class Structure:
    """Maps architectures to a :class:`View`; learned from unlabelled rows.

    Attributes:
        features: of the encodings, without evidence.
        labels: encoder of Weisfeiler-Lehman labels; ``None`` where there are no cell graphs.
        weights: columns of a group whose sum is the size: the number of weights (cells), or the logarithm of the
            multiplications (where these are counted).
        size: rank-normal map of that number.
        group: number of that group.
        counted: whether the size is counted on the network, and not read off the operations.
        beside: other numbers that may rank architectures: where the size is counted, parameters and activations, else the weights
            of the heaviest path. Files of earlier versions have none.
    """

    features: FeatureGroups
    labels: Encoder | None
    weights: list[int]
    size: EvidenceColumn
    group: int = 1
    counted: bool = False
    beside: tuple[Sum, ...] = ()

    @classmethod
    def of(cls, space: SearchSpace, pool: Pool | None) -> Structure:
        """Learn from the pool, or from a fixed sample of the space."""
        return _of_space(space) if pool is None else cls._learn(space, pool)

    @classmethod
    def _learn(cls, space: SearchSpace, pool: Pool | None) -> Structure:
        encodings = suited(AUTO, space)
        features, rows = FeatureGroups.of(space, encodings, None, pool), reference_rows(space, pool)
        labels = get_encoding("wl", space, min_count=RARE).fit(rows) if space.has_graph else None

        def total(encoding: str, feature: str) -> Sum:
            group = encodings.index(encoding)
            encoder = features.encoders[group]
            names = encoder.get_feature_names_out().tolist()
            columns = [i for i, name in enumerate(names) if name.split(":")[-1] == feature]
            number = np.asarray(encoder.transform(rows)[:, columns].sum(axis=1), dtype=np.float64)
            return Sum(group, columns, EvidenceColumn.of("cost", feature, 0, number))

        counted = "counts" in encodings
        if not counted and "functional" not in encodings:
            return cls(features, labels, [], EvidenceColumn.of("cost", "size", 0, np.zeros(2)))
        size = total("counts", "log_macs") if counted else total("functional", "weight")
        others = BESIDE_COUNTS if counted else BESIDE_WEIGHTS
        beside = tuple(total(encoding, feature) for encoding, feature in others if encoding in encodings)
        return cls(features, labels, size.columns, size.scale, size.group, counted, beside)

    def view(self, archs: NDArray[np.int64]) -> View:
        """Features of ``(n, d)`` rows."""
        canonical = self.features.space.canonical(archs)
        groups = self.features.groups(archs, canonical=canonical)
        size = np.zeros(len(archs))
        if self.weights:
            size = Sum(self.group, self.weights, self.size)(self.features, groups)
        beside = np.stack([number(self.features, groups) for number in self.beside], axis=1) if self.beside else None
        if self.labels is None:
            space = self.features.space
            single = effects(space, canonical), effects(space, canonical, apart=True)
            return View(tuple(groups), None, np.ones((len(archs), 1)), size, *single, beside)
        counts = self.labels.transform(archs, canonical)
        length = np.sqrt(np.einsum("ij,ij->i", counts, counts, dtype=np.float64))[:, None]
        return View(tuple(groups), counts, np.where(length > 0, length, 1.0), size, beside=beside)


@lru_cache(maxsize=16)
def _of_space(space: SearchSpace) -> Structure:
    """What is learned from a fixed sample of the space: the same for every predictor, hence made once."""
    return Structure._learn(space, None)


@saved("filled-evidence")
@dataclass(frozen=True, eq=False)
class FilledEvidence:
    """Evidence as normal quantiles, its gaps filled by ridge regression on the structure.

    A proxy that could not be computed mostly belongs to a broken network, and those look alike: where the reference knows a
    column of most rows, its gaps count as the lowest value there, and the regression finds the broken ones. Where it knows few,
    a gap only says that nothing was measured.

    Attributes:
        columns: quantile maps, one for each proxy and cost, two for each curve.
        distance: median Euclidean distance of reference rows.
        centre: ``(k,)`` and ``offsets`` ``(c,)``: means of structure and quantiles.
        weights: ``(k, c)`` of the regression.
    """

    columns: tuple[EvidenceColumn, ...]
    distance: float
    centre: Array
    offsets: Array
    weights: Array

    @classmethod
    def of(
        cls,
        columns: Measured,
        structure: Structure,
        view: View,
        pool: Pool | None = None,
        of_pool: Measured | None = None,
    ) -> FilledEvidence | None:
        """Learn from the evidence of the training rows and of the pool; ``None`` if the training rows have none.

        Args:
            columns: of the training rows.
            structure: of the space.
            view: of the training rows.
            pool: unlabelled candidates.
            of_pool: columns of these; they are preferred, where all are known of at least as many rows.
        """
        if not columns:
            return None
        x, known = view.matrix, columns
        if pool is not None and of_pool:
            numbers = reference_numbers(pool)
            inside = {key: values[numbers] for key, values in of_pool.items()}
            if all(key in inside and _known(inside[key]) >= _known(values) for key, values in columns.items()):
                x, known = structure.view(pool.archs[numbers]).matrix, inside
        maps, masks, quantiles = [], [], []
        for key in columns:
            values = known[key]
            use = np.isfinite(values)
            if use.mean() >= MOSTLY:
                use = np.ones(len(use), dtype=bool)
            maps.append(EvidenceColumn.of(*key, values[use]))
            quantiles.append(np.where(use, maps[-1].quantiles(values), 0.0))
            masks.append(use)
        centre = x.mean(axis=0)
        offsets, weights = np.zeros(len(maps)), np.zeros((x.shape[1], len(maps)))
        y = np.stack(quantiles, axis=1)
        for mask in {mask.tobytes(): mask for mask in masks}.values():
            same = [c for c, other in enumerate(masks) if np.array_equal(mask, other)]
            if mask.any():
                offsets[same], weights[:, same] = _ridge(x[mask] - centre, y[mask][:, same])
        filled = cls(tuple(maps), 1.0, centre, offsets, weights)
        return replace(filled, distance=median_distance(filled.quantiles(x, known)))

    @property
    def keys(self) -> tuple[Key, ...]:
        """Of the columns."""
        return tuple((column.kind, column.name, column.epochs) for column in self.columns)

    def quantiles(self, structure: Array, columns: Measured) -> Array:
        """``(n, c)`` quantiles without gaps.

        Args:
            structure: ``(n, k)`` matrix of the :class:`View`.
            columns: of those rows; they may be missing, wholly or in part.
        """
        out = np.clip((structure - self.centre) @ self.weights + self.offsets, -3.0, 3.0)
        for c, (key, column) in enumerate(zip(self.keys, self.columns, strict=True)):
            if key in columns:
                out[:, c] = np.where(np.isfinite(columns[key]), column.quantiles(columns[key]), out[:, c])
        return out

    @property
    def trusted(self) -> dict[int, float]:
        """Numbers of the columns whose direction is known beforehand, and the slopes that are expected on them."""
        return {
            c: TRUSTED[name]
            for c, (kind, name, _) in enumerate(self.keys)
            if kind in ("proxy", "cost") and name in TRUSTED
        }


def _known(values: Array) -> int:
    """Number of rows of which a column is known."""
    return int(np.isfinite(values).sum())


def _ridge(x: Array, y: Array) -> tuple[Array, Array]:
    """Offset ``(c,)`` and weights ``(k, c)`` of ridge regression of ``(n, c)`` on ``(n, k)``."""
    centre, offset = x.mean(axis=0), y.mean(axis=0)
    x = x - centre
    if len(x) < x.shape[1]:
        weights = x.T @ np.linalg.solve(x @ x.T + RIDGE * np.eye(len(x)), y - offset)
    else:
        weights = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ (y - offset))
    return offset - centre @ weights, weights
