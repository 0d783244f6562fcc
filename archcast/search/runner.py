"""The loop: ask, train, tell, until the budget is spent; many strategies, many trials, many processes, and after a crash again.

Everything that was found is on disk as soon as it is there: an evaluation as a line of a journal, the strategy before each batch.
A search that was killed therefore goes on with the batch that it was in, and ends with the history that it would have had.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from archcast.errors import InvalidInputError
from archcast.evidence import Evidence
from archcast.journal import Journal, file_name
from archcast.search.base import STRATEGIES, Strategy, get_strategy, load_strategy
from archcast.search.objectives import Evaluation, Objective
from archcast.search.trace import Trace

__all__ = ["SearchFiles", "Step", "make_strategy", "run_one"]

Key = tuple[tuple[int, ...], int]


@dataclass(frozen=True)
class Step:
    """What is told after each batch.

    Attributes:
        strategy: its label.
        trial: its number.
        spent: full trainings paid for.
        best: best first score so far, NaN before there is one.
        failed: evaluations that failed so far.
    """

    strategy: str
    trial: int
    spent: float
    best: float
    failed: int


class SearchFiles:
    """The files of one search: a journal of evaluations, a line each, and the state of the strategy.

    Args:
        folder: where they are, made if need be; ``None`` keeps everything in memory.
        name: of the search, any text.

    Attributes:
        found: evaluations by row and epochs.
        overhead: seconds that the strategy took.

    Raises:
        InvalidFileError: the journal is damaged beyond a torn last line.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        self.found: dict[Key, Evaluation] = {}
        self.overhead = 0.0
        self.state = None if folder is None else folder / f"{file_name(name)}.npz"
        self._journal = None if folder is None else Journal(folder / f"{file_name(name)}.jsonl")
        if self._journal is None:
            return
        self._journal.path.parent.mkdir(parents=True, exist_ok=True)
        records = self._journal.records()
        try:
            for tree in records:
                if "overhead" in tree:
                    self.overhead += tree["overhead"]
                else:
                    self.found[tuple(tree["arch"]), tree["epochs"]] = Evaluation.from_json(tree)
        except (ValueError, KeyError, TypeError) as error:
            raise self._journal.damaged(f"a line is no evaluation ({error})") from error

    def add(self, key: Key, evaluation: Evaluation) -> None:
        """Keep an evaluation and put it on disk."""
        self.found[key] = evaluation
        self._write({"arch": list(key[0]), "epochs": key[1], **evaluation.to_json()})

    def add_overhead(self, seconds: float) -> None:
        """Count time of the strategy."""
        self.overhead += seconds
        self._write({"overhead": round(seconds, 6)})

    def _write(self, tree: Mapping[str, Any]) -> None:
        if self._journal is not None:
            self._journal.add(tree)


def run_one(
    label: str,
    trial: int,
    make: tuple[str, Mapping[str, Any]],
    objective: Objective,
    *,
    budget: int,
    batch: int,
    seed: int,
    jobs: int = 1,
    asynchronous: bool = False,
    folder: Path | None = None,
    tell: Callable[[Step], None] | None = None,
) -> Trace:
    """Run one search to its end, or the rest of one that is in ``folder``.

    Args:
        label: of the strategy.
        trial: number of the repetition; decides, with ``seed``, the randomness of the strategy.
        make: registered name and parameters of the strategy.
        objective: what is maximised.
        budget: full trainings.
        batch: architectures asked for at a time.
        seed: of all trials.
        jobs: processes that evaluate.
        asynchronous: ask for one as soon as one is done, instead of waiting for a batch.
        folder: for the files.
        tell: called after each batch.
    """
    with threadpool_limits(1):
        files = SearchFiles(folder, f"{label}-{trial}")
        if files.state is not None and files.state.exists():
            strategy = load_strategy(files.state, zero_cost=make[1].get("zero_cost"))
        else:
            strategy = make_strategy(make, objective, trial, seed)
        step = _Stepper(label, trial, strategy, objective, files, tell)
        if asynchronous:
            _asynchronous(step, budget, jobs)
        else:
            _batches(step, budget, batch, jobs)
        keys = zip(map(tuple, strategy.history.archs.tolist()), strategy.history.epochs.tolist(), strict=True)
        evaluations = [files.found[key] for key in keys]
        return Trace.of(label, trial, strategy.history, evaluations, objective, files.overhead)


def make_strategy(make: tuple[str, Mapping[str, Any]], objective: Objective, trial: int, seed: int) -> Strategy:
    """A new strategy for an objective: with its pool, and its epochs if it stops early.

    Raises:
        InvalidInputError: it takes one objective and there are several, or it stops early and trainings cannot.
    """
    name, params = make
    component = STRATEGIES[name]
    if len(objective.names) > 1 and not component.multi_objective:
        several = ", ".join(s for s in STRATEGIES if STRATEGIES[s].multi_objective)
        raise InvalidInputError(
            f"Strategy {name!r} takes one objective, got {', '.join(objective.names)}. Use one of: {several}."
        )
    params = dict(params)
    if component.stops_early:
        if objective.epochs is None:
            raise InvalidInputError(
                f"Strategy {name!r} stops trainings early, which needs learning curves of the metric: this objective has none."
            )
        params.setdefault("max_epochs", objective.epochs)
    if objective.pool is not None:
        params.setdefault("pool", objective.pool)
    entropy = np.random.SeedSequence([seed, trial]).generate_state(2)
    return get_strategy(name, objective.space, random_state=int(entropy[0]), **params)


