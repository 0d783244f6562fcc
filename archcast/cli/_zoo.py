"""Where a model stands among real models: its expected accuracy on ImageNet, and its published one where a table has it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcast.errors import DataNotFoundError, InvalidInputError

if TYPE_CHECKING:
    from archcast.cli._targets import Settings, Target
    from archcast.data import Benchmark

__all__ = ["TABLES", "against", "show"]

TABLES = ("timm", "torchvision")


def against(
    targets: Sequence[Target], settings: Settings, recipe: str | None, table: str | None
) -> list[dict[str, Any]]:
    """A record for each model; one that fails has the reason under ``error``.

    Args:
        targets: models.
        settings: how they are built, and the shape of their images.
        recipe: tag of the recipe; ``None`` takes that of a name such as ``timm:resnet50.a1_in1k``.
        table: name of the published table to look the models up in, or ``None``.
    """
    published = None if table is None else _table(table)
    return [_record(target, settings, recipe, published) for target in targets]


def _record(target: Target, settings: Settings, recipe: str | None, published: Benchmark | None) -> dict[str, Any]:
    import torch

    from archcast.errors import ArchcastError
    from archcast.zoo import forecast_model

    named = target.rest.partition(".")[2] if target.kind == "timm" else ""
    tag = recipe if recipe is not None else named or None
    record: dict[str, Any] = {"model": target.name, "recipe": tag}
    try:
        with torch.device("meta"):
            model, shape = target.build(settings)
        found = forecast_model(model.to("meta"), shape, tag)
    except (ArchcastError, NotImplementedError):
        try:  # what cannot be built without memory is built with it
            model, shape = target.build(settings)
            found = forecast_model(model, shape, tag)
        except ArchcastError as error:
            return {**record, "error": str(error)}
    record |= {
        "top1": round(float(found.top1[0]), 2),
        "low90": round(float(found.low[0]), 2),
        "high90": round(float(found.high[0]), 2),
        "percentile": round(float(found.percentile[0]), 1),
        "params": sum(parameter.numel() for parameter in model.parameters()),
        "beyond": list(found.beyond[0]),
    }
    if published is not None:
        record |= _place(target, record, shape, published)
    return record


def _place(target: Target, record: dict[str, Any], shape: tuple[int, ...], published: Benchmark) -> dict[str, Any]:
    """The published accuracy, if the model is in the table, and how many smaller models are better."""
    names = [text for (text,) in published.space.frame(published.archs).to_numpy()]  # type: ignore[attr-defined]
    scores, params = published.scores(), published.costs["params"]
    wanted = target.rest if published.name.endswith("torchvision") else f"{target.rest}@{shape[-1]}"
    rows = [i for i, name in enumerate(names) if wanted in (name, name.partition(".")[0])]
    top1 = max((float(scores[i]) for i in rows), default=None)
    best = record["top1"] if top1 is None else top1
    better = (params <= record["params"] * 1.001) & (scores > best)
    return {
        "published_top1": top1,
        "table": published.name,
        "smaller_and_better": int(better.sum()),
        "models": len(names),
    }


def _table(name: str) -> Benchmark | None:
    from archcast.data import load_benchmark

    if name not in TABLES:
        raise InvalidInputError(f"--against must be one of {', '.join(TABLES)}, got {name[:40]!r}.")
    try:
        return load_benchmark(f"model-zoo/{name}")
    except DataNotFoundError:
        if os.environ.get("ARCHCAST_DATA") and not Path(os.environ["ARCHCAST_DATA"]).is_dir():
            raise
        return None  # the forecast needs no table


def show(records: Sequence[dict[str, Any]]) -> None:
    """Print the records, and what their columns mean."""
    from rich.console import Console

    from archcast.cli._grid import Grid, say

    console = Console(highlight=False)
    table = Grid()
    table.add_column("model", overflow="ellipsis", no_wrap=True, max_width=36)
    for name in ("top-1 %", "90 % interval", "percentile", "published"):
        table.add_column(name, justify="right", no_wrap=True)
    good = [record for record in records if "error" not in record]
    for record in good:
        known = record.get("published_top1")
        table.add_row(
            record["model"],
            f"{record['top1']:.1f}",
            f"{record['low90']:.1f} to {record['high90']:.1f}",
            f"{record['percentile']:.0f}",
            "" if known is None else f"{known:.1f}",
        )
    if good:
        console.print(table)
        lines = [
            "top-1: forecast from structure, for ImageNet and a training from its own start.",
            "percentile: among models with as many parameters; 100 is the best.",
        ]
        if any(record["recipe"] is None for record in good):
            lines.append("A recipe that is known narrows the interval: --recipe ra3_in1k.")
        lines.append(f"tau on families left out: {_measured()}.")
        lines.append(
            "Less to be relied on for lineages unlike timm's and for recipes of the future; models of a single recipe are ranked "
            "better by their operations."
        )
        for line in lines:
            say(console, line, "dim")
    for record in good:
        for beyond in record["beyond"]:
            say(console, f"{record['model']}: {beyond}: its forecast is a guess.", "yellow")
        if "models" in record:
            better = f"{record['smaller_and_better']} of {record['models']} published models"
            say(console, f"{record['model']}: {better} are no larger and better.")


def _measured() -> str:
    """How well the forecaster ranks, beside what needs no forecaster."""
    from archcast.zoo.shipped import MEASURED

    return ", ".join(f"{name} {tau:.2f}".replace(" 0.", " .") for name, tau in MEASURED.items())
