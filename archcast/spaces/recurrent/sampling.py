"""Random recurrent cells, close to the generator of NAS-Bench-NLP."""

from __future__ import annotations

import numpy as np

from archcast.spaces.recurrent.recipes import OPERATIONS, STATES, Node

__all__ = ["draw"]

KINDS = ("linear", "linear", "linear", "prod", "sum", "blend")
ACTIVATIONS = ("tanh", "sigm", "leaky_relu")
ELSEWHERE = 0.1
"""Chance of an activation that follows no linear map, which the published cells have seldom and the space allows."""


def draw(rng: np.random.Generator, most: int) -> tuple[list[Node], list[int]]:
    """Nodes and new states of one cell.

    As in Klyuchnikov et al. 2022, section 3, half of the operations are linear, one in five of these has three inputs, an
    activation follows each, and the input and every state are used. Of the numbers that the paper does not give, that of
    the states is even and that of the nodes is even from 2 to ``most`` before nodes that nothing depends on are left out.
    """
    while True:
        states = 1 + int(rng.integers(STATES))
        nodes = _nodes(rng, int(rng.integers(max(2, states), most + 1)), states)
        others = rng.permutation(len(nodes) - 1)[: states - 1].tolist()
        kept = _kept(nodes, [len(nodes) - 1, *others])
        if kept is not None:
            return kept


def _nodes(rng: np.random.Generator, count: int, states: int) -> list[Node]:
    nodes: list[Node] = []
    while len(nodes) < count:
        if nodes and nodes[-1][0].startswith("linear") and rng.random() > ELSEWHERE:
            nodes.append((str(rng.choice(ACTIVATIONS)), [3 + len(nodes)]))
            continue
        op = str(rng.choice(ACTIVATIONS if rng.random() < ELSEWHERE else KINDS))
        if op == "linear" and rng.random() < 0.2:
            op = "linear3"
        sources = [*range(0 if op.startswith("linear") else 1, 1 + states), *range(4, 4 + len(nodes))]
        arity = OPERATIONS[op][1]
        if arity <= len(sources):
            nodes.append((op, rng.permutation(sources)[:arity].tolist()))
    return nodes


def _kept(nodes: list[Node], new: list[int]) -> tuple[list[Node], list[int]] | None:
    """The cell without nodes that the output does not depend on, in this step or a later one; ``None`` if a state or the input is
    not used."""
    alive, todo = set[int](), [4 + new[0]]
    while todo:
        source = todo.pop()
        if source in alive:
            continue
        alive.add(source)
        if source >= 4:
            todo += nodes[source - 4][1]
        elif source > 0:
            todo.append(4 + new[source - 1])
    if not alive >= set(range(1 + len(new))):
        return None
    order = sorted(source for source in alive if source >= 4)
    number = {**{k: k for k in range(4)}, **{source: 4 + k for k, source in enumerate(order)}}
    kept = [(nodes[source - 4][0], [number[given] for given in nodes[source - 4][1]]) for source in order]
    return kept, [number[4 + node] - 4 for node in new]
