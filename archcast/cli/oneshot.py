"""``archcast oneshot``: train a network that holds every architecture, then read architectures from it."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archcast.cli._checked import Checked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from archcast.predictors.one_shot._predictor import OneShotPredictor

__all__ = ["app"]

app = typer.Typer(
    help="Train one network that holds every architecture of a space, and read architectures from it.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Model = Annotated[Path, typer.Argument(help="Path to a file that archcast oneshot train wrote.", show_default=False)]


@app.command("train", cls=Checked)
def train(
    out: Annotated[Path, typer.Argument(help="Path of the file to write, .npz.", show_default=False)],
    method: Annotated[str, typer.Option(help="Name of a one-shot predictor.")] = "one-shot",
    space: Annotated[str, typer.Option(help="Search space that has a supernet.")] = "nasbench201",
    dataset: Annotated[
        str,
        typer.Option(help="digits, cifar10, cifar100, a folder with a folder of images for each class, or an .npz."),
    ] = "digits",
    epochs: Annotated[int | None, typer.Option(help="Passes over the images.", show_default="the method's own")] = None,
    batch_size: Annotated[int, typer.Option(help="Number of images a step.")] = 32,
    learning_rate: Annotated[
        float | None, typer.Option(help="Learning rate at the start.", show_default="the method's own")
    ] = None,
    width: Annotated[
        int | None, typer.Option(help="Channels of the first stage.", show_default="what suits the data set")
    ] = None,
    depth: Annotated[int | None, typer.Option(help="Cells a stage.", show_default="what suits the data set")] = None,
    stages: Annotated[int | None, typer.Option(help="Stages of cells.", show_default="what suits the data set")] = None,
    images: Annotated[int, typer.Option(help="Number of held-out images that answer a query.")] = 216,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Path of a .safetensors file, written after every epoch; continued from where it exists."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and draws.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")] = "cpu",
    mixed_precision: Annotated[
        bool, typer.Option(help="bfloat16 where autocast allows it; accelerators only.")
    ] = False,
) -> None:
    """Train a supernet and write it to a file.

    With --checkpoint, Ctrl-C loses at most an epoch; the same command continues.
    """
    from archcast.cli._one_shot import task_of
    from archcast.cli._progress import progress_bar, stoppable
    from archcast.errors import InvalidInputError
    from archcast.names import PREDICTORS, get_predictor
    from archcast.predictors.one_shot._predictor import OneShotPredictor, watched
    from archcast.registry import closest
    from archcast.spaces import get_space

    if not out.parent.is_dir():
        raise InvalidInputError(f"OUT {str(out)!r}: the folder {str(out.parent)!r} does not exist.")
    if method not in PREDICTORS.names("one-shot*"):
        raise InvalidInputError(f"Unknown method {method!r}. {closest(method, PREDICTORS.names('one-shot*'))}")
    task = task_of(dataset, get_space(space), {"width": width, "depth": depth, "stages": stages})
    predictor = get_predictor(
        method,
        space,
        dataset=dataset,
        task=task,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        images=images,
        checkpoint=None if checkpoint is None else str(checkpoint),
        device=device,
        mixed_precision=mixed_precision,
        random_state=seed,
    )
    assert isinstance(predictor, OneShotPredictor)
    kept = "" if checkpoint is None else f"finished epochs are kept in {checkpoint}; the same command continues."
    with stoppable(lambda: kept), progress_bar("epochs") as bar, watched(bar.update):
        predictor.init()
    predictor.save(out)
    typer.echo(f"training loss {predictor.losses_[0]:.3f} in the first epoch, {predictor.losses_[-1]:.3f} in the last")
    typer.echo(f"Written to {out}. Next: archcast oneshot report {out}")


@app.command("query")
def query(
    model: Model,
    architectures: Annotated[
        list[str] | None, typer.Argument(help="Architectures in the space's notation.", show_default=False)
    ] = None,
    archs: Annotated[
        Path | None, typer.Option(help="Path to a text file of architectures, one a line.", show_default=False)
    ] = None,
    sample: Annotated[
        int | None, typer.Option(help="Number of random architectures, each function equally likely.", min=1)
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(help="loss, accuracy, divergence, strength or likelihood.", show_default="the method's own"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score architectures; higher is better."""
    import numpy as np

    from archcast.cli._one_shot import load
    from archcast.cli.score import read_architectures
    from archcast.training import sample_functions

    predictor = load(model)
    space = predictor._space
    if bool(architectures) + (archs is not None) + (sample is not None) != 1:
        raise typer.BadParameter("Give architectures, or one of --archs FILE and --sample N.")
    if sample is not None:
        rows = sample_functions(space, sample, 0)
    else:
        rows = space.parse(architectures or read_architectures(archs or Path()))
    if measure is not None:
        predictor.set_params(measure=measure)
        predictor._check_parameters()
    scores = predictor.query(rows).mean
    order = np.argsort(-scores, kind="stable")
    records = [{"arch": text, "score": float(scores[i])} for i, text in zip(order.tolist(), space.format(rows[order]))]
    if json:
        typer.echo(json_.dumps(records, indent=2))
        return
    typer.echo(f"{predictor._own('measure'):>10}  architecture")
    for record in records:
        typer.echo(f"{record['score']:10.4f}  {record['arch']}")


@app.command("derive")
def derive(
    model: Model,
    by: Annotated[
        str | None,
        typer.Option(
            help="score, weights or perturbation.", show_default="weights where the method learns any, else score"
        ),
    ] = None,
) -> None:
    """Print the architecture that the method chooses."""
    from archcast.cli._one_shot import load

    predictor = load(model)
    row = predictor.derive(by)
    typer.echo(predictor._space.format(row)[0])
    if not predictor._trained().net.has_path(row[None])[0]:
        typer.echo("This architecture has no path from its input to its output. Try --by perturbation.", err=True)


