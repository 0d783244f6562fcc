"""Train many architectures into a folder that can be continued, and read as a benchmark.

``runs.jsonl`` holds a line for each architecture, written when all its seeds are done; ``settings.json`` what decides the figures.
A run that is killed loses at most the architectures in hand. ``benchmark.npz`` is written whole at the end.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from archcast._version import __version__, versions
from archcast.checks import LARGEST_SEED, callback, instance, listed, path_of, real, seed_of, whole, workers
from archcast.data.benchmark import Benchmark
from archcast.data.files import save_benchmark
from archcast.errors import InvalidFileError, InvalidInputError
from archcast.files import folder_of, write_whole
from archcast.journal import Journal, claimed, fingerprint, staffed
from archcast.spaces.base import SearchSpace, get_space
from archcast.training.trainer import CURVES, Run, Trainer

__all__ = ["read_runs", "sample_functions", "to_benchmark", "train_table"]

Progress = Callable[[int, int], None]


@staffed()
def train_table(
    trainer: Trainer,
    archs: NDArray[np.int64],
    out: str | Path,
    *,
    seeds: Sequence[int] = (0,),
    jobs: int = 1,
    seconds: float | None = None,
    progress: Progress | None = None,
) -> Benchmark:
    """Train architectures, or those that ``out`` does not hold yet, and write them as a benchmark.

    Args:
        trainer: how to train one.
        archs: ``(n, d)`` rows; twins (rows with equal canonical forms) are trained once, as the first of them.
        out: folder for the results; what it holds of the same settings is kept.
        seeds: one training each.
        jobs: processes, each with one thread; on an accelerator they share it.
        seconds: start no further architecture after that long.
        progress: called with (done, all) architectures.

    Returns:
        The benchmark of all that the folder holds, as ``load_benchmark(out)`` reads it.

    Raises:
        InvalidInputError: the folder holds runs of other settings.
        InvalidFileError: a line of ``runs.jsonl`` is damaged.
    """
    instance("trainer", trainer, Trainer, "an archcast.training.Trainer")
    seeds = tuple(whole("each of seeds", seed, 0, LARGEST_SEED) for seed in listed("seeds", seeds, "whole numbers"))
    workers("jobs", jobs)
    if seconds is not None:
        real("seconds", seconds, 0)
    callback("progress", progress, 2)
    with claimed(path_of("out", out)):
        return _train_table(trainer, archs, Path(out), seeds=seeds, jobs=jobs, seconds=seconds, progress=progress)


def _train_table(
    trainer: Trainer,
    archs: NDArray[np.int64],
    folder: Path,
    *,
    seeds: tuple[int, ...],
    jobs: int,
    seconds: float | None,
    progress: Progress | None,
) -> Benchmark:
    """:func:`train_table`, with the folder claimed."""
    start = time.monotonic()
    if not seeds or len(set(seeds)) < len(seeds):
        raise InvalidInputError(f"seeds must be different whole numbers, at least one, got {seeds}.")
    rows = _distinct(trainer, archs)
    known = _open(folder, settings(trainer, seeds))
    todo = [row for row in rows if tuple(row.tolist()) not in known]
    done, total = len(rows) - len(todo), len(rows)
    if progress is not None:
        progress(done, total)

    def waiting() -> Any:
        for row in todo:
            if seconds is not None and time.monotonic() - start > seconds:
                return
            yield delayed(trainer.train_seeds)(row, seeds)

    backend: dict[str, Any] = {"return_as": "generator_unordered", "pre_dispatch": "n_jobs", "batch_size": 1}
    if jobs != 1:
        backend |= {"backend": "loky", "inner_max_num_threads": 1}
    journal = Journal(folder / "runs.jsonl")
    for runs in Parallel(n_jobs=jobs, **backend)(waiting()):
        journal.add([dataclasses.asdict(run) for run in runs])
        known[runs[0].arch] = runs
        done += 1
        if progress is not None:
            progress(done, total)
    benchmark = to_benchmark(trainer, list(known.values()), name=folder.name)
    save_benchmark(benchmark, folder / "benchmark.npz")
    return benchmark


def sample_functions(space: SearchSpace, n: int | None, seed: int) -> NDArray[np.int64]:
    """``(n, d)`` architectures, one a function, each function of the space equally likely; ``None``: all, in order.

    The sample of a smaller n is the beginning of that of a larger one. A space that is too large to enumerate is sampled row by
    row, which favours functions that many rows compute.

    Examples:
        >>> from archcast.spaces import get_space
        >>> sample_functions(get_space("nasbench201"), 3, seed=0).shape
        (3, 6)
    """
    space, seed = get_space(space), seed_of("seed", seed)
    if n is not None:
        whole("n", n, 0)
    try:
        rows = space.enumerate()
    except InvalidInputError:
        if n is None:
            raise
        rows = space.sample(4 * n, seed)
        _, first = np.unique(space.canonical(rows), axis=0, return_index=True)
        return rows[np.sort(first)][:n]
    functions = rows[np.unique(space.canonical(rows), axis=0, return_index=True)[1]]
    return functions if n is None else functions[np.random.default_rng(seed).permutation(len(functions))[:n]]


def settings(trainer: Trainer, seeds: Sequence[int]) -> dict[str, Any]:
    """What decides the figures of a table."""
    return {
        "versions": versions(),
        "space": trainer.space.name,
        "dataset": trainer.dataset.name,
        "images": [
            len(split[0]) for split in (trainer.dataset.train, trainer.dataset.validation, trainer.dataset.test)
        ],
        "contents": fingerprint(trainer.dataset.train, trainer.dataset.validation, trainer.dataset.test),
        "shape": list(trainer.dataset.shape),
        "augmentation": dataclasses.asdict(trainer.dataset.augmentation),
        "recipe": dataclasses.asdict(trainer.recipe),
        "width": trainer.width,
        "depth": trainer.depth,
        "stages": trainer.stages,
        "device": trainer.device,
        "mixed_precision": trainer.mixed_precision,
        "seeds": list(seeds),
    }


def _distinct(trainer: Trainer, archs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first row of each function, in order."""
    archs = trainer.space.validate(archs, allow_empty=False)
    _, first = np.unique(trainer.space.canonical(archs), axis=0, return_index=True)
    return archs[np.sort(first)]


