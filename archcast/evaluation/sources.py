"""Rows of other tasks that predictors are told of, without the architectures that they are tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import listed
from archcast.data.base import load_benchmark
from archcast.data.benchmark import Benchmark
from archcast.errors import ArchcastError, InvalidInputError, short
from archcast.evaluation.splits import functions
from archcast.evidence import Source
from archcast.journal import fingerprint
from archcast.predictors.base import Predictor
from archcast.predictors.sources import in_space, of_rows, related
from archcast.spaces.base import get_space

__all__ = ["WITH", "Told", "source_of", "told"]

WITH = " + sources"
"""What the label of a predictor that is told of sources ends with; beside it stands the same predictor without."""


@dataclass(frozen=True, eq=False)
class Told:
    """Which predictors are told of which sources.

    Attributes:
        sources: name -> rows of another task, in the space of the benchmark where they can be.
        groups: name -> ``(m,)`` number of the function of each row, numbered with those of the benchmark; of other spaces none.
        own: ``(n,)`` the same of the benchmark's rows.
        names: label of a predictor -> the sources that it is told of.
    """

    sources: Mapping[str, Source] = field(default_factory=dict)
    groups: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    own: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, label: str, test: NDArray[np.int64]) -> tuple[Source, ...]:
        """What a predictor is told where some rows of the benchmark are tested on: these rows, and others of the same functions,
        are left out.

        Raises:
            InvalidInputError: nothing is left of a source.
        """
        out = []
        for name in self.names.get(label, ()):
            source = self.sources[name]
            if name in self.groups:
                rows = np.flatnonzero(~np.isin(self.groups[name], self.own[test]))
                if not len(rows):
                    raise InvalidInputError(
                        f"sources: all rows of {name!r} are tested on: that would be a look-up. Choose a smaller test_size."
                    )
                source = of_rows(source, rows)
            out.append(source)
        return tuple(out)

    def described(self) -> dict[str, Any]:
        """Name -> what the source is; empty without sources."""
        return {
            name: f"{len(source.archs):,} rows of {get_space(source.space).name} "
            f"({fingerprint(source.archs, source.scores, [source.evidence.proxies, source.evidence.costs])})"
            for name, source in self.sources.items()
        }


def told(
    sources: Any, benchmark: Benchmark, predictors: Mapping[str, Predictor], *, all_heard: bool = True
) -> tuple[Told, dict[str, Predictor]]:
    """The sources, and the predictors with a second one for each that learns from some of them.

    Args:
        sources: names of benchmarks, also with a metric as in ``"digits:val_accuracy"``, benchmarks or :class:`archcast.Source`,
            alone, in a list or in a mapping of names to them; or ``None``.
        benchmark: what is evaluated on.
        predictors: label -> predictor.
        all_heard: whether a source that no predictor learns from is an error.

    Raises:
        InvalidInputError: no predictor can learn from a source, or two have the same name.
    """
    if sources is None:
        return Told(), dict(predictors)
    given = _named(sources)
    if not given:
        raise InvalidInputError("sources is empty. Leave it out, or name a benchmark of another task.")
    found, groups, foreign = {}, {}, {}
    own = functions(benchmark.space, benchmark.archs)
    for name, source in given.items():
        if related(source, benchmark.space):
            found[name] = in_space([source], benchmark.space)[0]
            groups[name] = _numbers_of(found[name].archs, own, benchmark)
        else:
            foreign[name] = source
    names: dict[str, tuple[str, ...]] = {}
    out = dict(predictors)
    for label, predictor in predictors.items():
        if predictor.learns_from_sources:
            mine = (*found, *(foreign if predictor.learns_from_other_spaces else ()))
            if mine:
                out[label + WITH], names[label + WITH] = predictor, mine
    unheard = [name for name in given if not any(name in some for some in names.values())]
    if unheard and all_heard:
        space = get_space(given[unheard[0]].space).name
        why = (
            f"is of space {space!r}, and none of the predictors learns from that space for {benchmark.space.name!r}"
            if unheard[0] in foreign
            else "is given, and none of the predictors learns from sources"
        )
        raise InvalidInputError(
            f"sources: {unheard[0]!r} {why}. Leave it out, or add a predictor that does: stack, gp or omni+ for the same space, "
            "flan for cells of any space."
        )
    return Told({**found, **foreign}, groups, own, names), out


def _numbers_of(archs: NDArray[np.int64], own: NDArray[np.int64], benchmark: Benchmark) -> NDArray[np.int64]:
    """``(m,)`` numbers of the functions of rows, as the benchmark's have them; -1 for functions that it does not have."""
    n = len(benchmark)
    both = functions(benchmark.space, np.concatenate([benchmark.archs, archs]))
    number = np.full(int(both.max()) + 1, -1, dtype=np.int64)
    number[both[:n]] = own
    return number[both[n:]]


def _named(sources: Any) -> dict[str, Source]:
    """Name -> source."""
    if isinstance(sources, (str, Benchmark, Source)):
        sources = [sources]
    if isinstance(sources, Mapping):
        pairs: Sequence[tuple[Any, Any]] = list(sources.items())
    else:
        items = listed("sources", sources, "names of benchmarks, benchmarks or archcast.Source")
        pairs = [(_name(item, k), item) for k, item in enumerate(items)]
    out: dict[str, Source] = {}
    for name, item in pairs:
        if name in out:
            raise InvalidInputError(f"sources holds {name!r} twice. Name them: a dict of name to source.")
        out[str(name)] = source_of(name, item)
    return out


def _name(item: Any, number: int) -> str:
    if isinstance(item, str):
        return item
    return item.name if isinstance(item, Benchmark) else f"source {number + 1}"


def source_of(name: str, item: Any) -> Source:
    """The source of a name of a benchmark, a benchmark or a source."""
    if isinstance(item, Source):
        return item
    metric = None
    if isinstance(item, str):
        text, _, after = item.partition(":")
        try:
            item, metric = load_benchmark(text), after or None
        except ArchcastError as error:
            raise type(error)(f"sources: {error}") from error
    if not isinstance(item, Benchmark):
        raise InvalidInputError(
            f"sources[{name!r}] must be the name of a benchmark, a Benchmark or an archcast.Source, got {short(item)}."
        )
    scores = item.scores(metric=metric or item.default_metric)
    known = np.isfinite(scores)
    return Source(item.space, item.archs[known], scores[known])
