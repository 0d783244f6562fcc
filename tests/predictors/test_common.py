"""Every registered predictor through every common check; a new predictor is tested without an edit here."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

from archcast.predictors.base import PREDICTORS, get_predictor
from archcast.spaces.base import Task
from archcast.testing.predictors import predictor_checks

NAMES = PREDICTORS.names()
CHECKS = predictor_checks()
SPACE = "nasbench201"

FAST: dict[str, dict[str, Any]] = {
    "bananas": {"hidden": (16,), "epochs": 40, "n_members": 2},
    "bohamiann": {"hidden": (16,), "burn_in": 60, "draws": 4, "thinning": 8},
    "bonas": {"hidden": 16, "epochs": 20, "n_members": 2},
    "ctnas": {"hidden": 16, "layers": 2, "epochs": 30, "n_members": 2},
    "dngo": {"hidden": (16,), "epochs": 20, "n_members": 2},
    "dpl": {"hidden": (16,), "passes": 20, "n_members": 2},
    "dyhpo": {"hidden": (16,), "examples": 150, "steps": 40},
    "flan": {"hidden": 12, "layers": 1, "epochs": 30, "source_epochs": 5, "n_members": 2},
    "gates": {"hidden": 12, "layers": 1, "epochs": 25, "n_members": 2},
    "gcn": {"hidden": 16, "epochs": 30, "n_members": 2},
    "gcn-rank": {"hidden": 16, "epochs": 30, "n_members": 2},
    "latency-table": {"shape": (3, 8, 8), "width": 2, "depth": 1, "stages": 1, "runs": 20, "warmup": 2, "looks": 3},
    "lc-bnn": {"hidden": (16,), "fit_steps": 15, "n_chains": 2, "burn_in": 40, "draws": 4, "thinning": 6},
    "lce": {"walkers": 10, "steps": 6, "burn_in": 1},
    "lce-m": {"walkers": 10, "steps": 6, "burn_in": 1},
    "lcsvr": {"searches": 6},
    "mlp": {"hidden": (16,), "epochs": 40},
    "multi-predict": {"hidden": (16,), "epochs": 30, "source_epochs": 5, "n_members": 2},
    "nao": {"hidden": 24, "epochs": 25},
    "ngboost": {"n_estimators": 6},
    "nn-former": {"hidden": 12, "layers": 1, "epochs": 30, "n_members": 2},
    "ofa-regressor": {"hidden": (16, 16), "epochs": 60},
    "omni": {"n_estimators": 5},
    "omni-seminas": {"hidden": 24, "passes": 25, "round_epochs": 3, "n_unlabelled": 40},
    "pinat": {"hidden": 12, "layers": 1, "epochs": 30, "n_members": 2},
    "random-forest": {"n_estimators": 20},
    "seminas": {"hidden": 24, "epochs": 25, "round_epochs": 3, "n_unlabelled": 40},
    "sparse-gp": {"iterations": 3, "inducing": 20},
    "ta-gates": {"hidden": 12, "layers": 1, "epochs": 25, "n_members": 2},
    "variational-gp": {"iterations": 3, "inducing": 20},
    "zero-cost": {"proxy": "params", "shape": (3, 8, 8), "width": 2, "depth": 1, "batch_size": 2},
}
"""Parameters that make slow predictors cheap: the contract does not depend on them."""
ONE_SHOT = {"task": Task(width=4, depth=1, stages=1), "epochs": 1, "batch_size": 20, "images": 20}
FAST |= {name: ONE_SHOT | FAST.get(name, {}) for name in PREDICTORS.names("one-shot*")}

OPTIONAL = {"lightgbm": "lightgbm"}
"""Predictor -> package of an optional extra."""


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> str:
    """File of 80 images of 4 x 4 pixels, of ten classes that differ in brightness."""
    rng, labels = np.random.default_rng(0), np.arange(80) % 10
    path = tmp_path_factory.mktemp("images") / "small.npz"
    np.savez(path, x=rng.normal(labels[:, None, None, None], 1, (80, 1, 4, 4)).astype(np.float32), y=labels)
    return str(path)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_predictor_keeps_the_contract(name, check, images, capfd):
    if name in OPTIONAL and importlib.util.find_spec(OPTIONAL[name]) is None:
        pytest.skip(f"{name} needs the optional package {OPTIONAL[name]}")
    data = {"dataset": images} if name.startswith("one-shot") else {}
    check(get_predictor(name, SPACE, random_state=0, **FAST.get(name, {}), **data))
    assert capfd.readouterr() == ("", ""), "a library prints nothing"


def test_battery_is_complete(request):
    """N predictors x M checks were collected, and no table names a predictor that does not exist."""
    assert len(CHECKS) >= 30
    assert len(set(CHECKS)) == len(CHECKS)
    assert len(NAMES) == len(set(NAMES)) == len(PREDICTORS)
    assert set(FAST) <= set(NAMES)
    assert set(OPTIONAL) <= set(NAMES) | {"lightgbm"}
    items = [item for item in request.session.items if item.name.startswith("test_predictor_keeps_the_contract[")]
    if request.config.option.keyword or "::" in "".join(request.config.args):
        pytest.skip("only a part of the battery was asked for")
    assert len(items) == len(NAMES) * len(CHECKS)
