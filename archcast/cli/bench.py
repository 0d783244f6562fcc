"""``archcast bench``: predictors by rank correlation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archcast.cli._progress import Bar, progress_bar, stoppable

if TYPE_CHECKING:
    from archcast.data import Benchmark
    from archcast.evaluation import Progress

__all__ = ["TABLES", "bench", "load"]

DEFAULT = "digits"
TABLES = (".csv", ".csv.gz")
QUICK_TRAIN_SIZES, QUICK_TEST_SIZE, QUICK_TRIALS = (10, 100), 200, 3
QUICK_PREDICTORS = ("gp", "bayesian-linear", "random-forest", "sotl-e")
"""Well-known predictors of different families, each done in a moment."""


def bench(
    benchmark: Annotated[
        str | None,
        typer.Argument(
            help="Name of a benchmark (see archcast list benchmarks), or path to a table: .csv or .csv.gz.",
            show_default=DEFAULT,
        ),
    ] = None,
    predictors: Annotated[
        str | None,
        typer.Option(
            help="Names of predictors, with commas between them, or all (but one-shot predictors), or none. A name may be "
            "followed by parameters (omni:without=curve). The class of a scikit-learn regressor may stand for a name "
            "(sklearn.svm.SVR:C=10).",
            show_default="a well-chosen few",
        ),
    ] = None,
    proxies: Annotated[
        str | None,
        typer.Option(
            help="Names of zero-cost proxies, with commas between them, or none. Each proxy gets a row, and so do params and "
            "flops. The scores are taken from the evidence or the benchmark where these have them, else they are computed.",
            show_default="a published few",
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(help="Name of the encoding for every predictor that takes one.", show_default="each one's own"),
    ] = None,
    train_sizes: Annotated[
        str | None,
        typer.Option(help="Numbers of architectures to train on, with commas between them.", show_default="10,32,100"),
    ] = None,
    test_size: Annotated[
        str | None,
        typer.Option(
            help="Number of architectures to test on, rest for all others, or whole for all there are.",
            show_default="1000",
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            help="Kind of test set: random architectures, mutations of the best training architectures, or neighbourhood "
            "(training architectures are mutations as well).",
            show_default="random",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(help="Number of repetitions, each with other training and test sets.", show_default="5"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the training sets, the test sets and the predictors.")] = 0,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Name of a published protocol: white2021, white2021-mutations, tnasp, tnasp-splits, nds-transfer or "
            "suite-zero. Fewer --trials give a quick look at it.",
            show_default=False,
        ),
    ] = None,
    one_shot: Annotated[
        bool,
        typer.Option(
            "--one-shot",
            help="A row for the predictor one-shot, which trains shared weights on digits and needs no score.",
        ),
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Quick look: few predictors, train sizes and trials, done in seconds.")
    ] = False,
    epochs: Annotated[
        str | None,
        typer.Option(
            help="Numbers of epochs of the learning curves that predictors see, with commas between them.",
            show_default="each one's own",
        ),
    ] = None,
    budgets: Annotated[
        bool, typer.Option("--budgets", help="Map of the best predictor for each pair of init time and query time.")
    ] = False,
    metric: Annotated[
        str | None, typer.Option(help="Name of the metric to predict.", show_default="the benchmark's choice")
    ] = None,
    evidence: Annotated[
        str,
        typer.Option(
            help="What predictors are told besides the architecture: none, published (proxies and costs of the benchmark), or "
            "the path to a file that archcast score --out wrote."
        ),
    ] = "none",
    sources: Annotated[
        str | None,
        typer.Option(
            help="Names of benchmarks of other tasks to learn from, or paths to tables, with commas between them. A name may be "
            "followed by a metric (digits:val_accuracy). Predictors that learn from sources get a row without and one with them.",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Number of worker processes; -1 is one for each core.")] = -1,
    out: Annotated[
        Path | None, typer.Option(help="Path to the folder for the results.", show_default="one in archcast-results")
    ] = None,
    intervals: Annotated[
        bool,
        typer.Option(
            "--intervals",
            help="Tables of coverage, CRPS and mean standard deviation in each tenth of the predictions, after the most "
            "training architectures.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json instead of a table.")] = False,
    table: Annotated[
        Path | None,
        typer.Option(help="Path to a table of your own (.csv, .csv.gz), instead of a benchmark.", show_default=False),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(help="Name of the search space of the table.", show_default="its columns are the decisions"),
    ] = None,
    arch_column: Annotated[
        str | None,
        typer.Option(help="Name of the column with the architectures, where --space is given.", show_default="arch"),
    ] = None,
    score_column: Annotated[
        str | None,
        typer.Option(
            help="Name of the column with the scores, higher is better.",
            show_default="score; without --space, found by its name",
        ),
    ] = None,
) -> None:
    """Benchmark performance predictors by rank correlation.

    Each trial trains every predictor on the same n random architectures and ranks the same others.

    Ctrl-C keeps what is finished; the same command continues.
    """
    from archcast.cli._checked import whole_of, wholes_of
    from archcast.cli._summary import show, show_intervals
    from archcast.cli._tables import written
    from archcast.evaluation import evaluate

    loaded = load(benchmark, table, space, arch_column, score_column)
    settings: dict[str, Any] = {
        "predictors": [] if predictors == "none" else _names(predictors),
        "proxies": {None: None, "none": []}.get(proxies, [name.strip() for name in str(proxies).split(",")]),
        "benchmark": loaded,
        "encoding": encoding,
        "train_sizes": None if train_sizes is None else wholes_of("--train-sizes", train_sizes),
        "test_size": test_size if test_size in (None, "rest", "whole") else whole_of("--test-size", str(test_size)),
        "test": test,
        "trials": trials,
        "seed": seed,
        "metric": metric,
        "evidence": {"none": None, "published": True}.get(evidence, evidence),
        "sources": None if sources is None else _sources(sources, loaded, arch_column, score_column),
        "preset": preset,
        "epochs": None if epochs is None else wholes_of("--epochs", epochs),
        "budgets": budgets,
    }
    if quick:
        _make_quick(settings, loaded)
    if one_shot:
        from archcast.evaluation import default_predictors

        settings["predictors"] = [*(settings["predictors"] or default_predictors(loaded)), "one-shot"]
    folder = Path("archcast-results") / _folder_name(loaded, settings) if out is None else out
    with progress_bar("trials") as bar, stoppable(lambda: _kept(bar, folder)):
        results = evaluate(**settings, jobs=jobs, out=folder, progress=_telling(bar))
    if as_json:
        typer.echo(results.to_json(), nl=False)
        return
    show(results)
    if intervals:
        show_intervals(results)
    files = ["report.html", "figure.png", *["budgets.png"] * bool(results.protocol["budgets"]), "results.json"]
    typer.echo(written(f"Written to {folder}: {', '.join(files)}, results.csv"))
    if quick:
        typer.echo(written("This was a quick look: leave out --quick for all of the default predictors and trials."))


def load(
    benchmark: str | None, table: Path | None, space: str | None, arch: str | None, score: str | None
) -> Benchmark:
    """The benchmark, or the table of one's own, that a command names."""
    from archcast.data import load_benchmark, read_table

    if table is None and benchmark is not None and benchmark.endswith(TABLES):
        table, benchmark = Path(benchmark), None
    if table is None:
        if space is not None:
            raise typer.BadParameter("--space goes with --table; a benchmark has its own space.")
        return load_benchmark(benchmark or DEFAULT)
    if benchmark is not None:
        raise typer.BadParameter(f"Give a benchmark ({benchmark!r}) or --table, not both.")
    if space is not None:
        return read_table(table, space, arch_column=arch or "arch", score_column=score or "score")
    return _own_table(table, score)


