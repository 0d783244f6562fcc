"""Put the trainings and the proxies of the embedded benchmark into one file. The three commands that make it, hours the first:

    archcast train --dataset digits --sample 1500 --seeds 3 --out digits
    python tools/make_digits.py digits                       # writes digits/archs.txt
    archcast score --space nasbench201 --archs digits/archs.txt --width 8 --depth 1 --input 1x8x8 \
        --data digits --batch-size 64 --proxies all --out digits/proxies.csv
    python tools/make_digits.py digits                       # writes archcast/data/digits.npz
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import archcast
from archcast.data import read_evidence, save_benchmark
from archcast.data.digits import FILE
from archcast.data.files import write_whole


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="what archcast train wrote")
    parser.add_argument("--out", type=Path, default=FILE, help="the file to write")
    arguments = parser.parse_args()
    table = archcast.load_benchmark(str(arguments.folder))
    proxies = arguments.folder / "proxies.csv"
    if not proxies.exists():
        lines = table.space.format(table.archs)
        write_whole(arguments.folder / "archs.txt", "".join(f"{line}\n" for line in lines))
        print(f"{len(lines)} architectures are in {arguments.folder / 'archs.txt'}: score them next.")
        return
    found = read_evidence(proxies, table).proxies
    source = f"trained by archcast {archcast.__version__}, see docs/digits.md"
    save_benchmark(replace(table, name="digits", proxies=found, source=source), arguments.out)
    print(
        f"{len(table)} architectures, {len(found)} proxies, {arguments.out.stat().st_size / 1e6:.1f} MB in {arguments.out}"
    )


if __name__ == "__main__":
    main()
