"""What every command checks of the options that many commands have, before it begins."""

from __future__ import annotations

from typing import Any

import typer.core

from archcast.checks import whole
from archcast.errors import InvalidInputError, short

__all__ = ["Checked"]

MOST = {"width": 65_536, "depth": 1_000, "stages": 16, "seed": 2**32 - 1}
"""Option -> the largest number that it may have: beyond it networks fit no memory, and seeds no generator."""
LEAST = {"width": 1, "depth": 1, "stages": 1, "epochs": 1, "trials": 1, "batch_size": 1, "seed": 0, "sample": 1}
"""Option -> the smallest number that it may have; an option that is not given is ``None``."""
PATHS = ("--out", "-o")


class Checked(typer.core.TyperCommand):
    """A command that refuses numbers out of range and empty paths, in one line that names the option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for option, value in zip(args, [*args[1:], "-"]):
            if (option in PATHS and not value.strip()) or option == "--out=":
                raise InvalidInputError(f"{option.rstrip('=')} is an empty text: give the path of a file or folder.")
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
        return super().invoke(ctx)
