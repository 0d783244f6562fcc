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
    proxies = "proxies"
    benchmarks = "benchmarks"
    strategies = "strategies"


def list_(
    kind: Annotated[Kind, typer.Argument(help="Kind of component to list.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with everything that is known.")] = False,
) -> None:
    """List spaces, encodings, predictors, proxies, benchmarks or search strategies, with their papers."""
    registry = _registry(kind)
    entries = {name: dict(registry.entry(name).info) for name in registry}
    if kind is Kind.proxies:
        from archcast.proxies.aggregate import AGGREGATES
        from archcast.proxies.passes import needs_of

        for info in entries.values():
            info["needs"] = ", ".join(needs_of(info.pop("recordings"))) or "nothing"
        for name, combined in AGGREGATES.items():
            parts = ", ".join(combined.proxies)
            entries[name] = {"summary": f"aggregate of {parts}: {combined.summary}", "paper": combined.paper}
    if as_json:
        full = [
            {
                "name": f"{name}/{task}" if task else name,
                **{key: value for key, value in info.items() if key != "tasks"},
            }
            for name, info in entries.items()
            for task in info.get("tasks", [""])
        ]
        typer.echo(json.dumps(full, indent=2, ensure_ascii=False, default=list))
        return
    from rich.console import Console

    from archcast.cli._grid import Grid

    table = Grid()
    table.add_column("name", no_wrap=True)
    table.add_column("what")
    table.add_column("paper")
    for name, info in entries.items():
        tasks, needs = ", ".join(info.get("tasks", ())), info.get("needs")
        what = (
            str(info.get("summary", ""))
            + (f"; {needs}" if needs == "cannot be read" else f"; needs {needs}" if needs else "")
            + (f"; TASK is {tasks}" if tasks else "")
        )
        table.add_row(f"{name}/TASK" if tasks else name, what, str(info.get("paper", "")).split(", http")[0])
    Console(highlight=False).print(table)
    if kind is Kind.proxies:
        typer.echo("direction: higher is better, for every proxy")


def _registry(kind: Kind) -> Registry[Any]:
    from archcast.data import BENCHMARKS
    from archcast.encodings import ENCODINGS
    from archcast.predictors import PREDICTORS
    from archcast.proxies import PROXIES
    from archcast.search import STRATEGIES
    from archcast.spaces import SPACES

    registries: dict[str, Registry[Any]] = {
        "spaces": SPACES,
        "encodings": ENCODINGS,
        "predictors": PREDICTORS,
        "proxies": PROXIES,
        "benchmarks": BENCHMARKS,
        "strategies": STRATEGIES,
    }
    return registries[kind.value]
