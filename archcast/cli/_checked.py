"""What every command checks of the options that many commands have, before it begins."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer.core

from archcast.checks import LONGEST_NAME, whole
from archcast.cli._progress import stoppable
from archcast.errors import InvalidInputError, UnknownNameError, short
from archcast.names import AGGREGATED, BENCHMARKS, ENCODINGS, PREDICTORS, PROXIES, SPACES, STRATEGIES
from archcast.registry import Registry, closest

__all__ = ["Checked", "about", "whole_of", "wholes_of"]

MOST = {"width": 65_536, "depth": 1_000, "stages": 16, "seed": 2**32 - 1}
"""Option -> the largest number that it may have: beyond it networks fit no memory, and seeds no generator."""
LEAST = {"width": 1, "depth": 1, "stages": 1, "epochs": 1, "trials": 1, "batch_size": 1, "seed": 0, "sample": 1}
"""Option -> the smallest number that it may have; an option that is not given is ``None``."""
MOST_DIGITS = 18
"""Digits of a whole number."""
PATHS = ("--out", "-o")
REGISTRIES: dict[str, Registry[Any]] = {
    "benchmark": BENCHMARKS,
    "encoding": ENCODINGS,
    "members": PREDICTORS,
    "predictor": PREDICTORS,
    "predictors": PREDICTORS,
    "space": SPACES,
    "strategy": STRATEGIES,
}
"""Option -> the registry that holds the names that it takes."""
WORDS = ("all", "auto", "none", "quick")
NAME = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*\+?", re.IGNORECASE)


class Checked(typer.core.TyperCommand):
    """A command that refuses numbers out of range, empty paths and names that nothing has, in one line, and that ends in one line
    where it is interrupted. The paragraphs of its help fit any terminal, wherever their lines end in the source."""

    def __init__(self, *arguments: Any, help: str | None = None, **options: Any) -> None:
        paragraphs = [" ".join(part.split()) for part in (help or "").split("\n\n")]
        super().__init__(*arguments, help="\n\n".join(paragraphs) or None, **options)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for option, value in zip(args, [*args[1:], "-"]):
            if (option in PATHS and not value.strip()) or option == "--out=":
                raise InvalidInputError(f"{option.rstrip('=')} is an empty text: give the path of a file or folder.")
        for before, value in zip(["", *args], args):
            if not value and not before.startswith("-"):
                raise InvalidInputError("an argument is an empty text: give a name or a path, or leave it out.")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        for name, value in ctx.params.items():
            option = f"--{name.replace('_', '-')}"
            if name == "jobs" and value == 0:
                raise InvalidInputError(
                    f"{option} must be a whole number of at least 1, or -1 for one each core, got 0."
                )
            if name in LEAST and isinstance(value, int):
                whole(option, value, LEAST[name])
                most = MOST.get(name, 10**9)
                if value > most:
                    raise InvalidInputError(
                        f"{option} must be a whole number of at most {most:,}, got {short(value, 30)}."
                    )
            refused = name == "benchmark" and ctx.params.get("table") is not None  # which the command says
            if name in REGISTRIES and isinstance(value, str) and not refused:
                check_names(REGISTRIES[name], value)
            if name == "proxies" and ctx.info_name == "score" and isinstance(value, str):
                check_names(PROXIES, value, AGGREGATED)  # elsewhere a column of a table may stand for a proxy
        _spare(ctx.params)
        with stoppable(lambda: ""):  # a command that keeps something says so itself
            return super().invoke(ctx)


def whole_of(option: str, text: str, least: int = 1) -> int:
    """The whole number that a text is.

    Raises:
        InvalidInputError: it is none, or smaller or larger than anything that can be counted.
    """
    digits = text.strip()
    if not digits.isascii() or not digits.removeprefix("-").isdigit() or len(digits) > MOST_DIGITS:
        raise InvalidInputError(f"{option} must be a whole number of at least {least}, got {short(digits, 40)}.")
    return whole(option, int(digits), least)


def wholes_of(option: str, text: str, least: int = 1) -> list[int]:
    """The whole numbers of a text with commas between them; errors as of :func:`whole_of`."""
    return [whole_of(f"each of {option}", part, least) for part in text.split(",")]


@contextmanager
def about(option: str) -> Iterator[None]:
    """Within, a name that nothing has is named together with the option that gave it."""
    try:
        yield
    except UnknownNameError as error:
        raise UnknownNameError(f"{option}: {error}") from error


def _spare(given: dict[str, Any]) -> None:
    """Refuse to write over a file that the command is to read."""
    out = given.get("out")
    if out is None or not Path(out).is_file():
        return
    for name, value in given.items():
        for path in value if isinstance(value, (list, tuple)) else [value]:
            if (
                name != "out"
                and isinstance(path, (str, Path))
                and len(str(path)) < LONGEST_NAME
                and Path(path).is_file()
            ) and Path(path).samefile(out):
                raise InvalidInputError(f"--out {short(str(out))} is the file that is read: give another one to write.")


def check_names(registry: Registry[Any], text: str, others: Collection[str] = ()) -> None:
    """Refuse a mistyped name before anything heavy is imported. What may be a path or a class is left to the command.

    Args:
        registry: where the names are.
        text: names with commas between them, each with its parameters or its task: ``omni:without=curve``, ``nats-tss/cifar10``.
        others: more names that may stand there.

    Raises:
        UnknownNameError: with the closest names.
    """
    known = [*registry.names(), *others]
    for part in text.split(","):
        name = re.split("[:/]", part.strip())[0]
        if NAME.fullmatch(name) and name not in (*WORDS, *known) and not Path(part.strip()).exists():
            raise UnknownNameError(f"Unknown {registry.kind} {short(part.strip())}. {closest(name, known)}")
