"""Measures how long architectures of a space take on a device.

A measurement is worth little by itself: machines get warm, other processes come and go. So the networks of a group take turns, in
a new order in each round; a reference network takes part in every group, and what it took there puts all groups on one scale; and
the median of many rounds counts.
"""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import LARGEST_SEED, callback, device_of, one_of, whole
from archcast.errors import USER_ERRORS, ArchcastError, InvalidFileError, InvalidInputError, short
from archcast.files import write_whole
from archcast.journal import Journal, claimed, fingerprint
from archcast.names import SPACES

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["CLOCKS", "NOISY", "Measurements", "measure", "rounds"]

CLOCKS = {
    "wall": "seconds that pass",
    "processor": "seconds that the processor works for this thread: for a processor that others use, too",
}
"""Name -> meaning of the ways to count time."""

NOISY = 0.1
"""Spread of a figure, as a share of it, above which something else was measured, too."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measurements:
    """What :func:`measure` found.

    Attributes:
        archs: ``(n, d)`` rows.
        milliseconds: ``(n,)`` median over the rounds, for one batch, drift taken out; NaN where the network failed.
        spread: ``(n,)`` median absolute deviation over the rounds, in milliseconds.
        drift: ``(n,)`` what the reference took in the group of the row, as a share of what it took on average.
        failures: ``n`` reasons, empty where there is a figure.
    """

    archs: NDArray[np.int64]
    milliseconds: Floats
    spread: Floats
    drift: Floats
    failures: tuple[str, ...]

    @property
    def noise(self) -> float:
        """The spread of a figure as a share of it, that of the median figure; NaN where every network failed."""
        shares = self.spread / self.milliseconds
        return float(np.nanmedian(shares)) if np.isfinite(shares).any() else math.nan

    def to_csv(self, texts: Sequence[str]) -> str:
        """A line for each row; ``texts`` are the architectures in the notation of their space."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(["arch", "latency_ms", "spread_ms", "drift", "failure"])
        for text, *numbers, failure in zip(
            texts, self.milliseconds, self.spread, self.drift, self.failures, strict=True
        ):
            writer.writerow([text, *("" if math.isnan(value) else f"{value:.6g}" for value in numbers), failure])
        return buffer.getvalue()


def measure(
    space: Any,
    archs: Any,
    task: Any = None,
    device: str = "cpu",
    batch: int = 1,
    *,
    runs: int = 50,
    warmup: int = 10,
    threads: int = 1,
    clock: str = "wall",
    together: int = 16,
    seed: int = 0,
    out: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Measurements:
    """Measure the inference of each row's network, one batch at a time.

    Args:
        space: a search space whose networks can be built, or its name.
        archs: ``(n, d)`` rows.
        task: what the networks are built for, as for ``space.build``.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:1"``; a GPU is waited for before and after each run.
        batch: number of inputs in a batch.
        runs: number of rounds that count.
        warmup: number of rounds before these.
        threads: number of threads of the processor.
        clock: ``"wall"`` or ``"processor"``, see :data:`CLOCKS`.
        together: number of networks that take turns.
        seed: of the inputs and of the order in which networks take turns.
        out: folder for ``runs.jsonl``, which holds a line for each row that is finished, and ``latency.csv``. The same call
            continues what was stopped.
        progress: called with the numbers of finished rows and of all.

    Examples:
        >>> from archcast import Task
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> small = Task((3, 8, 8), width=4, depth=1)
        >>> found = measure(space, space.sample(3, 0), small, runs=3, warmup=1)
        >>> found.milliseconds.shape, bool((found.milliseconds > 0).all())
        ((3,), True)

    Raises:
        InvalidInputError: settings out of range, a device that is not there, or a folder of other measurements.
    """
    space = SPACES[space]() if isinstance(space, str) else space
    if not hasattr(space, "cardinalities"):
        raise InvalidInputError(f"space must be a search space or its name, got {short(space)}.")
    rows = space.validate(archs, allow_empty=False)
    task = space.task_of(task)
    for name, value, least in (("batch", batch, 1), ("runs", runs, 2), ("warmup", warmup, 0), ("threads", threads, 1)):
        whole(name, value, least)
    whole("together", together, 1)
    whole("seed", seed, 0, LARGEST_SEED)
    callback("progress", progress, 2)
    one_of("clock", clock, CLOCKS)
    place = device_of("device", device)
    if clock == "processor" and (place.type != "cpu" or threads != 1):
        raise InvalidInputError("clock 'processor' counts one thread of the processor: use device 'cpu' and threads 1.")
    settings = [space.name, task, str(place), batch, runs, warmup, threads, clock, seed, rows[0]]
    with nullcontext() if out is None else claimed(out):
        book = _Book(out, fingerprint(*settings))
        for group in _groups(rows, book, together):
            timed = _timed_group(space, [rows[0], *group], task, place, batch, runs, warmup, threads, clock, seed)
            for row, (times, failure) in zip(group, timed[1:], strict=True):
                book.add(row, times, timed[0][0], failure)
            if progress is not None:
                progress(len(book), len(np.unique(rows, axis=0)))
        found = book.measurements(rows)
        if out is not None:
            write_whole(Path(out) / "latency.csv", found.to_csv(space.format(rows)))
    return found


def rounds(
    runs: Sequence[Callable[[], object]],
    many: int,
    rng: np.random.Generator,
    *,
    warmup: int = 0,
    wait: Callable[[], object] = lambda: None,
    now: Callable[[], float] = time.perf_counter,
) -> Floats:
    """``(len(runs), many)`` milliseconds: every round calls each of ``runs`` once, in a new order.

    Args:
        runs: what is timed.
        many: number of rounds that count.
        rng: of the orders.
        warmup: number of rounds before these.
        wait: called before each start and each stop, until a device has finished.
        now: the clock, in seconds.
    """
    out = np.full((len(runs), many), np.nan)
    for number in range(-warmup, many):
        for i in rng.permutation(len(runs)):
            wait()
            start = now()
            runs[i]()
            wait()
            if number >= 0:
                out[i, number] = 1000 * (now() - start)
    return out


class _Book:
    """Finished rows, in memory and, with a folder, in a journal."""

    def __init__(self, out: str | Path | None, settings: str) -> None:
        self._journal = None if out is None else Journal(Path(out) / "runs.jsonl")
        self._found: dict[tuple[int, ...], dict[str, Any]] = {}
        records = [] if self._journal is None else self._journal.records()
        if self._journal is not None and not records:
            self._journal.add({"settings": settings})
        for record in records[:1]:
            if not isinstance(record, dict) or record.get("settings") != settings:
                raise InvalidInputError(
                    f"out {str(out)!r} holds other measurements: their settings differ from these. Choose another folder."
                )
        try:
            self._found |= {tuple(record["arch"]): record for record in records[1:]}
        except (KeyError, TypeError) as error:
            raise InvalidFileError(
                f"{str(out)!r} holds a line that is no measurement. Choose another folder."
            ) from error

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, row: NDArray[np.int64]) -> bool:
        return tuple(row.tolist()) in self._found

    def add(self, row: NDArray[np.int64], times: Floats, reference: Floats, failure: str) -> None:
        """Keep the times of a row, and those of the reference in its group."""
        middle = float(np.median(times))
        record = {
            "arch": row.tolist(),
            "median": None if failure else middle,
            "spread": None if failure else float(np.median(np.abs(times - middle))),
            "reference": float(np.median(reference)),
            "failure": failure,
        }
        self._found[tuple(row.tolist())] = record
        if self._journal is not None:
            self._journal.add(record)

    def measurements(self, rows: NDArray[np.int64]) -> Measurements:
        """What was found of some rows."""
        records = [self._found[tuple(row)] for row in rows.tolist()]
        reference = np.array([record["reference"] for record in records])
        drift = reference / np.nanmedian(reference)

        def column(name: str) -> Floats:
            return np.array([math.nan if r[name] is None else r[name] for r in records], dtype=np.float64) / drift

        return Measurements(rows, column("median"), column("spread"), drift, tuple(r["failure"] for r in records))


