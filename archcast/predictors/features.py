"""Feature groups of architectures and of what else is known of them: the input that the regressors share.

A *group* is the matrix of one encoding, or of all evidence. Encodings are standardised over a reference (the pool, or a fixed
sample of the space), so that features of the training rows alone never set the scale. Evidence is rank-normalised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from archcast.encodings._paths import MOST_PATHS, chains, paths_of
from archcast.encodings.base import Encoder, get_encoding
from archcast.encodings.counts import counted, widths_differ
from archcast.encodings.layers_so_far import reshapes
from archcast.errors import InvalidInputError, MissingEvidenceError
from archcast.evidence import Evidence, Pool
from archcast.predictors.parameters import AUTO
from archcast.predictors.persistence import saved
from archcast.predictors.targets import TargetScale, rank_normal
from archcast.spaces.base import SearchSpace

__all__ = [
    "AUTO",
    "CHAIN_ENCODINGS",
    "DECISION_ENCODINGS",
    "GRAPH_ENCODINGS",
    "EvidenceColumn",
    "EvidenceGroup",
    "FeatureGroups",
    "evidence_columns",
    "evidence_values",
    "median_distance",
    "reference_numbers",
    "reference_rows",
    "suited",
]

REFERENCE_ROWS = 1000
"""Rows that features are standardised over, where the pool has as many."""

GRAPH_ENCODINGS = ("graph-features", "functional", "operation-flow")
"""The encodings that work best with few architectures where rows stand for cell graphs."""

CHAIN_ENCODINGS = ("graph-features", "layers-so-far", "counts")
"""What suits chains of layers whose costs are counted: there the order of channels and resolutions matters, and no path. Where
layers change these, the first, which looks at their kinds alone, is left out."""

DECISION_ENCODINGS = ("mixed", "totals")
"""The encodings that work best with few architectures where they do not."""

_KIND = {"proxy": "proxies", "cost": "costs", "last": "curves", "mean": "curves"}
_CLIP = 3.0


@saved("evidence-column")
@dataclass(frozen=True, eq=False)
class EvidenceColumn:
    """One number per architecture taken from evidence and mapped to normal quantiles of its rank.

    Attributes:
        kind: ``proxy``, ``cost``, or ``last`` and ``mean`` of the known values of a curve.
        name: its name in the evidence.
        epochs: for curves, the epochs given at init; later ones are ignored.
        scale: map from values to quantiles over the reference.
        missing: quantile of an unknown value: the lowest, because what cannot be computed mostly belongs to a broken network.
    """

    kind: str
    name: str
    epochs: int
    scale: TargetScale
    missing: float

    @classmethod
    def of(cls, kind: str, name: str, epochs: int, values: NDArray[np.float64]) -> EvidenceColumn:
        """The column whose reference is ``(n,)`` values, NaN where unknown."""
        known = np.isfinite(values)
        quantiles = rank_normal(np.where(known, values, -np.inf))
        distinct, index = np.unique(values[known], return_index=True)
        scale = TargetScale(distinct, quantiles[known][index])
        return cls(kind, name, epochs, scale, float(quantiles.min()) if known.any() else 0.0)

    def quantiles(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """``(n,)`` values to quantiles; all zero for a column that was constant in the reference."""
        if len(self.scale.scores) + (self.missing < self.scale.quantiles.min(initial=np.inf)) < 2:
            return np.zeros(len(values))
        mapped = np.clip(self.scale.forward(np.nan_to_num(values, nan=self.scale.scores[0])), -_CLIP, _CLIP)
        return np.where(np.isfinite(values), mapped, self.missing)


@saved("evidence-group")
@dataclass(frozen=True, eq=False)
class EvidenceGroup:
    """All evidence as one group of features.

    Attributes:
        columns: one for each proxy and cost, two for each curve.
        distance: median Euclidean distance of reference rows.
    """

    columns: tuple[EvidenceColumn, ...]
    distance: float

    @classmethod
    def of(cls, evidence: Evidence, pool: Pool | None = None) -> EvidenceGroup | None:
        """The group of the evidence given at init, ranked over the pool's where it has any; ``None`` without evidence."""
        columns, known = (
            [],
            pool.evidence[reference_numbers(pool)] if pool is not None and pool.evidence else Evidence(),
        )
        for kind, name, epochs in evidence_columns(evidence):
            reference = evidence_values(kind, name, epochs, known)
            if reference is None or np.isfinite(reference).sum() < 2:
                reference = evidence_values(kind, name, epochs, evidence)
                assert reference is not None
            columns.append(EvidenceColumn.of(kind, name, epochs, reference))
        if not columns:
            return None
        complete = all(evidence_values(c.kind, c.name, c.epochs, known) is not None for c in columns)
        rows = cls(tuple(columns), 1.0).features(known if complete else evidence)
        return cls(tuple(columns), median_distance(rows))

    def features(self, evidence: Evidence) -> NDArray[np.float64]:
        """``(n, k)`` normal quantiles.

        Raises:
            MissingEvidenceError: evidence that was given at init is not there at all (NaN in single rows is fine).
        """
        out = []
        for column in self.columns:
            values = evidence_values(column.kind, column.name, column.epochs, evidence)
            if values is None:
                field = f"evidence.{_KIND[column.kind]}[{column.name!r}]"
                raise MissingEvidenceError(
                    f"{field} was given at init but not at query. Pass it, with NaN for architectures where it is "
                    f"unknown, or call init without it."
                )
            out.append(column.quantiles(values))
        return np.stack(out, axis=1)


