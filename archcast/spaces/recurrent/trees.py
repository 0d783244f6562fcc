"""The recurrent cells of ENAS and DARTS: a tree of nodes, each with an activation function."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.costs.conventions import convention_of
from archcast.errors import InvalidInputError
from archcast.graphs import CONVOLUTION, CellGraphs, Operation
from archcast.spaces.base import SearchSpace, Task
from archcast.spaces.recurrent.language import language_task

if TYPE_CHECKING:
    import torch

__all__ = ["RecurrentTree"]

ACTIVATIONS = ("tanh", "relu", "sigmoid", "identity")
RELU = ACTIVATIONS.index("relu")


class RecurrentTree(SearchSpace):
    """Cells of nodes that each follow one earlier node.

    A row holds for each node its source and its activation function: tanh, ReLU, sigmoid or identity. A node is s_p + c (f(h) -
    s_p) of its source s_p, where c, a gate, and h are linear in s_p. In DARTS, sources are numbered from 0, which combines
    input and state by the same rule with a tanh. In ENAS, node 1 does that with its own activation function, and the sources of
    the others are numbered from 1, that is 0 in the row. The output is the mean of all nodes (DARTS), or of the loose ends that
    no node follows (ENAS).

    The notation is DARTS' genotype, ``Genotype(recurrent=[('sigmoid', 0), ('relu', 1), ...], concat=range(1, 9))``, which is read
    literally and never evaluated.

    :meth:`canonical` is equal exactly for the same tree, whatever the order of its nodes: nodes are sorted as their subtrees are.

    Examples:
        DARTS' own cell, of 23 M parameters:

        >>> from archcast.spaces.base import get_space
        >>> space = get_space("darts-rnn")
        >>> cell = [("sigmoid", 0), ("relu", 1), ("relu", 1), ("identity", 1), ("tanh", 2), ("sigmoid", 5), ("tanh", 3)]
        >>> row = space.parse(f"Genotype(recurrent={[*cell, ('relu', 5)]}, concat=range(1, 9))")
        >>> space.costs(row)["params"]
        array([22960000.])
    """

    nodes: ClassVar[int]
    rooted: ClassVar[bool]
    """Whether node 1 combines input and state, and the output is the mean of loose ends, as in ENAS."""
    operations: Mapping[str, Operation] = {name: Operation(CONVOLUTION, weight=2) for name in ACTIVATIONS}
    sizes: Mapping[str, int]
    tasks: Mapping[str, Task] = {
        "ptb": Task((35,), outputs=(10_000, 35), dtype="int64", vocabulary=10_000),
    }

    def __init_subclass__(cls) -> None:
        cls.columns = tuple(f"node{k}.{part}" for k in range(1, cls.nodes + 1) for part in ("source", "activation"))
        cls.cardinalities = tuple(
            c for k in range(1, cls.nodes + 1) for c in (max(k - cls.rooted, 1), len(ACTIVATIONS))
        )

    # -- rows ---------------------------------------------------------------------------------------------------------

    def _sources(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(n, nodes)`` numbers of the sources."""
        return rows[:, 0::2] + self._offsets

    @property
    def _offsets(self) -> NDArray[np.int64]:
        """``(nodes,)`` number of the source that is 0 in a row."""
        return (np.arange(self.nodes) > 0) * int(self.rooted)

    def _ends(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """``(n, nodes)`` bool: the node is part of the output."""
        if not self.rooted:
            return np.ones((len(rows), self.nodes), dtype=bool)
        return np.asarray((self._sources(rows)[:, :, None] != np.arange(1, self.nodes + 1)).all(axis=1))

    def canonical(self, archs: ArrayLike) -> NDArray[np.int64]:
        """The nodes of each tree from the root on, children in the order of their subtrees."""
        rows = self.validate(archs)
        sorted_trees = [
            self._sorted(*tree) for tree in zip(self._sources(rows).tolist(), rows[:, 1::2].tolist(), strict=True)
        ]
        out = np.array(sorted_trees, dtype=np.int64).reshape(rows.shape)
        out[:, 0::2] -= self._offsets
        return out

    def _sorted(self, sources: list[int], activations: list[int]) -> list[int]:
        """Sources and activations in canonical order: the text of a subtree is its activation and the sorted texts of its
        children."""
        children: list[list[int]] = [[] for _ in range(self.nodes + 1)]
        for node, source in enumerate(sources, 1):
            children[source].append(node)
        texts = [""] * (self.nodes + 1)
        for node in reversed(range(1, self.nodes + 1)):
            children[node].sort(key=texts.__getitem__)
            texts[node] = f"({activations[node - 1]}{''.join(texts[child] for child in children[node])})"
        children[0].sort(key=texts.__getitem__)
        out, todo, placed = [], [(child, 0) for child in reversed(children[0])], 0
        while todo:
            node, source = todo.pop()
            placed += 1
            out += [source, activations[node - 1]]
            todo += [(child, placed) for child in reversed(children[node])]
        return out

    def _parse(self, text: str) -> list[int]:
        concat = r"(range\(\d+, ?\d+\)|\[[\d, ]*\])"
        match = re.fullmatch(rf"Genotype\(recurrent=(\[[^\]]*\]), ?concat={concat}\)", text)
        if match is None:
            raise InvalidInputError("expected Genotype(recurrent=[('tanh', 0), ...], concat=range(1, ...))")
        try:
            pairs = ast.literal_eval(match[1])
            bounds = [int(number) for number in re.findall(r"\d+", match[2])[:99]]
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            raise InvalidInputError("recurrent is not a list of ('activation', source)") from None
        if len(pairs) != self.nodes:
            raise InvalidInputError(f"recurrent holds {len(pairs)} nodes, not {self.nodes}")
        row: list[int] = []
        for k, pair in enumerate(pairs, 1):
            op, source = pair if isinstance(pair, tuple) and len(pair) == 2 else (None, None)
            first = int(self._offsets[k - 1])
            if op not in ACTIVATIONS or type(source) is not int or not first <= source < k:
                raise InvalidInputError(
                    f"{str(pair)[:60]} must be one of {', '.join(ACTIVATIONS)} and a source from {first} to {k - 1}"
                )
            row += [source - first, ACTIVATIONS.index(op)]
        ends = (np.flatnonzero(self._ends(np.array([row]))[0]) + 1).tolist()
        given = list(range(*bounds)) if match[2].startswith("range") and bounds[-1] < 100 else bounds
        if sorted(given) != ends:
            raise InvalidInputError(f"concat is {given[:20]}, but the output of this cell is the mean of {ends}")
        return row

    def format(self, archs: ArrayLike) -> list[str]:
        rows = self.validate(archs)
        texts = []
        for sources, ops, joined in zip(
            self._sources(rows).tolist(), rows[:, 1::2].tolist(), self._ends(rows), strict=True
        ):
            pairs = [(ACTIVATIONS[op], source) for source, op in zip(sources, ops, strict=True)]
            concat = (np.flatnonzero(joined) + 1).tolist() if self.rooted else range(1, self.nodes + 1)
            texts.append(f"Genotype(recurrent={pairs}, concat={concat})")
        return texts

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """Input, the nodes in the order of the row, output; the first state is the input."""
        rows = self.validate(archs)
        n = np.arange(len(rows))
        adjacency = np.zeros((len(rows), self.nodes + 2, self.nodes + 2), dtype=bool)
        for k in range(1, self.nodes + 1):
            adjacency[n, self._sources(rows)[:, k - 1], k] = True
        adjacency[:, 1:-1, -1] = self._ends(rows)
        ops = np.zeros((len(rows), self.nodes + 2), dtype=np.int64)
        ops[:, 1:-1], ops[:, -1] = rows[:, 1::2] + 2, 1
        return CellGraphs(adjacency, ops, ("input", "output", *ACTIVATIONS), declared=self.declared)

    # -- network ------------------------------------------------------------------------------------------------------

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        """As in every space, for a sequence of the task's length; the depth is that of the network unrolled in time."""
        rows, rule = self.validate(archs), convention_of(convention)
        task, tokens, steps = language_task(self, task)
        width = float(self.size_of(task)["width"])
        steps_of_nodes = self.nodes - self.rooted
        maps = 4 * width**2 + steps_of_nodes * 2 * width**2
        rectified = (rows[:, 1::2] == RELU).sum(axis=1) * width * rule.rectifier
        depth = np.zeros((self.nodes + 1, len(rows)), dtype=np.int64)
        for k in range(1, self.nodes + 1):
            depth[k] = depth[self._sources(rows)[:, k - 1], np.arange(len(rows))] + 1
        longest = (depth[1:] * self._ends(rows).T).max(axis=0)
        many = np.ones(len(rows))
        return {
            "params": many * (maps + tokens * width + tokens),
            "macs": steps * (maps + tokens * width + rectified),
            "activations": many * (steps * ((1 + steps_of_nodes) * 2 * width + tokens)),
            "depth": steps * (1.0 - self.rooted + longest) + 1,
            "resolution": many,
        }

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """A language model of one layer whose embedding and states have ``width`` numbers, with a decoder that shares the weights
        of the embedding. Dropouts, which serve training alone, are left out. No part is dead: ``pruned`` changes nothing."""
        from archcast.spaces.recurrent.network import LanguageModel, TreeCell

        row = self.validate(arch, allow_empty=False)[:1]
        task, tokens, _ = language_task(self, task)
        width = self.size_of(task)["width"]
        ends = (np.flatnonzero(self._ends(row)[0]) + 1).tolist()
        sources = self._sources(row)[0].tolist()
        nodes = [(source, ACTIVATIONS[op]) for source, op in zip(sources, row[0, 1::2].tolist(), strict=True)]
        return LanguageModel([TreeCell(nodes, ends, width, self.rooted)], tokens, width)
