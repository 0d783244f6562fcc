"""NAS-Bench-NLP: recurrent cells of up to 24 nodes with an operation each, in a language model of three layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.checks import generator, whole
from archcast.costs.conventions import convention_of
from archcast.errors import InvalidInputError
from archcast.graphs import ABSENT, CONVOLUTION, IDENTITY, CellGraphs, Operation
from archcast.spaces.base import Task, register
from archcast.spaces.conditional import Condition, ConditionalSpace
from archcast.spaces.recurrent.isomorphism import alive, smallest
from archcast.spaces.recurrent.language import language_task
from archcast.spaces.recurrent.recipes import OPERATIONS, STATES, Node, read, write
from archcast.spaces.recurrent.sampling import draw

if TYPE_CHECKING:
    import torch

__all__ = ["NASBenchNLP"]

NODES, SOURCES = 24, 1 + STATES
ARITY = np.array([0, *(count for _, count in OPERATIONS.values())], dtype=np.int8)
NAMES = ("", *OPERATIONS)
LINEAR = [code for code, name in enumerate(NAMES) if name.startswith("linear")]
IS_LINEAR = np.isin(np.arange(len(NAMES)), LINEAR)
LEAKY = NAMES.index("leaky_relu")
COLUMNS_OF_NODE = 4
"""Columns of a node."""
ATTEMPTS = 64


def _conditions() -> tuple[Condition, ...]:
    """A node is there if the one before it is, and an input if its operation has so many."""
    present = tuple(range(1, len(NAMES)))
    out = [Condition(f"node{k}.op", f"node{k - 1}.op", present) for k in range(1, NODES)]
    for k in range(NODES):
        for i in (1, 2, 3):
            values = tuple(code for code in present if ARITY[code] >= i)
            out.append(Condition(f"node{k}.in{i}", f"node{k}.op", values))
    return (*out, Condition("state2", "state1", tuple(range(1, NODES + 1))))


@register(
    "nasbench-nlp",
    summary="recurrent cells of up to 24 nodes and 1 to 3 states, 7 operations; about 1e53 rows",
    paper="Klyuchnikov et al. 2022, https://arxiv.org/abs/2006.07116",
    size=10**53,
    buildable=True,
)
class NASBenchNLP(ConditionalSpace):
    """NAS-Bench-NLP (Klyuchnikov et al. 2022, https://arxiv.org/abs/2006.07116): recurrent cells, trained as language models.

    A row holds 24 nodes of four columns, then the states. A node has an operation (0 for none, in the last places) and up to
    three inputs, of which 0 is the input x of the cell, 1 to 3 are the states of the step before, and 4 + k is node k.
    Operations are a linear map of two or of three inputs, ``blend`` (a b + (1 - a) c), product, sum and three activation
    functions. ``state0`` is the node that is the first new state, which is also the output; ``state1`` and ``state2`` are
    one more than the nodes that are the others, 0 for none. The input has another size than the states, so only linear maps
    take it in. ``linear3`` is written as a ``linear`` of three inputs.

    The notation is the recipe of the published logs, ``{"f": {"op": "linear", "input": ["x", "h_prev_0"]}, "h_new_0": {"op":
    "activation_tanh", "input": ["f"]}}``. Names of nodes are free.

    :meth:`canonical` drops nodes that no state depends on, and is equal for cells that are the same labelled graph whatever the
    order of nodes, of the inputs of sums, products and linear maps, and of the second and third state. Nodes are told
    apart by hashes of what they compute and of what is made of them.

    Examples:
        The plain recurrent cell, with the 15,066,078 parameters of the published log:

        >>> space = NASBenchNLP()
        >>> text = '{"f": {"op": "linear", "input": ["x", "h_prev_0"]}, "h_new_0": {"op": "activation_tanh", "input": ["f"]}}'
        >>> row = space.parse(text)
        >>> row[0, :8].tolist(), space.costs(row, task="wikitext-2")["params"]
        ([1, 0, 1, 0, 6, 4, 0, 0], array([15066078.]))
    """

    name = "nasbench-nlp"
    has_graph = True
    columns = (
        *(f"node{k}.{part}" for k in range(NODES) for part in ("op", "in1", "in2", "in3")),
        *(f"state{i}" for i in range(STATES)),
    )
    cardinalities = (
        *(c for k in range(NODES) for c in (len(NAMES), *[SOURCES + k] * 3)),
        NODES,
        *[NODES + 1] * (STATES - 1),
    )
    conditions = _conditions()
    operations: Mapping[str, Operation] = {
        "linear": Operation(CONVOLUTION, weight=2),
        "linear3": Operation(CONVOLUTION, weight=3),
        **{name: Operation(IDENTITY) for name in OPERATIONS if not name.startswith("linear")},
    }
    sizes: Mapping[str, int] = {"width": 600, "embedding": 400, "depth": 3}
    tasks: Mapping[str, Task] = {
        "ptb": Task((70,), outputs=(10_000, 70), dtype="int64", vocabulary=10_000),
        "wikitext-2": Task((70,), outputs=(33_278, 70), dtype="int64", vocabulary=33_278),
    }

    # -- rows ---------------------------------------------------------------------------------------------------------

    @staticmethod
    def _parts(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Operations ``(n, 24)``, inputs ``(n, 24, 3)`` with -1 for none, and nodes of the states ``(n, 3)`` with -1 for
        none."""
        nodes = rows[:, : COLUMNS_OF_NODE * NODES].reshape(-1, NODES, COLUMNS_OF_NODE)
        ops = nodes[:, :, 0]
        inputs = np.where(np.arange(3) < ARITY[ops][:, :, None], nodes[:, :, 1:], -1)
        states = rows[:, COLUMNS_OF_NODE * NODES :] - (np.arange(STATES) > 0)
        return ops, inputs, states

    def is_allowed(self, archs: NDArray[np.int64]) -> NDArray[np.bool_]:
        ops, inputs, states = self._parts(archs.astype(np.int8))
        count = (states >= 0).sum(axis=1, dtype=np.int8)
        nodes = (ops > 0).sum(axis=1)
        there = (states < nodes[:, None]).all(axis=1) & (nodes > 0)
        different = np.logical_and.reduce(
            [(states[:, i] != states[:, j]) | (states[:, j] < 0) for j in range(STATES) for i in range(j)]
        )
        known = ((inputs >= SOURCES) | (inputs <= count[:, None, None])).all(axis=(1, 2))
        fits = ((inputs != 0) | IS_LINEAR[ops][:, :, None]).all(axis=(1, 2))
        return np.asarray(there & different & known & fits)

    def sample(
        self, n: int, rng: np.random.Generator | int | None = None, *, by: str = "decision"
    ) -> NDArray[np.int64]:
        """Cells drawn as :func:`archcast.spaces.recurrent.sampling.draw` says, close to the generator of the paper."""
        if by != "decision":
            return super().sample(n, rng, by=by)
        rng, n = generator("rng", rng), whole("n", n, 0)
        rows = np.zeros((n, len(self.columns)), dtype=np.int64)
        for row in rows:
            row[:] = self._row(*draw(rng, NODES))
        return rows

    def enumerate(self) -> NDArray[np.int64]:
        raise InvalidInputError(f"Space {self.name!r} is too large to enumerate. Use space.sample(n, rng).")

    def canonical(self, archs: ArrayLike) -> NDArray[np.int64]:
        """The representative of each class (:mod:`archcast.spaces.recurrent.isomorphism`)."""
        rows = self.validate(archs)
        if len(rows) == 0:
            return rows
        ops, inputs, states = smallest(*self._parts(rows), ordered=NAMES.index("blend"))
        out = np.zeros_like(rows)
        nodes = out[:, : COLUMNS_OF_NODE * NODES].reshape(-1, NODES, COLUMNS_OF_NODE)
        nodes[:, :, 0], nodes[:, :, 1:] = ops, np.maximum(inputs, 0)
        out[:, : COLUMNS_OF_NODE * NODES] = nodes.reshape(len(rows), -1)
        out[:, COLUMNS_OF_NODE * NODES :] = states + (np.arange(STATES) > 0)
        return out

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        nodes, new = read(text)
        if len(nodes) > NODES:
            raise InvalidInputError(f"it has {len(nodes)} nodes, more than {NODES}")
        return self._row(nodes, new)

    @staticmethod
    def _row(nodes: list[Node], new: list[int]) -> list[int]:
        row = []
        for op, sources in nodes:
            row += [NAMES.index(op), *sources, *[0] * (COLUMNS_OF_NODE - 1 - len(sources))]
        row += [0] * (COLUMNS_OF_NODE * NODES - len(row))
        return [*row, new[0], *(node + 1 for node in new[1:]), *[0] * (STATES - len(new))]

    def format(self, archs: ArrayLike) -> list[str]:
        return [write(*self._recipe(row)) for row in self.validate(archs)]

    def _recipe(self, row: NDArray[np.int64]) -> tuple[list[Node], list[int]]:
        ops, inputs, states = (part[0].tolist() for part in self._parts(row[None]))
        nodes = [
            (NAMES[op], [source for source in some if source >= 0]) for op, some in zip(ops, inputs, strict=True) if op
        ]
        return nodes, [node for node in states if node >= 0]

    # -- graphs -------------------------------------------------------------------------------------------------------

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """``v = 29``: x, three states, 24 nodes, output, which takes in every new state. That a node takes an input twice, and
        in which order, is not part of the graph."""
        ops, inputs, states = self._parts(self.validate(archs))
        n, v = len(ops), SOURCES + NODES + 1
        adjacency = np.zeros((n, v, v), dtype=bool)
        for k in range(NODES):
            for i in range(3):
                rows = np.flatnonzero(inputs[:, k, i] >= 0)
                adjacency[rows, inputs[rows, k, i], SOURCES + k] = True
        for i in range(STATES):
            rows = np.flatnonzero(states[:, i] >= 0)
            adjacency[rows, SOURCES + states[rows, i], v - 1] = True
        codes = np.full((n, v), ABSENT, dtype=np.int64)
        codes[:, :SOURCES], codes[:, -1] = np.arange(SOURCES), SOURCES
        codes[:, SOURCES:-1] = np.where(ops > 0, ops + SOURCES, ABSENT)
        names = ("x", *(f"h_prev_{i}" for i in range(STATES)), "output", *OPERATIONS)
        return CellGraphs(adjacency, codes, names, SOURCES + 1, SOURCES, declared=self.declared)

    # -- network ------------------------------------------------------------------------------------------------------

    def _shell(self, task: Task | str | None) -> tuple[Task, int, list[int], list[int]]:
        """The task, its vocabulary, and the inputs and hidden numbers of each layer."""
        task, tokens, _ = language_task(self, task)
        sizes = self.size_of(task)
        hidden = [sizes["width"]] * (sizes["depth"] - 1) + [sizes["embedding"]]
        return task, tokens, [sizes["embedding"], *hidden[:-1]], hidden

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        """As in every space, for a sequence of the task's length; the depth is that of the network unrolled in time."""
        rows = self.validate(archs)
        rule = convention_of(convention)
        task, tokens, inputs, hidden = self._shell(task)
        steps = task.shapes[0][0]
        ops, sources, states = self._parts(rows)
        there = alive(ops, sources, states, output=True) if pruned else ops > 0
        linear = np.isin(ops, LINEAR) & there
        from_x = ((sources == 0) & linear[:, :, None]).sum(axis=(1, 2))
        from_node = ((sources > 0) & linear[:, :, None]).sum(axis=(1, 2))
        reads = ((sources == 0) & there[:, :, None]).any(axis=(1, 2))
        params = np.full(len(rows), float(tokens * inputs[0] + tokens))
        macs = np.full(len(rows), float(tokens * inputs[0]))
        activations = np.full(len(rows), float(tokens))
        for layer, (wide, h) in enumerate(zip(inputs, hidden, strict=True)):
            needed = reads | (not pruned) | (layer == len(hidden) - 1)
            weights = needed * (from_x * wide + from_node * h) * float(h)
            params += weights + needed * linear.sum(axis=1) * float(h)
            macs += weights + needed * ((ops == LEAKY) & there).sum(axis=1) * float(rule.rectifier * h)
            activations += needed * linear.sum(axis=1) * float(h)
        return {
            "params": params,
            "macs": steps * macs,
            "activations": steps * activations,
            "depth": self._depth(ops, sources, states, len(hidden), steps),
            "resolution": np.ones(len(rows)),
        }

    @staticmethod
    def _depth(
        ops: NDArray[np.int64], sources: NDArray[np.int64], states: NDArray[np.int64], layers: int, steps: int
    ) -> NDArray[np.float64]:
        """``(n,)`` linear maps on the longest path to the output of any step, and the decoder."""
        rows = np.arange(len(ops))
        linear = np.isin(ops, LINEAR).T.astype(np.int64)
        inputs = [
            [np.where(sources[:, k, i] < 0, SOURCES + NODES, sources[:, k, i]) for i in range(3)] for k in range(NODES)
        ]
        new = np.where(states < 0, NODES, states) + SOURCES
        nodes = [k for k in range(NODES) if (ops[:, k] > 0).any()]
        given = np.zeros((steps, len(ops)), dtype=np.int64)
        for _ in range(layers):
            values = np.zeros((SOURCES + NODES + 1, len(ops)), dtype=np.int64)
            for t in range(steps):
                values[0] = given[t]
                for k in nodes:
                    a, b, c = (values[source, rows] for source in inputs[k])
                    values[SOURCES + k] = np.maximum(np.maximum(a, b), c) + linear[k]
                values[1:SOURCES] = [values[new[:, i], rows] for i in range(STATES)]
                given[t] = values[1]
        return given.max(axis=0) + 1.0

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The language model of Klyuchnikov et al. 2022: an embedding of ``embedding`` (400) numbers, ``depth`` (3) layers of the
        cell, of which all but the last have ``width`` (600) hidden numbers, and a decoder with the weights of the embedding.

        ``pruned=True`` leaves out nodes that the output of no step depends on, and, where the cell does not read its input,
        all layers but the last.
        """
        from archcast.spaces.recurrent.network import LanguageModel, NodesCell

        row = self.validate(arch, allow_empty=False)[0]
        _, tokens, inputs, hidden = self._shell(task)
        nodes, new = self._recipe(row)
        there = np.ones(len(nodes), dtype=bool)
        if pruned:
            there = alive(*self._parts(row[None]), output=True)[0, : len(nodes)]
        reads = any(0 in sources for (_, sources), used in zip(nodes, there, strict=True) if used)
        first = 0 if reads or not pruned else len(hidden) - 1
        described = [
            (OPERATIONS[op][0] if used else "", sources) for (op, sources), used in zip(nodes, there, strict=True)
        ]
        cells = [NodesCell(described, new, wide, h) for wide, h in zip(inputs[first:], hidden[first:], strict=True)]
        return LanguageModel(cells, tokens, inputs[0])
