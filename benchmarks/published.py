"""How long published files of full size take: they are made here in the official format, with random values.

NAS-Bench-101 as a TFRecord file of 108 epochs (423,624 cells, three runs), NATS-Bench's two spaces from some files, extrapolated to
15,625 and 32,768, and the files of ``published_files.py``. Each reader runs in a process of its own, so that its peak of memory is
its own. Prints seconds (of the processor, so that a busy machine does not mislead, and on the wall), peak memory in megabytes (of
the largest process), the size of the compact file and the seconds that it takes to load. Runs on Linux.

    python benchmarks/published.py                               # everything
    python benchmarks/published.py --only nasbench301 blox       # these
    python benchmarks/published.py --share 0.01                  # a hundredth of each
"""

from __future__ import annotations

import argparse
import base64
import bz2
import json
import pickle
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from archcast.data import Benchmark, load_benchmark, save_benchmark
from archcast.data._tfrecord import crc32c, masked
from archcast.spaces.base import get_space

sys.path.insert(0, str(Path(__file__).parent))
from published_files import WRITERS

CELLS, FILES, SIZE_FILES = 423_624, 15_625, 32_768
CHUNK = 20_000
NATS = {
    "nats-tss/cifar10": ("NATS-tss-v1_0-3ffb9-simple", "nasbench201", FILES, {12: (111,), 200: (777, 888, 999)}),
    "nats-sss/cifar10": (
        "NATS-sss-v1_0-50262-simple",
        "nats-size",
        SIZE_FILES,
        {1: (777,), 12: (777, 888, 999), 90: (777,)},
    ),
}
"""Benchmark -> folder, space, number of files, and epochs -> seeds."""


def write_tfrecords(path: Path, cells: int, lengths: tuple[int, ...] = (108,), seed: int = 0) -> None:
    """A TFRecord file of random cells with random hashes, three runs each."""
    rng = np.random.default_rng(seed)
    space = get_space("nasbench101")
    rows = np.zeros((0, len(space.cardinalities)), dtype=np.int64)
    while len(rows) < cells:
        rows = np.unique(np.concatenate([rows, space.sample(cells, rng)]), axis=0)
    texts = space.format(rows[rng.permutation(len(rows))[:cells]])
    with path.open("wb") as out:
        for start in range(0, cells, CHUNK):
            records = []
            for text in texts[start : start + CHUNK]:
                lines, _, names = text.partition("|")
                code = rng.bytes(16).hex()
                for epochs in np.repeat(lengths, 3).tolist():
                    fields = [code, epochs, lines.replace(";", ""), names, _message(rng, epochs)]
                    records.append(json.dumps(fields).encode())
            heads = [struct.pack("<Q", len(record)) for record in records]
            for head, a, record, b in zip(heads, masked(crc32c(heads)), records, masked(crc32c(records))):
                out.write(head + struct.pack("<I", a) + record + struct.pack("<I", b))


def _message(rng: np.random.Generator, epochs: int) -> str:
    body = b""
    for part in (0.0, 0.5, 1.0):
        values = [epochs * part, *rng.random(4)]
        body += b"\x0a\x2d" + b"".join(bytes([8 * (k + 1) + 1]) + struct.pack("<d", v) for k, v in enumerate(values))
    params, text = int(rng.integers(1 << 18, 1 << 25)), b""
    while params > 127:
        text += bytes([params & 127 | 128])
        params >>= 7
    return base64.encodebytes(body + b"\x10" + text + bytes([params]) + b"\x19" + struct.pack("<d", 1.0)).decode()


