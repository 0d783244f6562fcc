"""Kill every command that writes results at random moments, continue it, and compare with a run left alone.

    python tools/kill_runs.py --kills 100 --out kills.jsonl      # the same line continues it

A run is killed, the same command continues it and is killed again, and so on until it ends or was killed ``CHAIN`` times; then it
runs to its end. Kinds of kill alternate: SIGKILL of all processes, SIGTERM of the first, SIGINT of all (Ctrl-C), SIGKILL of one
worker, where there are workers. *Lost* are results that were kept after a kill and are not there after the next; *differs* is an
end that is not what the run left alone gave, seconds apart; *unclear* is a wrong exit code (SIGTERM ends with 143, Ctrl-C with 130)
or a traceback. Prints a row for each command.
"""

from __future__ import annotations

import argparse
import bz2
import csv
import io
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archcast.files import read_arrays
from archcast.journal import Journal, fingerprint
from archcast.spaces import get_space

CHAIN = 8
"""Most kills of a run before it is left to end."""
SIZE = "--width 2 --depth 1 --stages 1"
KINDS = ("SIGKILL", "SIGTERM", "SIGINT", "worker")
TIMES = ("seconds", "_ms", "wall", "time", "overhead", "generator")
"""Parts of the names of columns that differ from run to run."""
Rows = set[tuple[str, ...]]


@dataclass(frozen=True)
class Command:
    """A command line, run in a folder of its own, and what its results are."""

    line: str
    kept: Callable[[Path], Rows]
    """Results that are kept so far, in this folder."""
    ended: Callable[[Path], Any]
    """Results of a run that came to its end."""
    workers: bool = False


# -- what is kept ------------------------------------------------------------------------------------------------------


def table(name: str) -> Callable[[Path], Rows]:
    """Rows of a .csv, without what is measured in seconds; none where there is no table yet."""

    def rows(folder: Path) -> Rows:
        path = folder / name
        if not path.is_file():
            return set()
        with path.open(newline="") as file:
            lines = list(csv.reader(file))
        kept = [i for i, column in enumerate(lines[0]) if not any(part in column for part in TIMES)] if lines else []
        return {tuple(line[i] for i in kept) for line in lines[1:] if len(line) == len(lines[0])}

    return rows


def records(pattern: str) -> Callable[[Path], Rows]:
    """Lines of .jsonl files."""

    def rows(folder: Path) -> Rows:
        lines = [timeless(record) for path in sorted(folder.glob(pattern)) for record in Journal(path).records()]
        return {(json.dumps(line, sort_keys=True),) for line in lines}

    return rows


def measured(name: str) -> Callable[[Path], Rows]:
    """Architectures that a journal has a measurement of, each of which differs from run to run."""
    return lambda folder: {(str(line["arch"]),) for line in Journal(folder / name).records() if "arch" in line}


def files(pattern: str) -> Callable[[Path], Rows]:
    """Names of files."""
    return lambda folder: {(str(path.relative_to(folder)),) for path in folder.glob(pattern)}


def arrays(name: str) -> Callable[[Path], dict[str, str]]:
    """The arrays of an .npz file, each as a digest; none where there is no file."""

    def digests(folder: Path) -> dict[str, str]:
        path = folder / name
        found = read_arrays(path) if path.is_file() else {}
        return {key: fingerprint(contents(value)) for key, value in found.items() if key != "archcast"}

    return digests


def contents(value: Any) -> Any:
    """An array; of one that holds a zip file, such as scikit-learn's trees, what the zip holds without its times."""
    data = value.tobytes() if value.dtype == np.uint8 else b""
    if not data.startswith(b"PK"):
        return value
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return sorted((m.file_size, m.CRC) for m in archive.infolist() if m.filename.endswith(".npy"))


def printed(folder: Path) -> str:
    """What the last run printed."""
    return (folder / "stdout").read_text()


def epochs(folder: Path) -> Rows:
    """Epochs that a checkpoint holds."""
    from safetensors import safe_open

    path = folder / "kept.safetensors"
    if not path.exists():
        return set()
    with safe_open(path, "numpy") as file:
        losses = json.loads((file.metadata() or {})["losses"])
    return {(str(i), repr(loss)) for i, loss in enumerate(losses)}


def timeless(tree: Any) -> Any:
    """A tree without what is measured in seconds."""
    if isinstance(tree, dict):
        return {key: timeless(value) for key, value in tree.items() if not any(part in key for part in TIMES)}
    return [timeless(value) for value in tree] if isinstance(tree, list) else tree


