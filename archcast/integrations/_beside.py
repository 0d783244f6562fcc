"""Parameters beside the architecture (a learning rate, an optimiser): as numbers that a predictor learns from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from archcast.evidence import Evidence

__all__ = ["Beside"]

MOVE = 0.15
"""Standard deviation of a small change, as a share of the range; a categorical changes with this probability."""
Values = dict[str, Any]


class Beside:
    """The distributions of parameters beside the architecture.

    A predictor sees them as evidence: a number in 0..1 for each numeric parameter, on a logarithmic scale where its distribution
    has one, and 0 or 1 for each choice of a categorical one.

    Args:
        distributions: name -> Optuna's distribution.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution]) -> None:
        self.distributions = dict(distributions)

    def __bool__(self) -> bool:
        return bool(self.distributions)

    def of(self, params: Mapping[str, Any]) -> Values | None:
        """The values among a trial's parameters; ``None`` if one is missing or no value of its distribution."""
        found = {}
        for name, distribution in self.distributions.items():
            if name not in params or not _contains(distribution, params[name]):
                return None
            found[name] = params[name]
        return found

    def evidence(self, values: Sequence[Values]) -> Evidence:
        """One row for each of the values."""
        columns: dict[str, list[float]] = {}
        for name, distribution in self.distributions.items():
            if isinstance(distribution, CategoricalDistribution):
                for i, choice in enumerate(distribution.choices):
                    columns[f"{name}={i}"] = [float(_same(value[name], choice)) for value in values]
            else:
                columns[name] = [_share(distribution, value[name]) for value in values]
        return Evidence(proxies={name: np.array(column) for name, column in columns.items()})

    def draw(self, rng: np.random.Generator, near: Values | None = None) -> Values:
        """Random values; small changes of ``near`` if it is given."""
        found = {}
        for name, distribution in self.distributions.items():
            if isinstance(distribution, CategoricalDistribution):
                kept = near is not None and rng.random() >= MOVE
                other = distribution.choices[rng.integers(len(distribution.choices))]
                found[name] = near[name] if kept and near is not None else other
            elif near is None:
                found[name] = _value(distribution, rng.random())
            else:
                share = _share(distribution, near[name]) + MOVE * rng.standard_normal()
                found[name] = _value(distribution, min(max(share, 0.0), 1.0))
        return found


def _scale(distribution: Any) -> tuple[float, float]:
    """Ends of the range, as logarithms where the distribution is logarithmic."""
    low, high = float(distribution.low), float(distribution.high)
    return (math.log(low), math.log(high)) if distribution.log else (low, high)


def _share(distribution: Any, value: Any) -> float:
    low, high = _scale(distribution)
    place = math.log(value) if distribution.log else float(value)
    return (place - low) / (high - low) if high > low else 0.0


def _value(distribution: Any, share: float) -> Any:
    """The value nearest to a share of the range."""
    low, high = _scale(distribution)
    value = low + share * (high - low)
    value = math.exp(value) if distribution.log else value
    if distribution.step is not None:
        value = distribution.low + distribution.step * round((value - distribution.low) / distribution.step)
    value = min(max(value, distribution.low), distribution.high)
    return round(value) if isinstance(distribution, IntDistribution) else float(value)


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return any(_same(value, choice) for choice in distribution.choices)
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        return False
    return isinstance(value, (int, float)) and distribution.low <= value <= distribution.high


def _same(value: Any, choice: Any) -> bool:
    return value is choice or (type(value) is type(choice) and value == choice)