def write_nats(name: str, folder: Path, files: int, seed: int = 0) -> Path:
    """A folder of NATS-Bench. The topology space: 12 epochs of five runs, 200 epochs of twelve; the size space: 1 and 90 epochs of
    four, 12 epochs of twelve."""
    rng = np.random.default_rng(seed)
    here, space_name, _, lengths = NATS[name]
    space, folder = get_space(space_name), folder / here
    folder.mkdir(parents=True)
    sets = {
        "cifar10-valid": (["x-valid"], ["ori-test"]),
        "cifar10": (["ori-test"], []),
        "cifar100": (["ori-test"], ["x-valid", "x-test"]),
        "ImageNet16-120": (["ori-test"], ["x-valid", "x-test"]),
    }
    for k, text in enumerate(space.format(space.enumerate()[:files])):
        table = {}
        for epochs, seeds in lengths.items():
            whole = epochs < 200  # all sets at all epochs
            runs = {}
            for dataset, (each, last) in sets.items():
                for one in (111, 777) if seeds == (111,) and dataset == "cifar10-valid" else seeds:
                    names = [f"{name}@{e}" for name in (each + last if whole else each) for e in range(epochs)]
                    names += [] if whole else [f"{name}@{epochs - 1}" for name in last]
                    evaluated = dict(zip(names, (100 * rng.random(len(names))).tolist()))
                    curve = dict(enumerate((100 * rng.random(epochs)).tolist()))
                    runs[dataset, one] = {
                        "name": dataset, "train_acc1es": curve, "train_acc5es": dict(curve), "train_losses": dict(curve),
                        "train_times": dict.fromkeys(range(epochs), 12.5), "arch_config": {"C": 16, "N": 5},
                        "params": np.float64(0.5), "flop": np.float64(50.5), "seed": f"{one:04d}", "epochs": epochs,
                        "latency": [0.01], "eval_names": each + last, "eval_acc1es": evaluated,
                        "eval_times": dict.fromkeys(names, 1.5), "eval_losses": dict(evaluated), "net_state_dict": None,
                    }  # fmt: skip
            seeds_of: dict[str, list[int]] = {}
            for dataset, one in runs:
                seeds_of.setdefault(dataset, []).append(one)
            table[f"{epochs:02d}"] = {
                "arch_index": k, "arch_str": text, "all_results": runs, "dataset_seed": seeds_of, "clear_net_done": True
            }  # fmt: skip
        (folder / f"{k:06d}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(table, protocol=4)))
    return folder


def fill_up(file: Path, count: int, seed: int = 0) -> None:
    """The compact file of a part of a space as that of the whole: every row, and of each column values drawn from the known."""
    part, rng = load_benchmark(file), np.random.default_rng(seed)
    archs = part.space.enumerate()[:count]

    def drawn(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: rng.permuted(values[rng.integers(0, len(values), count)].T).T for name, values in columns.items()}

    columns = {kind: drawn(getattr(part, kind)) for kind in ("metrics", "curves", "costs")}
    whole = Benchmark(part.name, part.space, archs, default_metric=part.default_metric, **columns)
    save_benchmark(whole, file)


REPORT = """
import resource
from joblib.externals.loky import get_reusable_executor
get_reusable_executor().shutdown(wait=True)  # so that the processor time of the workers counts
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]
print(sum(u.ru_utime + u.ru_stime for u in used), max(int(peak), used[1].ru_maxrss) / 1024, time.perf_counter() - start)
"""
CONVERT = f"""
import sys, time
start = time.perf_counter()
from archcast.data.conversion import convert
print([file for _, file in convert(*sys.argv[1:4])][0])
{REPORT}"""
LOAD = """
import sys, time, archcast
archcast.load_benchmark  # what a session has imported already
from archcast.data import base
start = time.process_time()
archcast.load_benchmark(*sys.argv[1:3])
print(time.process_time() - start)
"""


LOADS = 3
"""Times that a result is loaded; the quickest counts."""


def measure(name: str, path: Path, full: int = 0) -> dict[str, float]:
    """Processor and wall seconds and peak memory of a conversion, the size of its result, and processor seconds to load that.

    Args:
        name: of the benchmark.
        path: its files.
        full: architectures of the whole benchmark where the files hold fewer: seconds are scaled up, the result is filled up.
    """
    file, figures = _run(CONVERT, name, path, path.parent / "compact").splitlines()
    processor, peak, wall = map(float, figures.split())
    if full:
        scale = full / len(load_benchmark(file))
        processor, wall = scale * processor, scale * wall
        fill_up(Path(file), full)
    size = Path(file).stat().st_size / 1e6
    loading = min(float(_run(LOAD, name, file)) for _ in range(LOADS))
    return {
        "processor_seconds": processor, "wall_seconds": wall, "peak_mb": peak, "compact_mb": size, "load_seconds": loading
    }  # fmt: skip


def _run(code: str, *arguments: object) -> str:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def main(arguments: list[str] | None = None) -> None:
    names = [*NATS, "nasbench101", *WRITERS]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", default=names, help="Names of benchmarks.", choices=names, metavar="NAME")
    parser.add_argument("--share", type=float, default=1.0, help="Share of the rows that the files are to hold.")
    parser.add_argument("--files", type=int, default=200, help="Number of files of NATS-Bench.")
    parser.add_argument("--full", action="store_true", help="All four training lengths of NAS-Bench-101.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the made values.")
    options = parser.parse_args(arguments)
    for name in options.only:
        with tempfile.TemporaryDirectory() as scratch:
            folder, full = Path(scratch) / "files", 0
            start = time.perf_counter()
            if name in NATS:
                full = NATS[name][2]
                path = write_nats(name, folder, options.files, options.seed)
            elif name == "nasbench101":
                folder.mkdir()
                path = folder / ("nasbench_full.tfrecord" if options.full else "nasbench_only108.tfrecord")
                lengths = (4, 12, 36, 108) if options.full else (108,)
                write_tfrecords(path, round(options.share * CELLS), lengths, options.seed)
            else:
                path = WRITERS[name](folder, np.random.default_rng(options.seed), options.share)
            made = time.perf_counter() - start
            size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
            figures = _words(measure(name, path, full))
            print(
                f"{name}, {size:.1f} MB (made in {made:.0f} s){f', scaled to {full:,}' if full else ''}: {figures}",
                flush=True,
            )


def _words(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in figures.items())


if __name__ == "__main__":
    main()