@saved("feature-groups")
@dataclass(frozen=True, eq=False)
class FeatureGroups:
    """Maps architectures and their evidence to groups of features; see :meth:`of`.

    Attributes:
        space: the search space.
        encoders: one for each encoding group.
        means: per encoding ``(k,)``, over the reference.
        scales: per encoding ``(k,)``, standard deviation over the reference, 1 where that is 0.
        evidence: the last group, ``None`` if there was no evidence at init.
        distances: median Euclidean distance of reference rows, one for each group: a natural lengthscale.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(10, 0)
        >>> evidence = Evidence(proxies={"flops": (archs == 3).sum(axis=1)})
        >>> features = FeatureGroups.of(space, "adjacency", evidence)
        >>> [group.shape for group in features.groups(archs, evidence)]
        [(10, 30), (10, 1)]
    """

    space: SearchSpace
    encoders: tuple[Encoder, ...]
    means: tuple[NDArray[np.float64], ...]
    scales: tuple[NDArray[np.float64], ...]
    evidence: EvidenceGroup | None
    distances: tuple[float, ...]

    @classmethod
    def of(
        cls,
        space: SearchSpace,
        encoding: str | Sequence[str],
        evidence: Evidence | None = None,
        pool: Pool | None = None,
        *,
        optional: bool = False,
    ) -> FeatureGroups:
        """Choose groups and scales at init.

        Args:
            space: search space.
            encoding: name of an encoding, or several names, each a group.
            evidence: of the training rows.
            pool: unlabelled candidates; without one, encodings are scaled over a fixed sample of the space and evidence over
                the training rows.
            optional: whether ``encoding`` may be empty, which leaves the evidence alone.

        Raises:
            UnknownNameError: for an encoding that does not exist.
            InvalidInputError: for no encoding at all.
        """
        names = suited(encoding, space)
        if not names and not optional:
            raise InvalidInputError("encoding is empty: name at least one, e.g. encoding='graph-features'.")
        if pool is None:
            encoders, means, scales, distances = _of_space(space, names)
        else:
            encoders, means, scales, distances = _standardise(space, names, reference_rows(space, pool))
        group = EvidenceGroup.of(evidence or Evidence(), pool)
        return cls(space, encoders, means, scales, group, distances + ((group.distance,) if group else ()))

    def groups(
        self,
        archs: NDArray[np.int64],
        evidence: Evidence | None = None,
        canonical: NDArray[np.int64] | None = None,
    ) -> list[NDArray[np.float64]]:
        """One ``(n, k_g)`` matrix for each encoding and, if there was evidence at init, one for the evidence.

        Args:
            archs: ``(n, d)`` rows.
            evidence: of those rows.
            canonical: ``space.canonical(archs)``, if it is at hand.

        Raises:
            MissingEvidenceError: evidence that was given at init is not there at all (NaN in single rows is fine).
        """
        if canonical is None and sum(encoder.pruned for encoder in self.encoders) > 1:
            canonical = self.space.canonical(archs)
        groups = [
            (encoder.transform(archs, canonical) - mean) / scale
            for encoder, mean, scale in zip(self.encoders, self.means, self.scales, strict=True)
        ]
        if self.evidence is not None:
            groups.append(self.evidence.features(evidence or Evidence()))
        return groups

    def matrix(self, archs: NDArray[np.int64], evidence: Evidence | None = None) -> NDArray[np.float64]:
        """All groups side by side, ``(n, k)``."""
        return np.concatenate(self.groups(archs, evidence), axis=1)


