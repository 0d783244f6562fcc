"""Files of NATS-Bench: a pickle an architecture, or one for all, compressed with bz2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data._stand_ins import CONTAINERS, NUMPY
from archcast.data._torch_archive import mapped
from archcast.data._unpickle import unpickle
from archcast.data.base import Benchmark
from archcast.data.published._files import Part, on_disk, reading
from archcast.data.published._finding import find
from archcast.data.published._gather import Arrays, concatenate, gather, once, progress, stack
from archcast.data.published._nats_runs import DATASETS, benchmark_fields, compact, digest_runs
from archcast.data.published.hw_nas_bench import costs_beside
from archcast.errors import DataNotFoundError, InvalidFileError
from archcast.spaces.base import get_space

__all__ = ["Collector", "arch_texts", "read_nats", "read_single"]

ALLOWED = {**NUMPY, **CONTAINERS}
SPACES = {"tss": "nasbench201", "sss": "nats-size"}
NAMED = {"less": 12, "full": 200}
"""What NAS-Bench-201 calls its trainings -> epochs."""

HASHES = {"tss": "3ffb9", "sss": "50262"}
ARCHITECTURES = {"tss": 15_625, "sss": 32_768}
FILE = re.compile(r"\d{6}\.pickle\.pbz2", re.IGNORECASE)
GET = (
    "Download NATS-{0}-v1_0-{1}-simple.tar (links in https://github.com/D-X-Y/NATS-Bench) and unpack it. The archive "
    "whose name ends in -full holds weights and is not read."
)
FLUSH = 100
"""Architectures of a single file whose digests are stacked at a time."""

MAX_FILE, MAX_SINGLE = 1 << 24, 1 << 34


def read_nats(space: str, task: str, folder: Path | None) -> Benchmark:
    """One task of the folder, or of the single file where there is no folder."""
    name, get = f"nats-{space}/{task}", GET.format(space, HASHES[space])
    here = f"NATS-{space}-v1_0-{HASHES[space]}"
    if folder is not None and re.search(r"-full(\.tar)?$", folder.name):
        raise InvalidFileError(f"{str(folder)!r} holds the weights of all networks, which are not read. {get}")
    try:
        # a folder that was renamed is known by its files, if it is named itself
        patterns = ["[0-9]" * 6 + ".pickle.pbz2"]
        if folder is None or not (folder.is_file() or any(folder.glob(patterns[0]))):
            patterns = [f"NATS-{space}-*-simple/{patterns[0]}"]
        parts = find(patterns, folder, benchmark=name, get=get, archives=[f"NATS-{space}-*-simple.tar"])
    except DataNotFoundError:
        try:
            parts = find([f"{here}.pickle.pbz2"], folder, benchmark=name, get=get)
        except DataNotFoundError:
            parts = []
        if not parts:
            raise
    if FILE.fullmatch(Path(parts[0].name).name):
        arrays = gather(parts, digest_file, MAX_FILE)
        found = len(parts)
    else:
        arrays = once(read_single, parts[0])
        found = len(arrays["index"])
    with reading(parts[0], f"a file of NATS-Bench's {space} space"):
        texts = arch_texts(arrays)
        archs = get_space(SPACES[space]).parse(texts)
        _check_meta(parts, arrays["index"], texts)
        fields = benchmark_fields(arrays, task)
        if space == "tss":
            fields["costs"] |= costs_beside(folder, archs, task)
        return Benchmark(
            name,
            get_space(SPACES[space]),
            archs,
            source=str(parts[0].path.parent if len(parts) > 1 else parts[0].path),
            left_out=""
            if found >= ARCHITECTURES[space]
            else f"{ARCHITECTURES[space] - found:,} files that are not there",
            **fields,
        )


def digest_file(part: Part, data: bytes) -> dict[str, Any]:
    """What is kept of ``NNNNNN.pickle.pbz2``."""
    table, _ = unpickle(data, ALLOWED, label=str(part), max_opcodes=1_000_000)
    with reading(part, "a file of NATS-Bench"):
        return _digest(table, DATASETS)


def _digest(table: Mapping[Any, Any], datasets: Mapping[str, str]) -> dict[str, Any]:
    """What is kept of the trainings of an architecture, by epochs (``"200"``) or by name (``"full"``)."""
    by_epochs = {NAMED.get(hp) or int(hp): info for hp, info in table.items() if info["all_results"]}
    longest = max(by_epochs)
    first = next(iter(by_epochs.values()))
    out: dict[str, Any] = {
        "index": int(first["arch_index"]),
        "text": np.frombuffer(first["arch_str"].encode(), dtype=np.uint8),
    }
    if len(out["text"]) > 512:
        raise ValueError("arch_str is too long")
    for epochs, info in by_epochs.items():
        if (info["arch_index"], info["arch_str"]) != (first["arch_index"], first["arch_str"]):
            raise ValueError("the trainings are of different architectures")
        runs = {}
        for dataset, seeds in info["dataset_seed"].items():
            for seed in sorted(set(seeds)):
                run = info["all_results"][dataset, seed]
                compact(run)
                if run["epochs"] != epochs:
                    raise ValueError(f"a training of {run['epochs']} epochs is filed under {epochs}")
                runs[dataset, seed] = run
        out |= digest_runs(runs, "" if epochs == longest and longest > 12 else f"_{epochs}ep", datasets)
    return out


class Collector:
    """Keeps the digests of architectures while a large pickle is read, and empties what it has read.

    Args:
        datasets: name of a task -> name of its data set.
    """

    def __init__(self, datasets: Mapping[str, str] = DATASETS) -> None:
        self.datasets = datasets
        self._digests: list[dict[str, Any]] = []
        self._stacked: list[Arrays] = []

    def finish(self, box: dict[Any, Any]) -> None:
        """Called with each dictionary once it is filled: a run, or the trainings of an architecture."""
        compact(box)
        if box and all(isinstance(info, dict) and "all_results" in info for info in box.values()):
            self._digests.append(_digest(box, self.datasets))
            box.clear()
            if len(self._digests) == FLUSH:
                self._flush()
                progress(FLUSH * len(self._stacked), 0)

    def _flush(self) -> None:
        self._stacked.append(stack(self._digests))
        self._digests = []

    def arrays(self, part: object) -> Arrays:
        """Everything, in the order of the architectures' numbers."""
        if self._digests:
            self._flush()
        if not self._stacked:
            raise InvalidFileError(f"{part} holds no architectures of NAS-Bench-201 or NATS-Bench.")
        arrays = concatenate(self._stacked)
        order = np.argsort(arrays["index"], kind="stable")
        for name in arrays:
            arrays[name] = arrays[name][order]
        return arrays


