"""A space of named decisions as JSON, and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from archcast.errors import InvalidInputError, short
from archcast.spaces._forbidden import Codes, Rule
from archcast.spaces.conditional import ConditionalSpace
from archcast.spaces.decisions import Decision

__all__ = ["Described", "hashable", "in_words", "jsonable", "parts_of", "to_description", "where_active"]


class Described(ConditionalSpace):
    """A space of named decisions, as far as it is described here: base of :class:`~archcast.spaces.choices.Choices`."""

    decisions: dict[str, Decision]
    forbidden: tuple[Codes | Rule, ...]
    notes: tuple[str, ...]
    readings: dict[str, str]


def to_description(space: Described) -> dict[str, Any]:
    """What :meth:`Choices.to_dict` returns.

    Raises:
        InvalidInputError: a value, or a rule that is a function, has no form in JSON.
    """
    if any(callable(clause) for clause in space.forbidden):
        raise InvalidInputError("forbidden: a function has no form in JSON. Write it as combinations of values.")
    return {
        "name": space.name,
        "decisions": {
            name: {
                "values": jsonable(list(found.values)),
                "ordered": found.ordered,
                "log": found.log,
                "between": found.between,
            }
            for name, found in space.decisions.items()
        },
        "conditions": [[c.column, c.parent, list(c.values)] for c in space.conditions],
        "forbidden": [[[name, list(codes)] for name, codes in clause] for clause in space.forbidden],  # type: ignore[union-attr]
        "notes": list(space.notes),
        "readings": dict(space.readings),
    }


def parts_of(description: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...], dict[str, str]]:
    """Arguments of :class:`Choices`, its notes and its readings, of what :func:`to_description` returned.

    Raises:
        Exception: whatever a foreign or broken description makes these lines stumble over.
    """
    decisions = {
        name: Decision(
            tuple(hashable(value) for value in found["values"]),
            bool(found["ordered"]),
            bool(found["log"]),
            bool(found.get("between")),
        )
        for name, found in description["decisions"].items()
    }
    conditions: dict[str, dict[str, list[Any]]] = {}
    for child, parent, codes in description["conditions"]:
        conditions.setdefault(child, {})[parent] = [decisions[parent].values[code] for code in codes]
    forbidden = [
        {name: [decisions[name].values[code] for code in codes] for name, codes in clause}
        for clause in description["forbidden"]
    ]
    notes = tuple(str(note) for note in description.get("notes", ()))
    readings = {str(name): str(said) for name, said in description.get("readings", {}).items()}
    arguments = {"space": decisions, "conditions": conditions, "forbidden": forbidden, "name": description["name"]}
    return arguments, notes, readings


def in_words(space: Described) -> str:
    """The decisions, conditions and rules, a line each, and what of a table was left out."""
    total = math.prod(space.cardinalities)
    count = f"{total:,}" if total < 10**9 else f"{Decimal(total):.1e}"  # which may be larger than any float
    width = max(map(len, space.columns))
    lines = [
        f"Space {space.name!r}: {len(space.columns)} decision{'s' * (len(space.columns) > 1)}, {count} combinations."
    ]
    for name, found in space.decisions.items():
        read = f"; {space.readings[name]}" if name in space.readings else ""
        lines.append(f"  {name.ljust(width)}  {found}{where_active(space, name)}{read}")
    if space.forbidden:
        lines.append(f"  {len(space.forbidden)} forbidden combination{'s' * (len(space.forbidden) > 1)}")
    return "\n".join([*lines, *["Left out:"] * bool(space.notes), *(f"  {note}" for note in space.notes)])


def where_active(space: Described, name: str) -> str:
    """When a decision plays a part, in words; empty if always."""
    parents = [
        f"{c.parent} is {' or '.join(repr(space.decisions[c.parent].values[code]) for code in c.values)}"
        for c in space.conditions
        if c.column == name
    ]
    return f"; only where {' and '.join(parents)}" if parents else ""


def jsonable(value: Any) -> Any:
    """Values as JSON has them; tuples become lists."""
    if isinstance(value, dict):
        return {name: jsonable(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise InvalidInputError(
        f"The value {short(value)} has no form in JSON. Use texts, numbers, truth values or tuples of them."
    )


def hashable(value: Any) -> Any:
    """Lists as tuples, at any depth."""
    return tuple(hashable(item) for item in value) if isinstance(value, list) else value
