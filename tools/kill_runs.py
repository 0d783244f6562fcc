"""Kill runs of ``bench``, ``score``, ``search`` and ``train`` at random moments, continue them, and compare with a run left alone.

    python tools/kill_runs.py --kills 10

Each run has two workers. It is killed by SIGKILL or SIGTERM, in turns, at a random moment of the time that a whole run takes;
then the same command runs to its end. *Lost* are results that were in the folder after the kill and are not there at the end;
*differs* is an end that is not what the run left alone gave, seconds apart. SIGTERM must end a run with exit code 143. Prints a row
for each command.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from archcast.journal import Journal

SIZE = ["--width", "2", "--depth", "1", "--stages", "1"]
COMMANDS = {
    "bench": (["bench", "digits", "--predictors", "gp,bayesian-linear",
               "--train-sizes", "10", "--test-size", "20", "--trials", "3"],
              "results.csv"),
    "score": (["score", "--space", "nasbench201", "--sample", "12", "--proxies", "params,snip", "--batch-size", "4", *SIZE], ""),
    "search": (["search", "digits", "--strategy", "random,local-search", "--budget", "20", "--batch", "5", "--trials", "3"],
               "history.csv"),
    "train": (["train", "--sample", "6", "--epochs", "2", *SIZE], "runs.jsonl"),
}  # fmt: skip
"""Name -> command line, and the table in its folder, empty where ``--out`` is the table itself."""
TIMES = ("seconds", "_ms", "wall", "time", "overhead")
"""Parts of the names of columns that differ from run to run."""


def start(line: list[str], out: Path) -> subprocess.Popen[bytes]:
    """The command, in a group of processes of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "archcast", *line, "--jobs", "2", "--out", str(out)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def rows(out: Path, table: str) -> set[tuple[str, ...]]:
    """Rows of the table, without what is measured in seconds; none where there is no table yet."""
    path = out / table if table else out
    if not path.is_file():
        return set()
    if path.suffix == ".jsonl":
        return {(json.dumps(timeless(record), sort_keys=True),) for record in Journal(path).records()}
    with path.open(newline="") as file:
        lines = list(csv.reader(file))
    kept = [i for i, name in enumerate(lines[0]) if not any(part in name for part in TIMES)] if lines else []
    return {tuple(line[i] for i in kept) for line in lines[1:] if len(line) == len(lines[0])}


def timeless(tree: Any) -> Any:
    """A tree without what is measured in seconds."""
    if isinstance(tree, dict):
        return {key: timeless(value) for key, value in tree.items() if not any(part in key for part in TIMES)}
    return [timeless(value) for value in tree] if isinstance(tree, list) else tree


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill runs at random moments, continue them, compare.")
    parser.add_argument("--kills", type=int, default=10, help="number of kills of each command")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    parser.add_argument("--only", nargs="*", choices=list(COMMANDS), default=list(COMMANDS), help="names of commands")
    options = parser.parse_args()
    rng, faults = np.random.default_rng(options.seed), 0
    print("command | kills | while it ran | rows kept | lost | differs | wrong exit codes", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only:
            line, table = COMMANDS[name]
            whole = Path(folder, f"{name}.csv" if not table else name)
            begin = time.monotonic()
            if start(line, whole).wait() != 0:
                sys.exit(f"{name} fails without a kill: {' '.join(line)}")
            seconds, truth = time.monotonic() - begin, rows(whole, table)
            if not truth:
                sys.exit(f"{name} writes no table {table}: {sorted(p.name for p in whole.iterdir())}")
            hit = kept = lost = differs = codes = 0
            for kill in range(options.kills):
                out = Path(folder, f"{name}-{kill}{'' if table else '.csv'}")
                process = start(line, out)
                try:
                    process.wait(rng.uniform(0.1, 1) * seconds)
                except subprocess.TimeoutExpired:
                    hit += 1
                    if kill % 2:
                        os.kill(process.pid, signal.SIGTERM)
                    else:
                        os.killpg(process.pid, signal.SIGKILL)
                    code = process.wait()
                    codes += kill % 2 == 1 and code not in (143, 0, -signal.SIGTERM)
                before = rows(out, table)
                kept += len(before)
                ended = start(line, out).wait()
                after = rows(out, table)
                lost += len(before - after)
                differs += ended != 0 or after != truth
            faults += lost + differs + codes
            print(" | ".join(map(str, [name, options.kills, hit, kept, lost, differs, codes])), flush=True)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
