"""``archcast data list | verify | convert | fetch``: the published benchmarks and their files."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from archcast.cli._checked import Checked

__all__ = ["app"]

app = typer.Typer(
    help="List, check, convert and download the files of published benchmarks.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Name = Annotated[
    str,
    typer.Argument(
        help="Name of the benchmark, such as nats-tss/cifar10; without a task, all of its tasks.", show_default=False
    ),
]
Where = Annotated[
    Path | None,
    typer.Option(
        "--path",
        help="Path to the published file, or to the folder that holds the files.  [default: $ARCHCAST_DATA]",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list", cls=Checked)
def list_(path: Where = None, as_json: Json = False) -> None:
    """List the benchmarks: what each holds, its licence, its files, and whether they are here."""
    from archcast.cli._tables import wrapped
    from archcast.data.base import BENCHMARKS, data_folder
    from archcast.data.published._finding import find

    folder = path if path is not None else data_folder()
    rows: list[dict[str, Any]] = []
    for name in BENCHMARKS:
        info = BENCHMARKS.entry(name).info
        patterns = list(info.get("patterns", ()))
        if not patterns:
            here = info.get("needs", "with archcast")
        elif folder is None or not folder.exists():
            here = "no"
        else:
            files = find(patterns, folder, benchmark=name, get="", optional=True)
            compact = list(folder.glob(f"{name}*.npz")) if folder.is_dir() else []
            here = f"{len(files):,} files" if files else "no"
            here += f", {len(compact)} converted" if compact else ""
        rows.append(
            {
                "name": name,
                "tasks": list(info.get("tasks", ())),
                "what": info.get("summary", ""),
                "holds": info.get("holds", ""),
                "licence": info.get("licence", ""),
                "files": info.get("files", ""),
                "paper": info.get("paper", ""),
                "here": here,
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        typer.echo(f"{row['name']}{'/TASK' if row['tasks'] else ''}  (here: {row['here']})")
        typer.echo(wrapped(row["what"], "    "))
        facts = {"holds": row["holds"], "licence": row["licence"], "files": row["files"]}
        if any(facts.values()):
            typer.echo(wrapped("; ".join(f"{word}: {value}" for word, value in facts.items() if value), "    "))
        if row["tasks"]:
            some = row["tasks"] if len(row["tasks"]) <= 12 else [*row["tasks"][:11], f"{len(row['tasks']) - 11} more"]
            typer.echo(wrapped(f"TASK: {', '.join(some)}", "    "))
        typer.echo(wrapped(row["paper"], "    "))
    if folder is None:
        typer.echo(
            wrapped("ARCHCAST_DATA is not set: set it to the folder of the published files, or give --path.", "")
        )


@app.command("verify", cls=Checked)
def verify(name: Name, path: Where = None, as_json: Json = False) -> None:
    """Check the files of a benchmark: checksums, number of architectures, best values. Exit code 2 where one differs."""
    from archcast.data.conversion import tasks_of
    from archcast.data.verification import verify as run
    from archcast.errors import DataNotFoundError

    results: list[dict[str, Any]] = []
    missing: DataNotFoundError | None = None
    for full in tasks_of(name):
        try:
            benchmark, checks = run(full, path, report=_progress("checksum"))
        except DataNotFoundError as error:
            missing = error
            continue
        results += [{"name": full, **vars(check)} for check in checks]
        if not as_json:
            typer.echo(f"{full}: {len(benchmark):,} architectures of {benchmark.space.name}, from {benchmark.source}")
            for check in checks:
                word = {True: "ok", False: "DIFFERS", None: "-"}[check.passed]
                typer.echo(f"  {word:8s} {check.what}: {check.detail}")
    if missing is not None and not results:
        raise missing
    if as_json:
        typer.echo(json.dumps(results, indent=2, ensure_ascii=False))
    if any(result["passed"] is False for result in results):
        raise typer.Exit(2)


@app.command("convert", cls=Checked)
def convert(
    name: Name,
    path: Where = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Path to the folder for the compact files.  [default: the folder of --path]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a compact file of a benchmark, which then loads in seconds. A run that was killed goes on where it was."""
    from archcast.cli._progress import stoppable
    from archcast.data.conversion import convert as run

    start = time.perf_counter()
    with stoppable(lambda: "what was read is kept; the same command continues."):
        for benchmark, file in run(name, path, out, report=_progress(name)):
            typer.echo(
                f"{file}: {len(benchmark):,} architectures, {len(benchmark.metrics)} metrics, {len(benchmark.curves)} curves, "
                f"{file.stat().st_size / 1e6:.1f} MB, {time.perf_counter() - start:.1f} s"
                + (f"; without {benchmark.left_out}" if benchmark.left_out else "")
            )
            start = time.perf_counter()


@app.command("fetch", cls=Checked)
def fetch(
    name: Annotated[str, typer.Argument(help="Name of the benchmark, without a task.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Path to the folder for the files.")] = Path(),
    mirror: Annotated[
        str | None, typer.Option("--mirror", help="Address of another server that has the files.", show_default=False)
    ] = None,
) -> None:
    """Download the files of a benchmark from their official address. A download that was interrupted goes on."""
    from archcast.cli._progress import stoppable
    from archcast.data.fetching import fetch as run

    with stoppable(lambda: f"what was downloaded is kept in {out}; the same command continues."):
        for file in run(name, out, mirror=mirror, report=_progress(name)):
            typer.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


def _progress(what: str) -> Callable[[int, int], None]:
    """A line on stderr that is written over on a terminal; else a line each tenth."""
    shown = [-1]
    terminal = sys.stderr.isatty()

    def report(done: int, total: int) -> None:
        step = int(100 * done / total) if total else done
        if step == shown[0] or (not terminal and total and step // 10 == shown[0] // 10 and done < total):
            return
        shown[0] = step
        text = f"{what}: {done:,} of {total:,}" if total else f"{what}: {done:,}"
        end = "\n" if not terminal or (total and done >= total) else "\r"
        typer.echo(text + end, err=True, nl=False)

    return report
