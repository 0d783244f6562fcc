"""How long published files of full size take: they are made here in the official format, with random values.

NAS-Bench-101 as a TFRecord file of 108 epochs (423,624 cells, three runs) and NATS-Bench's topology space from some files,
extrapolated to 15,625. Each reader runs in a process of its own, so that its peak of memory is its own. Prints seconds
(of the processor, so that a busy machine does not mislead, and on the wall), peak memory in megabytes (of the largest
process), the size of the compact file and the seconds that it takes to load. Runs on Linux.
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
from pathlib import Path

import numpy as np

from archcast.data._tfrecord import crc32c, masked
from archcast.spaces.base import get_space

CELLS, FILES = 423_624, 15_625
CHUNK = 20_000


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


def write_nats(folder: Path, files: int, seed: int = 0) -> None:
    """A folder of NATS-Bench's topology space: 12 epochs of five runs, 200 epochs of twelve."""
    rng = np.random.default_rng(seed)
    space = get_space("nasbench201")
    folder.mkdir(parents=True)
    sets = {
        "cifar10-valid": (["x-valid"], ["ori-test"]),
        "cifar10": (["ori-test"], []),
        "cifar100": (["ori-test"], ["x-valid", "x-test"]),
        "ImageNet16-120": (["ori-test"], ["x-valid", "x-test"]),
    }
    for k, text in enumerate(space.format(space.enumerate()[:files])):
        table = {}
        for epochs, seeds in ((12, (111,)), (200, (777, 888, 999))):
            runs = {}
            for dataset, (each, last) in sets.items():
                for one in (111, 777) if epochs == 12 and dataset == "cifar10-valid" else seeds:
                    names = [f"{name}@{e}" for name in (each + last if epochs == 12 else each) for e in range(epochs)]
                    names += [f"{name}@{epochs - 1}" for name in last if epochs == 200]
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
            table[str(epochs)] = {
                "arch_index": k, "arch_str": text, "all_results": runs, "dataset_seed": seeds_of, "clear_net_done": True
            }  # fmt: skip
        (folder / f"{k:06d}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(table, protocol=4)))


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
print([file for _, file in convert(*sys.argv[1:3])][0])
{REPORT}"""
LOAD = f"""
import sys, time, archcast
archcast.load_benchmark  # what a session has imported already
from archcast.data import base
start = time.perf_counter()
archcast.load_benchmark(*sys.argv[1:3])
{REPORT}"""


def measure(name: str, path: Path) -> dict[str, float]:
    """Processor and wall seconds and peak memory of a conversion, the size of its result, and seconds to load that."""
    file, figures = _run(CONVERT, name, path).splitlines()
    processor, peak, wall = map(float, figures.split())
    loading = float(_run(LOAD, name, file).split()[2])
    size = Path(file).stat().st_size / 1e6
    return {
        "processor_seconds": processor, "wall_seconds": wall, "peak_mb": peak, "compact_mb": size, "load_seconds": loading
    }  # fmt: skip


def _run(code: str, *arguments: object) -> str:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", type=int, default=CELLS, help="Number of cells of NAS-Bench-101.")
    parser.add_argument("--files", type=int, default=200, help="Number of files of NATS-Bench; 0 leaves it out.")
    parser.add_argument("--full", action="store_true", help="All four training lengths of NAS-Bench-101.")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if options.files:
            nats = folder / "NATS-tss-v1_0-3ffb9-simple"
            write_nats(nats, options.files)
            figures = measure("nats-tss/cifar10", nats)
            scaled = ("processor_seconds", "compact_mb")
            whole = {name: figures[name] * FILES / options.files for name in scaled}
            print(f"nats-tss, {options.files} files: {_words(figures)}; all {FILES:,}: {_words(whole)}")
        if options.cells:
            lengths = (4, 12, 36, 108) if options.full else (108,)
            name = "nasbench_full.tfrecord" if options.full else "nasbench_only108.tfrecord"
            write_tfrecords(folder / name, options.cells, lengths)
            size = (folder / name).stat().st_size / 1e6
            print(
                f"nasbench101, {options.cells:,} cells, {size:.0f} MB: {_words(measure('nasbench101', folder / name))}"
            )


def _words(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.1f}" for name, value in figures.items())


if __name__ == "__main__":
    main()
