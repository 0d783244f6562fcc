"""One input of the attack: which argument it replaces by what, and how what comes of it is judged."""

from __future__ import annotations

import contextlib
import io
import math
import re
import signal
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from attack_values import HOSTILE, NEVER, TEXTS, file_of

from archcast.errors import LONGEST, ArchcastError

FAULTS = ("raw", "unclear", "silent", "lost")
KINDS = ("refused", "answered", *FAULTS)
SECONDS = 20.0
"""Most seconds of the processor that an input may take; beyond it the input hangs."""
WORDS = {
    "asked": "archs", "arch": "archs", "arch_column": "has no column",
    "archs": "scores|table of benchmark", "batch": "budget", "batch_dim": "axis|inputs", "benchmark": "name",
    "benchmarks": "benchmark|name", "better": "metric", "budget": "batch", "budgets": "budget", "cell": "depth|accuracy|frame",
    "classes": "outputs", "column": "depth|accuracy|frame", "columns": "column", "convention": "describes",
    "cost_predictor": "predictor", "costs": "cost", "curves": "curve",
    "done": "curve", "dtype": "vocabulary", "epochs": "curve|budgets",
    "evidence": "archs|curve|file", "frame": "file|candidates|columns|row 1", "inputs": "targets|model|batch",
    "known": "each of known", "members": "predictor|member", "metrics": "metric", "model": "Parameter|module",
    "name": "predictor|benchmark|dataset", "objective": "benchmark|name", "path": "file|Cannot save to|has no column",
    "predictors": "predictor", "proxies": "proxy", "pruned": "describes", "random_state": "seed",
    "rows": "archs|table of benchmark", "scores": "archs", "space": "name", "strategies": "strategy", "table": "benchmark|name",
    "tag": "recipe", "targets": "label", "task": "networks|inputs|image|size|channels", "test_metric": "metric",
    "texts": "is not an architecture of|'xxx", "train_sizes": "test_size", "trials": "trial", "vocabulary": "dtype",
}  # fmt: skip
"""Argument -> what messages may call it instead, between ``|``: what it holds, or what it must agree with."""
CALLBACKS = {"progress", "report", "tell"}
"""Arguments that are called: what they raise is their caller's."""
ABSENT = "an option that is not given"


class Hangs(BaseException):
    """An input took longer than it may."""


@dataclass
class Target:
    """What is attacked: ``call(**arguments)`` is right, and each of the arguments is replaced."""

    name: str
    call: Callable[..., Any]
    arguments: dict[str, Any] = field(default_factory=dict)
    free: frozenset[str] = frozenset()
    """Arguments that may be anything, and callbacks."""


@dataclass
class Command(Target):
    """A command line: ``arguments`` are options and their texts, ``None`` for a switch and ``ABSENT`` for one that the line does
    without; one that begins with ``<`` is an operand."""

    words: list[str] = field(default_factory=list)

    def run(self, arguments: Mapping[str, str | None]) -> tuple[int, str]:
        from archcast.cli import main

        line = list(self.words)
        for option, text in arguments.items():
            if text != ABSENT:
                line += [str(text)] if option.startswith("<") else [option] if text is None else [option, text]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main(line)
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return code, err.getvalue()


def methods(
    name: str, made: Any, of: dict[str, dict[str, Any]], free: frozenset[str] = frozenset()
) -> Iterator[Target]:
    """A target for each method of an object."""
    for method, given in of.items():
        yield Target(f"{name}.{method}", getattr(made, method), given, free)


def input_of(target: Target, number: int, seed: int = 0) -> dict[str, str]:
    """Argument -> name of the hostile value, of the input with this number: first each pair once, then two at a time."""
    names = list(target.arguments)
    values = list(TEXTS) if isinstance(target, Command) else list(HOSTILE)
    rng = np.random.default_rng([seed, zlib.crc32(target.name.encode()), number])
    if number < len(names) * len(values):  # in an order that meets all arguments and all values soon
        order = np.random.default_rng([seed, zlib.crc32(target.name.encode())]).permutation(len(names) * len(values))
        k = int(order[number])
        return {names[k % len(names)]: values[k // len(names)]}
    chosen = rng.choice(len(names), size=min(2, len(names)), replace=False)
    return {names[k]: values[int(rng.integers(len(values)))] for k in chosen}


def attack(target: Target, number: int, seed: int = 0) -> tuple[str, str]:
    """What comes of an input: one of ``KINDS``, and what was seen."""
    replaced = input_of(target, number, seed)
    if isinstance(target, Command):
        return _attack_command(target, replaced)
    arguments = {**target.arguments, **{name: HOSTILE[value]() for name, value in replaced.items()}}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            with _at_most(SECONDS):
                found = target.call(**arguments)
        except ArchcastError as error:
            return _judged(str(error), [word for name in replaced for word in _words(name)])
        except Hangs:
            return "lost", "hangs"
        except Exception as error:
            if any(
                value in ("function", "class") and name in target.free | CALLBACKS for name, value in replaced.items()
            ):
                return "answered", ""  # what a callback raises is its caller's
            return "raw", f"{type(error).__name__}: {str(error)[:150]}"
    if any(value in NEVER and name not in target.free for name, value in replaced.items()):
        return "silent", f"answers {type(found).__name__}"
    if _nan(found):
        return "silent", "answers NaN"
    return "answered", ""


def _attack_command(target: Command, replaced: Mapping[str, str]) -> tuple[str, str]:
    texts = {name: file_of(text) for name, text in replaced.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with _at_most(SECONDS):
                code, said = target.run({**target.arguments, **texts})
        except Hangs:
            return "lost", "hangs"
        except Exception as error:
            return "raw", f"{type(error).__name__}: {str(error)[:150]}"
    if code == 0:
        return "answered", ""
    if code != 2:
        return "unclear", f"exit code {code}: {said[:150]}"
    words = [name.lstrip("-<").rstrip(">").replace("-", "[-_ ]?") for name in texts]
    words += [re.escape(" ".join(text.split())[:12]) for text in texts.values() if text.strip()]
    words += [re.escape(repr(text)[1:12]) for text in texts.values()] + [
        name.strip("-<>").rstrip("s") for name in texts
    ]
    words += ["another folder", "empty text"]
    if any(text.startswith("-") for text in texts.values()):  # another option, or the end of options
        words += ["No such option", "Missing argument", "extra argument", "does not exist"]
    lines = [line for line in said.splitlines() if line.startswith("error: ")] or said.splitlines()
    return _judged(lines[-1].removeprefix("error: ") if lines else "", words)


def _words(name: str) -> list[str]:
    return [re.escape(word) for word in (name, *WORDS.get(name, "").split("|")) if word]


def _judged(message: str, words: list[str]) -> tuple[str, str]:
    if "\n" in message or len(message) > LONGEST:
        return "unclear", f"{len(message)} characters: {message[:150]!r}"
    if not any(re.search(word, message, re.IGNORECASE) for word in words):
        return "unclear", message[:200]
    return "refused", ""


def _nan(found: Any) -> bool:
    """Whether numbers of an answer are NaN."""
    found = getattr(found, "mean", found) if not isinstance(found, np.ndarray) else found
    if isinstance(found, Mapping):
        return any(_nan(value) for value in found.values() if not callable(value))
    if isinstance(found, float):
        return math.isnan(found)
    return isinstance(found, np.ndarray) and found.dtype.kind == "f" and bool(np.isnan(found).any())


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise Hangs

    old = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)
