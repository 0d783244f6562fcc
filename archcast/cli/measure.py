"""``archcast measure``: how long architectures take on the device at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archcast.cli._progress import progress_bar, stoppable

__all__ = ["measure"]


def measure(
    architectures: Annotated[
        list[str] | None,
        typer.Argument(help="Architectures to measure, in the notation of the search space.", show_default=False),
    ] = None,
    space: Annotated[str, typer.Option(help="Name of a search space whose networks can be built.")] = "nasbench201",
    sample: Annotated[
        int | None, typer.Option(help="Number of random architectures to measure.", show_default=False)
    ] = None,
    archs: Annotated[
        Path | None, typer.Option(help="Path to a file with an architecture on each line.", show_default=False)
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="Name of the task that the networks are built for.", show_default="the first of the space"),
    ] = None,
    device: Annotated[str, typer.Option(help="Name of the device to measure: cpu, cuda or cuda:1.")] = "cpu",
    batch: Annotated[int, typer.Option(help="Number of inputs in a batch.")] = 1,
    runs: Annotated[int, typer.Option(help="Number of runs of each network that count.")] = 50,
    warmup: Annotated[int, typer.Option(help="Number of runs of each network before these.")] = 10,
    threads: Annotated[int, typer.Option(help="Number of threads of the processor.")] = 1,
    clock: Annotated[
        str,
        typer.Option(help="Name of the clock: wall, or processor for a processor that other programs use, too."),
    ] = "wall",
    seed: Annotated[int, typer.Option(help="Seed of the sample, the inputs and the order.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Path to the folder for the results.", show_default="one in archcast-latency")
    ] = None,
) -> None:
    """Measure how long networks take.

    Networks take turns, a reference network shows how the device drifts, and the median counts. The folder holds a line of
    runs.jsonl for each network as soon as it is measured, and latency.csv. Ctrl-C keeps what is finished; the same command
    continues.
    """
    import numpy as np

    from archcast.checks import whole
    from archcast.cli._groups import read_architectures
    from archcast.cli._tables import cut
    from archcast.cli._targets import buildable
    from archcast.costs import measure as run
    from archcast.costs.measuring import NOISY
    from archcast.journal import file_name, fingerprint

    chosen = buildable(space)
    if bool(architectures) + (sample is not None) + (archs is not None) != 1:
        raise typer.BadParameter("Give architectures, or one of --sample N and --archs FILE.")
    if sample is not None:
        rows = chosen.sample(whole("sample", sample, 1), seed)
    else:
        rows = chosen.parse(read_architectures(archs) if archs is not None else architectures or [])
    settings = (space, task, device, batch, runs, warmup, threads, clock, seed, rows)
    name = f"{file_name(space)}-{fingerprint(*settings)[:6]}"
    folder = Path("archcast-latency") / name if out is None else out
    with (
        progress_bar("architectures") as bar,
        stoppable(lambda: f"what is finished is kept in {folder}; the same command continues."),
    ):
        found = run(
            chosen,
            rows,
            task,
            device,
            batch,
            runs=runs,
            warmup=warmup,
            threads=threads,
            clock=clock,
            seed=seed,
            out=folder,
            progress=bar.update,
        )
    typer.echo(f"{'ms':>10} {'spread':>8}  architecture")
    for i in np.argsort(found.milliseconds)[:10]:
        text = cut(chosen.format(found.archs[[i]])[0], 21)
        typer.echo(f"{found.milliseconds[i]:10.3f} {found.spread[i]:8.3f}  {text}")
    if failed := sum(map(bool, found.failures)):
        typer.echo(f"failed: {failed}. {next(filter(None, found.failures))}")
    if found.noise > NOISY:
        other = (
            ", or give --clock processor, which counts this program alone"
            if (device, threads, clock) == ("cpu", 1, "wall")
            else ""
        )
        typer.echo(
            f"The runs of one network spread by {found.noise:.0%} of their median: other work shares the device. "
            f"Measure again with --out elsewhere when it is idle{other}; more --runs help little.",
            err=True,
        )
    typer.echo(f"Written to {folder}: latency.csv, runs.jsonl")
