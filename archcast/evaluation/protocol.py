"""What is asked for, checked and completed before anything runs."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from archcast._version import __version__
from archcast.checks import label_of, listed, one_of, path_of, seed_of, whole
from archcast.data.benchmark import Benchmark
from archcast.data.tables import read_evidence
from archcast.encodings.base import ENCODINGS
from archcast.errors import InvalidInputError, UnknownNameError, short
from archcast.evaluation.estimators import EstimatorPredictor, estimator_named, is_estimator
from archcast.evaluation.presets import PRESETS, REST, WHOLE, Preset, spread_epochs
from archcast.evaluation.splits import RANDOM, TESTS
from archcast.evidence import Evidence
from archcast.journal import fingerprint
from archcast.predictors.base import PREDICTORS, Predictor, get_predictor
from archcast.predictors.parameters import AUTO
from archcast.proxies.aggregate import AGGREGATES
from archcast.proxies.base import PROXIES
from archcast.spaces.base import SPACES, SearchSpace, get_space

__all__ = [
    "Protocol",
    "Settings",
    "default_predictors",
    "given_evidence",
    "make_predictors",
    "make_protocol",
    "query_epochs",
    "settings",
]

TRAIN_SIZES, TEST_SIZE, TRIALS = (10, 32, 100), 1000, 5
POOL_SIZE = 2000
NOT_IN_ALL = ("zero_cost", "one_shot")
"""Folders of the families that ``"all"`` leaves out: proxies have rows of their own, and one-shot predictors train a network
each time."""
SHARES = (0.02, 0.05, 0.1, 0.2, 0.5)
"""Shares of a full training after which curves are looked at, where budgets are compared."""


@dataclass(frozen=True)
class Settings:
    """What a user may set, as :func:`archcast.evaluate` takes it; ``None`` is left to the preset or to a default."""

    train_sizes: Sequence[int] | None = None
    test_size: int | str | None = None
    test: str | None = None
    trials: int | None = None
    seed: int = 0
    metric: str | None = None
    encoding: str | None = None
    preset: str | None = None
    epochs: Sequence[int] | None = None
    budgets: bool = False


@dataclass(frozen=True)
class Protocol:
    """Settings that decide the figures; two runs with equal protocols draw equal training and test sets.

    Attributes:
        benchmark: its name.
        space: name of the search space.
        metric: the score.
        preset: name of the published protocol, or ``None``.
        quick_look: a preset with fewer trials than its paper has: how many of them, in words; else ``None``.
        differs: what is not as in the preset's paper.
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
        data: fingerprint of all that the benchmark and the evidence hold.
        version: of archcast.
    """

    benchmark: str
    space: str
    metric: str
    preset: str | None
    quick_look: str | None
    differs: tuple[str, ...]
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
    benchmark: Benchmark, groups: NDArray[np.int64], evidence: Evidence, asked: Settings, metric: str
) -> Protocol:
    """Complete the settings from the preset and the defaults.

    Args:
        benchmark: what is evaluated on.
        groups: function of each row with a score.
        evidence: of all its rows, what every predictor is given.
        asked: what the user set.
        metric: the score.

    Raises:
        InvalidInputError: a setting is out of range or contradicts the preset.
    """
    preset = None if asked.preset is None else _preset(asked, benchmark.space.name)
    space = benchmark.space.name
    sizes, test_size, test, trials = asked.train_sizes, asked.test_size, asked.test, asked.trials
    quick_look = None
    if preset is not None:
        sizes = _fixed(asked, "train_sizes", preset.spaces.get(space, preset.train_sizes))
        test_size = _fixed(asked, "test_size", preset.test_size)
        test = _fixed(asked, "test", preset.test)
        if preset.trials is not None:
            trials, quick_look = _trials(asked, preset.trials)
    train_sizes = _increasing("train_sizes", TRAIN_SIZES if sizes is None else sizes)
    if not train_sizes:
        raise InvalidInputError("train_sizes is empty: give at least one whole number, e.g. 100.")
    budgets = asked.budgets or (preset is not None and preset.budgets and benchmark.train_seconds is not None)
    if budgets and benchmark.train_seconds is None:
        raise InvalidInputError(
            f"budgets: benchmark {benchmark.name!r} does not know how long trainings take. Leave it out, or give a benchmark "
            "with train_seconds."
        )
    if test_size is None:
        test_size = max(2, min(TEST_SIZE, len(np.unique(groups)) // 2))
    elif not isinstance(test_size, str) or test_size not in (REST, WHOLE):
        test_size = whole("test_size", test_size, 2)
    test = one_of("test", RANDOM if test is None else test, TESTS)
    if test != RANDOM and test_size in (REST, WHOLE):
        raise InvalidInputError(f"test {short(test)} does not go with test_size {short(test_size)}. Drop one of them.")
    return Protocol(
        benchmark=benchmark.name,
        data=_contents(benchmark, evidence),
        space=space,
        architectures=len(groups),
        metric=metric,
        preset=asked.preset,
        quick_look=quick_look,
        differs=() if preset is None else preset.differs,
        train_sizes=train_sizes,
        test_size=test_size,
        test=test,
        trials=whole("trials", TRIALS if trials is None else trials, 1),
        seed=seed_of("seed", asked.seed),
        encoding=asked.encoding,
        evidence=tuple(sorted([*evidence.proxies, *evidence.costs])),
        pool_size=min(POOL_SIZE, len(benchmark)),
        epochs=_epochs(benchmark, asked.epochs, preset, budgets),
        budgets=budgets,
    )


def _preset(asked: Settings, space: str) -> Preset:
    preset = PRESETS[one_of("preset", asked.preset, PRESETS)]
    if preset.spaces.get(space, preset.train_sizes) is None and asked.train_sizes is None:
        raise InvalidInputError(
            f"preset {asked.preset!r} leaves the train size to you: give train_sizes, e.g. 78 or 156."
        )
    return preset


def _trials(asked: Settings, full: int) -> tuple[int, str | None]:
    """How many trials, and if they are fewer than the preset's, that in words."""
    trials = full if asked.trials is None else whole("trials", asked.trials, 1)
    if trials > full:
        raise InvalidInputError(
            f"preset {asked.preset!r} has {full} trials, got {trials}. Fewer give a quick look; for more, drop the preset."
        )
    return trials, None if trials == full else f"{trials} of its {full} trials"