def _groups(rows: NDArray[np.int64], book: _Book, size: int) -> Iterator[list[NDArray[np.int64]]]:
    """Rows that are not finished, each once, some at a time."""
    distinct = dict.fromkeys(map(tuple, rows.tolist()))
    todo = [row for row in (np.array(values) for values in distinct) if row not in book]
    for start in range(0, len(todo), size):
        yield todo[start : start + size]


def _timed_group(
    space: Any,
    rows: Sequence[NDArray[np.int64]],
    task: Any,
    device: Any,
    batch: int,
    runs: int,
    warmup: int,
    threads: int,
    clock: str,
    seed: int,
) -> list[tuple[Floats, str]]:
    """Times and reason of failure of each row; the first is the reference.

    Raises:
        InvalidInputError: the reference cannot be run.
    """
    import torch

    from archcast.torch_state import seeded

    with _threads(threads), seeded(seed, device), torch.inference_mode():
        inputs = _inputs(task, batch, device)
        calls, reasons = [], []
        for row in rows:
            try:
                network = space.build(row, task).to(device).eval()
                network(*inputs)
                calls.append(_call(network, inputs))
                reasons.append("")
            except USER_ERRORS as error:  # whatever a network may raise is the reason why it has no figure
                kind = "" if isinstance(error, ArchcastError) else f"{type(error).__name__}: "
                reasons.append(f"{kind}{' '.join(str(error).split())[:200]}")
        if reasons[0]:
            raise InvalidInputError(f"the network of the first row, {rows[0].tolist()}, cannot be run: {reasons[0]}")
        wait = torch.cuda.synchronize if device.type == "cuda" else (lambda: None)
        now = time.perf_counter if clock == "wall" else time.thread_time
        times = iter(rounds(calls, runs, np.random.default_rng(seed), warmup=warmup, wait=wait, now=now))
    return [(np.full(runs, np.nan) if reason else next(times), reason) for reason in reasons]


def _call(network: nn.Module, inputs: Sequence[Tensor]) -> Callable[[], object]:
    return lambda: network(*inputs)


def _inputs(task: Any, batch: int, device: Any) -> list[Tensor]:
    """Random inputs of a task."""
    import torch

    vocabularies = task.vocabulary if isinstance(task.vocabulary, tuple) else [task.vocabulary] * len(task.shapes)
    out = []
    for shape, dtype, vocabulary in zip(task.shapes, task.dtypes, vocabularies, strict=True):
        size = (batch, *shape)
        out.append(torch.randn(size) if dtype == "float32" else torch.randint(vocabulary or 2, size))
    return [values.to(device) for values in out]


@contextmanager
def _threads(many: int) -> Iterator[None]:
    """So many threads of torch inside, as many as before afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(many)
    try:
        yield
    finally:
        torch.set_num_threads(before)
