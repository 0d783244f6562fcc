"""A language model of recurrent cells: embedding, layers of cells, and a decoder whose weights are those of the embedding.

The shell of AWD-LSTM (Merity et al. 2018, https://arxiv.org/abs/1708.02182), without the dropouts, which serve training alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Cell", "LanguageModel", "NodesCell", "TreeCell"]


class Cell(nn.Module):
    """Base of cells: one step of time.

    Attributes:
        states: number of hidden states; the first is the output.
        hidden: numbers of each.
    """

    states: int
    hidden: int

    def forward(self, x: Tensor, states: list[Tensor]) -> list[Tensor]:
        """``(b, inputs)`` and states ``(b, hidden)`` -> the new states."""
        raise NotImplementedError


class LanguageModel(nn.Module):
    """``(b, steps)`` tokens -> ``(b, vocabulary, steps)`` logits of the next one.

    Args:
        layers: cells, the first on top of the embedding; the last has as many hidden numbers as the embedding.
        vocabulary: number of tokens.
        embedding: numbers of a token.
    """

    def __init__(self, layers: Sequence[Cell], vocabulary: int, embedding: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.layers = nn.ModuleList(layers)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, tokens: Tensor) -> Tensor:
        steps = list(self.embedding(tokens).unbind(dim=1))
        for layer in self.layers:
            states = [steps[0].new_zeros(len(tokens), layer.hidden) for _ in range(layer.states)]  # type: ignore[arg-type]
            for t, x in enumerate(steps):
                states = layer(x, states)
                steps[t] = states[0]
        return functional.linear(torch.stack(steps, dim=1), self.embedding.weight, self.bias).transpose(1, 2)


class NodesCell(Cell):
    """A cell of NAS-Bench-NLP: nodes with an operation each.

    Args:
        nodes: operation and sources of each node, in an order in which sources come first; source 0 is the input, 1 to 3 are
            the states before, and node k is 4 + k. A node without an operation is left out.
        new: number of the node that each new state is.
        inputs: numbers of the input.
        hidden: numbers of a state and of the output of any node.
    """

    def __init__(
        self, nodes: Sequence[tuple[str, Sequence[int]]], new: Sequence[int], inputs: int, hidden: int
    ) -> None:
        super().__init__()
        self.nodes, self.new = list(nodes), list(new)
        self.states, self.hidden = len(new), hidden
        self.maps = nn.ModuleDict(
            {
                str(k): nn.Linear(sum(inputs if source == 0 else hidden for source in sources), hidden)
                for k, (op, sources) in enumerate(nodes)
                if op == "linear"
            }
        )

    def forward(self, x: Tensor, states: list[Tensor]) -> list[Tensor]:
        values = [x, *states, *[x] * (3 - len(states))]
        for k, (op, sources) in enumerate(self.nodes):
            given = [values[source] for source in sources]
            if not op:
                values.append(x)
            elif op == "linear":
                values.append(self.maps[str(k)](torch.cat(given, dim=1)))
            elif op == "blend":
                values.append(given[0] * given[1] + (1 - given[0]) * given[2])
            elif op == "elementwise_prod":
                values.append(given[0] * given[1])
            elif op == "elementwise_sum":
                values.append(given[0] + given[1])
            else:
                values.append({"tanh": torch.tanh, "sigm": torch.sigmoid}.get(op[11:], functional.leaky_relu)(given[0]))
        return [values[4 + node] for node in self.new]


class TreeCell(Cell):
    """A cell of ENAS or DARTS (Liu et al. 2019, appendix A): gated steps along a tree; the new state is a mean of nodes.

    Args:
        nodes: source and activation function of each node; source 0 is the first state, k is node k.
        ends: the nodes whose mean is the new state.
        hidden: numbers of the input and of the state.
        rooted: whether node 1 is the first state, with its own activation function, instead of following it.
    """

    states = 1

    def __init__(
        self, nodes: Sequence[tuple[int, str]], ends: Sequence[int], hidden: int, rooted: bool = False
    ) -> None:
        super().__init__()
        self.nodes, self.ends, self.hidden, self.rooted = list(nodes), list(ends), hidden, rooted
        self.first = nn.Linear(2 * hidden, 2 * hidden, bias=False)
        self.steps = nn.ModuleList(nn.Linear(hidden, 2 * hidden, bias=False) for _ in nodes[int(rooted) :])

    def forward(self, x: Tensor, states: list[Tensor]) -> list[Tensor]:
        first = self.nodes[0][1] if self.rooted else "tanh"
        values = [gated(states[0], self.first(torch.cat([x, states[0]], dim=1)), first)] * (1 + self.rooted)
        for (source, activation), step in zip(self.nodes[int(self.rooted) :], self.steps, strict=True):
            values.append(gated(values[source], step(values[source]), activation))
        return [torch.stack([values[end] for end in self.ends]).mean(dim=0)]


def gated(given: Tensor, maps: Tensor, activation: str) -> Tensor:
    """A step from ``given`` ``(b, h)`` towards an activation, as far as a gate lets it: ``maps`` ``(b, 2 h)`` are gate and
    update."""
    gate, update = maps.chunk(2, dim=1)
    if activation == "tanh":
        update = torch.tanh(update)
    elif activation == "relu":
        update = functional.relu(update)
    elif activation == "sigmoid":
        update = torch.sigmoid(update)
    return given + torch.sigmoid(gate) * (update - given)
