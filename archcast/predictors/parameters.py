"""Rules for the parameters of predictors: one declarative table a class, checked in one place, one wording for all.

A predictor says what its parameters may be in its class attribute ``parameters``::

    parameters = {"rounds": Whole(1), "subsample": Number(0, 1, above=True), "without": Word("curve", "proxy", optional=True)}

Rules of a base class hold for its subclasses, unless they give another one. ``init`` checks every parameter against its rule and
the common battery drives every parameter out of it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from archcast.checks import LARGEST_WHOLE
from archcast.encodings.base import ENCODINGS
from archcast.errors import InvalidInputError, short
from archcast.registry import closest

__all__ = [
    "AUTO",
    "Encoding",
    "File",
    "Number",
    "Numbers",
    "Rule",
    "Settings",
    "Switch",
    "Text",
    "Whole",
    "Wholes",
    "Word",
    "check",
    "rules_of",
]


AUTO = "auto"
"""Stands for the encodings that suit a space."""


class Rule(ABC):
    """What a parameter may be."""

    optional: bool = False
    """Whether ``None`` is allowed, too."""

    @abstractmethod
    def allows(self, value: Any) -> bool:
        """Whether ``value``, which is not ``None``, may be."""

    @property
    @abstractmethod
    def wants(self) -> str:
        """What is allowed, as the end of "it must be ..."."""

    @property
    @abstractmethod
    def wrong(self) -> tuple[Any, ...]:
        """Some values that are not allowed."""

    def hint(self, value: Any) -> str:
        """A sentence more about a value that is not allowed."""
        return ""


@dataclass(frozen=True)
class Whole(Rule):
    """A whole number of at least ``least``, of what there is memory and time for."""

    least: int = 1
    optional: bool = False

    def allows(self, value: Any) -> bool:
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        return whole and self.least <= int(value) <= LARGEST_WHOLE

    @property
    def wants(self) -> str:
        return f"a whole number of at least {self.least} and at most {LARGEST_WHOLE:,}" + self.optional * ", or None"

    @property
    def wrong(self) -> tuple[Any, ...]:
        return self.least - 1, self.least + 0.5, "many", True, 10**30


@dataclass(frozen=True)
class Number(Rule):
    """A finite number from ``low`` to ``high``; ``above`` and ``below`` leave the ends out."""

    low: float = 0.0
    high: float = math.inf
    above: bool = False
    below: bool = False
    optional: bool = False

    def allows(self, value: Any) -> bool:
        if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
            return False
        number = float(value)
        over = number > self.low if self.above else number >= self.low
        return over and (number < self.high if self.below else number <= self.high)

    @property
    def wants(self) -> str:
        ends = [f"{'above' if self.above else 'of at least'} {self.low:g}"]
        if math.isfinite(self.high):
            ends.append(f"{'below' if self.below else 'at most'} {self.high:g}")
        return f"a finite number {' and '.join(ends)}" + self.optional * ", or None"

    @property
    def wrong(self) -> tuple[Any, ...]:
        ends = (self.low,) * self.above + (self.high,) * (self.below and math.isfinite(self.high))
        beyond = (self.high + 1,) if math.isfinite(self.high) else ()
        return self.low - 1, *ends, *beyond, math.nan, math.inf, "much"


@dataclass(frozen=True, init=False)
class Word(Rule):
    """One of some words."""

    allowed: tuple[str, ...]
    optional: bool

    def __init__(self, *allowed: str, optional: bool = False) -> None:
        object.__setattr__(self, "allowed", allowed)
        object.__setattr__(self, "optional", optional)

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and value in self.allowed

    @property
    def wants(self) -> str:
        return f"one of {', '.join(map(repr, self.allowed))}" + self.optional * ", or None"

    @property
    def wrong(self) -> tuple[Any, ...]:
        return "no such word", 3


@dataclass(frozen=True)
class Text(Rule):
    """A text that is not empty: the name of a curve or a proxy."""

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and bool(value)

    @property
    def wants(self) -> str:
        return "a name"

    @property
    def wrong(self) -> tuple[Any, ...]:
        return "", 3


@dataclass(frozen=True)
class File(Rule):
    """The path of a file as a text, or ``None``."""

    optional: bool = True

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and bool(value)

    @property
    def wants(self) -> str:
        return "the path of a file as a text, or None"

    @property
    def wrong(self) -> tuple[Any, ...]:
        return "", 3


@dataclass(frozen=True)
class Switch(Rule):
    """``True`` or ``False``."""

    def allows(self, value: Any) -> bool:
        return isinstance(value, bool) or type(value).__name__ == "bool"

    @property
    def wants(self) -> str:
        return "True or False"

    @property
    def wrong(self) -> tuple[Any, ...]:
        return "yes", 2


@dataclass(frozen=True)
class Wholes(Rule):
    """A tuple or list of whole numbers of at least 1: widths of layers, the shape of an image.

    Args:
        length: how many; ``None`` for one or more.
    """

    length: int | None = None

    def allows(self, value: Any) -> bool:
        if not isinstance(value, (tuple, list)) or not value or self.length not in (None, len(value)):
            return False
        return all(Whole(1).allows(item) for item in value)

    @property
    def wants(self) -> str:
        return f"a tuple of {self.length or 'one or more'} whole numbers of at least 1"

    @property
    def wrong(self) -> tuple[Any, ...]:
        return (), (0,), (2.5,), 8


@dataclass(frozen=True)
class Encoding(Rule):
    """Name of a registered encoding, ``"auto"``, or several of them; where it is ``dispensable``, an empty tuple for none."""

    several: bool = True
    dispensable: bool = False

    def allows(self, value: Any) -> bool:
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, Sequence) or len(names) < 1 - self.dispensable or len(names) > self._most:
            return False
        return value == AUTO or all(isinstance(name, str) and name in ENCODINGS for name in names)

    @property
    def wants(self) -> str:
        return (
            "'auto', the name of an encoding"
            + self.several * ", or a tuple of such names"
            + self.dispensable * ", or ()"
        )

    @property
    def wrong(self) -> tuple[Any, ...]:
        return "no such encoding", ("no such encoding",), 3, *([] if self.dispensable else [()])

    @property
    def _most(self) -> float:
        return math.inf if self.several else 1

    def hint(self, value: Any) -> str:
        names = [value] if isinstance(value, str) else value if isinstance(value, Sequence) else []
        unknown = [name for name in names if isinstance(name, str) and name not in ENCODINGS]
        return f" Unknown encoding {unknown[0]!r}. {closest(unknown[0], ENCODINGS.names())}" if unknown else ""


@dataclass(frozen=True)
class Settings(Rule):
    """A dictionary of further settings, or ``None``."""

    optional: bool = True

    def allows(self, value: Any) -> bool:
        return isinstance(value, Mapping)

    @property
    def wants(self) -> str:
        return "a dictionary, or None"

    @property
    def wrong(self) -> tuple[Any, ...]:
        return ("settings", 3)


@dataclass(frozen=True)
class Numbers(Rule):
    """A sequence of finite numbers, or ``None``."""

    optional: bool = True

    def allows(self, value: Any) -> bool:
        if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
            return False
        return all(Number(-math.inf).allows(item) for item in value)

    @property
    def wants(self) -> str:
        return "a sequence of finite numbers, or None"

    @property
    def wrong(self) -> tuple[Any, ...]:
        return "text", 3, [math.nan], ["a"]


def rules_of(component: type) -> dict[str, Rule]:
    """The rules of a class and its bases, by the name of the parameter."""
    rules: dict[str, Rule] = {}
    for cls in reversed(component.__mro__):
        rules |= vars(cls).get("parameters", {})
    return rules


def check(title: str, values: Mapping[str, Any], rules: Mapping[str, Rule], default_of: Callable[[str], Any]) -> None:
    """Check values against their rules.

    Args:
        title: what errors call the owner, e.g. ``"RandomForest"``.
        values: by the name of the parameter.
        rules: by the name of the parameter; a parameter without one may be anything.
        default_of: name -> default.

    Raises:
        InvalidInputError: names the parameter, its value, what is allowed and the default.
    """
    for name, value in values.items():
        rule = rules.get(name)
        if rule is None or (value is None and rule.optional) or (value is not None and _allowed(rule, value)):
            continue
        raise InvalidInputError(
            f"{title}: {name} is {short(value)}: it must be {rule.wants}. "
            f"Its default is {default_of(name)!r}.{rule.hint(value)}"
        )


def _allowed(rule: Rule, value: Any) -> bool:
    try:
        return rule.allows(value)
    except Exception:  # a number that no float can hold, or whatever an object of the user's own raises
        return False
