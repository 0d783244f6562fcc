"""Call what the library offers with hostile values: every argument of it, from Python and from the command line.

Each target is a callable, or a command line, with arguments that are right. An input replaces one argument by a hostile value, or
later two; the inputs of a target are numbered, and number and seed say what an input is. A target runs in a process of its
own, which is started again behind an input that ended it.

    python tools/attack.py --times 300                    # 300 inputs of every target
    python tools/attack.py --groups commands --out attack.jsonl --times 5000    # the same line continues it

Prints a row for each target. An input is *refused* by one line that names an argument and says what is allowed, or *answered*. Else
it is a fault: *raw*, an exception that is none of archcast's; *unclear*, a message that names no argument that was replaced, or has
several lines or more than 400 characters; *silent*, an answer where no value of this kind can be meant, or with NaN; *lost*, the
process hangs or ends.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import fnmatch
import inspect
import io
import json
import math
import os
import re
import signal
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import archcast
from archcast.errors import LONGEST, ArchcastError
from archcast.names import ENCODINGS, PREDICTORS, PROXIES, SPACES, STRATEGIES

FAULTS = ("raw", "unclear", "silent", "lost")
KINDS = ("refused", "answered", *FAULTS)
SECONDS = 20.0
"""Most seconds of the processor that an input may take; beyond it the input hangs."""


class Rude:
    """Raises from whatever it is asked."""

    def _no(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no\nanswer")

    __array__ = __len__ = __iter__ = __getitem__ = __repr__ = __str__ = __eq__ = __bool__ = __float__ = __index__ = _no
    __hash__ = None  # type: ignore[assignment]


def _deep(depth: int = 2000) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


HOSTILE: dict[str, Callable[[], Any]] = {
    "None": lambda: None, "true": lambda: True, "zero": lambda: 0, "minus": lambda: -1, "2**63": lambda: 2**63,
    "10**30": lambda: 10**30, "10**5000": lambda: 10**5000, "half": lambda: 0.5, "nan": lambda: math.nan,
    "inf": lambda: math.inf, "-inf": lambda: -math.inf, "1e308": lambda: 1e308, "complex": lambda: 1j,
    "numpy nan": lambda: np.float32("nan"), "numpy array": lambda: np.array(3), "date": lambda: datetime.date(2026, 1, 1),
    "empty text": lambda: "", "superscript": lambda: "²", "digits": lambda: "3", "lines": lambda: "a\nb", "nul": lambda: "a\0b",
    "surrogate": lambda: "\udc80", "long text": lambda: "x" * 100_000, "bytes": lambda: b"\xff", "up": lambda: "../../x",
    "empty list": list, "empty dict": dict, "list of None": lambda: [None], "texts": lambda: ["a", "b"],
    "ragged": lambda: [[1], [2, 3]], "nested": _deep, "nan list": lambda: [math.nan] * 6,
    "huge list": lambda: [1e308, -1e308] * 3, "big integers": lambda: [10**30] * 6, "dict": lambda: {"a": 1},
    "dict of None": lambda: {None: None}, "dict of dict": lambda: {"a": {"b": math.nan}}, "set": lambda: {1, "a"},
    "iterator": lambda: iter([1]), "object": object, "rude": Rude, "class": lambda: Rude, "function": lambda: len,
    "module": lambda: math, "masked": lambda: np.ma.masked_all(6), "no rows": lambda: np.zeros((0, 6)),
    "cube": lambda: np.zeros((2, 2, 2)), "objects": lambda: np.array([object()] * 6),
    "records": lambda: np.zeros(6, dtype=[("a", int)]), "dates": lambda: np.zeros(6, "datetime64[D]"),
    "truths": lambda: np.ones(6, dtype=bool), "bytes list": lambda: [b"1"] * 6,
}  # fmt: skip
"""Name -> what makes the value anew: the values that every argument of every target meets."""
NEVER = {"complex", "date", "bytes", "object", "rude", "module", "records", "dates", "objects", "bytes list"}
"""Of these, what no argument takes for itself: an answer to it is silent."""
TEXTS = (
    "", "²", "１", "-1", "0", "1e308", "1e30", "9" * 5000, "nan", "inf", "-inf", "None", "a\nb", "\udc80", "x" * 5000, "../../x",
    "/dev/null", "/", ".", "FOLDER", "EMPTY", "NOISE", "TEXT", "JSON", "DEEP", "PICKLE", "NPZ", "[" * 50_000, "{}", "[]", "a=b",
    ",", "a,b", "*", "--", "-", "1x", "3x0x3", "True", ":", "a:b", "nasbench201:x", "digits", "meta", "cuda:99", "all", "1_0",
    " ",
)  # fmt: skip
"""What every option of every command meets; words in capitals are paths to files of another kind."""


WORDS = {
    "arch": "archs", "archs": "scores", "scores": "archs", "better": "metric", "budget": "batch", "batch": "budget",
    "benchmark": "name", "budgets": "budget", "classes": "outputs", "curves": "curve", "dtype": "vocabulary",
    "epochs": "curve|budgets", "evidence": "archs|curve|file", "inputs": "targets|model|batch", "batch_dim": "axis|inputs",
    "members": "predictor|member", "metrics": "metric", "model": "Parameter|module", "name": "predictor|benchmark",
    "objective": "benchmark|name", "predictors": "predictor", "proxies": "proxy", "random_state": "seed",
    "cost_predictor": "predictor",
    "convention": "describes", "pruned": "describes",
    "space": "name",
    "strategies": "strategy", "table": "benchmark|name", "targets": "label", "task": "networks|inputs|image|size|channels",
    "texts": "is not an architecture of|'xxx", "train_sizes": "test_size", "trials": "trial", "vocabulary": "dtype",
}  # fmt: skip
"""Argument -> what messages may call it instead, between ``|``: what it holds, or what it must agree with."""


class Hangs(BaseException):
    """An input took longer than it may."""


@dataclass
class Target:
    """What is attacked: ``call(**arguments)`` is right, and each of the arguments is replaced."""

    name: str
    call: Callable[..., Any]
    arguments: dict[str, Any] = field(default_factory=dict)
    free: frozenset[str] = frozenset()
    """Arguments that may be anything, such as a callback that is not called."""


@dataclass
class Command(Target):
    """A command line: ``arguments`` are options and their texts; one that begins with ``<`` is an operand."""

    def run(self, arguments: Mapping[str, str]) -> tuple[int, str]:
        from archcast.cli import main

        line = [word for word in self.name.split()[1:] if not word.startswith("--")]
        for option, text in arguments.items():
            line += [text] if option.startswith("<") else [option] if text is None else [option, text]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main(line)
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return code, err.getvalue()


# -- one input ---------------------------------------------------------------------------------------------------------


def input_of(target: Target, number: int, seed: int = 0) -> dict[str, str]:
    """Argument -> name of the hostile value, of the input with this number: first each pair once, then two at a time."""
    names = list(target.arguments)
    values = list(TEXTS) if isinstance(target, Command) else list(HOSTILE)
    rng = np.random.default_rng([seed, zlib.crc32(target.name.encode()), number])
    if number < len(names) * len(values):  # in an order that meets all arguments and all values soon
        order = np.random.default_rng([seed, zlib.crc32(target.name.encode())]).permutation(len(names) * len(values))
        k = int(order[number])
        return {names[k % len(names)]: values[k // len(names)]}
    chosen = rng.choice(len(names), size=min(2, len(names)), replace=False)
    return {names[k]: values[int(rng.integers(len(values)))] for k in chosen}


def attack(target: Target, number: int, seed: int = 0) -> tuple[str, str]:
    """What comes of an input: one of ``KINDS``, and what was seen."""
    replaced = input_of(target, number, seed)
    if isinstance(target, Command):
        return _attack_command(target, replaced)
    arguments = {**target.arguments, **{name: HOSTILE[value]() for name, value in replaced.items()}}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            with _at_most(SECONDS):
                found = target.call(**arguments)
        except ArchcastError as error:
            return _judged(str(error), [word for name in replaced for word in _words(name)])
        except Hangs:
            return "lost", "hangs"
        except Exception as error:
            return "raw", f"{type(error).__name__}: {str(error)[:150]}"
    if any(value in NEVER and name not in target.free for name, value in replaced.items()):
        return "silent", f"answers {type(found).__name__}"
    if _nan(found):
        return "silent", "answers NaN"
    return "answered", ""


def _attack_command(target: Command, replaced: Mapping[str, str]) -> tuple[str, str]:
    texts = {name: _file(text) for name, text in replaced.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with _at_most(SECONDS):
                code, said = target.run({**target.arguments, **texts})
        except Hangs:
            return "lost", "hangs"
        except Exception as error:
            return "raw", f"{type(error).__name__}: {str(error)[:150]}"
    if code == 0:
        return "answered", ""
    if code != 2:
        return "unclear", f"exit code {code}: {said[:150]}"
    words = [name.lstrip("-<").rstrip(">").replace("-", "[-_ ]?") for name in texts]
    words += [re.escape(" ".join(text.split())[:12]) for text in texts.values() if text.strip()]
    words += [re.escape(repr(text)[1:12]) for text in texts.values()] + [
        name.strip("-<>").rstrip("s") for name in texts
    ]
    words += ["another folder"]
    lines = [line for line in said.splitlines() if line.startswith("error: ")] or said.splitlines()
    return _judged(lines[-1].removeprefix("error: ") if lines else "", words)


def _words(name: str) -> list[str]:
    return [re.escape(word) for word in (name, *WORDS.get(name, "").split("|")) if word]


def _judged(message: str, words: list[str]) -> tuple[str, str]:
    if "\n" in message or len(message) > LONGEST:
        return "unclear", f"{len(message)} characters: {message[:150]!r}"
    if not any(re.search(word, message, re.IGNORECASE) for word in words):
        return "unclear", message[:200]
    return "refused", ""


def _nan(found: Any) -> bool:
    """Whether numbers of an answer are NaN."""
    found = getattr(found, "mean", found) if not isinstance(found, np.ndarray) else found
    if isinstance(found, Mapping):
        return any(_nan(value) for value in found.values() if not callable(value))
    if isinstance(found, float):
        return math.isnan(found)
    return isinstance(found, np.ndarray) and found.dtype.kind == "f" and bool(np.isnan(found).any())


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise Hangs

    old = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)


def _file(text: str) -> str:
    """The path of a file of another kind, where a word in capitals stands for it; it lies in the working directory."""
    contents = {
        "EMPTY": b"", "NOISE": bytes(range(256)) * 4, "TEXT": b"a,b\n1\n2,3,4\n", "JSON": b'{"a": [1, null]}',
        "DEEP": b"[" * 100_000, "PICKLE": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        "NPZ": b"PK\x03\x04" + bytes(40),
    }  # fmt: skip
    if text == "FOLDER":
        Path("folder").mkdir(exist_ok=True)
        return "folder"
    if text not in contents:
        return text
    suffix = {"TEXT": ".csv", "JSON": ".json", "DEEP": ".json", "PICKLE": ".pkl", "NPZ": ".npz"}.get(text, ".csv")
    path = Path(text.lower() + suffix)
    path.write_bytes(contents[text])
    return str(path)


# -- targets -----------------------------------------------------------------------------------------------------------

CHEAP: dict[str, Any] = {
    "epochs": 2, "n_estimators": 4, "rounds": 4, "n_members": 2, "hidden": 8, "layers": 1, "steps": 5, "burn_in": 4, "draws": 2,
    "iterations": 2, "walkers": 8, "searches": 2, "passes": 2, "examples": 20, "source_epochs": 1, "round_epochs": 1,
    "n_unlabelled": 10, "fit_steps": 4, "n_chains": 1, "thinning": 1, "inducing": 8, "max_epochs": 4, "n_candidates": 20,
    "population": 8, "generations": 2, "parents": 3, "mutants": 4,
}  # fmt: skip
"""Parameters that make a learner quick, where it has them."""
SLOW = ("one-shot*", "latency-table", "zero-cost", "early-stop", "omni*", "lc-pfn")
"""Predictors whose parameters alone are attacked: init trains networks, or needs more than rows and scores."""


def spaces() -> Iterator[Target]:
    """Methods of every space."""
    yield Target("get_space", archcast.get_space, {"space": "nasbench201"})
    for name in SPACES.names():
        space = archcast.get_space(name)
        rows = space.sample(3, 0)
        known = {
            "n": 3, "rng": 0, "archs": rows, "arch": rows[0], "texts": space.format(rows), "task": None, "pruned": False,
            "convention": "macs",
        }  # fmt: skip
        for method in (
            "sample",
            "validate",
            "parse",
            "format",
            "neighbors",
            "mutate",
            "canonical",
            "graphs",
            "costs",
            "image_sizes",
            "task_of",
            "input_shape",
        ):
            call = getattr(space, method)
            takes = [p for p in inspect.signature(call).parameters if p in known]
            if method == "graphs" and not space.has_graph:
                continue
            yield Target(f"space {name}.{method}", call, {p: known[p] for p in takes})
    task = {
        "shape": (3, 8, 8), "classes": 10, "width": 4, "depth": 1, "stages": 1, "outputs": None, "dtype": "float32",
        "vocabulary": None, "loss": "cross_entropy", "size": {"width": 4},
    }  # fmt: skip
    only = {name: task[name] for name in task if name not in ("outputs", "size")}
    yield Target("Task", archcast.Task, only)
    yield Target("Task with outputs", archcast.Task, {"shape": (3, 8, 8), "outputs": (3,), "size": {"width": 4}})


def learners() -> Iterator[Target]:
    """Parameters, init and query of every predictor; encodings."""
    from archcast.predictors.parameters import rules_of

    space = archcast.get_space("nasbench201")
    archs = space.sample(16, 0)
    scores = 60 + archs.mean(axis=1)
    curve = scores[:, None] * (1 - 0.5 ** np.arange(1, 25))
    evidence = archcast.Evidence(
        curves={"val_accuracy": curve, "train_loss": 100 - curve, "val_loss": 100 - curve}, proxies={"synflow": scores}
    )
    for name in PREDICTORS.names():
        predictor = PREDICTORS[name]
        signature = inspect.signature(predictor.__init__).parameters.values()
        defaults = {
            p.name: p.default for p in signature if p.name not in ("self", "space") and p.default is not p.empty
        }

        def parameters(space: Any, name: str = name, **params: Any) -> None:
            made = archcast.get_predictor(name, space, **params)
            made._space  # noqa: B018
            made._check_parameters()

        free = frozenset(set(defaults) - set(rules_of(predictor)) - {"random_state"})
        yield Target(f"predictor {name} parameters", parameters, {"space": space, **defaults}, free)
        if any(fnmatch.fnmatch(name, pattern) for pattern in SLOW):
            continue
        cheap = {p: v for p, v in CHEAP.items() if p in defaults}
        if "hidden" in cheap and isinstance(defaults["hidden"], tuple):
            cheap["hidden"] = (8,) * len(defaults["hidden"])

        def learn(
            archs: Any,
            scores: Any,
            evidence: Any,
            pool: Any,
            sources: Any,
            name: str = name,
            cheap: dict[str, Any] = cheap,
        ) -> Any:
            made = archcast.get_predictor(name, space, random_state=0, **cheap)
            return (
                made.init(archs, scores, evidence, pool=pool, sources=sources)
                .query(space.sample(3, 1), evidence and evidence[:3])
                .mean
            )

        given = {"archs": archs, "scores": scores, "evidence": evidence, "pool": None, "sources": None}
        yield Target(
            f"predictor {name}.init",
            learn,
            given,
        )
    for name in ENCODINGS.names():
        yield Target(
            f"encoding {name}",
            lambda space, archs, name=name: archcast.get_encoding(name, space).fit_transform(archs),
            {"space": space, "archs": archs},
        )
    forest = archcast.get_predictor("random-forest", space, n_estimators=4, random_state=0).init(archs, scores)
    yield Target(
        "Predictor.query",
        lambda archs, evidence: forest.query(archs, evidence).mean,
        {"archs": archs, "evidence": None},
    )
    yield Target("Predictor.save", forest.save, {"path": "p.npz"})
    yield Target("Predictor.load", archcast.Predictor.load, {"path": "p.npz"})
    yield Target(
        "get_predictor",
        archcast.get_predictor,
        {"name": "gp", "space": space, "calibrate": False, "random_state": 0},
        free=frozenset({"random_state"}),
    )
    n = len(archs)
    yield Target(
        "Evidence", archcast.Evidence, {"curves": {"a": curve}, "proxies": {"p": scores}, "costs": {"c": scores}}
    )
    yield Target("Pool", archcast.Pool, {"archs": archs, "evidence": None})
    yield Target("Source", archcast.Source, {"space": space, "archs": archs, "scores": scores, "evidence": None})
    yield Target(
        "Benchmark",
        archcast.Benchmark,
        {
            "name": "b",
            "space": space,
            "archs": archs,
            "metrics": {"m": scores},
            "default_metric": "m",
            "curves": {"c": curve},
            "train_seconds": np.ones(n),
        },
    )


def strategies() -> Iterator[Target]:
    """Parameters, ask and tell of every strategy; ``run_search``."""
    from archcast.names import get_strategy

    space = archcast.get_space("nasbench201")
    archs = space.sample(12, 0)
    line = archcast.get_predictor("bayesian-linear", space, encoding="adjacency")
    for name in STRATEGIES.names():
        names = [p for p in STRATEGIES[name].param_names() if p != "random_state"]
        made = get_strategy(name, space)
        defaults = {p: getattr(made, p) for p in names} | {p: v for p, v in CHEAP.items() if p in names}
        defaults |= {"predictor": line} if "predictor" in names and name != "one-shot" else {}
        cheap = {p: v for p, v in defaults.items() if p in CHEAP or p == "predictor"}

        def make(space: Any, name: str = name, **params: Any) -> None:
            get_strategy(name, space, **params)

        yield Target(f"strategy {name} parameters", make, {"space": space, **defaults, "random_state": 0})
        if name == "one-shot":
            continue

        def use(
            n: Any,
            archs: Any,
            scores: Any,
            evidence: Any,
            failures: Any,
            name: str = name,
            cheap: dict[str, Any] = cheap,
        ) -> Any:
            one = get_strategy(name, space, random_state=0, **cheap)
            one.tell(archs, scores, evidence, failures=failures)
            return one.ask(n)

        given = {"n": 2, "archs": archs, "scores": archs.mean(axis=1), "evidence": None, "failures": None}
        yield Target(f"strategy {name}.tell", use, given)
    table = archcast.Benchmark("t", space, space.sample(60, 0), {"m": np.arange(60.0)}, "m")

    def search(out: Any, **given: Any) -> Any:
        with tempfile.TemporaryDirectory():
            return archcast.run_search(given.pop("strategies"), given.pop("objective"), out=out, **given)

    given = {
        "strategies": ["random"], "objective": table, "budget": 4, "batch": 2, "trials": 1, "seed": 0, "jobs": 1,
        "asynchronous": False, "predictor": None, "out": None, "progress": None,
    }  # fmt: skip
    yield Target(
        "run_search",
        search,
        given,
    )


def functions() -> Iterator[Target]:
    """Functions of the front page, and those that measure, fit and read."""
    import torch

    from archcast.costs import count, measure
    from archcast.data import load_benchmark, read_benchmark, read_table
    from archcast.data.tables import read_evidence
    from archcast.surrogates import check_surrogate, make_surrogate, save_surrogate

    space = archcast.get_space("nasbench201")
    rows = space.sample(60, 0)
    curve = rows.mean(axis=1)[:, None] + np.arange(4.0)
    table = archcast.Benchmark("t", space, rows, {"m": rows.mean(axis=1)}, "m", curves={"c": curve})
    yield Target(
        "forecast",
        archcast.forecast,
        {
            "curves": [[0.1, 0.2, 0.3]],
            "epochs": 10,
            "metric": "accuracy",
            "better": None,
            "best": None,
            "random_state": 0,
        },
    )
    settings = {
        "predictors": ["bayesian-linear"], "benchmark": table, "encoding": None, "train_sizes": [10], "test_size": 20,
        "test": None, "trials": 1, "seed": 0, "metric": "m", "evidence": None, "proxies": None, "preset": None, "epochs": None,
        "budgets": False, "jobs": 1, "out": None, "progress": None,
    }  # fmt: skip
    yield Target(
        "evaluate",
        archcast.evaluate,
        settings,
    )
    made = make_surrogate(table, members=["bayesian-linear"], curves=[])
    yield Target(
        "make_surrogate",
        make_surrogate,
        {
            "table": table,
            "share": 1.0,
            "metrics": ["m"],
            "curves": [],
            "members": ["bayesian-linear"],
            "seed": 0,
            "jobs": 1,
            "tell": None,
        },
    )
    yield Target(
        "check_surrogate",
        check_surrogate,
        {
            "surrogate": made,
            "table": table,
            "regions": None,
            "budget": 0,
            "trials": 1,
            "strategies": ["random"],
            "seed": 0,
            "jobs": 1,
            "tell": None,
        },
    )
    yield Target("save_surrogate", save_surrogate, {"benchmark": made, "path": "s.npz"})
    small = archcast.Task((3, 4, 4), width=2, depth=1, stages=1)
    yield Target(
        "measure",
        measure,
        {
            "space": space,
            "archs": rows[:1],
            "task": small,
            "device": "cpu",
            "batch": 1,
            "runs": 2,
            "warmup": 0,
            "threads": 1,
            "clock": "wall",
            "together": 2,
            "seed": 0,
            "out": None,
            "progress": None,
        },
    )
    net = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
    x, y = torch.randn(6, 4), torch.randint(0, 3, (6,))
    scoring = {
        "model": net, "inputs": x, "targets": y, "proxies": ["params", "snip", "near"], "seed": 0, "micro_batch": None,
        "device": None, "autocast": None, "batch_dim": "auto", "ignore_index": -100, "memory_format": "auto", "options": None,
    }  # fmt: skip
    yield Target("score", archcast.score, scoring)
    functions = {"loss": torch.nn.functional.cross_entropy, "output": lambda found: found}
    yield Target(
        "score with functions", lambda **given: archcast.score(net, x, y, proxies=["snip"], **given), functions
    )
    for proxy in PROXIES.names():
        given = {"inputs": x, "targets": y, "seed": 0, "options": None}
        yield Target(f"proxy {proxy}", lambda proxy=proxy, **given: archcast.score(net, proxies=proxy, **given), given)
    yield Target("costs.count", count, {"model": net, "inputs": x})
    yield Target(
        "load_benchmark",
        load_benchmark,
        {"name": "digits", "path": None, "converted": True},
    )
    yield Target("read_table", read_table, {"path": "t.csv", "space": space})
    yield Target("read_benchmark", read_benchmark, {"path": "t.npz"})
    yield Target("read_evidence", read_evidence, {"path": "t.csv", "benchmark": table, "arch_column": "arch"})


def commands() -> Iterator[Target]:
    """Every command, with a line that is short when it is right."""
    import torch  # noqa: F401  an import that an alarm interrupts is half a module

    cell = "nasbench201:|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
    size = {"--width": "2", "--depth": "1", "--stages": "1"}
    lines: dict[str, dict[str, str]] = {
        "score": {
            "<target>": cell,
            "--proxies": "params,swap_reg",
            "--input": "3x8x8",
            "--classes": "3",
            "--batch-size": "2",
            "--data": "noise",
            "--loss": "auto",
            "--ignore-index": "-100",
            "--batch-dim": "auto",
            "--init": "default",
            "--seed": "0",
            "--device": "cpu",
            "--memory-format": "auto",
            "--option": "swap_reg.mu=4",
            "--kwargs": "{}",
            "--jobs": "1",
            "--format": "csv",
            "--sort": "params",
            **size,
        },
        "score --one-shot": {
            "--space": "nasbench201",
            "--sample": "1",
            "--proxies": "none",
            "--data": "digits",
            **size,
        },
        "score --space": {"--space": "nasbench201", "--archs": "archs.txt", "--proxies": "params"},
        "stats": {"<target>": "torchvision:resnet18"},
        "bench": {
            "<benchmark>": "digits",
            "--predictors": "bayesian-linear",
            "--train-sizes": "10",
            "--test-size": "20",
            "--trials": "1",
            "--seed": "0",
            "--jobs": "1",
            "--out": "bench",
        },
        "leaderboard": {"--trials": "1"},
        "search": {
            "<benchmark>": "digits",
            "--strategy": "random",
            "--budget": "4",
            "--batch": "2",
            "--trials": "1",
            "--seed": "0",
            "--jobs": "1",
            "--out": "search",
        },
        "train": {"--sample": "1", "--seed": "-1", "--seeds": "1", "--epochs": "1", "--out": "train"},
        "measure": {
            "--space": "nasbench201",
            "--sample": "1",
            "--runs": "2",
            "--warmup": "0",
            "--batch": "1",
            "--threads": "1",
            "--clock": "wall",
            "--device": "cpu",
            "--seed": "0",
            "--out": "latency",
        },
        "forecast": {"<log>": "log.csv", "--epochs": "10"},
        "fit": {"<table>": "table.csv", "--out": "model.npz"},
        "predict": {"<model>": "model.npz", "<table>": "table.csv"},
        "choose": {"<table>": "table.csv"},
        "surrogate": {
            "<table>": "digits",
            "--share": "1",
            "--metrics": "val_accuracy",
            "--curves": "none",
            "--members": "bayesian-linear",
            "--budget": "0",
            "--trials": "1",
            "--seed": "0",
            "--jobs": "1",
            "--out": "s.npz",
        },
        "list": {"<kind>": "spaces"},
        "data verify": {"<name>": "digits"},
    }
    for name, arguments in lines.items():
        yield Command(f"command {name}", lambda: None, dict(arguments))


GROUPS = {
    "spaces": spaces,
    "learners": learners,
    "strategies": strategies,
    "functions": functions,
    "commands": commands,
}
"""Name -> what gives the targets of a group."""


def targets(groups: list[str] | None = None) -> Iterator[Target]:
    """What is attacked."""
    for name in groups or GROUPS:
        yield from GROUPS[name]()


# -- a run -------------------------------------------------------------------------------------------------------------


def run(target: Target, start: int, times: int, seed: int, tell: Callable[[int, str, str], None]) -> None:
    """Attack a target in processes of its own; ``tell`` gets number, kind and what was seen of each input."""
    while start < times:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _attack_all(target, range(start, times), seed, write)
        os.close(write)
        last = time.monotonic()
        with os.fdopen(read, "rb") as pipe:
            os.set_blocking(read, False)
            rest = b""
            while True:
                chunk = pipe.read()
                if chunk == b"":
                    break
                if chunk:
                    last = time.monotonic()
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        tell(start, *json.loads(line))
                        start += 1
                elif time.monotonic() - last > 10 * SECONDS:
                    os.kill(child, signal.SIGKILL)  # it hangs in code that no alarm interrupts
                    last = time.monotonic()
                time.sleep(0.02)
        _, status = os.waitpid(child, 0)
        if start < times:
            tell(start, "lost", f"the process ended with status {status}")
            start += 1


def _attack_all(target: Target, numbers: range, seed: int, write: int) -> None:
    sys.stdin = open(os.devnull)  # noqa: SIM115
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for file in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), file)
        for number in numbers:
            try:
                found = attack(target, number, seed)
            except BaseException as error:  # SystemExit, say
                found = ("raw", f"{type(error).__name__}: {str(error)[:150]}")
            os.write(write, json.dumps(found).encode() + b"\n")
        os.chdir("/")
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description="Call what the library offers with hostile values.")
    parser.add_argument("--times", type=int, default=100, help="number of inputs of each target")
    parser.add_argument("--seed", type=int, default=0, help="seed of the inputs")
    parser.add_argument("--groups", nargs="*", choices=list(GROUPS), help="names of groups of targets; all by default")
    parser.add_argument("--only", default="*", help="shell pattern of names of targets")
    parser.add_argument(
        "--out", type=Path, help="path of a file with a line for each input; the same line continues it"
    )
    parser.add_argument("--show", type=int, default=5, help="number of faults of each target to print")
    options = parser.parse_args()
    done: dict[str, list[list[Any]]] = {}
    if options.out is not None and options.out.exists():
        for line in options.out.read_text().splitlines():
            name, *rest = json.loads(line)
            done.setdefault(name, []).append(rest)
    total: Counter[str] = Counter()
    print("target | inputs | " + " | ".join(KINDS), flush=True)
    with contextlib.nullcontext(None) if options.out is None else options.out.open("a", buffering=1) as file:
        for target in targets(options.groups):
            if not fnmatch.fnmatch(target.name, f"{options.only}*"):
                continue
            found = done.setdefault(target.name, [])

            def tell(
                number: int, kind: str, seen: str, target: Target = target, found: list[list[Any]] = found
            ) -> None:
                found.append([number, kind, seen])
                if file is not None:
                    file.write(json.dumps([target.name, number, kind, seen]) + "\n")

            run(target, len(found), options.times, options.seed, tell)
            counts = Counter(kind for _, kind, _ in found)
            total.update(counts)
            print(" | ".join([target.name, str(len(found)), *(str(counts[kind]) for kind in KINDS)]), flush=True)
            shown = [f for f in found if f[1] in FAULTS]
            for number, kind, seen in list({f[2][:40]: f for f in shown}.values())[: options.show]:
                print(f"    {number} {input_of(target, number, options.seed)!s:.80} {kind}: {seen}")
    print(" | ".join(["all", str(total.total()), *(str(total[kind]) for kind in KINDS)]))
    sys.exit(1 if any(total[kind] for kind in FAULTS) else 0)


if __name__ == "__main__":
    main()
