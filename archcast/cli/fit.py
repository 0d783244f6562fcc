"""``archcast fit``: learn from a table of one's own."""

from __future__ import annotations

import json as json_
import math
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["fit"]


def fit(
    table: Annotated[
        Path,
        typer.Argument(
            help="Path to a table of architectures and scores: .csv, .tsv, .json or .jsonl.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Path to the model to write.")] = Path("model.npz"),
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
    predictor: Annotated[str, typer.Option(help="Name of the predictor, see archcast list predictors.")] = "stack",
    sources: Annotated[
        str | None,
        typer.Option(
            help="Paths to tables of other tasks with the same columns, or names of benchmarks, with commas between them. The "
            "predictor learns from them too.",
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Number of epochs of learning curves that candidates will have.", show_default="a fifth of the table's"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of all randomness.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Learn from a table which architectures are good.

    Prints how well the predictor ranks rows that it has not seen (five-fold cross-validation), beside rankings that
    need no learning. archcast predict uses the model.

    Ctrl-C keeps finished folds; the same command continues.
    """
    from archcast.choosing import fit as fit_model
    from archcast.cli._progress import progress_bar, stoppable
    from archcast.cli._tables import (
        correlations_of,
        kept_folds,
        read,
        read_sources,
        say_correlations,
        say_notes,
        show_validated,
        written,
    )
    from archcast.errors import InvalidInputError
    from archcast.names import PREDICTORS

    PREDICTORS.entry(predictor)
    if out.is_dir():
        raise InvalidInputError(f"--out {str(out)!r} is a folder: give the path of the file to write, e.g. model.npz.")
    if not out.parent.is_dir():
        raise InvalidInputError(f"--out {str(out)!r}: the folder {str(out.parent)!r} does not exist.")
    data = read(table, score, better, space, epochs, sources)
    say_notes(data, to_stderr=json)
    others = {} if sources is None else read_sources(sources, data.space, better)
    kept = kept_folds(table)
    with (
        stoppable(lambda: f"finished folds are kept in {kept}; the same command continues."),
        progress_bar("folds") as bar,
    ):
        model, validated = fit_model(
            data, predictor, seed=seed, kept=kept, tell=bar.update, sources=list(others.values())
        )
    out = out if out.suffix == ".npz" else out.with_name(out.name + ".npz")
    model.save(out)
    if json:
        told = _told(data, predictor, validated, out) | {"sources": correlations_of(model.predictor, others)}
        typer.echo(json_.dumps(told, indent=2, ensure_ascii=False))
        return
    typer.echo("")
    show_validated(validated)
    say_correlations(correlations_of(model.predictor, others), len(data))
    typer.echo(written(f"Written to {out}"))


def _told(data: Any, predictor: str, validated: Any, out: Path) -> dict[str, Any]:
    def line(found: Any) -> dict[str, Any]:
        return {
            "name": found.name,
            "tau": found.tau,
            "error": found.error,
            "covered90": None if math.isnan(found.covered) else found.covered,
        }

    return {
        "model": str(out),
        "predictor": predictor,
        "score": data.roles.score,
        "better": "lower" if data.roles.falls else "higher",
        "rows": len(data),
        "decisions": list(data.roles.decisions),
        "costs": list(data.roles.costs),
        "proxies": list(data.roles.proxies),
        "curves": dict.fromkeys(data.roles.curves, data.roles.epochs),
        "validated": line(validated[0]),
        "baselines": [line(found) for found in validated[1:]],
        "notes": list(data.notes),
    }
