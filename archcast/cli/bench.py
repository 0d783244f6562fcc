"""``archcast bench``: predictors by rank correlation."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from archcast.data import Benchmark
    from archcast.evaluation import Progress

__all__ = ["bench"]

DEFAULT = "digits"


def bench(
    benchmark: Annotated[
        str | None,
        typer.Argument(help="Benchmark, see archcast list benchmarks.", show_default=DEFAULT),
    ] = None,
    predictors: Annotated[
        str | None,
        typer.Option(
            help="Names with commas (parameters: omni:without=curve), all, or none.", show_default="a well-chosen few"
        ),
    ] = None,
    proxies: Annotated[
        str | None,
        typer.Option(
            help="Zero-cost proxies with commas, or none: a row each beside params and flops, of the evidence, else computed.",
            show_default="a published few",
        ),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding for every predictor that takes one.", show_default=False)
    ] = None,
    train_sizes: Annotated[
        str | None, typer.Option(help="Training architectures, with commas.", show_default="10,32,100")
    ] = None,
    test_size: Annotated[
        str | None,
        typer.Option(help="Test architectures, or rest for all others.", show_default="1000"),
    ] = None,
    test: Annotated[
        str, typer.Option(help="random architectures, or mutations of the best training ones, as in a search.")
    ] = "random",
    trials: Annotated[int | None, typer.Option(help="Repetitions.", show_default="5")] = None,
    seed: Annotated[int, typer.Option(help="Seed of splits and predictors.")] = 0,
    preset: Annotated[
        str | None, typer.Option(help="Published protocol: white2021, tnasp or suite-zero.", show_default=False)
    ] = None,
    epochs: Annotated[
        str | None,
        typer.Option(help="Epochs of learning curves seen at query, with commas.", show_default="each predictor's own"),
    ] = None,
    budgets: Annotated[
        bool, typer.Option("--budgets", help="Which predictor is best for each pair of init and query time.")
    ] = False,
    metric: Annotated[str | None, typer.Option(help="What to predict.", show_default="the benchmark's choice")] = None,
    evidence: Annotated[
        str, typer.Option(help="What predictors are told besides: none, published, or a file of archcast score --out.")
    ] = "none",
    jobs: Annotated[int, typer.Option(help="Worker processes; -1 is one a core.")] = -1,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the results.", show_default="one in archcast-results"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json instead of a table.")] = False,
    table: Annotated[
        Path | None, typer.Option(help="Your own table (.csv, .csv.gz) instead of a benchmark.", show_default=False)
    ] = None,
    space: Annotated[str | None, typer.Option(help="Search space of that table.", show_default=False)] = None,
    arch_column: Annotated[str, typer.Option(help="Its column of architectures.")] = "arch",
    score_column: Annotated[str, typer.Option(help="Its column of scores, higher is better.")] = "score",
) -> None:
    """Benchmark performance predictors by rank correlation.

    Each trial trains every predictor on the same n random architectures and ranks the same others.

    Ctrl-C keeps what is finished; the same command continues.
    """
    from archcast.cli._summary import show
    from archcast.evaluation import evaluate

    loaded = _load(benchmark, table, space, arch_column, score_column)
    settings: dict[str, Any] = {
        "predictors": [] if predictors == "none" else _names(predictors),
        "proxies": {None: None, "none": []}.get(proxies, [name.strip() for name in str(proxies).split(",")]),
        "benchmark": loaded,
        "encoding": encoding,
        "train_sizes": None if train_sizes is None else [_whole("--train-sizes", n) for n in train_sizes.split(",")],
        "test_size": test_size if test_size in (None, "rest") else _whole("--test-size", str(test_size)),
        "test": test,
        "trials": trials,
        "seed": seed,
        "metric": metric,
        "evidence": {"none": None, "published": True}.get(evidence, evidence),
        "preset": preset,
        "epochs": None if epochs is None else [_whole("--epochs", n) for n in epochs.split(",")],
        "budgets": budgets,
    }
    folder = Path("archcast-results") / _folder_name(loaded, settings) if out is None else out
    done = [0, 0]
    try:
        with _progress(done) as progress:
            results = evaluate(**settings, jobs=jobs, out=folder, progress=progress)
    except KeyboardInterrupt:
        kept = f"{done[0]} of {done[1]} trials are kept in {folder}; the same command continues."
        typer.echo(f"interrupted: {kept}" if done[1] else "interrupted", err=True)
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(results.to_json(), nl=False)
    else:
        show(results)
        files = ["report.html", "figure.png", *["budgets.png"] * bool(results.protocol["budgets"]), "results.json"]
        typer.echo(f"Written to {folder}: {', '.join(files)}, results.csv")


def _load(benchmark: str | None, table: Path | None, space: str | None, arch: str, score: str) -> Benchmark:
    from archcast.data import load_benchmark, read_table

    if table is None:
        if space is not None:
            raise typer.BadParameter("--space goes with --table; a benchmark has its own space.")
        return load_benchmark(benchmark or DEFAULT)
    if benchmark is not None:
        raise typer.BadParameter(f"Give a benchmark ({benchmark!r}) or --table, not both.")
    if space is None:
        raise typer.BadParameter("--table needs --space, see `archcast list spaces`.")
    return read_table(table, space, arch_column=arch, score_column=score)


def _names(text: str | None) -> str | list[str] | None:
    return text if text in (None, "all") else [name.strip() for name in str(text).split(",")]


def _whole(option: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{option}: {text.strip()!r} is not a whole number.") from None


def _folder_name(benchmark: Benchmark, settings: dict[str, Any]) -> str:
    """The same for the same command on the same data, another for another one; predictors may be added."""
    import hashlib

    from archcast._version import __version__

    rest = sorted((key, value) for key, value in settings.items() if key not in ("benchmark", "predictors", "proxies"))
    if settings["proxies"] and settings["evidence"]:  # which narrows the benchmark
        rest.append(("proxies", True))
    digest = hashlib.sha256(repr((__version__, rest)).encode())
    digest.update(benchmark.archs.tobytes() + benchmark.scores().tobytes())
    return f"{benchmark.name.replace('/', '-')}-{digest.hexdigest()[:6]}"


@contextmanager
def _progress(done: list[int]) -> Iterator[Callable[[Progress], None]]:
    """A bar on stderr; ``done`` is kept at (trials done, trials in all)."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    bar = Progress(
        *columns, TextColumn("{task.description}"), console=console, transient=True, disable=not console.is_terminal
    )
    with bar:
        task = bar.add_task("starting", total=None)

        def tell(progress: Any) -> None:
            if progress.what == "networks":
                bar.update(task, completed=progress.done, total=progress.total, description="networks of proxies")
                return
            done[:] = progress.done, progress.total
            row = progress.row
            if row is None and progress.done:
                console.print(f"continuing: {progress.done} of {progress.total} trials are there already")
            text = "starting" if row is None else f"{row['predictor']} n={row['train_size']}"
            if row is not None:
                text += " failed" if row["error"] else f" tau {row['kendall_tau']:.2f}"
            bar.update(task, completed=progress.done, total=progress.total, description=text)

        yield tell
