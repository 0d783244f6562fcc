"""The scores of ``archcast score``: networks one after the other or in worker processes, kept as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from archcast.cli._groups import Group
from archcast.cli._progress import Terminated, progress_bar

if TYPE_CHECKING:
    from archcast.cli._scoring import Job, Outcome
    from archcast.cli._table import ScoreFile
    from archcast.cli._targets import Target

__all__ = ["combine", "run_all", "with_shared"]


def with_shared(
    groups: Iterator[Group], space: str | None, supernet: Path | None, job: Job, out: Path | None
) -> tuple[Iterator[Group], dict[str, float]]:
    """The groups again, and the score by inherited weights of each, by the name of its target."""
    from archcast.cli._one_shot import shared_scores
    from archcast.spaces import get_space

    found = list(groups)
    known, settings = get_space(str(space)), job.settings
    sizes = {"width": settings.width, "depth": settings.depth, "stages": settings.stages}
    rows = known.parse([target.rest for target, _ in found])
    scores = shared_scores(known, rows, supernet, job.data, sizes, settings.seed, job.device, out)
    return iter(found), {target.name: scores[target.rest] for target, _ in found}


def run_all(
    groups: Iterator[Group],
    count: int,
    job: Job,
    jobs: int,
    file: ScoreFile | None,
    wrong: list[str],
    tell: Callable[[Any], None],
    shared: Mapping[str, float],
) -> tuple[list[Outcome], int]:
    """Score everything, writing results as they come; without a file they are kept. Also the exit code if it was interrupted,
    else 0. ``shared`` are scores of targets, by name, that are known already."""
    from dataclasses import replace

    from archcast.cli._one_shot import COLUMN
    from archcast.cli._table import failures

    kept: list[Outcome] = []
    failed: list[Outcome] = []
    waiting = ((target, [n for n in names if file is None or n not in file.done]) for target, names in groups)
    present = 0 if file is None else len(file.done)
    interrupted = 0

    def named() -> Iterator[Group]:
        for target, names in waiting:
            if names:
                tell(target.name)
                yield target, names

    try:
        with progress_bar("networks", shown=count > 1, lines=False) as bar:
            if present:
                bar.note(f"continuing: {present:,} are there already")
            bar.update(present, count)
            for outcome, names in _outcomes(named(), job, jobs):
                if outcome.error is not None:
                    wrong.append(outcome.error)
                else:
                    if shared:
                        outcome.scores[COLUMN] = shared[outcome.name]
                    twins = [replace(outcome, name=name) for name in names]
                    if file is None:
                        kept.extend(twins)
                        tell(twins)
                    else:
                        file.append(twins)
                    failed += [replace(twin, scores={}) for twin in twins]
                bar.update(bar.done + len(names), count, outcome.name)
    except KeyboardInterrupt as error:
        where = "" if file is None else f": {len(file.done):,} are kept in {file.path}; the same command continues."
        typer.echo(f"interrupted{where}", err=True)
        interrupted = 143 if isinstance(error, Terminated) else 130
    except _worker_died() as error:
        wrong.append(f"a worker process was killed ({type(error).__name__}): what was not finished has no scores")
    if len(failed) > 1:
        for line in failures(failed):
            typer.echo(line, err=True)
    return kept, interrupted


def _worker_died() -> type[Exception]:
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    return TerminatedWorkerError


def combine(outcomes: list[Outcome], names: list[str]) -> list[Outcome]:
    """The outcomes with the scores of aggregates, which depend on all of them."""
    import math
    from dataclasses import replace

    from archcast.proxies.aggregate import AGGREGATES, aggregate

    if len(outcomes) == 1 and names:
        alone = dict.fromkeys(names, "it compares networks, and there is one")
        return [replace(outcomes[0], failures={**outcomes[0].failures, **alone})]
    for name in names if outcomes else []:
        table = {p: [outcome.scores.get(p, math.nan) for outcome in outcomes] for p in AGGREGATES[name].proxies}
        values = aggregate(name, table).tolist()
        outcomes = [replace(o, scores={**o.scores, name: value}) for o, value in zip(outcomes, values)]
    return outcomes


def _outcomes(groups: Iterator[Group], job: Job, jobs: int) -> Iterator[tuple[Outcome, list[str]]]:
    """Outcomes as they come: in this process, or from workers with one thread each."""
    from dataclasses import replace

    from archcast.cli._scoring import run

    if jobs == 1:
        for target, names in groups:
            yield run(target, job), names
        return
    from joblib import Parallel, delayed

    alone = replace(job, threads=1)
    work = (delayed(_group)(target, alone, names) for target, names in groups)
    yield from Parallel(n_jobs=jobs, return_as="generator_unordered")(work)


def _group(target: Target, job: Job, names: list[str]) -> tuple[Outcome, list[str]]:
    from archcast.cli._scoring import run

    return run(target, job), names