def _fixed(asked: Settings, name: str, fixed: Any) -> Any:
    """What the preset fixes, else what was asked for.

    Raises:
        InvalidInputError: both, and they differ.
    """
    given = getattr(asked, name)
    if fixed is None:
        return given
    value = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else given
    if value is not None and value != fixed:
        raise InvalidInputError(
            f"preset {asked.preset!r} fixes {name} at {fixed}, got {value}. Drop the preset or that setting."
        )
    return fixed


def _increasing(name: str, values: Any) -> tuple[int, ...]:
    """Different whole numbers of at least 1, in order."""
    numbers = tuple(sorted(whole(name, value, 1) for value in listed(name, values, "whole numbers")))
    if len(set(numbers)) < len(numbers):
        raise InvalidInputError(f"{name} holds {'a size' if 'size' in name else 'a number'} twice: {numbers}.")
    return numbers


def _contents(benchmark: Benchmark, evidence: Evidence) -> str:
    """Fingerprint of everything that a result can depend on."""
    held = [getattr(benchmark, name) for name in ("archs", "metrics", "curves", "costs", "proxies", "train_seconds")]
    return fingerprint(held, [evidence.curves, evidence.proxies, evidence.costs])


def _epochs(benchmark: Benchmark, asked: Any, preset: Preset | None, budgets: bool) -> tuple[int, ...]:
    """Epochs at query, increasing: those asked for, else the preset's, else for budgets some shares of a full training, else
    none."""
    longest = max((values.shape[1] for values in benchmark.curves.values()), default=0)
    epochs = () if asked is None else _increasing("epochs", asked)
    if not epochs:
        if preset is not None and preset.fidelities is not None:
            return spread_epochs(longest, preset.fidelities)
        return tuple(sorted({max(1, round(share * longest)) for share in SHARES})) if budgets and longest else ()
    if preset is not None and preset.fidelities is not None:
        raise InvalidInputError("epochs: the preset says after how many epochs curves are looked at. Drop one of them.")
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
        return read_evidence(path_of("evidence", evidence), benchmark)
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
    predictors: Any,
    benchmark: Benchmark,
    encoding: str | None,
) -> dict[str, Predictor]:
    """Label -> predictor, not initialised.

    Args:
        predictors: names, with parameters as in ``"omni:without=curve"`` or the path of a scikit-learn class as in
            ``"sklearn.svm.SVR:C=10:encoding=path"``; objects; scikit-learn regressors, alone or as a pair with the name of an
            encoding; a mapping of labels to any of these; ``"all"``; or ``None`` for the default ones.
        benchmark: what is evaluated on.
        encoding: replaces the encoding of every predictor that has one.

    Raises:
        InvalidInputError: none, an unknown one, one of another space, or two with one label.
    """
    space = benchmark.space
    if predictors is None:
        predictors = default_predictors(benchmark)
    elif isinstance(predictors, str) and predictors == "all":
        predictors = [name for name, module in PREDICTORS.index.items() if module.split(".")[-2] not in NOT_IN_ALL]
    elif isinstance(predictors, (str, Predictor)) or is_estimator(predictors):
        predictors = [predictors]
    if isinstance(predictors, Mapping):
        pairs = [(label_of("a label of predictors", label), item) for label, item in predictors.items()]
    else:
        pairs = [
            (p if isinstance(p, str) else _label(p), p) for p in listed("predictors", predictors, "names or predictors")
        ]
    if not pairs:
        raise InvalidInputError(f"predictors is empty. Available: {', '.join(PREDICTORS)}.")
    name: str | SearchSpace = space.name if space.name in SPACES and SPACES[space.name] is type(space) else space
    made: dict[str, Predictor] = {}
    takes_encoding = False
    for label, item in pairs:
        if label in made:
            raise InvalidInputError(f"predictors holds {label!r} twice. Name them: a dict of label to predictor.")
        predictor = _made(item, name)
        if get_space(predictor.space) != space:
            raise InvalidInputError(
                f"predictors: {label!r} is for space {get_space(predictor.space).name!r}, the benchmark's is {space.name!r}."
            )
        predictor = clone(predictor)
        if encoding is not None and "encoding" in predictor.get_params(deep=False):
            predictor.set_params(encoding=encoding)
            takes_encoding = True
        made[label] = predictor
    if encoding is not None and not takes_encoding:
        raise InvalidInputError(f"encoding {encoding!r}: none of the predictors {', '.join(made)} takes an encoding.")
    return made


