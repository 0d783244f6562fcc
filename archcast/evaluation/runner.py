"""``archcast.evaluate``: the same splits for every predictor, many trials, a row for each."""

from __future__ import annotations

import dataclasses
import math
import platform
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone

from archcast._version import __version__
from archcast.data.base import load_benchmark
from archcast.data.benchmark import Benchmark
from archcast.encodings.base import ENCODINGS
from archcast.errors import ArchcastError, InvalidInputError
from archcast.evaluation.presets import REST
from archcast.evaluation.protocol import (
    Protocol,
    default_predictors,
    given_evidence,
    make_predictors,
    make_protocol,
    query_epochs,
    settings,
)
from archcast.evaluation.results import Results
from archcast.evaluation.splits import MUTATIONS, RANDOM, TESTS, around_the_best, functions, split
from archcast.evaluation.store import Store
from archcast.evaluation.trial import Trial, run_trial
from archcast.evaluation.untrained import ProxySource, default_proxies, known_rows, proxy_names
from archcast.evidence import Evidence, Pool
from archcast.predictors.base import Predictor, Requirements
from archcast.predictors.zero_cost.evidence import EvidenceScore

if TYPE_CHECKING:
    from archcast.evaluation.store import Key, Row

__all__ = ["Progress", "default_predictors", "evaluate"]


@dataclass(frozen=True)
class Progress:
    """What is told after each trial, and once before the first (``row`` is then ``None``).

    Attributes:
        done: trials finished, those of an earlier run that is continued included.
        total: trials in all.
        row: the result just found.
        what: ``"trials"``, or ``"networks"`` while networks are scored by proxies; ``done`` and ``total`` count these.
    """

    done: int
    total: int
    row: Mapping[str, Any] | None
    what: str = "trials"


