"""``archcast surrogate``: a benchmark that answers for architectures that nobody has trained, made of a table."""

from __future__ import annotations

import dataclasses
import json as json_
import math
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["surrogate"]


def surrogate(
    table: Annotated[
        str,
        typer.Argument(
            help="Name of a benchmark (see archcast list benchmarks), or path to a table: .csv, .csv.gz or .npz.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Path to the file to write.")] = Path("surrogate.npz"),
    path: Annotated[
        Path | None,
        typer.Option(help="Path to the published files of the benchmark.", show_default="$ARCHCAST_DATA"),
    ] = None,
    share: Annotated[float, typer.Option(help="Share of the rows to learn from; the other rows are the test.")] = 1.0,
    metrics: Annotated[
        str | None,
        typer.Option(
            help="Names of metrics, with commas between them; the first one counts.",
            show_default="the benchmark's choice",
        ),
    ] = None,
    curves: Annotated[
        str | None,
        typer.Option(
            help="Names of learning curves, with commas between them, or none.", show_default="all of the table's"
        ),
    ] = None,
    members: Annotated[
        str | None,
        typer.Option(
            help="Names of the predictors that make the ensemble, with commas between them.",
            show_default="stack, gp, xgboost, lightgbm, random-forest; without stack above 10,000 rows, gp above 3,000",
        ),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(help="Name of the search space of a .csv table.", show_default="its columns are the decisions"),
    ] = None,
    budget: Annotated[
        int,
        typer.Option(help="Number of evaluations of each search that compares surrogate and table; 0 is no search."),
    ] = 100,
    trials: Annotated[int, typer.Option(help="Number of searches with each strategy.")] = 5,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Whether to compare the surrogate with the table.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Seed of rows, folds, predictors and searches.")] = 0,
    jobs: Annotated[int, typer.Option(help="Number of worker processes; -1 is one for each core.")] = -1,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Make a surrogate benchmark: a function that answers for the whole search space, learned from a table.

    Prints how well it does: on architectures that it has not seen, on regions left out, on curves and their noise, and
    in searches. archcast bench and archcast search take the file like any benchmark.
    """
    from archcast.cli._progress import progress_bar
    from archcast.cli._tables import written
    from archcast.errors import InvalidInputError
    from archcast.surrogates import check_surrogate, make_surrogate, save_surrogate

    if out.is_dir():
        raise InvalidInputError(
            f"--out {str(out)!r} is a folder: give the path of the file to write, e.g. surrogate.npz."
        )
    if not out.parent.is_dir():
        raise InvalidInputError(f"--out {str(out)!r}: the folder {str(out.parent)!r} does not exist.")
    out = out if out.suffix == ".npz" else out.with_name(out.name + ".npz")
    loaded = _load(table, path, space)
    settings: dict[str, Any] = {
        "metrics": _names(metrics),
        "curves": [] if curves == "none" else _names(curves),
        "members": _names(members),
    }
    with progress_bar("fits") as bar:
        made = make_surrogate(loaded, share=share, seed=seed, jobs=jobs, tell=bar.update, **settings)
        save_surrogate(made, out)
        report = None
        if check:
            report = check_surrogate(
                made, loaded, budget=budget, trials=trials, seed=seed, jobs=jobs, tell=bar.update
            )  # fmt: skip
    if json:
        told = {} if report is None else _plain(dataclasses.asdict(report))
        typer.echo(json_.dumps({"surrogate": str(out), "source": made.source, "rows": len(made), **told}, indent=2))
        return
    typer.echo(f"{made.name}: {made.source}")
    for line in [] if report is None else report.lines():
        typer.echo(line)
    typer.echo(
        written(f"Written to {out}: answers for {len(made):,} architectures are ready, all others are computed.")
    )


def _load(table: str, path: Path | None, space: str | None) -> Any:
    from archcast.cli.bench import TABLES, load
    from archcast.data import load_benchmark

    if table.endswith(TABLES):
        if path is not None:
            raise typer.BadParameter("--path goes with the name of a benchmark, not with a table.")
        return load(None, Path(table), space, None, None)
    if space is not None:
        raise typer.BadParameter("--space goes with a .csv table; a benchmark has its own space.")
    return load_benchmark(table, path)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]


def _plain(tree: Any) -> Any:
    """JSON has no NaN: it is null."""
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_plain(value) for value in tree]
    if isinstance(tree, float) and not math.isfinite(tree):
        return None
    return tree
