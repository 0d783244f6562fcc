"""``archcast list``: what there is."""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from archcast.registry import Registry

__all__ = ["list_"]


class Kind(str, Enum):
    """What can be listed."""

    spaces = "spaces"
    encodings = "encodings"
    predictors = "predictors"
    benchmarks = "benchmarks"


def list_(
    kind: Annotated[Kind, typer.Argument(help="What to list.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with everything that is known.")] = False,
) -> None:
    """List spaces, encodings, predictors or benchmarks, with their papers."""
    entries = [
        {"name": full, **{key: value for key, value in registry.entry(name).info.items() if key != "tasks"}}
        for registry in [_registry(kind)]
        for name in registry
        for full in [f"{name}/{task}" for task in registry.entry(name).info.get("tasks", ())] or [name]
    ]
    if as_json:
        typer.echo(json.dumps(entries, indent=2, ensure_ascii=False, default=list))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("what")
    table.add_column("paper")
    for entry in entries:
        paper = str(entry.get("paper", ""))
        table.add_row(entry["name"], str(entry.get("summary", "")), paper.split(", http")[0])
    Console(highlight=False).print(table)


def _registry(kind: Kind) -> Registry[Any]:
    from archcast.data import BENCHMARKS
    from archcast.encodings import ENCODINGS
    from archcast.predictors import PREDICTORS
    from archcast.spaces import SPACES

    registries: dict[str, Registry[Any]] = {
        "spaces": SPACES,
        "encodings": ENCODINGS,
        "predictors": PREDICTORS,
        "benchmarks": BENCHMARKS,
    }
    return registries[kind.value]
