"""``archcast score``: networks by zero-cost proxies."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archcast.cli._groups import groups_of, read_architectures
from archcast.cli._score_options import one_of, options_of, positive, proxies_of, sortable

if TYPE_CHECKING:
    from archcast.cli._scoring import Outcome

__all__ = ["read_architectures", "score"]

FORMATS = ("table", "json", "csv")
MEMORY_FORMATS = ("auto", "contiguous", "channels_last")


def score(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="Models to score: torchvision:resnet18, timm:NAME, package.module:factory, file.py:factory, or "
            "SPACE:ARCHITECTURE.",
            show_default=False,
        ),
    ] = None,
    proxies: Annotated[
        str,
        typer.Option(
            help="Names or patterns of proxies and of aggregates, such as vote, with commas between them; or quick (all cheap "
            "proxies), or all. With --one-shot also none."
        ),
    ] = "quick",
    input_: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            help="Shape of one input, as 3x224x224. A model with several inputs takes the option once for each, as "
            "NAME:SHAPE:TYPE:BELOW: ids:128:long:30522 and mask:128:bool. Or module:function, a function that makes the inputs.",
            show_default="what suits the target",
        ),
    ] = None,
    classes: Annotated[
        int | None, typer.Option(help="Number of classes of the model.", show_default="what suits it")
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Number of samples.", show_default="32, or 16 for images of more than 64 pixels a side"),
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            help="Source of the samples: noise, digits, or the path to a folder that holds a folder of images for each class, "
            "or to an .npz file with x and y, or with an array of any type for each argument of the model."
        ),
    ] = "noise",
    loss: Annotated[
        str,
        typer.Option(
            help="Name of the loss: auto, cross_entropy, binary or mse. The targets are drawn to suit the loss."
        ),
    ] = "auto",
    ignore_index: Annotated[
        int, typer.Option(help="Label whose samples or pixels are left out of the loss, as 255 in segmentation.")
    ] = -100,
    batch_dim: Annotated[
        str, typer.Option(help="Number of the axis of the samples (1 where the sequence comes first), or auto.")
    ] = "auto",
    against: Annotated[
        str | None,
        typer.Option(
            help="Name of a table of real models, timm or torchvision. Prints the expected ImageNet accuracy, and the place in "
            "the table.",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Tag of the training recipe, for --against, such as ra3_in1k.", show_default="that of the name"
        ),
    ] = None,
    init: Annotated[
        str,
        typer.Option(
            help="Name of the rule by which weights are drawn: default (the model's own), kaiming, xavier or normal."
        ),
    ] = "default",
    seed: Annotated[int, typer.Option(help="Seed of weights, data and proxies.")] = 0,
    device: Annotated[str | None, typer.Option(help="Name of the device, e.g. cuda.", show_default="cpu")] = None,
    memory_format: Annotated[
        str, typer.Option(help="Name of the layout of images in memory: auto, contiguous or channels_last.")
    ] = "auto",
    option: Annotated[
        list[str] | None,
        typer.Option(help="Parameter of a proxy, e.g. swap_reg.mu=40; may be repeated.", show_default=False),
    ] = None,
    kwargs: Annotated[str | None, typer.Option(help="Arguments of the factory, as JSON.", show_default=False)] = None,
    space: Annotated[
        str | None, typer.Option(help="Name of a space whose architectures are scored instead.", show_default=False)
    ] = None,
    sample: Annotated[
        int | None, typer.Option(help="Number of random architectures of the space.", show_default=False)
    ] = None,
    archs: Annotated[
        Path | None,
        typer.Option(
            help="Path to a text file with one architecture on each line, or to a CSV file with a column arch.",
            show_default=False,
        ),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Score every architecture of the space.")] = False,
    one_shot: Annotated[
        bool,
        typer.Option(
            "--one-shot",
            help="Add the column one_shot: scores with shared weights. One network is trained for all architectures of --space, on "
            "the images of --data, or on digits.",
        ),
    ] = False,
    supernet: Annotated[
        Path | None,
        typer.Option(
            help="Path to a file that archcast oneshot train wrote, to score with instead of training.",
            show_default=False,
        ),
    ] = None,
    width: Annotated[
        int | None, typer.Option(help="Number of channels of networks of a space.", show_default="its paper's")
    ] = None,
    depth: Annotated[
        int | None, typer.Option(help="Number of cells in each stage.", show_default="its paper's")
    ] = None,
    stages: Annotated[int | None, typer.Option(help="Number of stages of cells.", show_default="its paper's")] = None,
    jobs: Annotated[int, typer.Option(help="Number of worker processes; -1 is one for each core.")] = 1,
    format_: Annotated[str, typer.Option("--format", help="Format of the output: table, json or csv.")] = "table",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Path to a file to append to (CSV, or JSON lines); the same command continues it.", show_default=False
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(help="Name of the proxy or aggregate to sort by; the best come first.", show_default=False),
    ] = None,
) -> None:
    """Score networks by zero-cost proxies: how good they may become, without training them.

    Higher is better for every proxy; see archcast list proxies.

    Examples: archcast score torchvision:resnet18; archcast score --space nasbench201 --sample 50 --out scores.csv
    """
    from archcast.cli._inputs import axis_of, inputs_of
    from archcast.cli._labels import LOSSES
    from archcast.cli._one_shot import COLUMN, check_options
    from archcast.cli._score_run import combine, run_all, with_shared
    from archcast.cli._scoring import Job
    from archcast.cli._survivor import survived
    from archcast.cli._table import ScoreFile, as_csv, as_json, ranked, show
    from archcast.cli._targets import INITS, Settings, factory_arguments
    from archcast.journal import claimed, fingerprint

    sharing = check_options(space, one_shot=one_shot, supernet=supernet)
    names, combined = ([], []) if sharing and proxies == "none" else proxies_of(proxies)
    shown = [*names, COLUMN] if sharing else names
    one_of("--format", format_, FORMATS)
    one_of("--init", init, INITS)
    one_of("--memory-format", memory_format, MEMORY_FORMATS)
    if sort is not None:
        combined = sortable(sort, shown, combined)
    if combined and out is not None:
        raise typer.BadParameter(
            f"{combined[0]} compares the networks of one command: use it without --out, or combine the columns of the file."
        )
    inputs = None if input_ is None else inputs_of(input_)
    one_of("--loss", loss, tuple(LOSSES))
    axis = batch_dim if batch_dim == "auto" else axis_of(batch_dim)
    shape = None if inputs is None else inputs.shape
    settings = Settings(
        shape, positive("--classes", classes), width, depth, stages, factory_arguments(kwargs), init, seed
    )
    if against is not None:
        _against(targets, settings, recipe, against, format_)
        return
    options = options_of(option, names)
    size = positive("--batch-size", batch_size)
    job = Job(
        settings,
        tuple(names),
        data,
        size,
        device,
        memory_format,
        options,
        inputs=inputs,
        loss=loss,
        ignore_index=ignore_index,
        batch_dim=axis,
    )
    groups, count, wrong, column = groups_of(targets, space, sample, archs, all_, seed)

    def display(outcomes: list[Outcome]) -> None:
        columns = [*shown, *combined]
        outcomes = ranked(combine(outcomes, combined), sort)
        if format_ == "json":
            typer.echo(as_json(outcomes, column))
        elif format_ == "csv":
            typer.echo(as_csv(outcomes, columns, column), nl=False)
        elif outcomes:
            show(outcomes, columns, column)

    if out is not None and out.is_dir():
        from archcast.errors import InvalidInputError

        raise InvalidInputError(f"--out {str(out)!r} is a folder: give the path of the file to write, e.g. scores.csv.")
    with nullcontext() if out is None else claimed(out, file=True):
        file = None
        if out is not None:
            changes = {"data": data, "batch_size": batch_size, "device": device, **vars(settings)}
            changes |= {"memory_format": memory_format} if memory_format != "auto" else {}
            changes |= {"options": options} if options else {}
            changes |= {"inputs": input_} if inputs is not None and inputs.shape is None else {}
            changes |= {"loss": loss} if loss != "auto" else {}
            changes |= {"supernet": fingerprint(supernet.read_bytes())} if supernet is not None else {}
            file = ScoreFile(out, shown, column, changes, lines=format_ == "json" or out.suffix == ".jsonl")
        shared: dict[str, float] = {}
        if sharing:
            groups, shared = with_shared(groups, space, supernet, job, out)
        with survived(display, wanted=file is None and count > 1 and jobs == 1) as tell:
            outcomes, interrupted = run_all(groups, count, job, jobs, file, wrong, tell, shared)
    if file is None:
        display(outcomes)
    elif not interrupted:
        typer.echo(f"{len(file.done):,} in {out}")
    for line in wrong:
        typer.echo(f"error: {line}", err=True)
    if interrupted:
        raise typer.Exit(interrupted)
    if wrong:
        raise typer.Exit(2)


def _against(targets: list[str] | None, settings: Any, recipe: str | None, table: str, format_: str) -> None:
    """Print where models stand among real models."""
    import json

    from archcast.cli._targets import target_of
    from archcast.cli._zoo import against, show

    if not targets:
        raise typer.BadParameter("--against needs a model, e.g. timm:resnet50.")
    records = against([target_of(text) for text in targets], settings, recipe, table)
    if format_ == "json":
        typer.echo(json.dumps(records, indent=2))
    else:
        show(records)
    wrong = [record["error"] for record in records if "error" in record]
    for line in wrong:
        typer.echo(f"error: {line}", err=True)
    if wrong:
        raise typer.Exit(2)
