"""What encodings without graphs share: the numbers that decisions stand for, which of them play a part, and which are alike."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.encodings.base import Encoder
from archcast.spaces.base import SearchSpace

__all__ = ["ByName", "Column", "Features", "columns", "effects", "families"]

Features = dict[str, NDArray[Any]]
"""Name of a feature -> ``(n,)``."""

ANCHORS, NEGLIGIBLE = 12, 1e-3
"""Values of a number that a smooth function of it is described by, at most, and share of the largest eigenvalue below which one
adds nothing."""

LENGTH = 1.5
"""Over so many standard deviations of a number a smooth function of it changes."""

MOST_CATEGORIES = 100
"""With more categories each is its own case, and nothing is learned from one for another."""

ALIKE = 0.5
"""Columns of one family have at least this share of their values in common."""


class ByName(Encoder):
    """Base of encodings that make their features one by one, name -> ``(n,)``."""

    def _features(self, space: SearchSpace, archs: NDArray[np.int64]) -> Features:
        raise NotImplementedError

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        values = list(self._features(space, archs).values())
        return np.stack(values, axis=1) if values else np.zeros((len(archs), 0))

    def _names(self, space: SearchSpace) -> list[str]:
        return list(self._features(space, np.zeros((0, len(space.cardinalities)), dtype=np.int64)))


@dataclass(frozen=True, eq=False)
class Column:
    """One decision that leaves a choice.

    Attributes:
        number: its place in the row.
        name: of the column.
        size: number of values.
        places: ``(size,)`` numbers that the values stand for, NaN for one that stands for none; ``None`` for categories.
        conditional: whether it may be inactive, or absent.
    """

    number: int
    name: str
    size: int
    places: NDArray[np.float64] | None
    conditional: bool

    @property
    def unit(self) -> NDArray[np.float64]:
        """``(size,)`` places scaled to 0..1; 0 where there is none."""
        assert self.places is not None
        low, high = np.nanmin(self.places), np.nanmax(self.places)
        return np.nan_to_num((self.places - low) / (high - low if high > low else 1.0))

    @property
    def standard(self) -> NDArray[np.float64]:
        """``(size,)`` places with mean 0 and standard deviation 1, all equally likely; 0 where there is none."""
        assert self.places is not None
        mean, sd = np.nanmean(self.places), np.nanstd(self.places)
        return np.nan_to_num((self.places - mean) / (sd if sd > 0 else 1.0))

    @property
    def categories(self) -> NDArray[np.float64]:
        """``(size, k)`` one-hot codes; of two values only the second has a feature."""
        return np.eye(self.size)[:, 1:] if self.size == 2 else np.eye(self.size)

    @property
    def smooth(self) -> NDArray[np.float64]:
        """``(size, k)``: a linear function of these is a smooth function of a number, any function of a category.

        Of a number their inner products are the Matern-5/2 kernel over its values, through at most ``ANCHORS`` of these
        (Williams & Seeger 2001). Their mean square length is 1, and their mean 0 unless the decision may be inactive: then
        being there has an effect, too. Of more than ``MOST_CATEGORIES`` categories there are none.
        """
        if self.places is None:
            codes = np.eye(self.size, 0 if self.size > MOST_CATEGORIES else self.size)
        else:
            values = self.standard
            some = values[np.unique(np.linspace(0, self.size - 1, min(self.size, ANCHORS)).round().astype(int))]
            size, axes = np.linalg.eigh(_matern52(some, some))
            kept = size > NEGLIGIBLE * size[-1]
            codes = _matern52(values, some) @ (axes[:, kept] / np.sqrt(size[kept]))
        codes = codes if self.conditional else codes - codes.mean(axis=0)
        length = np.square(codes).sum(axis=1).mean()
        return np.asarray(codes / np.sqrt(length) if length > 0 else codes)

    def there(self, archs: NDArray[np.int64], active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """``(n,)`` bool: the decision plays a part, and is a number where the others are."""
        there = active[:, self.number]
        if self.places is None or not np.isnan(self.places).any():
            return there
        return there & ~np.isnan(self.places)[archs[:, self.number]]


def _matern52(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(n, m)`` correlations of numbers."""
    r = np.abs(a[:, None] - b) * (np.sqrt(5) / LENGTH)
    return np.asarray((1 + r + r * r / 3) * np.exp(-r))


