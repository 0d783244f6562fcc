"""``archcast predict``: rank candidates with a model that ``archcast fit`` wrote."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["predict"]

WIDEST = 14
"""Most characters of a candidate's own column on the screen."""


def predict(
    model: Annotated[
        str,
        typer.Argument(
            help="Path to a model that archcast fit wrote. With --zoo: a network, such as timm:resnet50.",
            show_default=False,
        ),
    ],
    candidates: Annotated[
        Path | None,
        typer.Argument(help="Path to a table of candidates: .csv, .tsv, .json or .jsonl.", show_default=False),
    ] = None,
    top: Annotated[
        int | None, typer.Option(help="Number of the best candidates to print.", show_default="all", min=1)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Path to the .csv file to write.", show_default=False)
    ] = None,
    zoo: Annotated[
        bool,
        typer.Option(
            "--zoo", help="Forecast the ImageNet accuracy of a network, such as timm:resnet50 or file.py:factory."
        ),
    ] = False,
    input_: Annotated[
        str | None,
        typer.Option("--input", help="Shape of an image, with --zoo.", show_default="what suits the network"),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Tag of the training recipe, for --zoo, such as ra3_in1k.", show_default=False)
    ] = None,
) -> None:
    """Rank candidates: predicted score, 90 % interval, and which candidates are far from anything seen.

    Candidates have the columns of the table that the model learned from, without the score.
    """
    from archcast.choosing import Model
    from archcast.errors import InvalidInputError

    if zoo:
        _network(str(model), input_, recipe, json)
        return
    if candidates is None:
        raise typer.BadParameter("Give a table of candidates, or --zoo to forecast a network.")
    if out is not None and not out.parent.is_dir():
        raise InvalidInputError(f"--out {str(out)!r}: the folder {str(out.parent)!r} does not exist.")
    loaded = Model.load(model)
    try:
        ranked = loaded.rank(candidates)
    except InvalidInputError as error:
        raise type(error)(
            f"{str(candidates)!r}: {error}" if str(candidates) not in str(error) else str(error)
        ) from error
    if lacking := loaded.lacking(candidates):
        typer.echo(f"{str(candidates)!r} has no {', '.join(lacking)}: predicted without.", err=True)
    refused = [record for record in ranked if record["rank"] is None]
    for record in refused:
        typer.echo(f"error: {str(candidates)!r}, row {record['row']} is not ranked: {record['note']}", err=True)
    shown = ranked if top is None else [record for record in ranked if record["rank"] is not None][:top]
    if out is not None:
        _write(shown, out)
    if json:
        typer.echo(json_.dumps(shown, indent=2, ensure_ascii=False))
    else:
        _show([record for record in shown if record["rank"] is not None], loaded, len(ranked) - len(refused))
    if out is not None:
        typer.echo(f"Written to {out}", err=json)
    if refused:
        raise typer.Exit(2)


def _network(text: str, shape: str | None, recipe: str | None, json: bool) -> None:
    """Forecast one network by how it is built."""
    from archcast.cli._inputs import inputs_of
    from archcast.cli._targets import Settings, target_of
    from archcast.cli._zoo import against, show

    image = None if shape is None else inputs_of([shape]).shape
    (record,) = against([target_of(text)], Settings(image=image), recipe, None)
    if "error" in record:
        typer.echo(f"error: {record['error']}", err=True)
        raise typer.Exit(2)
    if json:
        typer.echo(json_.dumps(record, indent=2))
    else:
        show([record])


def _show(ranked: list[dict[str, Any]], model: Any, total: int) -> None:
    import shutil

    from archcast.cli._tables import lines, written

    roles = model.roles
    better = "lower" if roles.falls else "higher"
    typer.echo(
        written(
            f"{total} candidates by predicted {roles.score} ({better} is better), learned from {model.labels} rows."
        )
    )
    own = (
        [name for name in ranked[0] if name not in ("rank", "row", "mean", "low90", "high90", "note")] if ranked else []
    )
    rows = [["rank", "row", roles.score[:WIDEST], "90 % interval", *(name[:WIDEST] for name in own)]]
    for record in ranked:
        interval = "" if record["low90"] is None else f"{record['low90']:.4g} to {record['high90']:.4g}"
        values = ["" if record[name] is None else str(record[name])[:WIDEST] for name in own]
        rows.append([str(record["rank"]), str(record["row"]), f"{record['mean']:.4g}", interval, *values])
    width = shutil.get_terminal_size().columns
    kept = len(rows[0])
    while kept > 4 and len(max(lines([row[:kept] for row in rows]), key=len)) > width:
        kept -= 1
    for line in lines([row[:kept] for row in rows]):
        typer.echo(line)
    if kept < len(rows[0]):
        more = len(rows[0]) - kept
        typer.echo(f"({more} more column{'s' * (more > 1)}: --json or --out shows {'them' if more > 1 else 'it'})")
    for record in ranked:
        if record["note"]:
            typer.echo(written(f"row {record['row']}: {record['note']}"))


def _write(ranked: list[dict[str, Any]], out: Path) -> None:
    import csv
    import io

    from archcast.files import write_whole

    text = io.StringIO()
    writer = csv.DictWriter(text, list(ranked[0]) if ranked else ["rank"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(ranked)
    write_whole(out, text.getvalue())