def read_single(part: Part, datasets: Mapping[str, str] = DATASETS) -> Arrays:
    """Digests of the file that holds all architectures: unpacked to a temporary file, then read with bounded memory.

    It needs several gigabytes of disk (in the folder of temporary files) and some minutes.
    """
    collector = Collector(datasets)
    with on_disk(part, MAX_SINGLE) as plain, mapped(plain) as data, reading(part, "the single file of NATS-Bench"):
        unpickle(data, ALLOWED, label=str(part), max_opcodes=4_000_000_000, finish=collector.finish)
    return collector.arrays(part)


def arch_texts(arrays: Arrays) -> list[str]:
    """Architectures in native notation, from their stacked letters."""
    return ["".join(chr(int(code)) for code in row if code == code) for row in arrays["text"]]


def _check_meta(parts: list[Part], index: Any, texts: list[str]) -> None:
    """The list of all architectures beside the files must agree with them."""
    first = parts[0]
    if first.inside or not (beside := first.path.with_name("meta.pickle.pbz2")).is_file():
        return
    meta = Part(beside)
    names = unpickle(meta.read(1 << 26), ALLOWED, label=str(meta), max_opcodes=1_000_000)[0]["meta_archs"]
    for number, text in zip(index.astype(int).tolist(), texts):
        if not 0 <= number < len(names) or names[number] != text:
            raise InvalidFileError(
                f"{first.path.parent}: architecture {number} is {text!r}, which {beside.name} denies."
            )