@lru_cache(maxsize=64)
def columns(space: SearchSpace) -> tuple[Column, ...]:
    """The decisions of a space that leave a choice. Where a space does not say what numbers values stand for, all are
    categories."""
    numbers = space.numbers or (None,) * len(space.columns)
    conditional = {condition.column for condition in getattr(space, "conditions", ())}
    out = []
    for j, (name, size, places) in enumerate(zip(space.columns, space.cardinalities, numbers, strict=True)):
        if size > 1:
            found = None if places is None else np.asarray(places, dtype=np.float64)
            absent = found is not None and bool(np.isnan(found).any())
            out.append(Column(j, name, size, found, name in conditional or absent))
    return tuple(out)


@lru_cache(maxsize=64)
def families(space: SearchSpace) -> tuple[tuple[str, tuple[Column, ...]], ...]:
    """Columns that are alike, such as ``kernel1``, ``kernel2``, ``kernel3``: their names differ in numbers alone, and they have
    numbers in common, or equally many categories. Families of one column are left out.

    Examples:
        >>> import archcast
        >>> space = archcast.Choices(kernel1=[3, 5], kernel2=[3, 5, 7], width1=[8, 16, 32], width2=[16, 32, 64], act=["a", "b"])
        >>> [(name, len(members)) for name, members in families(space)]
        [('kernel', 2), ('width', 2)]
    """
    found: list[tuple[str, list[Column]]] = []
    for column in columns(space):
        stem = _stem(column.name)
        for name, members in found:
            if name == stem and _alike(members[0], column):
                members.append(column)
                break
        else:
            found.append((stem, [column]))
    return tuple((name, tuple(members)) for name, members in found if len(members) > 1)


@lru_cache(maxsize=64)
def _effects(space: SearchSpace, apart: bool) -> tuple[tuple[tuple[Column, NDArray[np.float64]], ...], ...]:
    """Columns and their smooth codes, those of a family together or apart; the mean square lengths of all sum to 1."""
    alike = () if apart else families(space)
    inside = {column.number for _, members in alike for column in members}
    groups = [members for _, members in alike]
    groups += [(column,) for column in columns(space) if column.number not in inside]
    coded = [tuple((column, column.smooth) for column in group) for group in groups]
    coded = [group for group in coded if all(codes.shape[1] for _, codes in group)]
    root = np.sqrt(max(sum(map(len, coded)), 1))
    return tuple(tuple((column, codes / root) for column, codes in group) for group in coded)


def effects(space: SearchSpace, archs: NDArray[np.int64], *, apart: bool = False) -> tuple[NDArray[np.float64], ...]:
    """What each decision does by itself: for each family, and each decision without alike ones, ``(n, k)`` features of which a
    linear function is a sum of smooth functions, one of each decision (:attr:`Column.smooth`); 0 where it plays no part. Their
    mean square lengths sum to 1. ``apart`` takes families apart.

    Examples:
        >>> import archcast
        >>> space = archcast.Choices(kernel1=[3, 5, 7], kernel2=[3, 5, 7], act=["relu", "gelu"])
        >>> [block.shape for block in effects(space, space.sample(10, 0))]
        [(10, 6), (10, 2)]
        >>> [block.shape for block in effects(space, space.sample(10, 0), apart=True)]
        [(10, 3), (10, 3), (10, 2)]
    """
    active = space.active(archs)
    return tuple(
        np.concatenate([codes[archs[:, c.number]] * c.there(archs, active)[:, None] for c, codes in group], axis=1)
        for group in _effects(space, apart)
    )


def _stem(name: str) -> str:
    """The name without its numbers."""
    return re.sub(r"[\W_]+", "_", re.sub(r"\d+", "", name)).strip("_") or "column"


def _alike(a: Column, b: Column) -> bool:
    if a.places is None or b.places is None:
        return a.places is b.places and a.size == b.size
    x, y = ({round(value, 6) for value in places.tolist() if not math.isnan(value)} for places in (a.places, b.places))
    return len(x & y) >= ALIKE * len(x | y)
