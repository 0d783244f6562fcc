"""``archcast score``: networks by zero-cost proxies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archcast.cli._progress import Terminated, progress_bar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from archcast.cli._scoring import Job, Outcome
    from archcast.cli._table import ScoreFile
    from archcast.cli._targets import Target
    from archcast.spaces import SearchSpace

__all__ = ["read_architectures", "score"]

QUICK = ("parameters", "shared", "synflow", "maps")
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
    from archcast.cli._scoring import Job
    from archcast.cli._survivor import survived
    from archcast.cli._table import ScoreFile, as_csv, as_json, ranked, show
    from archcast.cli._targets import INITS, Settings, factory_arguments
    from archcast.journal import claimed, fingerprint

    sharing = check_options(space, one_shot=one_shot, supernet=supernet)
    names, combined = ([], []) if sharing and proxies == "none" else _proxies(proxies)
    shown = [*names, COLUMN] if sharing else names
    _one_of("--format", format_, FORMATS)
    _one_of("--init", init, INITS)
    _one_of("--memory-format", memory_format, MEMORY_FORMATS)
    if sort is not None:
        combined = _sortable(sort, shown, combined)
    if combined and out is not None:
        raise typer.BadParameter(
            f"{combined[0]} compares the networks of one command: use it without --out, or combine the columns of the file."
        )
    inputs = None if input_ is None else inputs_of(input_)
    _one_of("--loss", loss, tuple(LOSSES))
    axis = batch_dim if batch_dim == "auto" else axis_of(batch_dim)
    shape = None if inputs is None else inputs.shape
    settings = Settings(
        shape, _positive("--classes", classes), width, depth, stages, factory_arguments(kwargs), init, seed
    )
    if against is not None:
        _against(targets, settings, recipe, against, format_)
        return
    options = _options(option, names)
    size = _positive("--batch-size", batch_size)
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
    groups, count, wrong, column = _groups(targets, space, sample, archs, all_, seed)

    def display(outcomes: list[Outcome]) -> None:
        columns = [*shown, *combined]
        outcomes = ranked(_combine(outcomes, combined), sort)
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
            groups, shared = _shared(groups, space, supernet, job, out)
        with survived(display, wanted=file is None and count > 1 and jobs == 1) as tell:
            outcomes, interrupted = _run(groups, count, job, jobs, file, wrong, tell, shared)
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


Group = tuple["Target", list[str]]


def _groups(
    targets: list[str] | None, space: str | None, sample: int | None, archs: Path | None, all_: bool, seed: int
) -> tuple[Iterator[Group], int, list[str], str]:
    """Targets with the names that share their scores, how many names, what is wrong with others, and the column's
    name.
    """
    from archcast.cli._targets import buildable, target_of
    from archcast.errors import InvalidInputError

    if space is None:
        if sample is not None or archs is not None or all_:
            raise typer.BadParameter("--sample, --archs and --all need --space.")
        if not targets:
            raise typer.BadParameter("Give a target, e.g. torchvision:resnet18, or --space. See archcast score --help.")
        found, wrong = [], []
        for text in dict.fromkeys(targets):
            try:
                found.append(target_of(text))
            except InvalidInputError as error:
                wrong.append(str(error))
        return iter([(target, [target.name]) for target in found]), len(found), wrong, "target"
    if targets:
        raise typer.BadParameter(f"Give targets ({targets[0]!r}) or --space, not both.")
    if (sample is not None) + (archs is not None) + all_ != 1:
        raise typer.BadParameter("--space needs one of --sample N, --archs FILE and --all.")
    groups, count, wrong = _architectures(buildable(space), sample, archs, seed)
    return groups, count, wrong, "arch"


def _architectures(
    space: SearchSpace, sample: int | None, archs: Path | None, seed: int
) -> tuple[Iterator[Group], int, list[str]]:
    """Architectures of a space, how many, and what is wrong with others; those that are the same function are scored
    once.
    """
    import numpy as np

    from archcast.cli._targets import Target

    wrong: list[str] = []
    if sample is not None:
        rows = space.sample(_positive("--sample", sample) or 0, seed)
    elif archs is not None:
        rows, wrong = _parse(space, read_architectures(archs))
    else:
        rows = space.enumerate()
    rows = rows[np.sort(np.unique(rows, axis=0, return_index=True)[1])]
    _, first, twin = np.unique(space.canonical(rows), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(twin.ravel(), kind="stable")
    members = np.split(order, np.cumsum(np.bincount(twin.ravel()))[:-1])

    def groups() -> Iterator[Group]:
        for k in np.argsort(first, kind="stable"):
            names = space.format(rows[members[k]])
            # All of them get the scores of one network, so it is the one without dead parts.
            yield Target(names[0], space.name, space.format(space.canonical(rows[first[k]]))[0]), names

    return groups(), len(rows), wrong


def _shared(
    groups: Iterator[Group], space: str | None, supernet: Path | None, job: Job, out: Path | None
) -> tuple[Iterator[Group], dict[str, float]]:
    """The groups again, and the score by inherited weights of each, by the name of its target."""
    from archcast.cli._one_shot import shared_scores
    from archcast.spaces import get_space

    found = list(groups)
    known, settings = get_space(str(space)), job.settings
    sizes = {"width": settings.width, "depth": settings.depth, "stages": settings.stages}
    rows = known.parse([target.rest for target, _ in found])
    scores = shared_scores(known, rows, supernet, job.data, sizes, settings.seed, job.device, out)
    return iter(found), {target.name: scores[target.rest] for target, _ in found}


def _parse(space: SearchSpace, texts: list[str]) -> tuple[NDArray[np.int64], list[str]]:
    """Rows of the texts that name an architecture, and what is wrong with the others."""
    from archcast.errors import InvalidInputError

    good, wrong, first = [], [], None
    for text in texts:
        try:
            space.parse(text)
            good.append(text)
        except InvalidInputError as error:
            first = first or error
            wrong.append(str(error))
    if first is not None and not good:
        raise first
    return space.parse(good), wrong


def read_architectures(path: Path) -> list[str]:
    """Notations from a text file, one a line, or from the column ``arch`` of a CSV file.

    Raises:
        DataNotFoundError: there is no such file.
        InvalidFileError: it cannot be read, or names none.
    """
    from archcast.errors import DataNotFoundError, InvalidFileError

    if not path.is_file():
        raise DataNotFoundError(f"--archs: no file {str(path)!r}.")
    if path.suffix in (".csv", ".gz"):
        import pandas as pd

        try:
            table = pd.read_csv(path, dtype=str)
        except (ValueError, OSError) as error:
            raise InvalidFileError(f"{str(path)!r} cannot be read: {error}") from error
        if "arch" not in table:
            raise InvalidFileError(f"{str(path)!r} has no column 'arch'; it has {', '.join(map(str, table.columns))}.")
        return [str(text) for text in table["arch"].dropna()]
    try:
        texts = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (UnicodeDecodeError, OSError) as error:
        raise InvalidFileError(f"{str(path)!r} cannot be read: {error}") from error
    texts = [text for text in texts if text]
    if not texts:
        raise InvalidFileError(f"{str(path)!r} names no architecture.")
    return texts


def _run(
    groups: Iterator[Group],
    count: int,
    job: Job,
    jobs: int,
    file: ScoreFile | None,
    wrong: list[str],
    tell: Callable[[Any], None],
    shared: Mapping[str, float],
) -> tuple[list[Outcome], int]:
    """Score everything, writing results as they come; without a file they are kept. Also the exit code if it was interrupted,
    else 0. ``shared`` are scores of targets, by name, that are known already."""
    from dataclasses import replace

    from archcast.cli._one_shot import COLUMN
    from archcast.cli._table import failures

    kept: list[Outcome] = []
    failed: list[Outcome] = []
    waiting = ((target, [n for n in names if file is None or n not in file.done]) for target, names in groups)
    present = 0 if file is None else len(file.done)
    interrupted = 0

    def named() -> Iterator[Group]:
        for target, names in waiting:
            if names:
                tell(target.name)
                yield target, names

    try:
        with progress_bar("networks", shown=count > 1, lines=False) as bar:
            if present:
                bar.note(f"continuing: {present:,} are there already")
            bar.update(present, count)
            for outcome, names in _outcomes(named(), job, jobs):
                if outcome.error is not None:
                    wrong.append(outcome.error)
                else:
                    if shared:
                        outcome.scores[COLUMN] = shared[outcome.name]
                    twins = [replace(outcome, name=name) for name in names]
                    if file is None:
                        kept.extend(twins)
                        tell(twins)
                    else:
                        file.append(twins)
                    failed += [replace(twin, scores={}) for twin in twins]
                bar.update(bar.done + len(names), count, outcome.name)
    except KeyboardInterrupt as error:
        where = "" if file is None else f": {len(file.done):,} are kept in {file.path}; the same command continues."
        typer.echo(f"interrupted{where}", err=True)
        interrupted = 143 if isinstance(error, Terminated) else 130
    except _worker_died() as error:
        wrong.append(f"a worker process was killed ({type(error).__name__}): what was not finished has no scores")
    if len(failed) > 1:
        for line in failures(failed):
            typer.echo(line, err=True)
    return kept, interrupted


def _worker_died() -> type[Exception]:
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    return TerminatedWorkerError


def _combine(outcomes: list[Outcome], names: list[str]) -> list[Outcome]:
    """The outcomes with the scores of aggregates, which depend on all of them."""
    import math
    from dataclasses import replace

    from archcast.proxies.aggregate import AGGREGATES, aggregate

    for name in names if outcomes else []:
        table = {p: [outcome.scores.get(p, math.nan) for outcome in outcomes] for p in AGGREGATES[name].proxies}
        values = aggregate(name, table).tolist()
        outcomes = [replace(o, scores={**o.scores, name: value}) for o, value in zip(outcomes, values)]
    return outcomes


def _outcomes(groups: Iterator[Group], job: Job, jobs: int) -> Iterator[tuple[Outcome, list[str]]]:
    """Outcomes as they come: in this process, or from workers with one thread each."""
    from dataclasses import replace

    from archcast.cli._scoring import run

    if jobs == 1:
        for target, names in groups:
            yield run(target, job), names
        return
    from joblib import Parallel, delayed

    alone = replace(job, threads=1)
    work = (delayed(_group)(target, alone, names) for target, names in groups)
    yield from Parallel(n_jobs=jobs, return_as="generator_unordered")(work)


def _group(target: Target, job: Job, names: list[str]) -> tuple[Outcome, list[str]]:
    from archcast.cli._scoring import run

    return run(target, job), names


# -- options -----------------------------------------------------------------------------------------------------------


def _proxies(text: str) -> tuple[list[str], list[str]]:
    """Names of proxies, in natural order for ``quick`` and ``all``, and of aggregates, whose proxies are among them."""
    from archcast.proxies.aggregate import AGGREGATES
    from archcast.proxies.base import PROXIES
    from archcast.proxies.engine import resolve
    from archcast.proxies.passes import RECORDINGS

    cheap = {name for name in RECORDINGS if RECORDINGS[name].__module__.rpartition(".")[2] in QUICK} - {"curvature"}
    quick = [name for name in PROXIES if cheap.issuperset(PROXIES.entry(name).info["recordings"])]
    groups = {"quick": quick, **{name: AGGREGATES[name].proxies for name in AGGREGATES}}
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    combined = [name for name in dict.fromkeys(wanted) if name in AGGREGATES]
    return resolve([part for name in wanted for part in groups.get(name, (name,))]), combined


def _sortable(name: str, names: list[str], combined: list[str]) -> list[str]:
    """The aggregates that are needed to sort by ``name``."""
    from archcast.proxies.aggregate import AGGREGATES

    if name in names or name in combined:
        return combined
    if name in AGGREGATES and set(AGGREGATES[name].proxies) <= set(names):
        return [*combined, name]
    allowed = [*names, *(a for a in AGGREGATES if a in combined or set(AGGREGATES[a].proxies) <= set(names))]
    raise typer.BadParameter(f"--sort {name!r} is not one of the proxies: {', '.join(allowed)}.")


def _options(texts: list[str] | None, names: list[str]) -> dict[str, dict[str, float]] | None:
    """``PROXY.PARAMETER=NUMBER`` texts, each checked."""
    from archcast.proxies.engine import parameters_of

    found: dict[str, dict[str, float]] = {}
    for text in texts or []:
        left, _, right = text.partition("=")
        proxy, _, key = left.strip().partition(".")
        try:
            value = float(right)
        except ValueError:
            raise typer.BadParameter(f"--option {text!r} is not of the form swap_reg.mu=40.") from None
        if proxy not in names or key not in parameters_of(proxy):
            known = [f"{name}.{parameter}" for name in names for parameter in parameters_of(name)]
            raise typer.BadParameter(
                f"--option {text!r}: the proxies asked for have {', '.join(known) if known else 'no parameters'}."
            )
        found.setdefault(proxy, {})[key] = value
    return found or None


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise typer.BadParameter(f"{option} {value!r} is not one of {', '.join(allowed)}.")


def _positive(option: str, value: int | None) -> int | None:
    if value is not None and value < 1:
        raise typer.BadParameter(f"{option} is {value}: it must be at least 1.")
    return value


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
