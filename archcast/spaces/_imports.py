"""Spaces of other libraries as decisions: Optuna's distributions, ConfigSpace's configuration spaces."""

from __future__ import annotations

import math
from typing import Any

from archcast.errors import InvalidInputError
from archcast.spaces.decisions import Categorical, Decision, Float, Int, decision

__all__ = ["of_configspace", "of_optuna"]


def of_optuna(name: str, distribution: Any, levels: int | None) -> Decision:
    """The decision of one of Optuna's distributions.

    Raises:
        InvalidInputError: it is of no kind that Optuna has.
    """
    kind = type(distribution).__name__
    if kind == "CategoricalDistribution":
        return Categorical(distribution.choices)
    if kind == "IntDistribution":
        return _whole(distribution.low, distribution.high, distribution.step, distribution.log, levels)
    if kind == "FloatDistribution":
        step = distribution.step
        return Float(
            distribution.low, distribution.high, step=step, log=distribution.log, levels=None if step else levels
        )
    raise InvalidInputError(f"{name} is a {kind}, which is none of Optuna's distributions.")


def _whole(low: int, high: int, step: int, log: bool, levels: int | None) -> Decision:
    """A grid of whole numbers: all of them where they are few, geometric or evenly spaced ones otherwise."""
    many = (high - low) // step + 1
    if log and many > 20:
        return Int(low, high, log=True, levels=levels)
    return Int(low, high, step=step, log=log) if many <= 1000 else Int(low, high, levels=levels or 200)


Parts = tuple[dict[str, Decision], dict[str, dict[str, list[Any]]], list[dict[str, list[Any]]]]


def of_configspace(space: Any, levels: int | None) -> Parts:
    """Decisions, conditions and forbidden combinations of a ``ConfigSpace.ConfigurationSpace``.

    Raises:
        InvalidInputError: a kind of hyperparameter, condition or clause that has no counterpart.
    """
    decisions = {str(name): _hyperparameter(str(name), space[name], levels) for name in space}
    conditions: dict[str, dict[str, list[Any]]] = {}
    for condition in space.conditions:
        for child, parent, values in _condition(condition, decisions):
            before = conditions.setdefault(child, {}).get(parent, values)
            conditions[child][parent] = [value for value in values if value in before]
    clauses = getattr(space, "forbidden_clauses", None)
    forbidden = [_clause(clause) for clause in (space.get_forbiddens() if clauses is None else clauses)]
    return decisions, conditions, forbidden


def _hyperparameter(name: str, given: Any, levels: int | None) -> Decision:
    kind = type(given).__name__
    if kind == "Constant":
        return decision(name, [given.value])
    if kind == "CategoricalHyperparameter":
        return Categorical(given.choices)
    if kind == "OrdinalHyperparameter":
        return Categorical(given.sequence, ordered=True)
    log = bool(getattr(given, "log", False))
    if kind.endswith("IntegerHyperparameter"):
        return _whole(int(given.lower), int(given.upper), 1, log, levels)
    if kind.endswith("FloatHyperparameter"):
        return Float(float(given.lower), float(given.upper), log=log, levels=levels)
    raise InvalidInputError(f"{name} is a {kind}, which has no counterpart here.")


def _condition(given: Any, decisions: dict[str, Decision]) -> list[tuple[str, str, list[Any]]]:
    """Child, parent and values of a condition, or of each of several that must hold."""
    kind = type(given).__name__
    if kind == "AndConjunction":
        return [part for component in given.components for part in _condition(component, decisions)]
    names = {"EqualsCondition", "InCondition", "NotEqualsCondition", "GreaterThanCondition", "LessThanCondition"}
    if kind not in names:
        raise InvalidInputError(f"The condition {given} is a {kind}, which has no counterpart here.")
    child, parent = str(given.child.name), str(given.parent.name)
    every = list(decisions[parent].values)
    if kind == "InCondition":
        values = [value for value in every if any(_same(value, other) for other in given.values)]
    elif kind == "EqualsCondition":
        values = [value for value in every if _same(value, given.value)]
    elif kind == "NotEqualsCondition":
        values = [value for value in every if not _same(value, given.value)]
    elif kind == "GreaterThanCondition":
        values = [value for value in every if value > given.value]
    else:
        values = [value for value in every if value < given.value]
    if not values:
        raise InvalidInputError(f"The condition {given} holds for no value on the grid of {parent!r}. Use more levels.")
    return [(child, parent, values)]


def _clause(given: Any) -> dict[str, list[Any]]:
    kind = type(given).__name__
    if kind == "ForbiddenAndConjunction":
        return {name: values for component in given.components for name, values in _clause(component).items()}
    if kind == "ForbiddenEqualsClause":
        return {str(given.hyperparameter.name): [given.value]}
    if kind == "ForbiddenInClause":
        return {str(given.hyperparameter.name): list(given.values)}
    raise InvalidInputError(f"The forbidden clause {given} is a {kind}, which has no counterpart here.")


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=1e-6)
    return bool(a == b)
