"""``archcast oneshot``: train a network that holds every architecture, then read architectures from it."""

from __future__ import annotations

import json as json_
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archcast.cli._checked import Checked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from archcast.spaces import SearchSpace

__all__ = ["app"]

app = typer.Typer(
    help="Train one network that holds every architecture of a space, and read architectures from it.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Model = Annotated[Path, typer.Argument(help="Path to a file that archcast oneshot train wrote.", show_default=False)]


@app.command("train", cls=Checked)
def train(
    out: Annotated[Path, typer.Argument(help="Path to the .npz file to write.", show_default=False)],
    method: Annotated[str, typer.Option(help="Name of a one-shot predictor.")] = "one-shot",
    space: Annotated[str, typer.Option(help="Name of a search space that has a supernet.")] = "nasbench201",
    dataset: Annotated[
        str,
        typer.Option(
            help="Name of a data set (digits, cifar10, cifar100), or path to a folder that holds a folder of images for each "
            "class, or to an .npz file."
        ),
    ] = "digits",
    epochs: Annotated[
        int | None, typer.Option(help="Number of passes over the images.", show_default="the method's own")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Number of images in a step.")] = 32,
    learning_rate: Annotated[
        float | None, typer.Option(help="Learning rate at the start.", show_default="the method's own")
    ] = None,
    width: Annotated[
        int | None, typer.Option(help="Number of channels of the first stage.", show_default="what suits the data set")
    ] = None,
    depth: Annotated[
        int | None, typer.Option(help="Number of cells in a stage.", show_default="what suits the data set")
    ] = None,
    stages: Annotated[
        int | None, typer.Option(help="Number of stages of cells.", show_default="what suits the data set")
    ] = None,
    images: Annotated[int, typer.Option(help="Number of held-out images that answer a query.")] = 216,
    watch: Annotated[
        int | None,
        typer.Option(
            help="Number of architectures that are scored after every epoch, for the figures of archcast oneshot report.",
            show_default="none",
            min=2,
        ),
    ] = None,
    benchmark: Annotated[
        str | None,
        typer.Option(
            help="Name of the benchmark whose architectures are watched. Its accuracies are not looked at.",
            show_default="random ones",
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Path to a .safetensors file that is written after every epoch. Where it exists, the training continues from it.",
            show_default="OUT.safetensors, removed at the end",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and draws.")] = 0,
    device: Annotated[str, typer.Option(help="Name of the device to train on: cpu, cuda or cuda:1.")] = "cpu",
    mixed_precision: Annotated[
        bool, typer.Option(help="Compute in bfloat16 where autocast allows it, on accelerators only.")
    ] = False,
) -> None:
    """Train a supernet and write it to a file.

    A file that exists is not overwritten. Whatever ends the command loses at most an epoch; the same command continues.
    """
    from archcast.errors import InvalidInputError, short
    from archcast.names import PREDICTORS, get_predictor
    from archcast.registry import closest

    if method not in PREDICTORS.names("one-shot*"):
        raise InvalidInputError(f"Unknown method {short(method)}. {closest(method, PREDICTORS.names('one-shot*'))}")
    from archcast.cli._one_shot import task_of
    from archcast.cli._progress import progress_bar, stoppable
    from archcast.predictors.one_shot._predictor import OneShotPredictor, watched
    from archcast.spaces import get_space

    if not out.parent.is_dir():
        raise InvalidInputError(f"OUT {str(out)!r}: the folder {str(out.parent)!r} does not exist.")
    if out.exists():
        raise InvalidInputError(f"OUT {str(out)!r} exists. Give another path, or remove it first.")
    task = task_of(dataset, get_space(space), {"width": width, "depth": depth, "stages": stages})
    kept = out.with_name(f"{out.name}.safetensors") if checkpoint is None else checkpoint
    predictor = get_predictor(
        method,
        space,
        dataset=dataset,
        task=task,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        images=images,
        watch=_watched(get_space(space), watch, benchmark),
        checkpoint=str(kept),
        device=device,
        mixed_precision=mixed_precision,
        random_state=seed,
    )
    assert isinstance(predictor, OneShotPredictor)
    told = f"finished epochs are kept in {kept}; the same command continues."
    with stoppable(lambda: told), progress_bar("epochs") as bar, watched(bar.update):
        predictor.init()
    if checkpoint is None:
        predictor.set_params(checkpoint=None)
    predictor.save(out)
    if checkpoint is None:
        kept.unlink()
    typer.echo(f"training loss {predictor.losses_[0]:.3f} in the first epoch, {predictor.losses_[-1]:.3f} in the last")
    typer.echo(f"Written to {out}. Next: archcast oneshot report {out}")


def _watched(space: SearchSpace, n: int | None, benchmark: str | None) -> NDArray[np.int64] | None:
    """Architectures that are scored after every epoch."""
    import numpy as np

    from archcast.data import load_benchmark
    from archcast.errors import InvalidInputError
    from archcast.training import sample_functions

    if n is None:
        if benchmark is not None:
            raise typer.BadParameter(f"--benchmark {benchmark} goes with --watch.")
        return None
    if benchmark is None:
        return sample_functions(space, n, 0)
    table = load_benchmark(benchmark)
    if table.space != space:
        raise InvalidInputError(f"--benchmark {benchmark}: it is of space {table.space.name!r}, not of {space.name!r}.")
    return np.asarray(table.archs[np.random.default_rng(0).permutation(len(table))[:n]])


@app.command("query", cls=Checked)
def query(
    model: Model,
    architectures: Annotated[
        list[str] | None, typer.Argument(help="Architectures in the space's notation.", show_default=False)
    ] = None,
    archs: Annotated[
        Path | None, typer.Option(help="Path to a text file with one architecture on each line.", show_default=False)
    ] = None,
    sample: Annotated[
        int | None, typer.Option(help="Number of random architectures, each function equally likely.", min=1)
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(
            help="Name of the measure: loss, accuracy, divergence, strength or likelihood.",
            show_default="the method's own",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score architectures; higher is better."""
    import numpy as np

    from archcast.cli._groups import read_architectures
    from archcast.cli._one_shot import load
    from archcast.cli._tables import cut
    from archcast.spaces import get_space
    from archcast.training import sample_functions

    predictor = load(model)
    space = get_space(predictor.space)
    if bool(architectures) + (archs is not None) + (sample is not None) != 1:
        raise typer.BadParameter("Give architectures, or one of --archs FILE and --sample N.")
    if sample is not None:
        rows = sample_functions(space, sample, 0)
    else:
        rows = space.parse(architectures or read_architectures(archs or Path()))
    if measure is not None:
        predictor.set_params(measure=measure)
    scores = predictor.query(rows).mean
    dead = ~predictor.trained().net.has_path(space.canonical(rows)) if len(rows) else np.zeros(0, dtype=bool)
    if dead.any():
        shown = space.format(rows[dead][:1])[0]
        typer.echo(
            f"{int(dead.sum())} of {len(rows)} architectures have no path from input to output, so that their answer is the same "
            f"for all images: {shown}{', ...' if dead.sum() > 1 else ''}",
            err=True,
        )
    order = np.argsort(-scores, kind="stable")
    records = [{"arch": text, "score": float(scores[i])} for i, text in zip(order.tolist(), space.format(rows[order]))]
    if json:
        typer.echo(json_.dumps(records, indent=2))
        return
    typer.echo(f"{predictor.setting('measure'):>10}  architecture")
    for record in records:
        typer.echo(f"{record['score']:10.4f}  {cut(str(record['arch']), 12)}")
    if any(len(str(record["arch"])) > len(cut(str(record["arch"]), 12)) for record in records):
        typer.echo("Long architectures are cut in their middle: --json has them whole.", err=True)


@app.command("derive", cls=Checked)
def derive(
    model: Model,
    by: Annotated[
        str | None,
        typer.Option(
            help="Name of the rule that chooses: score, weights or perturbation.",
            show_default="weights where the method learns any, else score",
        ),
    ] = None,
) -> None:
    """Print the architecture that the method chooses."""
    from archcast.cli._one_shot import load
    from archcast.errors import InvalidInputError, short
    from archcast.spaces import get_space

    predictor = load(model)
    if by not in (None, "score", "weights", "perturbation"):
        raise InvalidInputError(f"--by must be one of score, weights, perturbation, got {short(by)}.")
    if by == "weights" and not predictor.trained().learns_weights:
        raise InvalidInputError(f"--by weights: the method of {model} learns no weights. Use --by score.")
    row = predictor.derive(by)
    typer.echo(get_space(predictor.space).format(row)[0])
    if not predictor.trained().net.has_path(row[None])[0]:
        typer.echo("This architecture has no path from its input to its output. Try --by perturbation.", err=True)


@app.command("report", cls=Checked)
def report(
    models: Annotated[
        list[Path],
        typer.Argument(
            help="Paths to files that archcast oneshot train wrote; several are compared, with --benchmark.",
            show_default=False,
        ),
    ],
    benchmark: Annotated[
        str | None,
        typer.Option(help="Name of the benchmark whose accuracies the scores are compared with.", show_default=False),
    ] = None,
    trainings: Annotated[
        int,
        typer.Option(help="Number of trainings of each derived architecture that the benchmark does not hold.", min=0),
    ] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Path to the HTML page to write.", show_default=False)
    ] = None,
) -> None:
    """Say how a supernet trained, what it favours and, with --benchmark, how well it ranks.

    Size: Kendall's tau of the scores with the number of parameters, and the mean rank of each quarter, from -1 (the worst) to 1.
    Operations: mean rank of the scores of the architectures with an operation on an edge; with --benchmark, less that of their
    accuracies. A supernet that was trained with --watch also has its figures over epochs.
    """
    from archcast.cli._one_shot import load
    from archcast.data import load_benchmark
    from archcast.errors import InvalidInputError
    from archcast.evaluation.shared_weights import as_page, compared, diagnosed
    from archcast.files import write_whole
    from archcast.spaces import get_space

    if out is not None and not out.parent.is_dir():
        raise InvalidInputError(f"--out {str(out)!r}: the folder {str(out.parent)!r} does not exist.")
    if len(models) > 1 and benchmark is None:
        raise typer.BadParameter(f"{len(models)} supernets are compared by the accuracies of a --benchmark.")
    table = None if benchmark is None else load_benchmark(benchmark)
    predictors = {path.stem: load(path) for path in dict.fromkeys(models)}
    sections = [] if table is None or len(predictors) < 2 else [compared(predictors, table)]
    for label, predictor in predictors.items():
        prefix = f"{label}: " if len(predictors) > 1 else ""
        sections += [replace(part, title=prefix + part.title) for part in diagnosed(predictor, table, trainings)]
    for section in sections:
        typer.echo(f"\n{section.title}")
        rows = section.rows
        widths = [max(len(row[j]) for row in rows) for j in range(len(rows[0]))] if rows else []
        for row in rows:
            typer.echo("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    if out is not None:
        first = next(iter(predictors.values()))
        name = type(first).__name__ if len(predictors) == 1 else f"{len(predictors)} supernets"
        write_whole(out, as_page(f"{name} on {first.dataset}, {get_space(first.space).name}", sections))
        typer.echo(f"\nWritten to {out}")
