"""``archcast train``: architectures trained for real, with their learning curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from archcast.data import Benchmark
    from archcast.spaces import SearchSpace

__all__ = ["train"]


def train(
    architectures: Annotated[
        list[str] | None, typer.Argument(help="Architectures in the space's notation.", show_default=False)
    ] = None,
    space: Annotated[str, typer.Option(help="Search space whose networks can be built.")] = "nasbench201",
    dataset: Annotated[
        str,
        typer.Option(help="digits, cifar10, cifar100, a folder with a folder of images for each class, or an .npz."),
    ] = "digits",
    sample: Annotated[
        int | None, typer.Option(help="Train so many architectures, each function equally likely.", show_default=False)
    ] = None,
    archs: Annotated[
        Path | None, typer.Option(help="Train the architectures of a text file, one a line.", show_default=False)
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Train every function of the space.")] = False,
    seeds: Annotated[int, typer.Option(help="Trainings of each architecture.")] = 1,
    epochs: Annotated[int, typer.Option(help="Epochs of a training.")] = 20,
    batch_size: Annotated[int | None, typer.Option(help="Images a step.", show_default="64; digits 32")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Highest learning rate.", show_default="0.1; digits 0.2")
    ] = None,
    weight_decay: Annotated[float, typer.Option(help="Weight decay.")] = 5e-4,
    width: Annotated[
        int | None, typer.Option(help="Channels of the first stage.", show_default="the paper's; digits 16")
    ] = None,
    depth: Annotated[int | None, typer.Option(help="Cells a stage.", show_default="the paper's; digits 1")] = None,
    stages: Annotated[int | None, typer.Option(help="Stages of cells.", show_default="the paper's; digits 1")] = None,
    seed: Annotated[int, typer.Option(help="Seed of --sample.")] = 0,
    data: Annotated[Path, typer.Option(help="Folder of CIFAR.")] = Path("data"),
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")] = "cpu",
    mixed_precision: Annotated[
        bool, typer.Option(help="bfloat16 where autocast allows it; accelerators only.")
    ] = False,
    jobs: Annotated[int, typer.Option(help="Worker processes; -1 is one a core.")] = -1,
    hours: Annotated[
        float | None, typer.Option(help="Start no further architecture after that long.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.", show_default="one in archcast-runs")
    ] = None,
) -> None:
    """Train architectures and record their learning curves.

    The folder holds a line of runs.jsonl for each architecture as soon as it is done, and a benchmark that
    archcast bench FOLDER reads. Ctrl-C keeps what is finished; the same command continues.
    """
    from archcast.errors import InvalidInputError
    from archcast.spaces import get_space
    from archcast.training import Trainer, load_dataset, settings_for, train_table

    chosen = get_space(space)
    if seeds < 1:
        raise InvalidInputError(f"--seeds must be at least 1, got {seeds}.")
    rows = _rows(chosen, architectures, sample, archs, all_, seed)
    images = load_dataset(dataset, **({"folder": data} if dataset.startswith("cifar") else {}))
    how = settings_for(
        dataset,
        chosen,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        width=width,
        depth=depth,
        stages=stages,
    )
    trainer = Trainer(chosen, images, **how, device=device, mixed_precision=mixed_precision)
    folder = Path("archcast-runs") / f"{chosen.name}-{Path(dataset).stem}-{epochs}" if out is None else out
    done = [0, 0]
    try:
        benchmark = _run(train_table, trainer, rows, folder, done, seeds=range(seeds), jobs=jobs, hours=hours)
    except KeyboardInterrupt:
        typer.echo(f"interrupted: {done[0]} of {done[1]} are kept in {folder}; the same command continues.", err=True)
        raise typer.Exit(130) from None
    _show(benchmark)
    typer.echo(f"Written to {folder}: benchmark.npz, runs.jsonl. Next: archcast bench {folder}")


def _rows(
    space: SearchSpace, texts: list[str] | None, sample: int | None, archs: Path | None, all_: bool, seed: int
) -> NDArray[np.int64]:
    from archcast.cli.score import read_architectures
    from archcast.training import sample_functions

    ways = bool(texts) + (sample is not None) + (archs is not None) + all_
    if ways != 1:
        raise typer.BadParameter("Give architectures, or one of --sample N, --archs FILE and --all.")
    if texts:
        return space.parse(texts)
    if archs is not None:
        return space.parse(read_architectures(archs))
    if sample is not None and sample < 1:
        raise typer.BadParameter(f"--sample must be at least 1, got {sample}.")
    return sample_functions(space, sample, seed)


def _run(
    train_table: Any,
    trainer: Any,
    rows: NDArray[np.int64],
    folder: Path,
    done: list[int],
    hours: float | None,
    **rest: Any,
) -> Benchmark:
    """Train with a bar on stderr; ``done`` is kept at (architectures done, in all)."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("trained"), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def tell(finished: int, total: int) -> None:
            if not done[1] and finished:
                console.print(f"continuing: {finished} of {total} are there already")
            done[:] = finished, total
            bar.update(task, completed=finished, total=total)

        seconds = None if hours is None else 3600 * hours
        benchmark: Benchmark = train_table(trainer, rows, folder, seconds=seconds, progress=tell, **rest)
    return benchmark


def _show(benchmark: Benchmark) -> None:
    """The best architectures, as many as are readable."""
    import numpy as np
    from rich.console import Console

    console = Console(highlight=False)
    score, validation = benchmark.metrics["test_accuracy"], benchmark.metrics["val_accuracy"]
    seconds = benchmark.train_seconds
    assert seconds is not None, "training counts its seconds"
    order = np.argsort(-np.nan_to_num(score, nan=-1.0), kind="stable")[:10]
    texts = benchmark.space.format(benchmark.archs[order])
    console.print(f"{'test %':>7} {'val %':>7} {'seconds':>8} {'params':>9}  architecture", style="dim")
    for i, text in zip(order, texts):
        shown = text if len(text) <= console.width - 36 else text[: console.width - 39] + "..."
        params = benchmark.proxies["params"][i]
        console.print(
            f"{100 * score[i]:7.2f} {100 * validation[i]:7.2f} {seconds[i]:8.1f} {params:9,.0f}  {shown}", markup=False
        )
    failed = int(np.isnan(score).sum())
    rest = f"{len(benchmark)} architectures" + (f", of which {failed} diverged" if failed else "")
    console.print(rest if len(order) == len(benchmark) else f"the best {len(order)} of {rest}")