def evaluate(
    predictors: str | Predictor | Iterable[str | Predictor] | Mapping[str, str | Predictor] | None,
    benchmark: str | Benchmark,
    *,
    encoding: str | None = None,
    train_sizes: Sequence[int] | None = None,
    test_size: int | str | None = None,
    test: str = RANDOM,
    trials: int | None = None,
    seed: int = 0,
    metric: str | None = None,
    evidence: Evidence | str | Path | bool | None = None,
    proxies: str | Sequence[str] | None = None,
    preset: str | None = None,
    epochs: Sequence[int] | None = None,
    budgets: bool = False,
    jobs: int | None = None,
    out: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Results:
    """Benchmark predictors: initialise on n random architectures, rank others, compare with their true scores.

    Every predictor of a trial gets the same training set, test set, pool of unlabelled candidates and seed. Test and train share
    no two rows with the same canonical form. A failure is kept with its reason and ends nothing.

    Args:
        predictors: registry names, also with parameters as in ``"omni:without=curve"``, :class:`~archcast.Predictor` objects, a
            mapping of labels to either, ``"all"``, or ``None`` for the default ones.
        benchmark: a :class:`~archcast.Benchmark` or its name.
        encoding: replaces the encoding of every predictor that has one.
        train_sizes: architectures to train on; 10, 32 and 100 by default.
        test_size: architectures to test on, or ``"rest"``; by default 1,000, or half as many as there are
            distinct functions if that is less.
        test: ``"random"`` architectures, or ``"mutations"`` of the best training architectures, as a search would query them;
            it needs a benchmark that holds most of its space, and tests on fewer if there are no more.
        trials: repetitions; 5 by default.
        seed: of the splits and the predictors.
        metric: what to predict; by default the benchmark's own choice.
        evidence: what every predictor is told of each architecture: ``True`` for the proxies and costs published with the
            benchmark, an :class:`~archcast.Evidence` aligned with it, or a file that ``archcast score --space ... --out``
            wrote. What a predictor *requires* it gets anyway, if the benchmark has it.
        proxies: names of zero-cost proxies and of their aggregates that get a row each, with ``params`` and ``flops`` beside
            them. Their values are those of the evidence, else those published with the benchmark, else they are computed from
            the untrained networks of the test sets. Evidence narrows the benchmark to the architectures that it knows. By
            default, with the default predictors and no evidence, a few of those published with the benchmark.
        preset: a published protocol: ``"white2021"``, ``"tnasp"`` or ``"suite-zero"``.
        epochs: epochs of the learning curves that predictors are given at query, an evaluation each; by default each predictor
            gets as many as it is set to. Training architectures have complete curves.
        budgets: compare at every pair of budgets for init and query, see :meth:`Results.budgets`; ``epochs`` are then by default
            2, 5, 10, 20 and 50 % of a full training. ``"white2021"`` does so on its own where the benchmark knows how long
            trainings take.
        jobs: worker processes, -1 for one on each core; by default joblib's (``joblib.parallel_config``), else none.
        out: folder for ``results.csv``, ``results.json``, ``figure.png``, ``report.html``. Rows are written as they come; the
            same call continues an interrupted one, trials that failed are tried again.
        progress: called after each trial.

    Examples:
        >>> import archcast
        >>> results = archcast.evaluate("random-forest", "nas-bench-graph/cora", train_sizes=[10], test_size=50, trials=2)
        >>> [str(name) for name in results.summary()["predictor"]]
        ['random-forest']

    Raises:
        InvalidInputError: settings that are out of range or contradict each other; nothing has run then.
        UnknownNameError: of a predictor, benchmark, encoding, metric or preset.
    """
    if not isinstance(benchmark, Benchmark):
        benchmark = load_benchmark(benchmark)
    metric = benchmark.default_metric if metric is None else metric
    scores = benchmark.scores(metric)
    rows = np.flatnonzero(np.isfinite(scores))
    if jobs == 0:
        raise InvalidInputError("jobs must be a number of worker processes, or -1 for one on each core, got 0.")
    if encoding is not None:
        ENCODINGS.entry(encoding)
    known = given_evidence(benchmark, evidence)
    if proxies is None:
        proxies = default_proxies(benchmark) if predictors is None and not known else ()
    names = proxy_names(proxies, known)
    source = ProxySource(names, benchmark, known)
    made = {} if names and predictors == [] else make_predictors(predictors, benchmark, encoding)
    if twice := sorted(set(names) & set(made)):
        raise InvalidInputError(
            f"{twice[0]!r} is the name of a predictor and of a proxy. Name the predictor otherwise."
        )
    made |= {name: EvidenceScore(benchmark.space, proxy=name) for name in names}
    if names:
        rows = rows[known_rows(known, len(benchmark))[rows]]
    groups = functions(benchmark.space, benchmark.archs[rows])
    protocol = make_protocol(
        benchmark,
        groups,
        known,
        metric=metric,
        preset=preset,
        train_sizes=train_sizes,
        test_size=test_size,
        test=test,
        trials=trials,
        seed=seed,
        encoding=encoding,
        epochs=epochs,
        budgets=budgets,
    )
    asked = test_size is not None or preset is not None
    least = int(protocol.test_size) if asked and protocol.test_size != REST else 2
    splits = _splits(protocol, benchmark, scores, groups, rows, least)
    described = {
        **dataclasses.asdict(protocol),
        "predictors": {name: settings(p) for name, p in made.items()} | source.described(protocol.seed),
    }
    store = None if out is None else Store(Path(out), described)
    finished = {} if store is None else {key: row for key, row in store.rows.items() if not row["error"]}
    looks = {label: query_epochs(predictor, benchmark, protocol.epochs) for label, predictor in made.items()}
    wanted = [
        (label, size, trial, seen)
        for trial in range(protocol.trials)
        for size in protocol.train_sizes
        for label in made
        for seen in looks[label]
    ]
    todo = [key for key in wanted if key not in finished]
    found = dict(finished)
    done = len(wanted) - len(todo)
    if progress is not None:
        progress(Progress(done, len(wanted), None))
    values: Mapping[str, NDArray[np.float64]] = {}
    if any(label in names for label, *_ in todo):
        values = source.values(
            np.unique(np.concatenate([test for _, test in splits.values()])),
            seed=protocol.seed,
            jobs=jobs,
            path=None if out is None else Path(out) / "proxies.jsonl",
            tell=lambda ready, total: progress(Progress(ready, total, None, "networks")) if progress else None,
        )
    work = _trials(todo, made, benchmark, known, scores, protocol, splits, values)
    run = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")
    try:
        with warnings.catch_warnings():
            # a worker that has grown, torch loaded say, is replaced by a fresh one; nothing is lost and nobody need worry
            warnings.filterwarnings("ignore", message="A worker stopped while some jobs", category=UserWarning)
            for row in run(delayed(run_trial)(trial) for trial in work):
                found[row["predictor"], row["train_size"], row["trial"], row["epochs"]] = row
                if store is not None:
                    store.append(row)
                done += 1
                if progress is not None:
                    progress(Progress(done, len(wanted), row))
    except BrokenProcessPool as error:
        raise ArchcastError(
            f"A worker process died after {done} of {len(wanted)} trials, perhaps for want of memory. "
            f"Repeat the call with fewer jobs; with out=... it continues."
        ) from error
    if store is not None:
        described = store.protocol
        found = {**store.rows, **found}
    results = Results.of(_ordered(found, described), {**described, "versions": _versions()})
    if out is not None:
        if store is not None:
            store.tidy(results.rows())
        results.save(out)
    return results


def _splits(
    protocol: Protocol,
    benchmark: Benchmark,
    scores: NDArray[np.float64],
    groups: NDArray[np.int64],
    rows: NDArray[np.int64],
    least: int,
) -> dict[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(train size, trial) -> train and test rows, all drawn before anything runs; at least ``least`` to test on."""
    splits = {}
    for trial in range(protocol.trials):
        for size in protocol.train_sizes:
            rng = np.random.default_rng([protocol.seed, trial])
            train, test = split(groups, size, protocol.test_size, rng)
            if protocol.test == MUTATIONS:
                test = around_the_best(
                    benchmark.space, benchmark.archs[rows], scores[rows], groups, train, int(protocol.test_size), rng
                )
            if len(train) < size or len(test) < least:
                raise InvalidInputError(
                    f"train_sizes: {size} is too large for benchmark {protocol.benchmark!r}: {len(groups)} architectures have a "
                    f"score, and without sharing a function {len(train)} can be trained on beside {len(test)} "
                    f"{TESTS[protocol.test]} to test on. "
                    f"Choose a smaller train or test size."
                )
            splits[size, trial] = rows[train], rows[test]
    return splits


def _trials(
    todo: Sequence[Key],
    predictors: Mapping[str, Predictor],
    benchmark: Benchmark,
    evidence: Evidence,
    scores: NDArray[np.float64],
    protocol: Protocol,
    splits: Mapping[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.int64]]],
    values: Mapping[str, NDArray[np.float64]],
) -> Iterator[Trial]:
    """Trials, made when a worker is free: each holds only the rows that it needs."""
    seconds = benchmark.train_seconds
    for label, size, number, epochs in todo:
        train, test = splits[size, number]
        seeds = np.random.SeedSequence([protocol.seed, number, size]).generate_state(2)
        predictor = clone(predictors[label]).set_params(random_state=int(seeds[0]))
        pool_rows = np.random.default_rng([protocol.seed, number, 1]).choice(
            len(benchmark), protocol.pool_size, replace=False
        )
        if epochs and "epochs" in predictor.get_params(deep=False):
            predictor.set_params(epochs=epochs)
        needs = predictor.requires
        full = _required(predictor, benchmark, evidence, values)
        plain, query_seconds = Evidence(proxies=full.proxies, costs=full.costs), 0.0
        partial = {name: curve[:, :epochs] for name, curve in full.curves.items() if _looks_at(needs, name)}
        if partial:
            share = epochs / max(full.curves[name].shape[1] for name in partial)
            query_seconds = math.nan if seconds is None else float(seconds[test].mean()) * share
        yield Trial(
            label=label,
            predictor=predictor,
            number=number,
            train=benchmark.archs[train],
            scores=scores[train],
            train_evidence=full[train],
            test=benchmark.archs[test],
            truth=scores[test],
            test_evidence=Evidence(partial, full.proxies, full.costs)[test],
            pool=Pool(benchmark.archs[pool_rows], plain[pool_rows]),
            epochs=epochs,
            init_train_seconds=(math.nan if seconds is None else float(seconds[train].sum())) if needs.labels else 0.0,
            query_train_seconds=query_seconds,
        )


def _required(
    predictor: Predictor, benchmark: Benchmark, evidence: Evidence, values: Mapping[str, NDArray[np.float64]]
) -> Evidence:
    """The evidence given to all, and what this predictor requires or uses, as far as the benchmark has it.

    Proxies that are computed here are known of the test sets only, so nothing can be learned from them.
    """
    needs = predictor.requires
    available = benchmark.proxies if needs.labels else {**benchmark.proxies, **values}
    names = available if "proxies" in needs.uses else [name for name in needs.proxies if name in available]
    proxies = {name: available[name] for name in names}
    curves = {name: values for name, values in benchmark.curves.items() if _looks_at(needs, name)}
    return Evidence({**curves, **evidence.curves}, {**proxies, **evidence.proxies}, evidence.costs)


def _looks_at(needs: Requirements, signal: str) -> bool:
    return signal == needs.curve or "curves" in needs.uses


def _ordered(found: Mapping[Key, Row], described: Mapping[str, Any]) -> list[Row]:
    """Rows by predictor (as first asked for), epochs, train size, trial."""
    place = {name: i for i, name in enumerate(described["predictors"])}
    return [found[key] for key in sorted(found, key=lambda key: (place[key[0]], key[3], key[1], key[2]))]


def _versions() -> dict[str, str]:
    """Of Python, archcast and every package that archcast depends on."""
    found = {"python": platform.python_version(), "archcast": __version__}
    try:
        needed = metadata.requires("archcast") or []
    except metadata.PackageNotFoundError:  # run from a source folder
        return found
    names = [re.split(r"[^\w.-]", line)[0] for line in needed if "extra ==" not in line]
    return found | {name: metadata.version(name) for name in sorted(names)}
