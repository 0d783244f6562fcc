"""Rows of other tasks as rows of the task's own space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError
from archcast.evidence import Source
from archcast.spaces.base import SearchSpace, get_space

__all__ = ["in_space", "of_rows", "related", "without"]


def in_space(sources: Sequence[Source], space: SearchSpace) -> list[Source]:
    """The sources as rows of a space; rows of spaces that lie in each other are converted, and rows without a counterpart left
    out (:func:`archcast.spaces.embedding.embed`).

    Args:
        sources: rows of other tasks.
        space: the space of the task.

    Raises:
        InvalidInputError: a source holds no rows, invalid ones, or rows of a space that has none in common with the task's.

    Examples:
        >>> import archcast
        >>> source = archcast.Source("transnasbench101-micro", [[3, 3, 3, 3, 3, 3]], [0.9])
        >>> [(found.space.name, found.archs.tolist()) for found in in_space([source], archcast.get_space("nasbench201"))]
        [('nasbench201', [[3, 3, 3, 3, 3, 3]])]
    """
    from archcast.spaces.embedding import embed  # which imports many spaces

    out = []
    for number, source in enumerate(sources):
        own = get_space(source.space)
        rows = own.validate(source.archs, allow_empty=False, name=f"sources[{number}].archs")
        found = embed(rows, own, space)
        if found is None or not len(found[1]):
            raise InvalidInputError(
                f"sources[{number}] is of space {own.name!r}, the task of {space.name!r}, and no row of the one is a row of the "
                "other. Leave that source out, or take the predictor 'flan', which learns from cells of any space."
            )
        converted, kept = found
        out.append(replace(of_rows(source, kept), space=space, archs=converted))
    return out


def related(source: Source, space: SearchSpace) -> bool:
    """Whether rows of the source can be rows of a space."""
    from archcast.spaces.embedding import embed

    own = get_space(source.space)
    return embed(own.sample(1, 0), own, space) is not None


def without(source: Source, archs: NDArray[np.int64]) -> Source | None:
    """The source without rows of the same function as some architectures of its space; ``None`` if no row is left.

    Examples:
        >>> import archcast
        >>> source = archcast.Source("nasbench201", [[3, 3, 3, 3, 3, 3], [1, 1, 1, 1, 1, 1]], [0.9, 0.8])
        >>> without(source, np.array([[1, 1, 1, 1, 1, 1]])).scores
        array([0.9])
    """
    space = get_space(source.space)
    gone = {row.tobytes() for row in space.canonical(archs)}
    kept = np.flatnonzero([row.tobytes() not in gone for row in space.canonical(source.archs)])
    return of_rows(source, kept) if len(kept) else None


def of_rows(source: Source, rows: NDArray[np.intp]) -> Source:
    """Some rows of a source."""
    evidence = source.evidence[rows] if source.evidence else source.evidence
    return replace(source, archs=source.archs[rows], scores=source.scores[rows], evidence=evidence)
