"""``archcast leaderboard``: every benchmark at hand, one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from archcast.evaluation import Progress

__all__ = ["leaderboard"]

RECOMMENDED = "stack"
"""What archcast tells people to use; the page says where it loses."""


def leaderboard(
    benchmarks: Annotated[
        str | None,
        typer.Option(help="Names of benchmarks, with commas between them.", show_default="all that can be loaded"),
    ] = None,
    predictors: Annotated[
        str | None,
        typer.Option(help="Names of predictors, with commas between them.", show_default="a well-chosen few"),
    ] = None,
    train_sizes: Annotated[
        str, typer.Option(help="Numbers of training architectures, with commas between them.")
    ] = "10,100",
    trials: Annotated[int, typer.Option(help="Number of repetitions.")] = 5,
    jobs: Annotated[int, typer.Option(help="Number of worker processes; -1 is one for each core.")] = -1,
    out: Annotated[Path, typer.Option(help="Path to the folder for the page and all results.")] = Path(
        "archcast-leaderboard"
    ),
) -> None:
    """Compare predictors on every benchmark at hand, on one page.

    The page says where the recommended predictor loses. The same command continues an interrupted run, and evaluates only
    benchmarks that are new.
    """
    from archcast.cli._checked import wholes_of
    from archcast.cli._progress import progress_bar, stoppable
    from archcast.cli._tables import written
    from archcast.evaluation.leaderboard import leaderboard as run
    from archcast.reports.numbers import counted

    sizes = wholes_of("--train-sizes", train_sizes)
    with progress_bar("trials") as bar, stoppable(lambda: f"what is finished is kept in {out}."):

        def tell(name: str, told: Progress) -> None:
            bar.update(told.done, told.total, name)

        board = run(
            _names(benchmarks),
            _names(predictors),
            train_sizes=sizes,
            trials=trials,
            recommended=RECOMMENDED,
            out=out,
            jobs=jobs,
            progress=tell,
        )
    counts = f"{counted(len(board.results), 'benchmark')}; {len(board.missing)} not here."
    typer.echo(written(f"{counts} Written to {out / 'index.html'}"))
    if not any(row["predictor"] == RECOMMENDED for row in board.rows()):
        typer.echo(written(f"{RECOMMENDED} was not evaluated, so that nothing is said of where it loses."))
    for loss in board.losses()[:10]:
        where = f"{RECOMMENDED} loses on {loss.benchmark}, n = {loss.train_size}"
        typer.echo(written(f"{where}: {loss.best} is {loss.difference:.3f} tau better"))


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]
