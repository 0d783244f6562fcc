"""Call what the library offers with hostile values: every argument of it, from Python and from the command line.

Each target is a callable, or a command line, with arguments that are right. An input replaces one argument by a hostile value, or
later two; the inputs of a target are numbered, and number and seed say what an input is. A target runs in a process of its
own, which is started again behind an input that ended it.

    python tools/attack.py --times 300                    # 300 inputs of every target
    python tools/attack.py --groups commands --out attack.jsonl --times 5000    # the same line continues it

Prints a row for each target. An input is *refused* by one line that names an argument and says what is allowed, or *answered*. Else
it is a fault: *raw*, an exception that is none of archcast's; *unclear*, a message that names no argument that was replaced, or has
several lines or more than 400 characters; *silent*, an answer where no value of this kind can be meant, or with NaN; *lost*, the
process hangs or ends.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import json
import math
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from attack_commands import commands, prepare
from attack_inputs import FAULTS, KINDS, SECONDS, Command, Target, attack, input_of
from attack_learners import learners, strategies
from attack_library import functions, spaces

GROUPS = {
    "spaces": spaces,
    "learners": learners,
    "strategies": strategies,
    "functions": functions,
    "commands": commands,
}
"""Name -> what gives the targets of a group."""


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
            folder = Path(above, str(number if files is not None else "all"))
            if not folder.exists():  # what a command wrote is not there for the next
                shutil.copytree(files, folder) if files is not None else folder.mkdir()
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


def main() -> None:
    parser = argparse.ArgumentParser(description="Call what the library offers with hostile values.")
    parser.add_argument("--times", type=int, default=100, help="number of inputs of each target")
    parser.add_argument("--seed", type=int, default=0, help="seed of the inputs")
    parser.add_argument("--groups", nargs="*", choices=list(GROUPS), help="names of groups of targets; all by default")
    parser.add_argument("--only", default="*", help="shell pattern of names of targets")
    parser.add_argument(
        "--out", type=Path, help="path of a file with a line for each input; the same line continues it"
    )
    parser.add_argument("--show", type=int, default=5, help="number of faults of each target to print")
    options = parser.parse_args()
    done: dict[str, list[list[Any]]] = {}
    if options.out is not None and options.out.exists():
        for line in options.out.read_text().splitlines():
            name, *rest = json.loads(line)
            done.setdefault(name, []).append(rest)
    total: Counter[str] = Counter()
    print("target | inputs | " + " | ".join(KINDS), flush=True)
    with (
        tempfile.TemporaryDirectory() as temporary,
        contextlib.nullcontext(None) if options.out is None else options.out.open("a", buffering=1) as file,
    ):
        place = Path(temporary)
        if "commands" in (options.groups or GROUPS):
            prepare(place)
        for target in targets(options.groups):
            if not fnmatch.fnmatch(target.name, f"{options.only}*"):
                continue
            found = done.setdefault(target.name, [])

            def tell(
                number: int, kind: str, seen: str, target: Target = target, found: list[list[Any]] = found
            ) -> None:
                found.append([number, kind, seen])
                if file is not None:
                    file.write(json.dumps([target.name, number, kind, seen]) + "\n")

            files = place if isinstance(target, Command) else None
            run(target, len(found), options.times, options.seed, tell, files)
            counts = Counter(kind for _, kind, _ in found)
            total.update(counts)
            print(" | ".join([target.name, str(len(found)), *(str(counts[kind]) for kind in KINDS)]), flush=True)
            shown = [f for f in found if f[1] in FAULTS]
            for number, kind, seen in list({f[2][:40]: f for f in shown}.values())[: options.show]:
                print(f"    {number} {input_of(target, number, options.seed)!s:.80} {kind}: {seen}")
    print(" | ".join(["all", str(total.total()), *(str(total[kind]) for kind in KINDS)]))
    sys.exit(1 if any(total[kind] for kind in FAULTS) else 0)


if __name__ == "__main__":
    main()
