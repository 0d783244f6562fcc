"""Put the trainings and the proxies of the embedded benchmark into one file. The commands that make it, the first for hours:

    archcast train --space nasbench201 --dataset digits --sample COUNT --seeds 3 --out digits
    python tools/make_digits.py digits                       # writes digits/archs.txt
    archcast score --space nasbench201 --archs digits/archs.txt --width 16 --depth 1 --stages 1 --input 1x8x8 \
        --data digits --batch-size 64 --proxies all --out digits/proxies.csv
    python tools/make_digits.py digits                       # writes archcast/data/digits.npz

To make the table longer, start with what it holds: `python tools/make_digits.py digits --unpack`, then the same commands with a
larger COUNT.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

import archcast
from archcast.data import Benchmark, read_benchmark, read_evidence, save_benchmark
from archcast.data.digits import FILE
from archcast.files import write_whole
from archcast.training import CURVES, Run


def unpack(table: Benchmark, folder: Path) -> None:
    """Write ``runs.jsonl`` and ``proxies.csv`` as they were, but for the loss on the test set, and seconds as means over seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    assert table.train_seconds is not None
    lines = []
    for i, arch in enumerate(table.archs.tolist()):
        runs = []
        for seed in range(3):
            names = {kind: f"{kind}_s{seed + 1}" if seed else kind for kind in CURVES}
            runs.append(
                Run(
                    arch=tuple(arch),
                    seed=seed,
                    curves={kind: table.curves[name][i].tolist() for kind, name in names.items()},
                    test_accuracy=float(table.metrics[f"test_accuracy_s{seed + 1}"][i]),
                    test_loss=float("nan"),
                    seconds=float(table.train_seconds[i]),
                    params=int(table.proxies["params"][i]),
                    flops=float(table.proxies["flops"][i]),
                )
            )
        lines.append(json.dumps([asdict(run) for run in runs]))
    write_whole(folder / "runs.jsonl", "\n".join(lines) + "\n")
    names = sorted(table.proxies)
    values = np.stack([table.proxies[name] for name in names], axis=1)
    rows = [",".join(["arch", *names])]
    for text, row in zip(table.space.format(table.archs), values):
        rows.append(",".join([text, *("" if np.isnan(value) else repr(float(value)) for value in row)]))
    write_whole(folder / "proxies.csv", "\n".join(rows) + "\n")
    print(f"{len(table)} architectures are in {folder}: archcast train continues it.")


def pack(folder: Path, out: Path) -> None:
    """Write the file, or first the list of architectures to score."""
    table = archcast.load_benchmark(str(folder))
    lines = table.space.format(table.archs)
    write_whole(folder / "archs.txt", "".join(f"{line}\n" for line in lines))
    if not (folder / "proxies.csv").exists():
        print(f"{len(lines)} architectures are in {folder / 'archs.txt'}: score them next.")
        return
    found = read_evidence(folder / "proxies.csv", table).proxies
    source = f"trained by archcast {archcast.__version__}, see docs/digits.md"
    save_benchmark(replace(table, name="digits", proxies=found, source=source), out)
    print(f"{len(table)} architectures, {len(found)} proxies, {out.stat().st_size / 1e6:.1f} MB in {out}")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="what archcast train wrote, or continues")
    parser.add_argument("--out", type=Path, default=FILE, help="the file to write")
    parser.add_argument("--unpack", action="store_true", help="write the folder from the file that comes with archcast")
    arguments = parser.parse_args()
    if arguments.unpack:
        unpack(read_benchmark(FILE), arguments.folder)
    else:
        pack(arguments.folder, arguments.out)


if __name__ == "__main__":
    main()