def _made(item: Any, space: str | SearchSpace) -> Predictor:
    """The predictor of a name, an object, a scikit-learn regressor, or a regressor with the name of an encoding."""
    if isinstance(item, str):
        return _named(item, space)
    if isinstance(item, Predictor):
        return item
    pair = item if isinstance(item, tuple) and len(item) == 2 else (item, AUTO)
    if is_estimator(pair[0]) and isinstance(pair[1], str):
        if pair[1] != AUTO:
            ENCODINGS.entry(pair[1])
        return EstimatorPredictor(space, estimator=pair[0], encoding=pair[1])
    raise InvalidInputError(
        f"predictors must hold names or Predictor objects, got {type(item).__name__}. A scikit-learn regressor may stand alone or "
        "with an encoding, as in (SVR(), 'path')."
    )


def _named(text: str, space: str | SearchSpace) -> Predictor:
    """The predictor of ``"name"`` or ``"name:parameter=value:parameter=value"``; values are Python's, or else text."""
    name, *parts = text.split(":")
    if name not in PREDICTORS and (name in PROXIES or name in AGGREGATES):
        raise UnknownNameError(f"{name!r} is a proxy, not a predictor: give it as proxies={name!r} (--proxies {name}).")
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
    return estimator_named(name, params, space) if "." in name else get_predictor(name, space, **params)


def _label(item: Any) -> str:
    """The registered name of a predictor, else that of its class."""
    item = item[0] if isinstance(item, tuple) and item else item
    return PREDICTORS.name_of(type(item)) or type(item).__name__


def settings(predictor: Predictor) -> str:
    """Class and parameters in words, to tell whether two runs used the same predictor. What words do not tell, an array or the
    source of a class that is not archcast's, counts with its fingerprint."""
    params = {name: _words(value) for name, value in sorted(predictor.get_params(deep=False).items())}
    params.pop("random_state", None)
    kind = type(predictor)
    said = f"{kind.__name__}({', '.join(f'{name}={value}' for name, value in params.items())})"
    return (
        said
        if PREDICTORS.name_of(kind) and kind.__module__.startswith("archcast.")
        else f"{said} [{fingerprint(kind)}]"
    )


def _words(value: Any) -> str:
    plain = isinstance(value, (bool, int, float, str, SearchSpace)) or value is None
    if plain or (isinstance(value, (tuple, list)) and all(isinstance(v, (bool, int, float, str)) for v in value)):
        return repr(value)
    return f"{type(value).__name__}[{fingerprint(value)}]"
