"""A checked plan of an evaluation: everything that can be wrong with a call is found here, before anything runs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from archcast._version import versions
from archcast.checks import one_of
from archcast.data.benchmark import Benchmark
from archcast.encodings.base import ENCODINGS
from archcast.errors import InvalidInputError
from archcast.evaluation.presets import PRESETS, REST, WHOLE
from archcast.evaluation.protocol import (
    Protocol,
    Settings,
    given_evidence,
    make_predictors,
    make_protocol,
    query_epochs,
    settings,
)
from archcast.evaluation.sources import Told, told
from archcast.evaluation.splits import (
    MUTATIONS,
    NEIGHBOURHOOD,
    TESTS,
    around_the_best,
    functions,
    neighbourhood,
    split,
)
from archcast.evaluation.store import Key
from archcast.evaluation.trial import Trial
from archcast.evaluation.untrained import ProxySource, default_proxies, known_rows, proxy_names
from archcast.evidence import Evidence, Pool
from archcast.predictors.base import Predictor, Requirements
from archcast.predictors.zero_cost.evidence import EvidenceScore

__all__ = ["Plan", "make_plan"]

Values = Mapping[str, NDArray[np.float64]]
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Plan:
    """What will run.

    Attributes:
        protocol: the settings that decide the figures.
        benchmark: what is evaluated on.
        evidence: what every predictor is given, a row for each of the benchmark's.
        scores: ``(n,)`` of the benchmark's rows, NaN where unknown.
        predictors: label -> predictor, not initialised.
        proxies: where the values of proxies come from; their labels are among the predictors.
        splits: (train size, trial) -> numbers of the train and test rows.
        told: the sources, and who is told of them.
    """

    protocol: Protocol
    benchmark: Benchmark
    evidence: Evidence
    scores: NDArray[np.float64]
    predictors: Mapping[str, Predictor]
    proxies: ProxySource
    splits: Mapping[tuple[int, int], tuple[Rows, Rows]]
    told: Told

    def described(self) -> dict[str, Any]:
        """Everything that decides the results, JSON-like: the protocol, the predictors, the versions of the software."""
        said = {name: settings(predictor) for name, predictor in self.predictors.items()}
        said |= self.proxies.described(self.protocol.seed)
        sources = {"sources": self.told.described()} if self.told.sources else {}
        return {**dataclasses.asdict(self.protocol), **sources, "predictors": said, "versions": versions()}

    def keys(self) -> list[Key]:
        """All trials, in the order in which they run: label, train size, number of the trial, epochs."""
        looks = {
            label: query_epochs(predictor, self.benchmark, self.protocol.epochs)
            for label, predictor in self.predictors.items()
        }
        return [
            (label, size, trial, seen)
            for trial in range(self.protocol.trials)
            for size in self.protocol.train_sizes
            for label in self.predictors
            for seen in looks[label]
        ]

    def tested(self) -> Rows:
        """Numbers of all rows that are tested on in some trial, increasing."""
        return np.unique(np.concatenate([test for _, test in self.splits.values()]))

    def trials(self, keys: Sequence[Key], values: Values) -> Iterator[Trial]:
        """Trials, made when a worker is free: each holds only the rows that it needs.

        Args:
            keys: which of them.
            values: of the proxies.
        """
        return (self._trial(*key, values) for key in keys)

    def _trial(self, label: str, size: int, number: int, epochs: int, values: Values) -> Trial:
        benchmark, seconds = self.benchmark, self.benchmark.train_seconds
        train, test = self.splits[size, number]
        seeds = np.random.SeedSequence([self.protocol.seed, number, size]).generate_state(2)
        predictor = clone(self.predictors[label]).set_params(random_state=int(seeds[0]))
        pool_rows = np.random.default_rng([self.protocol.seed, number, 1]).choice(
            len(benchmark), self.protocol.pool_size, replace=False
        )
        if epochs and "epochs" in predictor.get_params(deep=False):
            predictor.set_params(epochs=epochs)
        needs = predictor.requires
        full = self._required(needs, values)
        plain, query_seconds = Evidence(proxies=full.proxies, costs=full.costs), 0.0
        partial = {name: curve[:, :epochs] for name, curve in full.curves.items() if _looks_at(needs, name)}
        if partial:
            share = epochs / max(full.curves[name].shape[1] for name in partial)
            query_seconds = math.nan if seconds is None else float(seconds[test].mean()) * share
        return Trial(
            label=label,
            predictor=predictor,
            number=number,
            train=benchmark.archs[train],
            scores=self.scores[train],
            train_evidence=full[train],
            test=benchmark.archs[test],
            truth=self.scores[test],
            test_evidence=Evidence(partial, full.proxies, full.costs)[test],
            pool=Pool(benchmark.archs[pool_rows], plain[pool_rows]),
            sources=self.told.of(label, test),
            epochs=epochs,
            init_train_seconds=(math.nan if seconds is None else float(seconds[train].sum())) if needs.labels else 0.0,
            query_train_seconds=query_seconds,
        )

    def _required(self, needs: Requirements, values: Values) -> Evidence:
        """The evidence given to all, and what this predictor requires or uses, as far as the benchmark has it.

        Proxies that are computed here are known of the test sets only, so nothing can be learned from them.
        """
        published, told = self.benchmark, self.evidence
        available = published.proxies if needs.labels else {**published.proxies, **values}
        names = available if "proxies" in needs.uses else [name for name in needs.proxies if name in available]
        curves = {name: curve for name, curve in published.curves.items() if _looks_at(needs, name)}
        return Evidence(
            {**curves, **told.curves}, {**{name: available[name] for name in names}, **told.proxies}, told.costs
        )


def _looks_at(needs: Requirements, signal: str) -> bool:
    return signal == needs.curve or "curves" in needs.uses


def make_plan(
    predictors: Any,
    benchmark: Benchmark,
    asked: Settings,
    evidence: Evidence | str | Path | bool | None,
    proxies: str | Sequence[str] | None,
    sources: Any = None,
) -> Plan:
    """Check everything and draw all splits.

    Args:
        predictors, evidence, proxies, sources: as :func:`archcast.evaluate` takes them.
        benchmark: what is evaluated on.
        asked: the settings.

    Raises:
        InvalidInputError: settings that are out of range or contradict each other.
        UnknownNameError: of a predictor, encoding, metric or preset.
    """
    metric = benchmark.default_metric if asked.metric is None else asked.metric
    scores = benchmark.scores(metric=metric)
    rows = np.flatnonzero(np.isfinite(scores))
    if asked.encoding is not None:
        one_of("encoding", asked.encoding, ENCODINGS)
    known = given_evidence(benchmark, evidence)
    if proxies is None:
        proxies = default_proxies(benchmark) if predictors is None and not known else ()
    names = proxy_names(proxies, known)
    made = (
        {}
        if names and isinstance(predictors, list) and not predictors
        else make_predictors(predictors, benchmark, asked.encoding)
    )
    if twice := sorted(set(names) & set(made)):
        raise InvalidInputError(
            f"{twice[0]!r} is the name of a predictor and of a proxy. Name the predictor otherwise."
        )
    own = sources is not None or asked.preset is None
    preset = None if own else PRESETS[one_of("preset", asked.preset, PRESETS)]
    heard, made = told(preset.sources.get(benchmark.space.name) if preset else sources, benchmark, made, all_heard=own)
    made |= {name: EvidenceScore(benchmark.space, proxy=name) for name in names}
    if names:
        rows = rows[known_rows(known, len(benchmark))[rows]]
    groups = functions(benchmark.space, benchmark.archs[rows]) if benchmark.groups is None else benchmark.groups[rows]
    protocol = make_protocol(benchmark, groups, known, asked, metric)
    fixed = (asked.test_size is not None or asked.preset is not None) and protocol.test_size not in (REST, WHOLE)
    splits = _splits(protocol, benchmark, scores, groups, rows, int(protocol.test_size) if fixed else 2)
    return Plan(protocol, benchmark, known, scores, made, ProxySource(names, benchmark, known), splits, heard)


def _splits(
    protocol: Protocol, benchmark: Benchmark, scores: NDArray[np.float64], groups: Rows, rows: Rows, least: int
) -> dict[tuple[int, int], tuple[Rows, Rows]]:
    """(train size, trial) -> train and test rows; at least ``least`` to test on."""
    splits = {}
    space, archs, known = benchmark.space, benchmark.archs[rows], scores[rows]
    for trial in range(protocol.trials):
        for size in protocol.train_sizes:
            rng = np.random.default_rng([protocol.seed, trial])
            if protocol.test == NEIGHBOURHOOD:
                train, test = neighbourhood(space, archs, known, groups, size, int(protocol.test_size), rng)
            else:
                train, test = split(groups, size, protocol.test_size, rng)
            if protocol.test == MUTATIONS:
                test = around_the_best(space, archs, known, groups, train, int(protocol.test_size), rng)
            if len(train) < size or len(test) < least:
                raise InvalidInputError(
                    f"train_sizes: {size} is too large for benchmark {protocol.benchmark!r}: {len(groups)} architectures have "
                    f"a score. {len(train)} can be drawn to train on, and {len(test)} {TESTS[protocol.test]} to test on that "
                    "share no function with the training architectures. Choose a smaller train or test size."
                )
            splits[size, trial] = rows[train], rows[test]
    return splits
