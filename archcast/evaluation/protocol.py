"""What is asked for, checked and completed before anything runs."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from archcast._version import __version__
from archcast.data.benchmark import Benchmark
from archcast.data.tables import read_evidence
from archcast.errors import InvalidInputError
from archcast.evaluation.presets import PRESETS, REST
from archcast.evaluation.splits import RANDOM, TESTS
from archcast.evidence import Evidence
from archcast.predictors.base import PREDICTORS, Predictor, get_predictor
from archcast.registry import closest
from archcast.spaces.base import SPACES, SearchSpace

__all__ = ["Protocol", "default_predictors", "make_predictors", "make_protocol"]

TRAIN_SIZES, TEST_SIZE, TRIALS = (10, 32, 100), 1000, 5
POOL_SIZE = 2000
SHARES = (0.02, 0.05, 0.1, 0.2, 0.5)
"""Shares of a full training after which curves are looked at, where budgets are compared."""


@dataclass(frozen=True)
class Protocol:
    """Settings that decide the figures; two runs with equal protocols draw equal training and test sets.

    Attributes:
        benchmark: its name.
        space: name of the search space.
        metric: the score.
        preset: name of the published protocol, or ``None``.
        train_sizes: rows to train on.
        test_size: rows to test on, or ``"rest"``.
        test: how they are drawn, see :data:`archcast.evaluation.splits.TESTS`.
        trials: repetitions with fresh splits and seeds.
        seed: seed of the whole run.
        encoding: encoding that replaces the predictors' own, or ``None``.
        evidence: names of the proxies and costs given to every predictor.
        pool_size: unlabelled candidates given to every predictor.
        epochs: epochs of the curves that predictors are given at query; empty for each predictor's own.
        budgets: whether predictors are compared at every pair of budgets.
        architectures: how many rows have a score.
        data: digest of the architectures, the scores and the evidence.
        version: of archcast.
    """

    benchmark: str
    space: str
    metric: str
    preset: str | None
    train_sizes: tuple[int, ...]
    test_size: int | str
    test: str
    trials: int
    seed: int
    encoding: str | None
    evidence: tuple[str, ...]
    pool_size: int
    epochs: tuple[int, ...]
    budgets: bool
    architectures: int
    data: str
    version: str = __version__


def make_protocol(
    benchmark: Benchmark,
    groups: NDArray[np.int64],
    evidence: Evidence,
    *,
    metric: str,
    preset: str | None,
    train_sizes: Sequence[int] | None,
    test_size: int | str | None,
    test: str,
    trials: int | None,
    seed: int,
    encoding: str | None,
    epochs: Sequence[int] | None,
    budgets: bool,
) -> Protocol:
    """Complete the settings from the preset and the defaults.

    Args:
        benchmark: what is evaluated on.
        groups: function of each row with a score.
        evidence: of all its rows, what every predictor is given.
        metric, preset, train_sizes, test_size, test, trials, seed, encoding, epochs, budgets: as in :func:`archcast.evaluate`.

    Raises:
        InvalidInputError: a setting is out of range or contradicts the preset.
    """
    given: dict[str, Any] = {"train_sizes": train_sizes, "test_size": test_size, "trials": trials}
    if preset is not None:
        if preset not in PRESETS:
            raise InvalidInputError(f"Unknown preset {preset!r}. {closest(preset, list(PRESETS))}")
        for name in given:
            fixed = getattr(PRESETS[preset], name)
            if fixed is None:
                continue
            value = given[name]
            value = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
            if value is not None and value != fixed:
                raise InvalidInputError(
                    f"preset {preset!r} fixes {name} at {fixed}, got {value}. Drop the preset or that setting."
                )
            given[name] = fixed
        if preset == "tnasp" and train_sizes is None:
            raise InvalidInputError("preset 'tnasp' leaves the train size to you: give train_sizes, e.g. 78 or 156.")
    sizes = tuple(_whole("train_sizes", n, 1) for n in given["train_sizes"] or TRAIN_SIZES)
    if len(set(sizes)) < len(sizes):
        raise InvalidInputError(f"train_sizes holds a size twice: {sizes}.")
    if preset is not None and PRESETS[preset].budgets and benchmark.train_seconds is not None:
        budgets = True
    if budgets and benchmark.train_seconds is None:
        raise InvalidInputError(
            f"budgets: benchmark {benchmark.name!r} does not know how long trainings take. Leave it out, or give a benchmark "
            "with train_seconds."
        )
    many = given["test_size"]
    if many is None:
        many = max(2, min(TEST_SIZE, len(np.unique(groups)) // 2))
    elif many != REST:
        many = _whole("test_size", many, 2)
    if test not in TESTS:
        raise InvalidInputError(f"Unknown test {test!r}. {closest(test, list(TESTS))}")
    if test != RANDOM and (preset is not None or many == REST):
        other = f"preset {preset!r}" if preset is not None else f"test_size {REST!r}"
        raise InvalidInputError(f"test {test!r} does not go with {other}. Drop one of them.")
    return Protocol(
        benchmark=benchmark.name,
        data=_digest(benchmark.archs, benchmark.scores(metric), evidence),
        space=benchmark.space.name,
        architectures=len(groups),
        metric=metric,
        preset=preset,
        train_sizes=tuple(sorted(sizes)),
        test_size=many,
        test=test,
        trials=_whole("trials", TRIALS if given["trials"] is None else given["trials"], 1),
        seed=_whole("seed", seed, 0),
        encoding=encoding,
        evidence=tuple(sorted([*evidence.proxies, *evidence.costs])),
        pool_size=min(POOL_SIZE, len(benchmark)),
        epochs=_epochs(benchmark, epochs, budgets),
        budgets=budgets,
    )


def _epochs(benchmark: Benchmark, asked: Sequence[int] | None, budgets: bool) -> tuple[int, ...]:
    """Epochs at query, increasing; by default some shares of a full training for budgets, else none."""
    longest = max((values.shape[1] for values in benchmark.curves.values()), default=0)
    if not asked:
        return tuple(sorted({max(1, round(share * longest)) for share in SHARES})) if budgets and longest else ()
    epochs = tuple(sorted(_whole("epochs", n, 1) for n in asked))
    if len(set(epochs)) < len(epochs):
        raise InvalidInputError(f"epochs holds a number twice: {epochs}.")
    if epochs[-1] > longest:
        has = f"has curves of {longest} epochs" if longest else "has no learning curves"
        raise InvalidInputError(f"epochs: {epochs[-1]} is too many, benchmark {benchmark.name!r} {has}.")
    return epochs


def query_epochs(predictor: Predictor, benchmark: Benchmark, epochs: tuple[int, ...]) -> tuple[int, ...]:
    """Epochs of curves that a predictor is given at query, one evaluation each; 0 if it looks at no curve.

    Args:
        predictor: not initialised.
        benchmark: without curves, a predictor that only *uses* them looks at none.
        epochs: those of the protocol; if there are none, or the predictor has no such parameter, it gets its own.
    """
    needs = predictor.requires
    if needs.curve is None and not ("curves" in needs.uses and benchmark.curves):
        return (0,)
    if not epochs or "epochs" not in predictor.get_params(deep=False):
        return (needs.epochs,)
    least = getattr(predictor, "fewest_epochs", 1)
    return tuple(n for n in epochs if n >= least) or epochs


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InvalidInputError(f"{name} must be a whole number of at least {least}, got {value!r}.")
    return int(value)


def _digest(archs: NDArray[np.int64], scores: NDArray[np.float64], evidence: Evidence) -> str:
    digest = hashlib.sha256()
    for array in (archs, scores, *evidence.proxies.values(), *evidence.costs.values()):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def given_evidence(benchmark: Benchmark, evidence: Evidence | str | Path | bool | None) -> Evidence:
    """What every predictor is given besides the architectures, one row for each of the benchmark's.

    Raises:
        InvalidInputError: the benchmark has published none, or an :class:`Evidence` is not aligned with it.
    """
    if evidence is None or evidence is False:
        return Evidence()
    if isinstance(evidence, Evidence):
        if evidence and len(evidence) != len(benchmark):
            raise InvalidInputError(
                f"evidence has {len(evidence)} rows, benchmark {benchmark.name!r} has {len(benchmark)}."
            )
        return evidence
    if evidence is not True:
        return read_evidence(evidence, benchmark)
    if not benchmark.proxies and not benchmark.costs:
        raise InvalidInputError(
            f"evidence: nothing is published with benchmark {benchmark.name!r}. Leave it out, or give a file of proxies."
        )
    return Evidence(proxies=benchmark.proxies, costs=benchmark.costs)


def default_predictors(benchmark: Benchmark) -> list[str]:
    """Names of the registered predictors that are marked as worth showing first (``default=True`` at registration), without those
    that look at learning curves where the benchmark has none, or at cell graphs where its space has none.
    """
    names = [name for name in PREDICTORS if PREDICTORS.entry(name).info.get("default")]
    if not benchmark.space.has_graph:
        names = [name for name in names if not PREDICTORS[name].needs_graph]
    return [name for name in names if _has_its_curves(get_predictor(name, benchmark.space), benchmark)]


def _has_its_curves(predictor: Predictor, benchmark: Benchmark) -> bool:
    needs = predictor.requires
    return bool(benchmark.curves) if "curves" in needs.uses else needs.curve is None or needs.curve in benchmark.curves


def make_predictors(
    predictors: str | Predictor | Iterable[str | Predictor] | Mapping[str, str | Predictor] | None,
    benchmark: Benchmark,
    encoding: str | None,
) -> dict[str, Predictor]:
    """Label -> predictor, not initialised.

    Args:
        predictors: names, with parameters as in ``"omni:without=curve"``, objects, a mapping of labels to either, ``"all"``, or
            ``None`` for the default ones.
        benchmark: what is evaluated on.
        encoding: replaces the encoding of every predictor that has one.

    Raises:
        InvalidInputError: none, an unknown one, one of another space, or two with one label.
    """
    space = benchmark.space
    if predictors is None:
        predictors = default_predictors(benchmark)
    elif predictors == "all":  # proxies have rows of their own
        predictors = [name for name in PREDICTORS.names() if PREDICTORS.entry(name).info.get("family") != "proxy"]
    elif isinstance(predictors, (str, Predictor)):
        predictors = [predictors]
    if isinstance(predictors, Mapping):
        pairs = list(predictors.items())
    else:
        pairs = [(p if isinstance(p, str) else _label(p), p) for p in predictors]
    if not pairs:
        raise InvalidInputError(f"predictors is empty. Available: {', '.join(PREDICTORS)}.")
    name: str | SearchSpace = space.name if space.name in SPACES and SPACES[space.name] is type(space) else space
    made: dict[str, Predictor] = {}
    takes_encoding = False
    for label, item in pairs:
        if label in made:
            raise InvalidInputError(f"predictors holds {label!r} twice. Name them: a dict of label to predictor.")
        predictor = _named(item, name) if isinstance(item, str) else item
        if not isinstance(predictor, Predictor):
            raise InvalidInputError(f"predictors must hold names or Predictor objects, got {type(item).__name__}.")
        if predictor._space != space:
            raise InvalidInputError(
                f"predictors: {label!r} is for space {predictor._space.name!r}, the benchmark's is {space.name!r}."
            )
        predictor = clone(predictor)
        if encoding is not None and "encoding" in predictor.get_params(deep=False):
            predictor.set_params(encoding=encoding)
            takes_encoding = True
        made[label] = predictor
    if encoding is not None and not takes_encoding:
        raise InvalidInputError(f"encoding {encoding!r}: none of the predictors {', '.join(made)} takes an encoding.")
    return made


def _named(text: str, space: str | SearchSpace) -> Predictor:
    """The predictor of ``"name"`` or ``"name:parameter=value:parameter=value"``; values are Python's, or else text."""
    name, *parts = text.split(":")
    params: dict[str, Any] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals:
            raise InvalidInputError(
                f"predictors: {text!r} should be a name, or name:parameter=value, such as 'omni:without=curve'."
            )
        try:
            params[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            params[key] = value
    return get_predictor(name, space, **params)


def _label(predictor: Any) -> str:
    for name in PREDICTORS:
        if PREDICTORS[name] is type(predictor):
            return name
    return type(predictor).__name__


def settings(predictor: Predictor) -> str:
    """Class and parameters in words, to tell whether two runs used the same predictor."""
    params = {name: repr(value) for name, value in sorted(predictor.get_params(deep=False).items())}
    params.pop("random_state", None)
    return f"{type(predictor).__name__}({', '.join(f'{name}={value}' for name, value in params.items())})"