def _sources(text: str, benchmark: Benchmark, arch: str | None, score: str | None) -> dict[str, Any]:
    """Name -> name of a benchmark, or a table of another task, read with the columns of the command."""
    from archcast.choosing.table import read_source
    from archcast.data import read_table
    from archcast.spaces.choices import Choices

    found: dict[str, Any] = {}
    for name in (part.strip() for part in text.split(",")):
        if not name.endswith(TABLES):
            found[name] = name
        elif isinstance(benchmark.space, Choices):
            found[name] = read_source(Path(name), benchmark.space, score=score)
        else:
            columns = {"arch_column": arch or "arch", "score_column": score or "score"}
            found[name] = read_table(Path(name), benchmark.space.name, **columns)
    return found


def _own_table(path: Path, score: str | None) -> Benchmark:
    """A table whose columns are the decisions, as a benchmark."""
    from archcast.choosing.table import read_table
    from archcast.cli._tables import say_notes
    from archcast.data import Benchmark

    table = read_table(path, score=score)
    say_notes(table, to_stderr=True)
    name = path.name.removesuffix(".gz").removesuffix(".csv")
    evidence, metric = table.evidence, table.roles.score
    return Benchmark(
        name,
        table.space,
        table.archs,
        {metric: table.scores},
        metric,
        costs=evidence.costs,
        proxies=evidence.proxies,
        source=str(path),
    )


