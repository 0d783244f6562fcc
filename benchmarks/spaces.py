"""What the methods of each search space cost: processor seconds for 1,000 rows, as a table.

python benchmarks/spaces.py              # every space
python benchmarks/spaces.py darts --rows 100
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import archcast
from archcast.errors import InvalidInputError
from archcast.names import SPACES

METHODS = ("sample", "mutate", "canonical", "graphs", "costs", "neighbors")


def seconds(call: Callable[[], Any], repeats: int) -> float:
    """Least processor time of several calls."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return min(taken)


def measure(name: str, rows: int, repeats: int) -> list[str]:
    """One line of the table."""
    space = archcast.get_space(name)
    archs = space.sample(rows, 0)
    space.canonical(archs)  # what is made once is made here
    calls: dict[str, Callable[[], Any]] = {
        "sample": lambda: space.sample(rows, 0),
        "mutate": lambda: space.mutate(archs, 0),
        "canonical": lambda: space.canonical(archs),
        "graphs": lambda: space.graphs(archs),
        "costs": lambda: space.costs(archs),
        "neighbors": lambda: [space.neighbors(row) for row in archs],
    }
    cells = []
    for method in METHODS:
        try:
            cells.append(f"{seconds(calls[method], 1 if method == 'neighbors' else repeats):.4f}")
        except InvalidInputError:
            cells.append("-")
    return [name, "y" if SPACES.entry(name).info["buildable"] else "n", *cells]


def main() -> None:
    """Print a line for each space."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spaces", nargs="*", default=SPACES.names(), help="names of spaces")
    parser.add_argument("--rows", type=int, default=1_000, help="number of rows")
    parser.add_argument("--repeats", type=int, default=3, help="calls of which the fastest counts")
    options = parser.parse_args()
    print(f"{'':24} {'build':>5} " + " ".join(f"{method:>9}" for method in METHODS))
    for name in options.spaces:
        line = measure(name, options.rows, options.repeats)
        print(f"{line[0]:24} {line[1]:>5} " + " ".join(f"{cell:>9}" for cell in line[2:]))


if __name__ == "__main__":
    main()
