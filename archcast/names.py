"""Every registry, and how a component is made from its name.

This file imports nothing heavy, so a mistyped name is refused before numpy, scikit-learn or torch are loaded. The classes stand in
the files of the components; a registry imports the one that is asked for.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from archcast.errors import InvalidInputError, short
from archcast.registry import Registry, closest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AGGREGATED",
    "BENCHMARKS",
    "ENCODINGS",
    "FUNCTIONS",
    "PREDICTORS",
    "PROXIES",
    "SPACES",
    "STATES",
    "STRATEGIES",
    "get_encoding",
    "get_predictor",
    "get_strategy",
]

SPACES: Registry[Any] = Registry("space", "archcast.spaces")
ENCODINGS: Registry[Any] = Registry("encoding", "archcast.encodings")
PROXIES: Registry[Any] = Registry("proxy", "archcast.proxies")
AGGREGATED = ("vote", "az_nas", "vkdnw_agg")
"""Names that combine proxies, see :mod:`archcast.proxies.aggregate`; they stand where a proxy may."""
BENCHMARKS: Registry[Any] = Registry("benchmark", "archcast.data")
FUNCTIONS: Registry[Any] = Registry("benchmark function", "archcast.surrogates")
"""What reads the file of a benchmark that is a function, by what the file says that it holds: a path -> a benchmark."""
PREDICTORS: Registry[Any] = Registry("predictor", "archcast.predictors")
STRATEGIES: Registry[Any] = Registry("strategy", "archcast.search.strategies")
STATES: Registry[Any] = Registry("state", "archcast.predictors", decorator="saved")
"""Dataclasses that are part of a learned state, by the name that a saved file holds."""


def get_encoding(name: str, space: Any, **params: Any) -> Any:
    """Return the encoder called ``name``.

    Args:
        name: see ``archcast list encodings``.
        space: a search space, or its name.
        **params: parameters of the encoder.

    Examples:
        >>> import archcast
        >>> encoder = archcast.get_encoding("adjacency", "nasbench201")
        >>> encoder.transform([[3, 0, 1, 0, 0, 4]]).shape
        (1, 30)

    Raises:
        UnknownNameError: with the closest names.
        InvalidInputError: for parameters that the encoder does not have.
    """
    return _make(ENCODINGS, name, space, params)


def get_predictor(name: str, space: Any, *, random_state: Any = None, calibrate: bool = False, **params: Any) -> Any:
    """Return the predictor called ``name``.

    Args:
        name: see ``archcast list predictors``.
        space: a search space, or its name.
        random_state: seed.
        calibrate: make its 90 % intervals hold by cross-validation
            (:class:`~archcast.predictors.hybrid.conformal.Conformal`).
        **params: parameters of the predictor.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(20, 0)
        >>> scores = (archs == 3).sum(axis=1)
        >>> forest = archcast.get_predictor("random-forest", space=space, random_state=0).init(archs, scores)
        >>> forest.query(space.sample(3, 1)).mean.shape
        (3,)

    Raises:
        UnknownNameError: with the closest names.
        InvalidInputError: for parameters that the predictor does not have.
    """
    made = _make(PREDICTORS, name, space, {"random_state": random_state, **params})
    from archcast.checks import switch

    if not switch("calibrate", calibrate):
        return made
    return _make(
        PREDICTORS, "conformal", space, {"predictor": name, "settings": params or None, "random_state": random_state}
    )


def get_strategy(name: str, space: Any, *, random_state: Any = None, **params: Any) -> Any:
    """Return the search strategy called ``name``.

    Args:
        name: see ``archcast list strategies``.
        space: a search space, or its name.
        random_state: seed.
        **params: parameters of the strategy.

    Examples:
        >>> import archcast
        >>> strategy = archcast.get_strategy("regularized-evolution", "nasbench201", random_state=0)
        >>> for _ in range(20):
        ...     archs = strategy.ask(5)
        ...     strategy.tell(archs, (archs == 3).sum(axis=1))     # stands in for training
        >>> strategy.best.score >= 4
        True

    Raises:
        UnknownNameError: with the closest names.
        InvalidInputError: for parameters that the strategy does not have, or that are out of range.
    """
    return _make(STRATEGIES, name, space, {"random_state": random_state, **params})


def _make(registry: Registry[Any], name: str, space: Any, params: Mapping[str, Any]) -> Any:
    component = registry[name]
    if not isinstance(space, str) and not hasattr(space, "cardinalities"):
        raise InvalidInputError(f"space must be a search space or its name, got {short(space)}.")
    allowed = [param for param in _parameters(component) if param != "space"]
    for param in params:
        if param not in allowed:
            raise InvalidInputError(
                f"{registry.kind.capitalize()} {name!r} has no parameter {param!r}. {closest(param, sorted(allowed))}"
            )
    return component(space, **params)


def _parameters(component: type) -> list[str]:
    """Names of the parameters of a class; a ``**params`` of its constructor stands for those of its base."""
    names: list[str] = []
    for cls in component.__mro__:
        if "__init__" not in vars(cls):
            continue
        parameters = list(inspect.signature(vars(cls)["__init__"]).parameters.values())[1:]
        names += [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return list(dict.fromkeys(names))
