"""Checks of parameters: stored, cloned, in range, shown."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone

from archcast.errors import InvalidInputError
from archcast.predictors.base import PREDICTORS, Predictor
from archcast.predictors.parameters import rules_of
from archcast.testing._assertions import expect_error, require
from archcast.testing.predictors._material import evidence_of, ready, rows_of, scores_of


def check_constructor_only_stores(predictor: Predictor) -> None:
    params: dict[str, Any] = {name: object() for name in predictor._get_param_names()}
    stored = vars(type(predictor)(**params))
    require(set(stored) == set(params), f"__init__ sets attributes {sorted(set(stored) ^ set(params))}")
    changed = [name for name in params if stored[name] is not params[name]]
    require(not changed, f"__init__ changes {changed} instead of storing it")


def check_parameters(predictor: Predictor) -> None:
    copy = clone(predictor)
    require(copy is not predictor, "clone returned the predictor itself")
    params = predictor.get_params(deep=False)
    require(copy.get_params(deep=False).keys() == params.keys(), "clone lost parameters")
    copy.set_params(**params, random_state=7) if "random_state" not in params else copy.set_params(random_state=7)
    require(copy.random_state == 7, "set_params(random_state=7) did not set it")
    fitted = clone(ready(predictor))
    require(not [name for name in vars(fitted) if name.endswith("_")], "clone kept learned state")


def check_parameters_out_of_range(predictor: Predictor) -> None:
    """Every parameter has its rule, and what lies outside of it is refused at init, by the name of the parameter."""
    archs, rules = rows_of(predictor, 8), rules_of(type(predictor))
    missing = set(predictor.get_params(deep=False)) - set(rules) - {"space", "random_state"}
    require(not missing, f"the table ``parameters`` says nothing of {sorted(missing)}")
    for name, rule in rules.items():
        if name not in predictor.get_params(deep=False):
            continue
        for value in (*rule.wrong, *([] if rule.optional else [None])):
            with expect_error(InvalidInputError, f"{name}={value!r}", name):
                clone(predictor).set_params(**{name: value}).init(
                    archs, scores_of(predictor, archs), evidence_of(predictor, archs)
                )


def check_repr(predictor: Predictor) -> None:
    for one in (clone(predictor), ready(predictor)):
        require(repr(one).startswith(type(predictor).__name__ + "("), f"repr is {repr(one)!r}")


def check_description(predictor: Predictor) -> None:
    require((type(predictor).__doc__ or "").strip(), "the class has no docstring")
    name = PREDICTORS.name_of(type(predictor))
    if name is not None:
        require(PREDICTORS.entry(name).info.get("summary"), f"{name!r} is registered without a summary")
