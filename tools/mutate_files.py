"""Damage files of every container many times and read them: no error but ours, nothing executed, memory bounded.

Each container is a small whole file in its official format. A copy has bits flipped, bytes replaced, cut out, doubled or put in,
the end cut off, a number made huge, or, in a pickle, instructions put in that would call ``os.system``. What is compressed is
damaged outside and inside. An audit hook notes what Python is asked to run, import from a pickle, or connect to while a file is
read.

    python tools/mutate_files.py --times 1000
    python tools/mutate_files.py --times 1000 --formats ../shared/formats     # real fragments as well

Prints a row for each container: files, refused, read nevertheless, tracebacks, events, growth of the peak memory in megabytes.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from sample_files import Container, containers, fragments

from archcast.errors import ArchcastError

CALLS = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "subprocess.Popen", "pickle.find_class",
         "socket.connect", "ctypes.dlopen", "os.remove", "os.rmdir", "shutil.rmtree")  # fmt: skip
HOSTILE = (b"cos\nsystem\n(S'echo hacked'\ntR.", b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
           b"\x80\x02cbuiltins\neval\n(X\x03\x00\x00\x001+1tR.")  # fmt: skip


@dataclass
class Found:
    """What came of the damaged files of a container."""

    files: int = 0
    refused: int = 0
    read: int = 0
    tracebacks: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    megabytes: float = 0.0


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """A copy with one to three faults; every other one has a single byte changed."""
    out = bytearray(data)
    mild = rng.random() < 0.5
    for _ in range(1 if mild else int(rng.integers(1, 4))):
        at = int(rng.integers(max(1, len(out))))
        kind = int(rng.integers(2 if mild else 9))
        some = int(rng.integers(1, 9))
        if kind == 0 and out:
            out[at] ^= 1 << int(rng.integers(8))
        elif kind == 1 and out:
            out[at] = int(rng.integers(256))
        elif kind == 2:
            del out[at : at + some]
        elif kind == 3:
            out[at:at] = out[at : at + 8 * some]
        elif kind == 4:
            out[at:at] = rng.bytes(some)
        elif kind == 5:
            out[at : at + some] = b"\xff" * some
        elif kind == 6:
            out[at:at] = HOSTILE[int(rng.integers(len(HOSTILE)))]
        elif kind == 7:
            digits = [i for i in range(at, min(len(out), at + 200)) if 48 <= out[i] <= 57]
            if digits:
                out[digits[0] : digits[0] + 1] = b"9" * int(rng.integers(5, 400))
        else:
            del out[at:]
    return bytes(out)


def attack(container: Container, times: int, seed: int = 0) -> Found:
    """Read so many damaged copies of a container."""
    rng, found = np.random.default_rng(seed), Found()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / container.name.rpartition(": ")[2]
        path.write_bytes(container.data)
        container.read(path)  # whole, it is read
        if container.unpack is not None and container.pack is not None:
            path.write_bytes(container.pack(container.unpack(container.data)))
            container.read(path)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for k in range(times):
            if container.unpack is not None and container.pack is not None and k % 2:
                path.write_bytes(container.pack(damaged(container.unpack(container.data), rng)))
            else:
                path.write_bytes(damaged(container.data, rng))
            with listening(found.events), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    container.read(path)
                    found.read += 1
                except ArchcastError as error:
                    found.refused += 1
                    if "\n" in str(error) or len(str(error)) > 1500:
                        found.tracebacks.append(f"a message of {len(str(error))} letters")
                except Exception as error:  # what a user would see as a traceback
                    found.tracebacks.append(f"{type(error).__name__}: {str(error)[:100]}")
            found.files += 1
        found.megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return found


_heard: list[list[str]] = []


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _heard and event in CALLS:
        _heard[-1].append(f"{event} {str(arguments)[:80]}")


class listening:
    """While it lasts, what Python is asked to run is noted."""

    def __init__(self, events: list[str]) -> None:
        self.events = events
        if not getattr(sys, "_archcast_hooked", False):
            sys.addaudithook(_hook)
            sys._archcast_hooked = True  # type: ignore[attr-defined]

    def __enter__(self) -> None:
        _heard.append(self.events)

    def __exit__(self, *_: object) -> None:
        _heard.pop()


def main() -> None:
    parser = argparse.ArgumentParser(description="Damage files of every container many times and read them.")
    parser.add_argument("--times", type=int, default=1000, help="number of damaged files of each container")
    parser.add_argument("--formats", type=Path, help="folder of real fragments, to damage them as well")
    parser.add_argument("--only", default="", help="part of the name of a container")
    options = parser.parse_args()
    faults = 0
    print("container | files | refused | read | tracebacks | events | MB")
    for source in (containers(), fragments(options.formats) if options.formats else ()):
        for container in source:
            if options.only in container.name:
                found = attack(container, options.times)
                faults += len(found.tracebacks) + len(found.events)
                counts = [
                    found.files,
                    found.refused,
                    found.read,
                    len(found.tracebacks),
                    len(found.events),
                    round(found.megabytes),
                ]
                print(" | ".join([container.name, *map(str, counts)]), flush=True)
                for line in dict.fromkeys([*found.tracebacks, *found.events]):
                    print(f"    {line}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
