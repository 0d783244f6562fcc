"""Train the networks of the predictor ``flan`` on benchmark tables and write a checkpoint.

    python tools/train_flan.py --out flan.npz [--tables digits,nas-bench-graph/cora,...] [--epochs 60] [--seed 0]

The default tables are those that may be passed on: ``digits``, which comes with archcast, and the nine of NAS-Bench-Graph (the
package ``nas-bench-graph``). More are named by ``--tables``, in the order in which they count; their files are read where
``archcast data list`` says. Of each at most 1,000 rows are learned from, of its default metric. The file holds no row and no score:

    archcast.get_predictor("flan", space, checkpoint="flan.npz").init(archs, scores)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import archcast
from archcast import Source

GRAPHS = ("arxiv", "citeseer", "computers", "cora", "cs", "photo", "physics", "proteins", "pubmed")
TABLES = ("digits", *(f"nas-bench-graph/{name}" for name in GRAPHS))


def source(name: str) -> Source:
    """The rows of a table and the scores of its default metric."""
    table = archcast.load_benchmark(name)
    scores = table.scores()
    known = np.isfinite(scores)
    return Source(table.space, table.archs[known], scores[known])


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="Path of the checkpoint that is written")
    parser.add_argument("--tables", default=",".join(TABLES), help="Names of the benchmarks that are learned from")
    parser.add_argument("--epochs", type=int, default=60, help="Number of passes over the largest table")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the networks")
    given = parser.parse_args(argv)
    sources = [source(name) for name in given.tables.split(",")]
    flan = archcast.get_predictor("flan", sources[0].space, source_epochs=given.epochs, random_state=given.seed)
    flan.pretrain(sources, given.out)
    print(f"{given.out}: flan after {len(sources)} tables, {given.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
