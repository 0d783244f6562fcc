"""The command line: one file a command.

Nothing heavy is imported before a command runs, so ``archcast --help`` answers at once. Errors are one line on stderr and exit
code 2, Ctrl-C is exit code 130 and SIGTERM 143.
"""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from archcast.cli import (
    bench,
    choose,
    data,
    fit,
    forecast,
    leaderboard,
    listing,
    measure,
    oneshot,
    predict,
    score,
    search,
    stats,
    surrogate,
    train,
)
from archcast.cli._checked import Checked
from archcast.cli._progress import Terminated, stop_on_sigterm
from archcast.errors import ArchcastError

__all__ = ["app", "main"]

app = typer.Typer(
    name="archcast",
    help="Forecast how good a neural network architecture will be before anyone trains it.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("score", cls=Checked)(score.score)
app.command("stats", cls=Checked)(stats.stats)
app.command("bench", cls=Checked)(bench.bench)
app.command("leaderboard", cls=Checked)(leaderboard.leaderboard)
app.command("search", cls=Checked)(search.search)
app.command("train", cls=Checked)(train.train)
app.command("measure", cls=Checked)(measure.measure)
app.command("forecast", cls=Checked)(forecast.forecast)
app.command("fit", cls=Checked)(fit.fit)
app.command("predict", cls=Checked)(predict.predict)
app.command("choose", cls=Checked)(choose.choose)
app.command("surrogate", cls=Checked)(surrogate.surrogate)
app.command("list", cls=Checked)(listing.list_)
app.add_typer(data.app, name="data")
app.add_typer(oneshot.app, name="oneshot")


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        from archcast._version import __version__

        typer.echo(f"archcast {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 wrong input, 130 interrupted, 143 terminated."""
    try:
        with stop_on_sigterm():
            code = app(arguments, standalone_mode=False)
    except ArchcastError as error:
        _fail(str(error))
    except OSError as error:  # a full disk, a folder without permission
        _fail(str(error))
    except (KeyboardInterrupt, typer.Abort) as error:
        sys.exit(143 if isinstance(error, Terminated) else 130)
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        _fail(error.format_message() or "a command is missing: --help lists what there is.")
    sys.exit(code or 0)


def _fail(message: str) -> NoReturn:
    typer.echo(f"error: {ArchcastError(' '.join(message.split()))}", err=True)
    sys.exit(2)