COMMANDS = {
    "bench": Command(
        "bench digits --predictors gp,bayesian-linear --train-sizes 10,20 --test-size 20 --trials 4 --jobs 2 --out out",
        table("out/results.csv"), table("out/results.csv"), workers=True,
    ),
    "search": Command(
        "search digits --strategy random,local-search --budget 30 --batch 5 --trials 3 --jobs 2 --out out",
        table("out/history.csv"), table("out/history.csv"), workers=True,
    ),
    "score": Command(
        f"score --space nasbench201 --sample 12 --proxies params,snip --batch-size 4 {SIZE} --jobs 2 --out out.csv",
        table("out.csv"), table("out.csv"), workers=True,
    ),
    "train": Command(f"train --sample 6 --epochs 2 {SIZE} --jobs 2 --out out",
                     records("out/runs.jsonl"), records("out/runs.jsonl"), workers=True),
    "fit": Command("fit table.csv --predictor stack --out model.npz", records("archcast-results/*.jsonl"), arrays("model.npz")),
    "choose": Command("choose table.csv --predictors gp,random-forest,bayesian-linear",
                      records("archcast-results/*.jsonl"), printed),
    "oneshot": Command(f"oneshot train model.npz --epochs 6 {SIZE} --images 32 --checkpoint kept.safetensors",
                       epochs, arrays("model.npz")),
    "leaderboard": Command(
        "leaderboard --benchmarks digits --predictors gp,bayesian-linear --train-sizes 10,20 --trials 4 --jobs 2 --out out",
        table("out/digits/results.csv"), table("out/digits/results.csv"), workers=True,
    ),
    "measure": Command("measure --sample 64 --runs 5 --warmup 1 --space nats-size --out out",
                       records("out/runs.jsonl"), measured("out/runs.jsonl")),
    "convert": Command("data convert nats-tss/cifar10 --path published --out out",
                       files("out/.nats-tss.parts/*"), arrays("out/nats-tss-cifar10.npz")),
}  # fmt: skip
"""Name -> what is run."""