@app.command("report")
def report(
    model: Model,
    benchmark: Annotated[
        str | None, typer.Option(help="Benchmark whose accuracies the scores are compared with.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Path of an HTML page.", show_default=False)] = None,
) -> None:
    """Say how a supernet trained, what it favours and, with --benchmark, how well it ranks.

    Size: Kendall's tau of the scores with the number of parameters. Operations: mean rank of the scores of the
    architectures with an operation on an edge, from -1 (the worst) to 1; with --benchmark, less that of their accuracies.
    """
    from archcast.cli._one_shot import load
    from archcast.errors import InvalidInputError
    from archcast.files import write_whole

    if out is not None and not out.parent.is_dir():
        raise InvalidInputError(f"--out {str(out)!r}: the folder {str(out.parent)!r} does not exist.")
    predictor = load(model)
    sections = _sections(predictor, benchmark)
    for title, rows in sections:
        typer.echo(f"\n{title}")
        widths = [max(len(row[j]) for row in rows) for j in range(len(rows[0]))]
        for row in rows:
            typer.echo("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    if out is not None:
        write_whole(out, _page(predictor, sections))
        typer.echo(f"\nWritten to {out}")


Table = tuple[str, list[list[str]]]


def _sections(predictor: OneShotPredictor, benchmark: str | None) -> list[Table]:
    """The tables of the report."""
    import numpy as np
    from scipy.stats import kendalltau

    from archcast.data import load_benchmark
    from archcast.errors import InvalidInputError
    from archcast.training import sample_functions

    space, truth = predictor._space, None
    if benchmark is None:
        rows = sample_functions(space, 500, 0)
    else:
        table = load_benchmark(benchmark)
        if table.space != space:
            raise InvalidInputError(
                f"--benchmark {benchmark}: it is of space {table.space.name!r}, the supernet of {space.name!r}."
            )
        known = np.isfinite(table.metrics[table.default_metric])
        rows, truth = table.archs[known], table.metrics[table.default_metric][known]
    losses = predictor.losses_
    marks = sorted({0, len(losses) // 4, len(losses) // 2, 3 * len(losses) // 4, len(losses) - 1})
    sections: list[Table] = [("Training loss", [["epoch", "loss"], *([str(k + 1), f"{losses[k]:.3f}"] for k in marks)])]
    sizes = space.costs(rows, task=predictor.task_)["params"]
    regime, own = predictor._trained(), predictor._own("measure")
    measures = ["loss", "accuracy", "divergence", "strength", *(["likelihood"] if regime.learns_weights else [])]
    head = ["measure", "least", "median", "most", "tau with params", *([] if truth is None else ["tau", "better half"])]
    lines = [head]
    for measure in measures:
        scores = predictor.set_params(measure=measure).query(rows).mean
        if measure == own:
            chosen = scores
        line = [measure, *(f"{value:.4g}" for value in np.quantile(scores, (0, 0.5, 1)))]
        line.append(f"{kendalltau(scores, sizes).statistic:.3f}")
        if truth is not None:
            half = truth >= np.median(truth)
            line += [f"{kendalltau(a, b).statistic:.3f}" for a, b in ((scores, truth), (scores[half], truth[half]))]
        lines.append(line)
    predictor.set_params(measure=None if own == predictor.usual["measure"] else own)
    sections.append((f"Scores of {len(rows)} architectures; higher is better", lines))
    sections.append(_favours(space, rows, chosen, truth))
    choices = [["by", "architecture", "path"]]
    for by in ("score", *(["weights"] if regime.learns_weights else []), "perturbation"):
        row = predictor.derive(by)
        choices.append([by, space.format(row)[0], "yes" if regime.net.has_path(row[None])[0] else "none"])
    sections.append(("Derived architecture", choices))
    return sections


def _favours(space: Any, rows: NDArray[np.int64], scores: NDArray[np.float64], truth: Any) -> Table:
    """Mean rank by column and choice, less that of the truth where there is any."""
    from scipy.stats import rankdata

    rank = 2 * (rankdata(scores) - 0.5) / len(rows) - 1
    if truth is not None:
        rank = rank - (2 * (rankdata(truth) - 0.5) / len(rows) - 1)
    names = list(space.operations)
    lines = [["decision", *names]]
    for column, name in enumerate(space.columns):
        cells = [rank[rows[:, column] == choice] for choice in range(space.cardinalities[column])]
        lines.append([name, *(f"{part.mean():+.2f}" if len(part) else "" for part in cells)])
    what = "Mean rank by operation" if truth is None else "Mean rank by operation, less that of the accuracies"
    return what, lines


def _page(predictor: OneShotPredictor, sections: list[Table]) -> str:
    from archcast.reports.pages import page, text

    name = type(predictor).__name__
    body = [f"<h1>{text(name)} on {text(str(predictor.dataset))}, {text(predictor._space.name)}</h1>"]
    for title, rows in sections:
        head, *rest = ["".join(f"<{tag}>{text(cell)}</{tag}>" for cell in row) for tag, row in _tagged(rows)]
        lines = "".join(f"<tr>{row}</tr>" for row in rest)
        body.append(
            f'<h2>{text(title)}</h2><div class="scroll"><table><thead><tr>{head}</tr></thead>'
            f"<tbody>{lines}</tbody></table></div>"
        )
    return page(f"{name}: report", body)


def _tagged(rows: list[list[str]]) -> list[tuple[str, list[str]]]:
    return [("th" if number == 0 else "td", row) for number, row in enumerate(rows)]
