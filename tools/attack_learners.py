"""What is attacked of what learns: parameters, init and query of predictors, encodings, strategies, evidence."""

from __future__ import annotations

import fnmatch
import inspect
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from attack_inputs import Target

import archcast
from archcast.names import ENCODINGS, PREDICTORS, STRATEGIES

CHEAP: dict[str, Any] = {
    "epochs": 2, "n_estimators": 4, "rounds": 4, "n_members": 2, "hidden": 8, "layers": 1, "steps": 10, "burn_in": 4, "draws": 2,
    "iterations": 2, "walkers": 8, "searches": 2, "passes": 2, "examples": 20, "source_epochs": 1, "round_epochs": 1,
    "n_unlabelled": 10, "fit_steps": 4, "n_chains": 1, "thinning": 1, "inducing": 8, "max_epochs": 4, "n_candidates": 20,
    "population": 8, "generations": 2, "parents": 3, "mutants": 4,
}  # fmt: skip
"""Parameters that make a learner quick, where it has them."""
SLOW = ("one-shot*", "latency-table", "zero-cost", "early-stop", "omni*", "lc-pfn")
"""Predictors whose parameters alone are attacked: init trains networks, or needs more than rows and scores."""

OF_CHAINS = ("layers-so-far",)
"""Encodings that take chains of layers alone."""


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
        own = archcast.get_space("transnasbench101-macro" if name in OF_CHAINS else space)
        yield Target(
            f"encoding {name}",
            lambda space, archs, name=name: archcast.get_encoding(name, space).fit_transform(archs),
            {"space": own, "archs": own.sample(16, 0)},
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
