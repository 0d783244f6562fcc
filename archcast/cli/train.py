"""``archcast train``: architectures trained for real, with their learning curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archcast.cli._progress import Bar, progress_bar, stoppable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from archcast.data import Benchmark
    from archcast.spaces import SearchSpace

__all__ = ["train"]


def train(
    architectures: Annotated[
        list[str] | None,
        typer.Argument(help="Architectures to train, in the notation of the search space.", show_default=False),
    ] = None,
    space: Annotated[str, typer.Option(help="Name of a search space whose networks can be built.")] = "nasbench201",
    dataset: Annotated[
        str,
        typer.Option(
            help="Name of a data set (digits, cifar10, cifar100), or path to a folder that holds a folder of images for each "
            "class, or to an .npz file."
        ),
    ] = "digits",
    sample: Annotated[
        int | None,
        typer.Option(
            help="Number of random architectures to train; each function is equally likely.", show_default=False
        ),
    ] = None,
    archs: Annotated[
        Path | None,
        typer.Option(help="Path to a text file with one architecture to train on each line.", show_default=False),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Train one architecture for each function of the space.")] = False,
    seeds: Annotated[int, typer.Option(help="Number of trainings of each architecture, each with another seed.")] = 1,
    epochs: Annotated[int, typer.Option(help="Number of epochs of a training.")] = 20,
    batch_size: Annotated[
        int | None, typer.Option(help="Number of images in a step.", show_default="64; digits 32")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Highest learning rate.", show_default="0.1; digits 0.2")
    ] = None,
    weight_decay: Annotated[float, typer.Option(help="Weight decay.")] = 5e-4,
    width: Annotated[
        int | None, typer.Option(help="Number of channels of the first stage.", show_default="the paper's; digits 16")
    ] = None,
    depth: Annotated[
        int | None, typer.Option(help="Number of cells in a stage.", show_default="the paper's; digits 1")
    ] = None,
    stages: Annotated[int | None, typer.Option(help="Number of stages.", show_default="the paper's; digits 1")] = None,
    seed: Annotated[int, typer.Option(help="Seed of --sample.")] = 0,
    data: Annotated[Path, typer.Option(help="Path to the folder that holds CIFAR, or will.")] = Path("data"),
    device: Annotated[str, typer.Option(help="Name of the device to train on: cpu, cuda or cuda:1.")] = "cpu",
    mixed_precision: Annotated[
        bool, typer.Option(help="Compute in bfloat16 where autocast allows it, on accelerators only.")
    ] = False,
    jobs: Annotated[int, typer.Option(help="Number of worker processes; -1 is one for each core.")] = -1,
    hours: Annotated[
        float | None,
        typer.Option(help="Number of hours after which no further architecture is started.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Path to the folder for the results.", show_default="one in archcast-runs")
    ] = None,
) -> None:
    """Train architectures and record their learning curves.

    The folder holds a line of runs.jsonl for each architecture as soon as it is done, and a benchmark that
    archcast bench FOLDER reads. Ctrl-C keeps what is finished; the same command continues.
    """
    from archcast.checks import real
    from archcast.errors import InvalidInputError
    from archcast.journal import file_name
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
    name = f"{chosen.name}-{Path(dataset).stem}-{epochs}"
    folder = Path("archcast-runs") / file_name(name) if out is None else out
    seconds = None if hours is None else 3600 * real("--hours", hours, 0)
    with progress_bar("architectures") as bar, stoppable(lambda: _kept(bar, folder)):

        def tell(finished: int, total: int) -> None:
            if not bar.total and finished:
                bar.note(f"continuing: {finished} of {total} are there already")
            bar.update(finished, total)

        benchmark = train_table(trainer, rows, folder, seeds=range(seeds), jobs=jobs, seconds=seconds, progress=tell)
    _show(benchmark)
    typer.echo(f"Written to {folder}: benchmark.npz, runs.jsonl. Next: archcast bench {folder}")


def _rows(
    space: SearchSpace, texts: list[str] | None, sample: int | None, archs: Path | None, all_: bool, seed: int
) -> NDArray[np.int64]:
    from archcast.cli._groups import read_architectures
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


def _kept(bar: Bar, folder: Path) -> str:
    if not bar.total:
        return ""
    return f"{bar.done} of {bar.total} are kept in {folder}; the same command continues."


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
