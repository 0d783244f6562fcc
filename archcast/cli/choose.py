"""``archcast choose``: which predictor to use on a table of one's own, and whether to use one at all."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["choose"]


def choose(
    table: Annotated[
        Path,
        typer.Argument(
            help="Path to a table of architectures and scores: .csv, .tsv, .json or .jsonl.", show_default=False
        ),
    ],
    score: Annotated[
        str | None, typer.Option(help="Name of the column with the score.", show_default="chosen by its name")
    ] = None,
    better: Annotated[
        str | None,
        typer.Option(help="Direction of better scores: higher or lower.", show_default="by the score's name"),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(help="Name of a search space, or path to its JSON.", show_default="the table's own columns"),
    ] = None,
    predictors: Annotated[
        str | None, typer.Option(help="Names of predictors, with commas between them.", show_default="five of them")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Number of epochs of learning curves that candidates will have.", show_default="a fifth of the table's"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of all randomness.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Recommend a predictor for a table: how well it will rank, whether more scores would help, whether a count of
    parameters would do.

    Ctrl-C keeps finished folds; the same command continues.
    """
    from archcast.choosing import choose as advise
    from archcast.choosing.recommend import CANDIDATES
    from archcast.cli._progress import progress_bar, stoppable
    from archcast.cli._tables import kept_folds, lines, read, say_notes, show_validated, written
    from archcast.names import PREDICTORS

    names = list(CANDIDATES) if predictors is None else [name.strip() for name in predictors.split(",")]
    for name in names:
        PREDICTORS.entry(name)
    data = read(table, score, better, space, epochs)
    say_notes(data, to_stderr=json)
    kept = kept_folds(table)
    with (
        stoppable(lambda: f"finished folds are kept in {kept}; the same command continues."),
        progress_bar("fits") as bar,
    ):
        advice = advise(data, names, seed=seed, kept=kept, tell=bar.update)
    if json:
        typer.echo(
            json_.dumps(
                {"score": data.roles.score, "rows": len(data), **advice.to_dict()}, indent=2, ensure_ascii=False
            )
        )
        return
    typer.echo("")
    show_validated([*advice.validated, *advice.baselines[:5]])
    typer.echo("")
    rows: list[list[object]] = [
        ["labels", "tau", "±"],
        *([m, f"{tau:.3f}", f"{error:.3f}"] for m, tau, error in advice.curve),
    ]
    rows += [[f"{m} (expected)", f"{tau:.3f}", ""] for m, tau in advice.expected.items()]
    if len(rows) > 1:
        for line in lines(rows):
            typer.echo(line)
        typer.echo("")
    for sentence in advice.sentences:
        typer.echo(written(sentence))
