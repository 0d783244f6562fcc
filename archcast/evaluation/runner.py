"""``archcast.evaluate``: the same splits for every predictor, many trials, a row for each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from archcast.checks import callback, switch, workers
from archcast.data.base import load_benchmark
from archcast.data.benchmark import Benchmark
from archcast.errors import ArchcastError, InvalidInputError, short
from archcast.evaluation.plan import Plan, make_plan
from archcast.evaluation.protocol import Settings, default_predictors
from archcast.evaluation.results import Results
from archcast.evaluation.store import Store
from archcast.evaluation.trial import run_trial
from archcast.evidence import Evidence
from archcast.journal import claimed
from archcast.reports.checklist import about_run

if TYPE_CHECKING:
    from archcast.evaluation.store import Key, Row

__all__ = ["Progress", "default_predictors", "evaluate", "run_plan"]


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
    predictors: Any,
    benchmark: str | Benchmark,
    *,
    encoding: str | None = None,
    train_sizes: Sequence[int] | None = None,
    test_size: int | str | None = None,
    test: str | None = None,
    trials: int | None = None,
    seed: int = 0,
    metric: str | None = None,
    evidence: Evidence | str | Path | bool | None = None,
    proxies: str | Sequence[str] | None = None,
    sources: Any = None,
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
        predictors: registry names, also with parameters as in ``"omni:without=curve"``; :class:`~archcast.Predictor` objects;
            scikit-learn regressors, alone or as a pair with the name of an encoding, ``(SVR(), "path")``, or by the path of
            their class, ``"sklearn.svm.SVR:C=10:encoding=path"``; a mapping of labels to any of these; ``"all"``, but for
            one-shot predictors, which train a network each time; or ``None`` for the default ones.
        benchmark: a :class:`~archcast.Benchmark` or its name.
        encoding: replaces the encoding of every predictor that has one.
        train_sizes: architectures to train on; 10, 32 and 100 by default.
        test_size: architectures to test on, or ``"rest"``; by default 1,000, or half as many as there are
            distinct functions if that is less.
        test: ``"random"`` architectures; ``"mutations"`` of the best training architectures, as a search would query them;
            ``"neighbourhood"``, where the training architectures are mutations as well, the setting of White et al. 2021.
            The last two need a benchmark that holds most of its space, and test on fewer if there are no more.
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
        sources: other tasks to learn from: names of benchmarks, also with a metric as in ``"digits:val_accuracy"``, benchmarks or
            :class:`~archcast.Source`; one, a list, or a mapping of names to them. Each predictor that learns from sources gets a
            second row, ``"stack + sources"``, beside the one without. Rows of the functions that a trial tests on are
            left out of its sources.
        preset: name of a published protocol: ``"white2021"``, ``"white2021-mutations"``, ``"tnasp"``, ``"tnasp-splits"``,
            ``"nds-transfer"`` or ``"suite-zero"``. Fewer ``trials`` than the paper has give a quick look, which is labelled as one.
        epochs: epochs of the learning curves that predictors are given at query, an evaluation each; by default each predictor
            gets as many as it is set to. Training architectures have complete curves.
        budgets: compare at every pair of budgets for init and query, see :meth:`Results.budgets`; ``epochs`` are then by default
            2, 5, 10, 20 and 50 % of a full training. ``"white2021"`` does so on its own, after fifteen numbers of epochs, where the
            benchmark knows how long trainings take.
        jobs: worker processes, -1 for one on each core; by default joblib's (``joblib.parallel_config``), else none.
        out: folder for ``results.csv``, ``results.json``, ``figure.png``, ``report.html``. Rows are written as they come; the
            same call continues an interrupted one, trials that failed are tried again. Results of anything else, be it other
            data, another predictor or another version of the software, are never mixed in: the call is refused.
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
    workers("jobs", jobs)
    switch("budgets", budgets)
    callback("progress", progress)
    if not isinstance(benchmark, (str, Benchmark)):
        raise InvalidInputError(f"benchmark must be an archcast.Benchmark or its name, got {short(benchmark)}.")
    if not isinstance(benchmark, Benchmark):
        benchmark = load_benchmark(benchmark)
    asked = Settings(train_sizes, test_size, test, trials, seed, metric, encoding, preset, epochs, budgets)
    plan = make_plan(predictors, benchmark, asked, evidence, proxies, sources)
    with nullcontext() if out is None else claimed(out):
        return run_plan(plan, jobs=jobs, out=None if out is None else Path(out), progress=progress)


def run_plan(
    plan: Plan, *, jobs: int | None = None, out: Path | None = None, progress: Callable[[Progress], None] | None = None
) -> Results:
    """Run what a plan holds and ``out`` does not.

    Args:
        plan: from :func:`archcast.evaluation.plan.make_plan`.
        jobs, out, progress: see :func:`archcast.evaluate`.
    """

    def tell(done: int, total: int, row: Row | None = None, what: str = "trials") -> None:
        if progress is not None:
            progress(Progress(done, total, None if row is None else dict(row), what))

    described = plan.described()
    store = None if out is None else Store(out, described)
    found: dict[Key, Row] = {} if store is None else {key: row for key, row in store.rows.items() if not row["error"]}
    wanted = plan.keys()
    todo = [key for key in wanted if key not in found]
    done = len(wanted) - len(todo)
    tell(done, len(wanted))
    values: Mapping[str, NDArray[np.float64]] = {}
    if any(label in plan.proxies.names for label, *_ in todo):
        values = plan.proxies.values(
            plan.tested(),
            seed=plan.protocol.seed,
            jobs=jobs,
            path=None if out is None else out / "proxies.jsonl",
            tell=lambda ready, total: tell(ready, total, what="networks"),
        )
    run = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")
    try:
        with warnings.catch_warnings():
            # a worker that has grown, torch loaded say, is replaced by a fresh one; nothing is lost and nobody need worry
            warnings.filterwarnings("ignore", message="A worker stopped while some jobs", category=UserWarning)
            for row in run(delayed(run_trial)(trial) for trial in plan.trials(todo, values)):
                found[row["predictor"], row["train_size"], row["trial"], row["epochs"]] = row
                if store is not None:
                    store.append(row)
                done += 1
                tell(done, len(wanted), row)
    except BrokenProcessPool as error:
        raise ArchcastError(
            f"A worker process died after {done} of {len(wanted)} trials, perhaps for want of memory. "
            f"Repeat the call with fewer jobs; with out=... it continues."
        ) from error
    if store is not None:
        described, found = store.protocol, {**store.rows, **found}
    results = Results.of(_ordered(found, described), {**described, "run": about_run()})
    if store is not None:
        store.tidy(results.rows())
        results.save(store.folder)
    return results


def _ordered(found: Mapping[Key, Row], described: Mapping[str, Any]) -> list[Row]:
    """Rows by predictor (as first asked for), epochs, train size, trial."""
    place = {name: i for i, name in enumerate(described["predictors"])}
    return [found[key] for key in sorted(found, key=lambda key: (place[key[0]], key[3], key[1], key[2]))]
