"""The notations of NASNet's family: NDS' dictionaries, NNI's, and the genotype of the DARTS literature."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

from archcast.errors import InvalidInputError
from archcast.spaces.darts.cell import CELLS, INPUTS

__all__ = ["Described", "read"]

Described = Mapping[str, Any]
"""``normal`` and ``reduce``, lists of (operation, source); ``normal_concat`` and ``reduce_concat``; ``width`` and ``depth``
where the notation has them."""


def read(text: str) -> Described:
    """What a text says, in whatever of the three notations.

    - ``{"genotype": {"normal": [[operation, source], ...], "normal_concat": [...], ...}, "width": 32, "depth": 20}``, as in
      NDS' files;
    - ``{"normal_0_op_x": operation, "normal_0_input_x": source, ...}``, as in NNI;
    - ``Genotype(normal=[(operation, source), ...], normal_concat=range(2, 6), ...)``, as in DARTS.

    Examples:
        >>> read("Genotype(normal=[('skip_connect', 0)], normal_concat=range(2, 4))")
        {'normal': [('skip_connect', 0)], 'normal_concat': [2, 3]}

    Raises:
        InvalidInputError: the text is none of them.
    """
    try:
        if text.startswith("Genotype("):
            return _call(text)
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError
        for part in ("genotype", "model_spec", "cell_spec"):
            found.update(found.pop(part, {}))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise InvalidInputError(
            'expected {"genotype": {"normal": ..., "normal_concat": ..., "reduce": ..., "reduce_concat": ...}, "width": 32, '
            '"depth": 20} or Genotype(normal=..., normal_concat=..., ...)'
        ) from None
    for cell in CELLS:
        if cell not in found and f"{cell}_0_op_x" in found:
            found[cell] = [
                (found[f"{cell}_{k}_op_{side}"], found.get(f"{cell}_{k}_input_{side}"))
                for k in range(len(found))
                for side in ("x", "y")
                if f"{cell}_{k}_op_{side}" in found
            ]
    return found


def _call(text: str) -> Described:
    """The keywords of ``Genotype(...)``: literals and ranges, nothing is evaluated."""
    call = ast.parse(text, mode="eval").body
    if not isinstance(call, ast.Call) or call.args:
        raise ValueError
    found = {}
    for keyword in call.keywords:
        value = keyword.value
        if isinstance(value, ast.Call):
            if not isinstance(value.func, ast.Name) or value.func.id != "range" or value.keywords:
                raise ValueError
            bounds = [ast.literal_eval(bound) for bound in value.args]
            if max(map(abs, bounds)) > 100:
                raise ValueError
            found[str(keyword.arg)] = list(range(*bounds))
        else:
            found[str(keyword.arg)] = ast.literal_eval(value)
    return found


def cell(found: Described, name: str, nodes: int, operations: tuple[str, ...]) -> list[int]:
    """Decisions of one cell: source, operation, source, operation of each node.

    Raises:
        InvalidInputError: it has another number of nodes, or unknown operations or sources.
    """
    edges = found.get(name)
    if not isinstance(edges, (list, tuple)) or len(edges) != 2 * nodes:
        raise InvalidInputError(f"{name} must hold {2 * nodes} pairs (operation, source)")
    row: list[int] = []
    for k, edge in enumerate(edges):
        op, source = edge if isinstance(edge, (list, tuple)) and len(edge) == 2 else (None, None)
        if op not in operations or type(source) is not int or not 0 <= source < INPUTS + k // 2:
            raise InvalidInputError(
                f"{name} holds {str(edge)[:60]}, which must be one of {', '.join(operations)} and a source from 0 to "
                f"{INPUTS + k // 2 - 1}"
            )
        row += [source, operations.index(op)]
    return row


def check_output(found: Described, name: str, expected: list[int], what: str) -> None:
    """Refuse a ``concat`` that is not that of the space.

    Raises:
        InvalidInputError: names both.
    """
    given = found.get(f"{name}_concat")
    if not isinstance(given, (list, tuple)) or any(type(node) is not int for node in given):
        raise InvalidInputError(f"{name}_concat must be a list of nodes")
    if sorted(given) != expected:
        raise InvalidInputError(f"{name}_concat is {list(given)}, but the space concatenates {what}: {expected}")
