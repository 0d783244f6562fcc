"""Call what the library offers with hostile values: every argument of it, from Python and from the command line.

Each target is a callable, or a command line, with arguments that are right. An input replaces one argument by a hostile value, or
later two; the inputs of a target are numbered, and number and seed say what an input is. A target runs in a process of its
own, which is started again behind an input that ended it.

    python tools/attack.py --times 300 --jobs 4           # 300 inputs of every target, four targets at once
    python tools/attack.py --groups commands --out attack.jsonl --times 5000    # the same line continues it

Prints a row for each target, and at the end one for each group. An input is *refused* by one line that names an argument and says
what is allowed, or *answered*. Else it is a fault: *raw*, an exception that is none of archcast's; *unclear*, a message that names
no argument that was replaced, or has several lines or more than 400 characters; *silent*, an answer where no value of this kind can
be meant, or with NaN; *lost*, the process hangs or ends.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import math
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from attack_commands import commands, prepare
from attack_inputs import FAULTS, KINDS, SECONDS, Command, Target, attack, input_of
from attack_learners import learners, strategies
from attack_library import functions, spaces
from attack_objects import objects

GROUPS = {
    "commands": commands,
    "functions": functions,
    "objects": objects,
    "strategies": strategies,
    "learners": learners,
    "spaces": spaces,
}
"""Name -> what gives the targets of a group: those whose inputs take long first."""


def targets(groups: list[str] | None = None) -> Iterator[Target]:
    """What is attacked."""
    for name in groups or GROUPS:
        yield from GROUPS[name]()


def run(
    target: Target, start: int, times: int, seed: int, tell: Callable[[int, str, str], None], files: Path | None = None
) -> None:
    """Attack a target in processes of its own, each in a folder of its own that begins with the files of the folder given;
    ``tell`` gets number, kind and what was seen of each input."""
    while start < times:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _attack_all(target, range(start, times), seed, write, files)
        os.close(write)
        last = _used(child)
        with os.fdopen(read, "rb") as pipe:
            os.set_blocking(read, False)
            rest = b""
            while True:
                chunk = pipe.read()
                if chunk == b"":
                    break
                if chunk:
                    last = _used(child)
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        tell(start, *json.loads(line))
                        start += 1
                elif _used(child) - last > 3 * SECONDS:
                    os.kill(child, signal.SIGKILL)  # it hangs in code that no alarm interrupts
                    last = math.inf
                time.sleep(0.02)
        _, status = os.waitpid(child, 0)
        if start < times:
            tell(start, "lost", f"the process ended with status {status}")
            start += 1


def _used(process: int) -> float:
    """Seconds of the processor that a process has used, and a hundredth of those that passed, for one that waits for ever; on a
    machine with other work the passing of time alone says nothing."""
    passed = time.monotonic()
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # no Linux
        return passed / 10
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + passed / 100


def _attack_all(target: Target, numbers: range, seed: int, write: int, files: Path | None) -> None:
    sys.stdin = open(os.devnull)  # noqa: SIM115
    with tempfile.TemporaryDirectory() as above:
        for file in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), file)
        for number in numbers:
            folder = Path(above, "in", "side", str(number if files is not None else "all"))  # ../../x is within, too
            if not folder.exists():  # what a command wrote is not there for the next
                shutil.copytree(files, folder) if files is not None else folder.mkdir(parents=True)
            os.chdir(folder)
            try:
                found = attack(target, number, seed)
            except BaseException as error:  # SystemExit, say
                found = ("raw", f"{type(error).__name__}: {str(error)[:150]}")
            os.write(write, json.dumps(found).encode() + b"\n")
            os.chdir("/")
            if files is not None:
                shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def crew(jobs: int, work: Callable[[int], None], n: int) -> None:
    """Do the numbers from 0 to n - 1 in so many processes, each of which takes the next number when it is done with one."""
    taken = multiprocessing.Value("i", 0)

    def take() -> int:
        with taken.get_lock():
            taken.value += 1
            return int(taken.value) - 1

    children = []
    for _ in range(jobs):
        child = os.fork()
        if child == 0:
            while (number := take()) < n:
                work(number)
            sys.stdout.flush()
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


def read(path: Path) -> dict[str, dict[int, tuple[str, str]]]:
    """Target -> number of an input -> what came of it."""
    found: dict[str, dict[int, tuple[str, str]]] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        name, number, kind, seen = json.loads(line)
        found.setdefault(name, {})[number] = (kind, seen)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Call what the library offers with hostile values.")
    parser.add_argument("--times", type=int, default=100, help="number of inputs of each target")
    parser.add_argument("--seed", type=int, default=0, help="seed of the inputs")
    parser.add_argument("--groups", nargs="*", choices=list(GROUPS), help="names of groups of targets; all by default")
    parser.add_argument("--only", default="*", help="shell pattern of names of targets")
    parser.add_argument("--jobs", type=int, default=1, help="number of targets that are attacked at once")
    parser.add_argument(
        "--out", type=Path, help="path of a file with a line for each input; the same line continues it"
    )
    parser.add_argument("--show", type=int, default=5, help="number of faults of each target to print")
    options = parser.parse_args()
    print("target | inputs | " + " | ".join(KINDS), flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        place, out = Path(temporary, "files"), (options.out or Path(temporary, "attack.jsonl")).absolute()
        place.mkdir()
        groups = {group: list(targets([group])) for group in options.groups or GROUPS}
        if "commands" in groups:
            prepare(place)
        chosen = [t for group in groups.values() for t in group if fnmatch.fnmatch(t.name, f"{options.only}*")]
        if twice := [name for name, n in Counter(t.name for t in chosen).items() if n > 1]:
            sys.exit(f"two targets have one name: {', '.join(twice)}")
        done = read(out)

        def work(k: int) -> None:
            target, found = chosen[k], done.get(chosen[k].name, {})

            def tell(number: int, kind: str, seen: str) -> None:
                found[number] = (kind, seen)
                with out.open("a") as file:
                    file.write(json.dumps([target.name, number, kind, seen]) + "\n")

            files = place if isinstance(target, Command) else None
            run(target, len(found), options.times, options.seed, tell, files)
            lines = [" | ".join([target.name, *_row(found)])]
            shown = {seen[:40]: (i, kind, seen) for i, (kind, seen) in found.items() if kind in FAULTS}
            for number, kind, seen in list(shown.values())[: options.show]:
                lines.append(f"    {number} {input_of(target, number, options.seed)!s:.80} {kind}: {seen}")
            print("\n".join(lines), flush=True)

        crew(options.jobs, work, len(chosen))
        done = read(out)
    names = {group: [t.name for t in of if t in chosen and t.name in done] for group, of in groups.items()}
    names["all"] = [name for group in names.values() for name in group]
    print("group | targets | inputs | " + " | ".join(KINDS))
    for group, of in names.items():
        print(" | ".join([group, str(len(of)), *_row({(t, i): v for t in of for i, v in done[t].items()})]))
    faults = [v for name in names["all"] for v in done[name].values() if v[0] in FAULTS]
    sys.exit(1 if faults else 0)


def _row(found: Mapping[Any, tuple[str, str]]) -> list[str]:
    """Inputs, and how many ended in which way."""
    counts = Counter(kind for kind, _ in found.values())
    return [str(len(found)), *(str(counts[kind]) for kind in KINDS)]


if __name__ == "__main__":
    main()
