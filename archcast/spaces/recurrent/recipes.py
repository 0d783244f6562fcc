"""The recipes of NAS-Bench-NLP: a JSON dictionary, name of a node -> its operation and its inputs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from archcast.errors import InvalidInputError

__all__ = ["OPERATIONS", "STATES", "Node", "read", "write"]

OPERATIONS: dict[str, tuple[str, int]] = {
    "linear": ("linear", 2),
    "linear3": ("linear", 3),
    "blend": ("blend", 3),
    "prod": ("elementwise_prod", 2),
    "sum": ("elementwise_sum", 2),
    "tanh": ("activation_tanh", 1),
    "sigm": ("activation_sigm", 1),
    "leaky_relu": ("activation_leaky_relu", 1),
}
"""Operation -> its name in a recipe and its number of inputs."""
STATES = 3
"""Largest number of hidden states."""
INPUTS = ("x", *(f"h_prev_{i}" for i in range(STATES)))
BY_RECIPE = {described: name for name, described in OPERATIONS.items()}

Node = tuple[str, list[int]]
"""Operation and sources: 0 is the input, 1 to 3 the states before, and 4 + k node k."""


def read(text: str) -> tuple[list[Node], list[int]]:
    """Nodes with sources before them, and the number of the node that each new state is.

    Nodes keep the order of the text where sources come first in it, else each follows its sources as soon as it can.

    Raises:
        InvalidInputError: no recipe; names the node.
    """
    try:
        found = json.loads(text)
        inputs = {name: list(map(str, node["input"])) for name, node in found.items()}
        ops = {name: str(node["op"]) for name, node in found.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise InvalidInputError('expected {"name": {"op": "linear", "input": ["x", "h_prev_0"]}, ...}') from None
    number: dict[str, int] = {name: k for k, name in enumerate(INPUTS)}
    nodes: list[Node] = []
    todo = list(found)
    while todo:
        name = next((name for name in todo if all(source in number for source in inputs[name])), None)
        if name is None:
            raise InvalidInputError(f"node {todo[0][:40]!r} needs {inputs[todo[0]][:3]}, which are no nodes before it")
        op = BY_RECIPE.get((ops[name], len(inputs[name])))
        if op is None:
            kinds = ", ".join(f"{recipe} of {count}" for recipe, count in BY_RECIPE)
            raise InvalidInputError(
                f"node {name[:40]!r} is {ops[name][:40]} of {len(inputs[name])}, not one of {kinds}"
            )
        nodes.append((op, [number[source] for source in inputs[name]]))
        number[name] = 3 + len(nodes)
        todo.remove(name)
    new = [name for name in found if re.fullmatch(r"h_new_\d+", name)]
    states = [f"h_new_{i}" for i in range(len(new))]
    if not 1 <= len(new) <= STATES or sorted(new) != states:
        raise InvalidInputError("one to three nodes must be h_new_0, h_new_1, h_new_2")
    return nodes, [number[name] - 4 for name in states]


def write(nodes: Sequence[Node], new: Sequence[int]) -> str:
    """The recipe of nodes and new states."""
    names = [f"node_{k}" for k in range(len(nodes))]
    for i, node in enumerate(new):
        names[node] = f"h_new_{i}"
    every = [*INPUTS, *names]
    recipe: dict[str, Any] = {
        name: {"op": OPERATIONS[op][0], "input": [every[source] for source in sources]}
        for name, (op, sources) in zip(names, nodes, strict=True)
    }
    return json.dumps(recipe)