class _Stepper:
    """Asks and tells one strategy, with everything on disk."""

    def __init__(
        self,
        label: str,
        trial: int,
        strategy: Strategy,
        objective: Objective,
        files: SearchFiles,
        tell: Callable[[Step], None] | None,
    ) -> None:
        self.label, self.trial, self.strategy, self.objective = label, trial, strategy, objective
        self.files, self._tell = files, tell
        told = zip(map(tuple, strategy.history.archs.tolist()), strategy.history.epochs.tolist(), strict=True)
        self.spent = sum(files.found[key].share for key in told)

    def ask(self, n: int) -> list[Key]:
        """Rows to evaluate, each with its epochs."""
        start = time.perf_counter()
        rows = self.strategy.ask(n)
        self.files.add_overhead(time.perf_counter() - start)
        self.save()
        return self.keys(rows)

    def keys(self, rows: NDArray[np.int64]) -> list[Key]:
        """Rows with the epochs that they should be trained for."""
        return list(zip(map(tuple, rows.tolist()), self.strategy.epochs(rows).tolist(), strict=True))

    def save(self) -> None:
        """Put the strategy on disk."""
        if self.files.state is not None:
            self.strategy.save(self.files.state)

    def work(self, key: Key) -> tuple[NDArray[np.int64], int, int]:
        """What the objective is called with: row, epochs, epochs that the row was trained for before."""
        before = [epochs for row, epochs in self.files.found if row == key[0] and (row, epochs) != key]
        return np.array(key[0], dtype=np.int64), key[1], max(before, default=0)

    def tell(self, keys: Sequence[Key]) -> None:
        """Tell the strategy what was found."""
        found = [self.files.found[key] for key in keys]
        self.strategy.tell(
            np.array([row for row, _ in keys], dtype=np.int64),
            np.array([e.scores for e in found]),
            _curves(found),
            failures=[e.failure for e in found],
        )
        self.spent += sum(e.share for e in found)
        if self._tell is not None:
            best, failed = self.strategy.best, int((~self.strategy.history.succeeded).sum())
            score = np.nan if best is None else best.score if isinstance(best.score, float) else best.score[0]
            self._tell(Step(self.label, self.trial, self.spent, score, failed))


def _batches(step: _Stepper, budget: int, batch: int, jobs: int) -> None:
    """Ask for a batch, evaluate it in ``jobs`` processes, tell it in the order asked."""
    keys = step.keys(step.strategy.pending)
    while keys or step.spent < budget - 1e-9:
        keys = keys or step.ask(min(batch, max(1, int(budget - step.spent + 1e-9))))
        if not keys:
            return  # nothing is left to train
        todo = [key for key in keys if key not in step.files.found]
        for i, evaluation in _evaluate(step.objective, [step.work(key) for key in todo], jobs):
            step.files.add(todo[i], evaluation)
        step.tell(keys)
        keys = []
    step.save()


def _evaluate(
    objective: Objective, work: Sequence[tuple[NDArray[np.int64], int, int]], jobs: int
) -> Iterator[tuple[int, Evaluation]]:
    """Number and evaluation of each, as they are finished."""
    if jobs == 1 or len(work) <= 1:
        yield from ((i, objective.evaluate(*item)) for i, item in enumerate(work))
        return
    run = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    yield from run(delayed(_numbered)(objective, i, item) for i, item in enumerate(work))


def _numbered(objective: Objective, i: int, item: tuple[NDArray[np.int64], int, int]) -> tuple[int, Evaluation]:
    return i, objective.evaluate(*item)


def _asynchronous(step: _Stepper, budget: int, jobs: int) -> None:
    """Keep ``jobs`` evaluations going: as soon as one is done it is told, and another one asked for."""
    from joblib import effective_n_jobs
    from joblib.externals.loky import ProcessPoolExecutor

    slots = effective_n_jobs(jobs)
    executor = ProcessPoolExecutor(max_workers=slots)  # its own: the one that is shared belongs to joblib's Parallel
    waiting = step.keys(step.strategy.pending)
    running: dict[Future[Evaluation], Key] = {}
    exhausted = False
    try:
        while True:
            while len(running) < slots:
                if not waiting and not exhausted and step.spent + len(running) < budget - 1e-9:
                    waiting = step.ask(1)
                    exhausted = not waiting
                if not waiting:
                    break
                key = waiting.pop(0)
                if key in step.files.found:
                    step.tell([key])
                else:
                    running[executor.submit(step.objective.evaluate, *step.work(key))] = key
            if not running:
                step.save()
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                key = running.pop(future)
                step.files.add(key, future.result())
                step.tell([key])
    finally:
        executor.shutdown(kill_workers=bool(running))


def _curves(found: Sequence[Evaluation]) -> Evidence | None:
    """Curves of evaluations as evidence; what some of them do not have, or not for as many epochs, is NaN."""
    names = dict.fromkeys(name for e in found for name in e.curves)
    if not names:
        return None
    curves = {}
    for name in names:
        length = max(len(e.curves[name]) for e in found if name in e.curves)
        curves[name] = np.full((len(found), length), np.nan)
        for i, e in enumerate(found):
            curve = e.curves.get(name, np.zeros(0))
            curves[name][i, : len(curve)] = curve
    return Evidence(curves=curves)
