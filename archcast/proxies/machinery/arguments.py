"""Calls of torch's functions: their arguments, read and changed."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from archcast.proxies.machinery.functions import SEQUENTIAL

__all__ = ["argument", "bound", "flat", "tensors_of", "transparent", "without_randomness"]


def argument(args: tuple[Any, ...], kwargs: Mapping[str, Any], position: int, name: str) -> Any:
    """An argument of a call, by its position or its name; ``None`` if it was not given."""
    return args[position] if len(args) > position else kwargs.get(name)


def flat(values: tuple[Any, ...]) -> list[Any]:
    """The values, those within lists and tuples each by itself."""
    return [item for value in values for item in (value if isinstance(value, (tuple, list)) else (value,))]


def tensors_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """The tensors among the arguments of a function, those in lists and tuples too."""
    return [value for value in (*flat(args), *flat(tuple(kwargs.values()))) if isinstance(value, Tensor)]


def bound(replacement: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """``replacement`` as it stands in for ``function``, which it gets as its first argument."""
    return lambda *args, **kwargs: replacement(function, *args, **kwargs)


def without_randomness(
    name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """The arguments of a function, changed where they switch something random on."""
    if name == "scaled_dot_product_attention":
        causal = {"is_causal": args[5]} if len(args) > 5 else {}
        return args[:4], {**kwargs, **causal, "dropout_p": 0.0}
    if name in SEQUENTIAL:
        packed = len(args) > 3 and isinstance(args[3], (list, tuple))
        dropout = 6 if packed else 5
        if len(args) > dropout:
            return (*args[:dropout], 0.0, *args[dropout + 1 :]), kwargs
    if name in ("rrelu", "rrelu_"):
        in_place = {"inplace": args[4]} if len(args) > 4 and isinstance(args[4], bool) else {}
        return args[:3], {**kwargs, **in_place, "training": False}
    return args, kwargs


@cache
def transparent(function: Any) -> Callable[..., Any]:
    """``function``, a Python function of ``torch.nn.functional``, without its check for modes: what it calls is seen
    instead.
    """
    hidden = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")
    scope = {**vars(F), **dict.fromkeys(hidden, lambda *_: False)}
    copied = types.FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
    )
    copied.__kwdefaults__ = function.__kwdefaults__
    return copied