def _open(folder: Path, asked: dict[str, Any]) -> dict[tuple[int, ...], list[Run]]:
    """Runs that the folder holds already; made if it is not there."""
    folder_of("out", folder)
    path = folder / "settings.json"
    if path.exists():
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise InvalidFileError(f"{str(path)!r} is not JSON: {error}.") from error
        other = [name for name in asked if held.get(name) != asked[name]]
        if other:
            name = other[0]
            raise InvalidInputError(
                f"out {str(folder)!r} holds runs with {name} {held.get(name)}, not {asked[name]}. Choose another folder."
            )
    else:
        write_whole(path, json.dumps(asked, indent=2) + "\n")
    return read_runs(folder)


def read_runs(folder: str | Path) -> dict[tuple[int, ...], list[Run]]:
    """All complete runs of a folder, by architecture; a torn last line is cut off.

    Raises:
        InvalidFileError: another line is damaged.
    """
    journal = Journal(path_of("folder", folder) / "runs.jsonl")
    known: dict[tuple[int, ...], list[Run]] = {}
    for number, line in enumerate(journal.records(), start=1):
        try:
            runs = [Run(**{**fields, "arch": tuple(fields["arch"])}) for fields in line]
            known[runs[0].arch] = runs
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise journal.damaged(f"line {number} is not a run ({error})") from error
    return known


def to_benchmark(trainer: Trainer, table: Sequence[Sequence[Run]], *, name: str) -> Benchmark:
    """A benchmark of runs with the same seeds.

    Its metrics are the test and validation accuracy at the end, the mean over the seeds (``test_accuracy``, ``val_accuracy``) and
    of each (``test_accuracy_s1``, ...); its curves are those of the first seed
    (``val_accuracy``) and of the others (``val_accuracy_s2``, ...). A network one of whose runs failed has no mean.
    """
    if not table:
        raise InvalidInputError("There is no complete run yet: nothing to make a benchmark of.")
    archs = np.array([runs[0].arch for runs in table])
    test = np.array([[run.test_accuracy for run in runs] for runs in table])
    validation = np.array([[run.curves["val_accuracy"][-1] for run in runs] for runs in table])
    metrics = {"test_accuracy": test.mean(axis=1), "val_accuracy": validation.mean(axis=1)}
    for number in range(test.shape[1]):
        metrics[f"test_accuracy_s{number + 1}"] = test[:, number]
        metrics[f"val_accuracy_s{number + 1}"] = validation[:, number]
    curves = {}
    for number in range(test.shape[1]):
        for kind in CURVES:
            label = f"{kind}_s{number + 1}" if number else kind
            curves[label] = np.array([runs[number].curves[kind] for runs in table])
    first = [runs[0] for runs in table]
    return Benchmark(
        name,
        trainer.space,
        archs,
        metrics,
        "test_accuracy",
        curves=curves,
        proxies={proxy: np.array([float(getattr(run, proxy)) for run in first]) for proxy in ("params", "flops")},
        train_seconds=np.array([np.mean([run.seconds for run in runs]) for runs in table]),
        test_metric="test_accuracy",
        source=f"trained with archcast {__version__} on {trainer.dataset.name}",
    )