def prepared(folder: Path) -> Path:
    """A folder with what the commands read: a table of 120 rows, and a published benchmark of 2,000 files."""
    from sample_files import nats

    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    decisions = rng.integers(1, 9, (120, 4))
    scores = 60 + decisions @ [2.0, 1.0, 0.5, 0.1] + rng.normal(0, 1, 120)
    lines = ["depth,width,kernel,groups,accuracy"]
    lines += [",".join(map(str, [*row, round(score, 3)])) for row, score in zip(decisions.tolist(), scores.tolist())]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    (folder / "published").mkdir()
    space = get_space("nasbench201")
    for k, text in enumerate(space.format(space.enumerate()[:2000])):
        found = {"12": {**nats(rng), "arch_index": k, "arch_str": text}}
        (folder / "published" / f"{k:06d}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(found, 4)))
    return folder


# -- kills -------------------------------------------------------------------------------------------------------------


@dataclass
class Kill:
    """What came of one kill."""

    command: str
    kind: str
    hit: bool
    """Whether the command still ran."""
    kept: int
    lost: int
    unclear: str


def start(command: Command, folder: Path) -> subprocess.Popen[bytes]:
    """The command, in a group of processes of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "archcast", *command.line.split()],
        cwd=folder, stdout=(folder / "stdout").open("wb"), stderr=(folder / "stderr").open("wb"), start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell lets what runs behind it ignore Ctrl-C
    )  # fmt: skip


def workers(process: int) -> list[int]:
    """Worker processes of a process: those that it started, and theirs, but for those that only clean up."""
    found: list[int] = []
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return found
    for child in map(int, children):
        try:
            line = Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            continue
        found += ([child] if b"loky" in line and b"tracker" not in line else []) + workers(child)
    return found


def end(process: subprocess.Popen[bytes], kind: str, rng: np.random.Generator) -> tuple[str, int | None]:
    """Kill a process: the kind of kill that it became, and its exit code."""
    if kind == "worker":
        crew = workers(process.pid)
        if not crew:
            kind = "SIGKILL"
        else:
            os.kill(crew[int(rng.integers(len(crew)))], signal.SIGKILL)
    if kind == "SIGKILL":
        os.killpg(process.pid, signal.SIGKILL)
    elif kind == "SIGTERM":
        os.kill(process.pid, signal.SIGTERM)
    elif kind == "SIGINT":
        os.killpg(process.pid, signal.SIGINT)
    return kind, process.wait()


def unclear(kind: str, code: int | None, error: str) -> str:
    """What is wrong with how a process ended, empty if nothing is."""
    allowed = {
        "SIGKILL": (-signal.SIGKILL, 0),
        "SIGTERM": (143, 0, -signal.SIGTERM),  # before anything is imported the system's own end is right
        "SIGINT": (130, 0, -signal.SIGINT),
        "worker": (0, 1, 2),
    }[kind]
    if code not in allowed:
        return f"{kind}: exit code {code}: {error[-200:]}"
    return f"{kind}: {error[-200:]}" if "Traceback" in error else ""


def chains(command: str, seconds: float, source: Path, truth: Any, rng: np.random.Generator) -> Iterator[Kill | str]:
    """Kills without end; a text for each run that ended, empty where it ended like the one left alone."""
    what = COMMANDS[command]
    kinds = KINDS if what.workers else KINDS[:3]
    turn = 0
    while True:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "run"
            shutil.copytree(source, folder)
            before: Rows = set()
            for _ in range(CHAIN):
                process, kind, hit = start(what, folder), kinds[turn % len(kinds)], True
                turn += 1
                code: int | None
                try:
                    code, hit = process.wait(rng.uniform(0.3, 1) * seconds), False
                except subprocess.TimeoutExpired:
                    kind, code = end(process, kind, rng)
                after = what.kept(folder)
                gone = before - after if what.ended(folder) != truth else set()  # scratch goes when the end is written
                yield Kill(
                    command, kind, hit, len(after), len(gone), unclear(kind, code, (folder / "stderr").read_text())
                )
                before = after
                if code == 0 or what.ended(folder) == truth:  # killed when all was written
                    break
            code = 0 if what.ended(folder) == truth else start(what, folder).wait()
            yield (
                ""
                if code == 0 and what.ended(folder) == truth
                else f"exit code {code}: {(folder / 'stderr').read_text()[-300:]}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill runs at random moments, continue them, compare.")
    parser.add_argument(
        "--kills", type=int, default=24, help="number of kills of running commands, all commands together"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    parser.add_argument("--only", nargs="*", choices=list(COMMANDS), default=list(COMMANDS), help="names of commands")
    parser.add_argument("--out", type=Path, help="path of a file with a line for each kill; the same line continues it")
    options = parser.parse_args()
    known: list[Any] = Journal(options.out).records() if options.out and options.out.exists() else []
    rng = np.random.default_rng([options.seed, len(known)])
    with tempfile.TemporaryDirectory() as place:
        source, endless, enough = prepared(Path(place, "source")), {}, -(-options.kills // len(options.only))
        for name in options.only:
            if sum(k.get("hit", False) for k in known if k["command"] == name) >= enough:
                continue
            folder = Path(place, name)
            shutil.copytree(source, folder)
            begin = time.monotonic()
            if start(COMMANDS[name], folder).wait() != 0:
                sys.exit(f"{name} fails without a kill: {(folder / 'stderr').read_text()}")
            seconds, truth = time.monotonic() - begin, COMMANDS[name].ended(folder)
            if not truth:
                sys.exit(f"{name} leaves no results")
            endless[name] = chains(name, seconds, source, truth, rng)
            hits = sum(k.get("hit", False) for k in known if k["command"] == name)
            while True:
                found = next(endless[name])
                record = {"command": name, "end": found} if isinstance(found, str) else asdict(found)
                known.append(record)
                if options.out:
                    Journal(options.out).add(record)
                hits += record.get("hit", False)
                if "end" in record and hits >= enough:  # never between a kill and the end that shows what it cost
                    break
    faults = 0
    print(
        "command | kills | SIGKILL | SIGTERM | Ctrl-C | worker | results kept | lost | runs ended | differs | unclear"
    )
    for name in options.only:
        kills = [k for k in known if k["command"] == name and k.get("hit")]
        ends = [k["end"] for k in known if k["command"] == name and "end" in k]
        by_kind = [sum(k["kind"] == kind for k in kills) for kind in KINDS]
        lost, wrong = sum(k["lost"] for k in kills), [k["unclear"] for k in kills if k["unclear"]]
        row = [
            name,
            len(kills),
            *by_kind,
            sum(k["kept"] for k in kills),
            lost,
            len(ends),
            sum(map(bool, ends)),
            len(wrong),
        ]
        print(" | ".join(map(str, row)))
        for text in [*wrong, *filter(None, ends)][:3]:
            print(f"    {text!r}")
        faults += lost + len(wrong) + sum(map(bool, ends))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
