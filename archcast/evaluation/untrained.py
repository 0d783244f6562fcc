"""Rows of proxies in a benchmark: where their values come from, and params and FLOPs beside them.

A proxy is worth something only where it ranks better than the size of the network does, so ``params`` and ``flops`` are
there whenever a proxy is. Values are taken from the evidence that was given, or from what was published with the
benchmark; the others are computed, each network once for all proxies, where the space can build networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from archcast.checks import listed
from archcast.data.benchmark import Benchmark
from archcast.errors import UnknownNameError, short
from archcast.evaluation.trial import one_thread
from archcast.evidence import Evidence
from archcast.journal import Journal, staffed
from archcast.predictors.zero_cost.zero_cost import score_untrained
from archcast.proxies.aggregate import AGGREGATES, aggregate
from archcast.proxies.base import PROXIES
from archcast.registry import closest
from archcast.spaces.base import SPACES, SearchSpace

__all__ = ["BASELINES", "ProxySource", "default_proxies", "known_rows", "proxy_names"]

BASELINES = ("params", "flops")
"""Proxies that every other must beat."""

WORTH_SHOWING = ("synflow", "nwot", "jacob_cov", "zico", "meco_opt")
"""The usual ones, and two of the best."""

Values = Mapping[str, NDArray[np.float64]]


def default_proxies(benchmark: Benchmark) -> list[str]:
    """Those of a well-chosen few that were published with a benchmark; none of them has to be computed."""
    return [name for name in WORTH_SHOWING if name in benchmark.proxies]


def proxy_names(proxies: str | Sequence[str], evidence: Evidence) -> list[str]:
    """The baselines, then what was asked for, each once; none if nothing was asked for.

    Raises:
        UnknownNameError: for what is no proxy, no aggregate and not in the evidence.
    """
    asked = [proxies] if isinstance(proxies, str) else listed("proxies", proxies, "names")
    if not asked:
        return []
    allowed = [*PROXIES, *AGGREGATES, *evidence.proxies]
    for name in asked:
        if not isinstance(name, str) or name not in allowed:
            raise UnknownNameError(f"Unknown proxy {short(name)}. {closest(name, allowed)}")
    return list(dict.fromkeys([*BASELINES, *asked]))


def known_rows(evidence: Evidence, n: int) -> NDArray[np.bool_]:
    """``(n,)`` rows of which some proxy is known; all of them without evidence."""
    if not evidence.proxies:
        return np.ones(n, dtype=bool)
    unknown = np.isnan(evidence.matrix(list(evidence.proxies)))
    return np.asarray(~unknown.all(axis=1), dtype=bool)


class ProxySource:
    """Where the values of proxies come from.

    Args:
        names: proxies and aggregates.
        benchmark: what is evaluated on.
        evidence: what was given; it comes before what was published with the benchmark.

    Attributes:
        given: proxies that need no network.
        lacking: proxies to compute.
    """

    def __init__(self, names: Sequence[str], benchmark: Benchmark, evidence: Evidence) -> None:
        self.names, self.benchmark = list(names), benchmark
        known = {**benchmark.proxies, **evidence.proxies}
        parts = dict.fromkeys(part for name in names if name not in known for part in _parts(name))
        self.given: Values = {name: known[name] for name in dict.fromkeys([*names, *parts]) if name in known}
        self.lacking = [name for name in parts if name not in known] if _buildable(benchmark.space) else []

    def described(self, seed: int) -> dict[str, str]:
        """Name -> how it is computed, in words."""
        return {
            name: f"computed from untrained networks, 32 images of noise, 3x32x32, 10 classes, seed {seed}"
            for name in self.names
            if name not in self.given and self.lacking
        }

    def values(
        self,
        rows: NDArray[np.int64],
        *,
        seed: int,
        jobs: int | None,
        path: Path | None,
        tell: Callable[[int, int], None],
    ) -> Values:
        """Name -> ``(len(benchmark),)`` values; those that are computed, aggregates too, are NaN outside of ``rows``.

        Args:
            rows: of the benchmark, to score.
            seed: of weights and data.
            jobs: worker processes.
            path: file that results are appended to as they come and taken from the next time.
            tell: is called with the number of networks scored and that of all.
        """
        values = dict(self.given)
        if self.lacking:
            values |= self._computed(rows, seed, jobs, path, tell)
        for name in self.names:
            if name in AGGREGATES and name not in values and all(part in values for part in _parts(name)):
                full = np.full(len(self.benchmark), math.nan)
                full[rows] = aggregate(name, {part: values[part][rows] for part in _parts(name)})
                values[name] = full
        return {name: values[name] for name in self.names if name in values}

    @staffed()
    def _computed(
        self, rows: NDArray[np.int64], seed: int, jobs: int | None, path: Path | None, tell: Callable[[int, int], None]
    ) -> Values:
        space = self.benchmark.space
        nets, twin = np.unique(space.canonical(self.benchmark.archs[rows]), axis=0, return_inverse=True)
        texts = space.format(nets)
        journal = None if path is None else Journal(path)
        done = {} if journal is None else _read(journal)
        todo = [
            (net, text, missing)
            for net, text in zip(nets, texts)
            if (missing := [name for name in self.lacking if name not in done.get(text, {})])
        ]
        tell(len(nets) - len(todo), len(nets))
        work = (delayed(_one)(space, net, text, missing, seed) for net, text, missing in todo)
        run = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")
        for count, (text, scores) in enumerate(run(work), len(nets) - len(todo) + 1):
            done[text] = {**done.get(text, {}), **scores}
            if journal is not None:
                journal.add({"arch": text, "scores": scores})
            tell(count, len(nets))
        found = {}
        for name in self.lacking:
            scored = [done[text][name] for text in texts]
            full = np.full(len(self.benchmark), math.nan)
            full[rows] = np.array([math.nan if v is None else v for v in scored])[twin.ravel()]
            found[name] = full
        return found


def _parts(name: str) -> tuple[str, ...]:
    return AGGREGATES[name].proxies if name in AGGREGATES else (name,)


def _buildable(space: SearchSpace) -> bool:
    return space.name not in SPACES or bool(SPACES.entry(space.name).info.get("buildable"))


def _one(
    space: SearchSpace, net: NDArray[np.int64], text: str, names: list[str], seed: int
) -> tuple[str, dict[str, float | None]]:
    """Scores of one network; ``None`` where it has none."""
    import torch  # first, so that one_thread sees it

    assert torch.__version__
    with one_thread():
        found = score_untrained(space, net, names, seed=seed)
    return text, {name: found.get(name) for name in names}


def _read(journal: Journal) -> dict[str, dict[str, float | None]]:
    """What the file holds."""
    done: dict[str, dict[str, Any]] = {}
    try:
        for record in journal.records():
            done[record["arch"]] = {**done.get(record["arch"], {}), **record["scores"]}
    except (KeyError, TypeError) as error:
        raise journal.damaged(f"a line holds no scores ({error})") from error
    return done