def suited(
    encoding: str | Sequence[str], space: SearchSpace, graph: tuple[str, ...] = GRAPH_ENCODINGS
) -> tuple[str, ...]:
    """Names of encodings: those given, or, for ``"auto"``, those that suit the space.

    Args:
        encoding: ``"auto"``, the name of an encoding, or several. ``"auto"`` takes in what networks cost where that tells
            more than operations do (:func:`~archcast.encodings.counts.counted`).
        space: with or without cell graphs.
        graph: what ``"auto"`` stands for where there are cell graphs.

    Examples:
        >>> import archcast
        >>> suited("auto", archcast.Choices(depth=[1, 2])), suited("adjacency", archcast.get_space("nasbench201"))
        (('mixed',), ('adjacency',))
    """
    if isinstance(encoding, str) and encoding == AUTO:
        if "path" in graph and space.has_graph and chains(space):
            graph = tuple("one-hot" if name == "path" else name for name in graph)
        if space.has_graph and paths_of(space) > MOST_PATHS:
            graph = tuple(name for name in graph if name != "graph-features") or ("operation-flow",)
            return (*graph, "counts") if widths_differ(space) else graph
        if space.has_graph and (space.beside_graph or (not chains(space) and widths_differ(space))):
            return (*graph, "counts")
        if space.has_graph and counted(space) and graph == GRAPH_ENCODINGS:
            return CHAIN_ENCODINGS[reshapes(space) :]
        if space.has_graph:
            return graph
        names = tuple(name for name in DECISION_ENCODINGS if len(get_encoding(name, space).get_feature_names_out()))
        return (*names[:1], "counts", *names[1:]) if counted(space) else names
    return (encoding,) if isinstance(encoding, str) else tuple(encoding)


def reference_rows(space: SearchSpace, pool: Pool | None) -> NDArray[np.int64]:
    """At most ``REFERENCE_ROWS`` unlabelled rows: of the pool, evenly spaced, or a fixed sample of the space."""
    if pool is None:
        return space.sample(REFERENCE_ROWS, 0)
    return pool.archs[reference_numbers(pool)]


def reference_numbers(pool: Pool) -> NDArray[np.int64]:
    """Numbers of the rows of a pool that serve as reference."""
    return np.linspace(0, len(pool.archs) - 1, min(len(pool.archs), REFERENCE_ROWS)).astype(np.int64)


def evidence_columns(evidence: Evidence) -> list[tuple[str, str, int]]:
    """Kind, name and epochs of each column that evidence gives: one for a proxy or cost, two for a curve."""
    columns = [("proxy", name, 0) for name in evidence.proxies] + [("cost", name, 0) for name in evidence.costs]
    return columns + [(kind, name, c.shape[1]) for name, c in evidence.curves.items() for kind in ("last", "mean")]


def evidence_values(kind: str, name: str, epochs: int, evidence: Evidence) -> NDArray[np.float64] | None:
    """``(n,)`` values of a column, NaN where unknown; ``None`` if the evidence does not have it."""
    source = getattr(evidence, _KIND[kind]).get(name)
    if source is None or kind in ("proxy", "cost"):
        return None if source is None else np.asarray(source)
    curve = source[:, :epochs]
    known = np.isfinite(curve)
    count = known.sum(axis=1)
    if kind == "mean":
        return np.where(count > 0, np.where(known, curve, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
    if curve.shape[1] == 0:
        return np.full(len(curve), np.nan)
    last = curve.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.where(count > 0, curve[np.arange(len(curve)), last], np.nan)


_Standard = tuple[
    tuple[Encoder, ...], tuple[NDArray[np.float64], ...], tuple[NDArray[np.float64], ...], tuple[float, ...]
]


def _standardise(space: SearchSpace, names: tuple[str, ...], rows: NDArray[np.int64]) -> _Standard:
    encoders, means, scales, distances = [], [], [], []
    for name in names:
        encoder = get_encoding(name, space)
        features = encoder.fit(rows).transform(rows).astype(np.float64)
        mean, sd = features.mean(axis=0), features.std(axis=0)
        scale = np.where(sd > 1e-6, sd, 1.0)
        encoders.append(encoder)
        means.append(mean)
        scales.append(scale)
        distances.append(median_distance((features - mean) / scale))
    return tuple(encoders), tuple(means), tuple(scales), tuple(distances)


@lru_cache(maxsize=32)
def _of_space(space: SearchSpace, names: tuple[str, ...]) -> _Standard:
    """The standard over a fixed sample of the space: the same for every predictor, hence made once."""
    return _standardise(space, names, reference_rows(space, None))


def median_distance(features: NDArray[np.float64]) -> float:
    """Median Euclidean distance of (at most 300) distinct rows; 1 if there is no such pair."""
    apart = pdist(features[:300])
    apart = apart[apart > 1e-9]
    return float(np.median(apart)) if len(apart) else 1.0