def _make_quick(settings: dict[str, Any], benchmark: Benchmark) -> None:
    """Fewer of everything that was not asked for."""
    from archcast.evaluation import default_predictors

    if settings["preset"] is not None:
        raise typer.BadParameter("--quick does not go with --preset: give fewer --trials instead.")
    n = len(benchmark)
    few = {
        "train_sizes": [size for size in QUICK_TRAIN_SIZES if size <= n // 2] or [max(1, n // 2)],
        "test_size": max(2, min(QUICK_TEST_SIZE, n // 4)),
        "trials": QUICK_TRIALS,
    }
    settings |= {name: value for name, value in few.items() if settings[name] is None}
    if settings["predictors"] is None:
        fitting = default_predictors(benchmark)
        settings["predictors"] = [name for name in QUICK_PREDICTORS if name in fitting]


def _kept(bar: Bar, folder: Path) -> str:
    if not bar.total:
        return ""
    return f"{bar.done} of {bar.total} trials are kept in {folder}; the same command continues."


def _telling(bar: Bar) -> Any:
    """What moves the bar."""

    def tell(progress: Progress) -> None:
        row = progress.row
        if progress.what == "networks":
            bar.update(bar.done, bar.total, f"scoring networks: {progress.done:,} of {progress.total:,}")
            return
        if row is None and progress.done:
            bar.note(f"continuing: {progress.done} of {progress.total} trials are there already")
        text = "" if row is None else f"{row['predictor']} n={row['train_size']}"
        if row is not None:
            text += " failed" if row["error"] else f" tau {row['kendall_tau']:.2f}"
        bar.update(progress.done, progress.total, text)

    return tell


def _names(text: str | None) -> str | list[str] | None:
    return text if text in (None, "all") else [name.strip() for name in str(text).split(",")]


def _folder_name(benchmark: Benchmark, settings: dict[str, Any]) -> str:
    """The same for the same command on the same data, another for another one; predictors may be added."""
    from archcast._version import __version__
    from archcast.journal import file_name, fingerprint

    rest = sorted((key, value) for key, value in settings.items() if key not in ("benchmark", "predictors", "proxies"))
    if settings["proxies"] and settings["evidence"]:  # which narrows the benchmark
        rest.append(("proxies", True))
    kinds = ("archs", "metrics", "curves", "costs", "proxies", "train_seconds")
    digest = fingerprint(__version__, rest, [getattr(benchmark, kind) for kind in kinds])
    return f"{file_name(benchmark.name.replace('/', '-'))}-{digest[:6]}"
