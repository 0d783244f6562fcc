"""``archcast.run_search``: many strategies, many trials, one objective."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from archcast._version import versions
from archcast.checks import callback, label_of, listed, seed_of, switch, whole, workers
from archcast.data.base import load_benchmark
from archcast.data.benchmark import Benchmark
from archcast.errors import InvalidFileError, InvalidInputError, short
from archcast.files import write_whole
from archcast.journal import claimed, fingerprint, staffed
from archcast.predictors.base import Predictor
from archcast.reports.checklist import about_run
from archcast.search.base import STRATEGIES, Strategy
from archcast.search.objectives import Objective, TableObjective
from archcast.search.pareto import LARGEST, library
from archcast.search.results import SearchResults
from archcast.search.runner import Step, make_strategy, run_one
from archcast.search.trace import Trace

__all__ = ["DEFAULT_STRATEGIES", "run_search"]

DEFAULT_STRATEGIES = ("random", "local-search", "regularized-evolution", "bayesian")
Make = tuple[str, dict[str, Any]]


@staffed()
def run_search(
    strategies: str | Sequence[str] | Mapping[str, str | Mapping[str, Any]] | None,
    objective: str | Benchmark | Objective,
    *,
    budget: int = 100,
    batch: int = 10,
    trials: int = 1,
    seed: int = 0,
    jobs: int = 1,
    asynchronous: bool = False,
    predictor: str | Predictor | None = None,
    out: str | Path | None = None,
    progress: Callable[[Step], None] | None = None,
) -> SearchResults:
    """Search for the best architecture.

    Args:
        strategies: names, or label -> name, or label -> ``{"name": ..., parameter: value, ...}``; four of them by default.
        objective: a benchmark or its name, or any :class:`~archcast.search.Objective`.
        budget: full trainings a search may pay for.
        batch: architectures asked for at a time.
        trials: repetitions, each with other randomness.
        seed: of all randomness.
        jobs: processes, -1 for one on each core. A table is searched with a search in each, other objectives are evaluated in them.
        asynchronous: ask for one architecture as soon as one is done, instead of waiting for the batch; which one is done first is
            chance, so that such a search cannot be repeated exactly.
        predictor: for every strategy that uses one.
        out: folder for journals, ``results.csv``, ``results.json``, ``history.csv``, ``figure.png`` and ``report.html``. The same
            call continues a search that was killed, and gives what it would have given.
        progress: called after each batch, or after each search where searches run in other processes.

    Examples:
        >>> import archcast
        >>> results = archcast.run_search(["random", "bayesian"], "nas-bench-graph/cora", budget=20, trials=2)
        >>> [str(s) for s in results.summary()["strategy"].unique()]
        ['random', 'bayesian']

    Raises:
        InvalidInputError: settings that are out of range or contradict each other; nothing has run then.
        UnknownNameError: of a strategy, predictor or benchmark.
    """
    if not isinstance(objective, Objective):
        if not isinstance(objective, (str, Benchmark)):
            raise InvalidInputError(
                f"objective must be a benchmark, its name or an archcast.search.Objective, got {short(objective)}."
            )
        objective = TableObjective(load_benchmark(objective) if isinstance(objective, str) else objective)
    budget, batch, trials = whole("budget", budget, 1), whole("batch", batch, 1), whole("trials", trials, 1)
    seed = seed_of("seed", seed)
    if batch > budget:
        raise InvalidInputError(
            f"budget is {budget}, less than a batch of {batch}. Use a larger budget or a smaller batch."
        )
    workers("jobs", 1 if jobs is None else jobs)
    switch("asynchronous", asynchronous)
    callback("progress", progress)
    makes = make_all(strategies, predictor)
    made = {label: make_strategy(make, objective, 0, seed) for label, make in makes.items()}
    protocol = _protocol(makes, made, objective, budget=budget, batch=batch, trials=trials, seed=seed)
    protocol["asynchronous"] = asynchronous
    settings: dict[str, Any] = {"budget": budget, "batch": batch, "seed": seed, "jobs": jobs, "progress": progress}
    with nullcontext() if out is None else claimed(out):
        folder = None if out is None else _open(Path(out), protocol)
        traces = _run_all(makes, objective, folder, trials, asynchronous=asynchronous, **settings)
        results = SearchResults(traces, {**protocol, "run": about_run()})
        if out is not None:
            results.save(out)
    return results


def _run_all(
    makes: Mapping[str, Make],
    objective: Objective,
    folder: Path | None,
    trials: int,
    *,
    jobs: int,
    asynchronous: bool,
    progress: Callable[[Step], None] | None,
    **settings: Any,
) -> list[Trace]:
    """All searches, by strategy and trial: those of a table each in a process, others with their evaluations in processes."""
    settings |= {"folder": folder}
    todo = [(label, trial, make) for trial in range(trials) for label, make in makes.items()]
    if objective.simulated and jobs != 1 and len(todo) > 1:
        traces = []
        for trace in Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(
            delayed(run_one)(label, trial, make, objective, **settings) for label, trial, make in todo
        ):
            traces.append(trace)
            if progress is not None:
                progress(_last_step(trace))
    else:
        settings |= {"jobs": 1 if objective.simulated else jobs, "asynchronous": asynchronous, "tell": progress}
        traces = [run_one(label, trial, make, objective, **settings) for label, trial, make in todo]
    order = list(makes)
    traces.sort(key=lambda trace: (order.index(trace.strategy), trace.trial))
    return traces


def make_all(
    strategies: str | Sequence[str] | Mapping[str, str | Mapping[str, Any]] | None, predictor: str | Predictor | None
) -> dict[str, Make]:
    """Label -> registered name and parameters.

    Raises:
        UnknownNameError: of a strategy.
        InvalidInputError: none, one twice, or a predictor that none of them uses.
    """
    if strategies is None:
        strategies = DEFAULT_STRATEGIES
    if isinstance(strategies, str):
        strategies = [strategies]
    if not isinstance(strategies, Mapping):
        strategies = listed("strategies", strategies, "names")
        for name in strategies:
            STRATEGIES.entry(name)  # refuses what is no name of a strategy
        if len(set(strategies)) < len(strategies):
            raise InvalidInputError(
                f"strategies holds one twice: {', '.join(strategies)}. Name them: a dict of label to name."
            )
        strategies = {name: name for name in strategies}
    if not strategies:
        raise InvalidInputError(f"strategies is empty. Available: {', '.join(STRATEGIES)}.")
    makes, used = {}, False
    for label, item in strategies.items():
        label_of("a label of strategies", label)
        if not isinstance(item, (str, Mapping)):
            raise InvalidInputError(
                f"strategies must map labels to names, or to dictionaries with a name, got {short(label)}: {short(item)}."
            )
        params: dict[str, Any] = {} if isinstance(item, str) else dict(item)
        name = item if isinstance(item, str) else params.pop("name", label)
        if STRATEGIES.entry(name).info.get("uses_predictor") and predictor is not None:
            params.setdefault("predictor", predictor)
            used = True
        makes[label] = (name, params)
    if predictor is not None and not isinstance(predictor, (str, Predictor)):
        raise InvalidInputError(f"predictor must be a name or an archcast.Predictor, got {type(predictor).__name__}.")
    if predictor is not None and not used:
        raise InvalidInputError(f"predictor {short(predictor)}: none of the strategies {', '.join(makes)} uses one.")
    return makes


def _protocol(
    makes: Mapping[str, Make],
    made: Mapping[str, Strategy],
    objective: Objective,
    *,
    budget: int,
    batch: int,
    trials: int,
    seed: int,
) -> dict[str, Any]:
    """What decides the results, JSON-like."""
    described = {
        label: {"name": name} | {key: _say(value) for key, value in made[label].get_params().items() if key != "pool"}
        for label, (name, _) in makes.items()
    }
    reference = None
    if len(objective.names) > 1 and isinstance(objective, TableObjective):
        reference = np.nanmin(objective.values, axis=0).tolist()
        if len(objective.names) > LARGEST:
            library()  # which is missed before the search, not after it
    return {
        **objective.describe(),
        "optimum": None if math.isnan(objective.optimum) else objective.optimum,
        "reference": reference,
        "budget": budget,
        "batch": batch,
        "trials": trials,
        "seed": seed,
        "strategies": described,
        "versions": versions(),
    }


def _say(value: Any) -> Any:
    """A parameter in words, the same for the same one."""
    if isinstance(value, tuple):
        return [_say(item) for item in value]
    plain = value is None or isinstance(value, (bool, int, float, str))
    return value if plain else f"{type(value).__name__}[{fingerprint(value)}]"


def _open(folder: Path, protocol: Mapping[str, Any]) -> Path:
    """The folder of the journals, in a folder that is new or of the same protocol.

    Raises:
        InvalidInputError: it holds another search.
    """
    path = folder / "protocol.json"
    text = json.dumps(protocol, indent=2) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(f"out {str(folder)!r} cannot be a folder: {error.strerror}.") from error
    if path.exists():
        try:
            old = json.loads(path.read_text(encoding="utf-8"))
            differs = [key for key in protocol if old.get(key) != json.loads(text)[key]]
        except (ValueError, RecursionError, AttributeError) as error:
            raise InvalidFileError(f"{str(path)!r} cannot be read: {error}. Choose another folder.") from error
        if differs:
            raise InvalidInputError(
                f"out {str(folder)!r} holds another search: its {differs[0]} differs from this one's. Choose another folder, or "
                f"repeat that search's settings."
            )
    else:
        write_whole(path, text)
    return folder / "searches"


def _last_step(trace: Trace) -> Step:
    spent = float(trace.spent[-1]) if len(trace) else 0.0
    value = float(trace.values[-1]) if len(trace) else math.nan
    return Step(trace.strategy, trace.trial, spent, value, sum(map(bool, trace.failures)))
