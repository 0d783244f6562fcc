"""``archcast search``: find the best architecture of a benchmark, or by training."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archcast.cli._progress import Bar, progress_bar, stoppable

if TYPE_CHECKING:
    from collections.abc import Callable

    from archcast.search import Objective, Step, ZeroCost
    from archcast.spaces import SearchSpace

__all__ = ["search"]

DEFAULT = "nas-bench-graph/cora"
"""A benchmark of a whole space: a search must find measured whatever it asks for."""

BATCH, BUDGET, TRIALS = 10, 100, 5
TRAIN_BATCH, SMALL_BUDGET = 4, 30
"""A real training is dear: batches are smaller, there is one trial, and a search with a small budget begins with fewer random
architectures."""


def search(
    benchmark: Annotated[
        str | None,
        typer.Argument(help="Name of a benchmark to search in, see archcast list benchmarks.", show_default=DEFAULT),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="Names of strategies, with commas between them, or all (but those that train a supernet); see archcast list "
            "strategies.",
            show_default="four of them",
        ),
    ] = None,
    predictor: Annotated[
        str | None,
        typer.Option(
            help="Name of the predictor for every strategy that uses one. For the strategy one-shot, also the path to a file that "
            "archcast oneshot train wrote.",
            show_default="each one's own",
        ),
    ] = None,
    acquisition: Annotated[
        str | None,
        typer.Option(
            help="Name of the acquisition: its, ei, pi, ucb, thompson or mean.", show_default="each one's own"
        ),
    ] = None,
    candidates: Annotated[
        str | None,
        typer.Option(
            help="Source of candidates: mutation, random, both with a comma between them, or all.",
            show_default="each one's own",
        ),
    ] = None,
    budget: Annotated[int, typer.Option(help="Number of full trainings that each search may pay for.")] = BUDGET,
    batch: Annotated[
        int | None,
        typer.Option(help="Number of architectures that are asked for at a time.", show_default="10; real trainings 4"),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(help="Number of searches with each strategy.", show_default="5; real trainings 1"),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="Name of the metric to maximise.", show_default="the benchmark's choice")
    ] = None,
    objectives: Annotated[
        str | None,
        typer.Option(help="Names of costs to minimise as well, with commas between them.", show_default=False),
    ] = None,
    objective: Annotated[
        str,
        typer.Option(
            help="Source of the scores: table (a benchmark), train (real trainings), or module:function, a function of yours: "
            "f(arch) returns the score, or the score and the learning curves."
        ),
    ] = "table",
    space: Annotated[
        str | None,
        typer.Option(help="Name of the search space, where no benchmark is searched in.", show_default=False),
    ] = None,
    dataset: Annotated[
        str,
        typer.Option(
            help="Name of the data set that architectures, and the supernet of strategy one-shot, are trained on."
        ),
    ] = "digits",
    epochs: Annotated[int, typer.Option(help="Number of epochs of a training.")] = 20,
    width: Annotated[
        int | None, typer.Option(help="Number of channels of the first stage.", show_default="the paper's; digits 16")
    ] = None,
    depth: Annotated[
        int | None, typer.Option(help="Number of cells in a stage.", show_default="the paper's; digits 1")
    ] = None,
    stages: Annotated[int | None, typer.Option(help="Number of stages.", show_default="the paper's; digits 1")] = None,
    device: Annotated[str, typer.Option(help="Name of the device to train on: cpu, cuda or cuda:1.")] = "cpu",
    zero_cost: Annotated[
        str | None,
        typer.Option(
            help="Name of a zero-cost proxy that helps the search. The scores are those of the benchmark where it has them, else "
            "they are computed.",
            show_default=False,
        ),
    ] = None,
    warmup: Annotated[
        int | None,
        typer.Option(
            help="Number of random architectures among which the proxy chooses those that the search begins with.",
            show_default="100",
        ),
    ] = None,
    moves: Annotated[
        int, typer.Option(help="Number of possible next architectures among which the proxy chooses each one.")
    ] = 1,
    asynchronous: Annotated[
        bool,
        typer.Option(
            "--async",
            help="Ask for an architecture as soon as one is trained. Such a search cannot be repeated exactly.",
        ),
    ] = False,
    jobs: Annotated[int, typer.Option(help="Number of worker processes; -1 is one for each core.")] = -1,
    seed: Annotated[int, typer.Option(help="Seed of all randomness.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Path to the folder for the results.", show_default="one in archcast-results")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a search; it is an error if there is none in the folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json instead of a table.")] = False,
) -> None:
    """Search for the best architecture.

    Every strategy sees the same objective and budget. The best architecture is the one with the best score
    of the metric that is maximised.

    Ctrl-C keeps what is finished; the same command continues. Where every evaluation failed, the results are kept, too,
    and the exit code is 2.
    """
    from archcast.cli._searches import show
    from archcast.cli._tables import written
    from archcast.errors import ArchcastError, InvalidInputError
    from archcast.search import TrainingObjective, run_search

    costs = [] if objectives is None else [name.strip() for name in objectives.split(",")]
    sizes = {"width": width, "depth": depth, "stages": stages}
    target = _objective(objective, benchmark, metric, costs, space, dataset, epochs, sizes, device)
    simulated = target.simulated
    batch = min(budget, BATCH if simulated else TRAIN_BATCH) if batch is None else batch
    common: dict[str, Any] = {} if simulated or budget >= SMALL_BUDGET else {"n_init": max(2, budget // 3)}
    if zero_cost is not None:
        common["zero_cost"] = _zero_cost(zero_cost, target, 100 if warmup is None else warmup, moves)
    elif warmup is not None or moves != 1:
        raise typer.BadParameter("--warmup and --moves need --zero-cost.")
    strategies = _strategies(strategy, len(target.names) > 1, simulated, acquisition, candidates, common)
    predictor = _with_supernets(strategies, target.space, predictor, dataset, sizes)
    repeats = (TRIALS if simulated else 1) if trials is None else trials
    settings: dict[str, Any] = {
        "strategies": strategies,
        "budget": budget,
        "batch": batch,
        "trials": repeats,
        "seed": seed,
        "asynchronous": asynchronous,
        "predictor": predictor,
    }
    about = [objective, benchmark, metric, costs, space, dataset, epochs, sizes, zero_cost, warmup, moves]
    folder = Path("archcast-results") / _folder_name(target, [settings, about]) if out is None else out
    trainer: Any = target.trainer if isinstance(target, TrainingObjective) else None
    if isinstance(target, TrainingObjective):
        trainer = target.trainer = dataclasses.replace(trainer, weights=folder / "weights")
    if resume and not (folder / "protocol.json").is_file():
        raise InvalidInputError(f"--resume: {str(folder)!r} holds no search. Leave out --resume, or name its folder.")
    with (
        progress_bar("evaluations") as bar,
        stoppable(lambda: f"what is finished is kept in {folder}; the same command continues."),
    ):
        telling = _telling(bar, len(strategies) * repeats * budget)
        results = run_search(objective=target, jobs=jobs, out=folder, progress=telling, **settings)
    best = results.best_found()
    if as_json:
        typer.echo(results.to_json(), nl=False)
    else:
        show(results)
        if trainer is not None and best is not None:
            typer.echo(f"Its weights: {trainer.weights_file(target.space.parse(best['arch'])[0])}")
        typer.echo(written(f"Written to {folder}: report.html, figure.png, results.json, results.csv, history.csv"))
    if best is None:
        raise ArchcastError(
            f"No architecture was found: every evaluation failed. The reasons are in {folder / 'history.csv'}."
        )


def _objective(
    kind: str,
    benchmark: str | None,
    metric: str | None,
    costs: list[str],
    space: str | None,
    dataset: str,
    epochs: int,
    sizes: dict[str, int | None],
    device: str,
) -> Objective:
    from archcast.cli._checked import about
    from archcast.data import load_benchmark
    from archcast.search import FunctionObjective, TableObjective, TrainingObjective

    if kind == "table":
        if space is not None:
            raise typer.BadParameter("--space goes with --objective train or module:function; a table has its own.")
        return TableObjective(load_benchmark(benchmark or DEFAULT), metric, costs)
    if benchmark is not None or metric is not None:
        raise typer.BadParameter(f"A benchmark and --metric go with --objective table, not with {kind!r}.")
    if space is None:
        raise typer.BadParameter(f"--objective {kind} needs --space, see `archcast list spaces`.")
    if kind == "train":
        from archcast.training import Trainer, load_dataset, settings_for

        how = settings_for(dataset, space, epochs=epochs, **sizes)
        trainer: Any = Trainer(space, load_dataset(dataset), **how, device=device)  # type: ignore[arg-type]
        with about("--objectives"):
            return TrainingObjective(trainer, costs)
    if costs:
        raise typer.BadParameter("--objectives goes with --objective table or train.")
    return FunctionObjective(_function(kind), space)


def _function(text: str) -> Callable[..., Any]:
    """The function that ``module:function`` names; modules of the current folder are found."""
    import sys

    from archcast.checks import imported

    if not all(text.partition(":")):
        raise typer.BadParameter(f"--objective must be table, train or module:function, got {text!r}.")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    function: Callable[..., Any] = imported("--objective", text, ":")
    return function


def _zero_cost(name: str, objective: Objective, warmup: int, moves: int) -> ZeroCost:
    """The published values of a proxy if the table has them, else the proxy of the built networks."""
    import numpy as np

    from archcast.predictors import get_predictor
    from archcast.search import TableObjective, ZeroCost

    if isinstance(objective, TableObjective) and name in objective.benchmark.proxies:
        values, number = objective.benchmark.proxies[name], objective.number
        return ZeroCost(lambda rows: np.array([values[number(row)] for row in rows]), warmup, moves)
    proxy = get_predictor("zero-cost", objective.space, random_state=0, proxy=name).init()
    return ZeroCost(lambda rows: proxy.query(rows).mean, warmup, moves)


def _strategies(
    text: str | None,
    several: bool,
    simulated: bool,
    acquisition: str | None,
    candidates: str | None,
    common: dict[str, Any],
) -> dict[str, dict[str, Any]]:
    """Label -> name and parameters."""
    from archcast.search import DEFAULT_STRATEGIES, STRATEGIES

    if text == "all":
        names = [name for name in STRATEGIES if STRATEGIES[name].multi_objective or not several]
        names = [name for name in names if not STRATEGIES[name].stops_early | STRATEGIES[name].trains_weights]
    elif text is None:
        names = ["random", "parego"] if several else list(DEFAULT_STRATEGIES) if simulated else ["bayesian"]
    else:
        names = [name.strip() for name in text.split(",")]
    options: dict[str, Any] = {} if acquisition is None else {"acquisition": acquisition}
    if candidates is not None:
        options["candidates"] = tuple(source.strip() for source in candidates.split(","))
    makes, used = {}, False
    for name in names:
        allowed = STRATEGIES[name].param_names()
        makes[name] = {"name": name, **common, **{key: value for key, value in options.items() if key in allowed}}
        used = used or set(options) <= set(allowed)
    if options and not used:
        raise typer.BadParameter(f"--{' and --'.join(options)}: none of {', '.join(names)} takes that.")
    if len(makes) < len(names):
        raise typer.BadParameter(f"--strategy names one twice: {text}.")
    return makes


def _with_supernets(
    makes: dict[str, dict[str, Any]],
    space: SearchSpace,
    predictor: str | None,
    dataset: str,
    sizes: dict[str, int | None],
) -> str | None:
    """Tell the strategies that train a supernet what to train it on, or give them the trained one that ``predictor`` is the file
    of; the predictor for the other strategies."""
    from archcast.cli._one_shot import load, task_of
    from archcast.search import STRATEGIES

    mine = [make for make in makes.values() if STRATEGIES[make["name"]].trains_weights]
    if predictor is not None and predictor.endswith(".npz"):
        if not mine:
            raise typer.BadParameter(f"--predictor {predictor}: a file goes with --strategy one-shot.")
        for make in mine:
            make["predictor"] = load(Path(predictor))
        return None
    for make in mine:
        make["settings"] = {"dataset": dataset, "task": task_of(dataset, space, sizes)}
        if len(makes) > len(mine) and predictor is not None and not predictor.startswith("one-shot"):
            make["predictor"] = "one-shot"  # the predictor is for the others
    return predictor


def _folder_name(objective: Objective, settings: list[Any]) -> str:
    """The same for the same command on the same data, another for another one."""
    from archcast._version import versions
    from archcast.journal import file_name, fingerprint

    said = fingerprint(versions(), objective.describe(), [str(s) for s in settings if not callable(s)])
    name = str(objective.describe().get("benchmark", objective.space.name)).replace("/", "-")
    return f"search-{file_name(name)}-{said[:6]}"


def _telling(bar: Bar, total: int) -> Callable[[Step], None]:
    """What moves the bar, with the best so far."""
    spent: dict[tuple[str, int], float] = {}
    best: dict[str, float] = {}

    def tell(step: Step) -> None:
        spent[step.strategy, step.trial] = step.spent
        if not best.get(step.strategy, -float("inf")) >= step.best:
            best[step.strategy] = step.best
        failed = f", {step.failed} failed" if step.failed else ""
        text = f"{step.strategy}: best so far {best.get(step.strategy, float('nan')):.4g}{failed}"
        bar.update(round(sum(spent.values())), total, text)

    return tell
