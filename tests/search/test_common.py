"""Every registered strategy through every common check; a new strategy is tested without an edit here."""

from __future__ import annotations

from typing import Any

import pytest

from archcast.predictors import get_predictor
from archcast.search.base import STRATEGIES, get_strategy
from archcast.spaces.base import Task
from archcast.testing.strategies import strategy_checks

NAMES = STRATEGIES.names()
CHECKS = strategy_checks()
SPACE = "nasbench201"
CHEAP: dict[str, Any] = {
    "predictor": get_predictor("bayesian-linear", SPACE, encoding="adjacency"),
    "n_candidates": 60,
}

SHORT: dict[str, Any] = {
    "predictor": CHEAP["predictor"],
    "cost_predictor": CHEAP["predictor"],
    "population": 20,
    "parents": 5,
    "mutants": 10,
    "generations": 4,
}

FAST: dict[str, dict[str, Any]] = {
    "bananas": CHEAP,
    "bayesian": CHEAP,
    "bonas": CHEAP,
    "npenas": CHEAP,
    "parego": CHEAP,
    "ofa-evolution": SHORT,
    "spos-evolution": SHORT,
    "bohb": {**CHEAP, "max_epochs": 4, "eta": 2},
    "hyperband": {"max_epochs": 4, "eta": 2},
    "one-shot": {
        "settings": {"task": Task(width=4, depth=1, stages=1), "epochs": 1, "batch_size": 384, "images": 4, "paths": 1},
        "population": 20,
        "generations": 2,
    },
}
"""Parameters that make slow strategies cheap: the contract does not depend on them."""


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_strategy_keeps_the_contract(name, check, capfd):
    check(get_strategy(name, SPACE, random_state=0, **FAST.get(name, {})))
    assert capfd.readouterr() == ("", ""), "a library prints nothing"


def test_battery_is_complete(request):
    """N strategies x M checks were collected, and no table names a strategy that does not exist."""
    assert len(CHECKS) >= 18
    assert len(set(CHECKS)) == len(CHECKS)
    assert len(NAMES) == len(set(NAMES)) == len(STRATEGIES) >= 10
    assert set(FAST) <= set(NAMES)
    items = [item for item in request.session.items if item.name.startswith("test_strategy_keeps_the_contract[")]
    if request.config.option.keyword or "::" in "".join(request.config.args):
        pytest.skip("only a part of the battery was asked for")
    assert len(items) == len(NAMES) * len(CHECKS)
