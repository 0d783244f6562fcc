"""Networks that let information flow through a cell as data would: GATES (Ning et al. 2020) and TA-GATES (Ning et al. 2022).

Not imported before a network is needed, because it imports torch. Nodes are in topological order, so one sweep from the first
node to the last carries the information of the inputs through every path.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from archcast.predictors.networks import BatchedLinear
from archcast.predictors.neural._gcn import Graphs
from archcast.predictors.neural._training import on_nodes

__all__ = ["Flow", "FlowNetwork", "TrainingAnalogousNetwork"]


class Flow(nn.Module):
    """One sweep: ``H_i = sigmoid(E_i W_gate) * ((sum of H_j over j -> i) W + b)``; sources hold what they start with.

    The operation of a node, embedded as ``E_i``, is not information that is passed on: it says which part of the information
    passes (Ning et al. 2020).
    """

    def __init__(self, members: int, hidden: int) -> None:
        super().__init__()
        self.gate = BatchedLinear(members, hidden, hidden)
        self.carry = BatchedLinear(members, hidden, hidden, gain=2.0)

    def forward(self, embedded: Tensor, edges: Tensor, start: Tensor, sources: Sequence[int]) -> Tensor:
        """``(m, n, v, k)`` information at every node.

        Args:
            embedded: ``(m, n, v, k)`` embedded operations.
            edges: ``(n, v, v)``, those of a graph in topological order.
            start: ``(m, n, k)`` or ``(m, 1, k)``: what sources hold.
            sources: numbers of the nodes that information starts from, the first among them.
        """
        gates = torch.sigmoid(on_nodes(self.gate, embedded))
        start = start.expand(-1, edges.shape[0], -1)
        held = start[:, :, None]
        for node in range(1, edges.shape[1]):
            arriving = (held * edges[:, :node, node, None]).sum(dim=2)
            now = start if node in sources else gates[:, :, node] * self.carry(arriving)
            held = torch.cat([held, now[:, :, None]], dim=2)
        return held


class FlowNetwork(nn.Module):
    """GATES: embedded operations, ``layers`` sweeps, a hidden layer on what the output of each cell holds.

    Args:
        members: number of networks ``m``.
        features: number of node features.
        inputs: numbers of the input nodes.
        outputs: numbers of the output nodes, one for each cell.
        hidden: width of all layers.
        layers: number of sweeps.
    """

    def __init__(
        self,
        members: int,
        features: int,
        inputs: Sequence[int],
        outputs: Sequence[int],
        hidden: int,
        layers: int,
    ) -> None:
        super().__init__()
        self.inputs, self.outputs = list(inputs), list(outputs)
        self.embedding = BatchedLinear(members, features, hidden)
        self.start = nn.Parameter(torch.randn(members, 1, hidden))
        self.flows = nn.ModuleList(Flow(members, hidden) for _ in range(layers))
        self.hidden = BatchedLinear(members, layers * len(outputs) * hidden, hidden)
        self.output = BatchedLinear(members, hidden, 1)

    def forward(self, graphs: Graphs) -> Tensor:
        """``(m, n)`` outputs."""
        embedded, arrived = on_nodes(self.embedding, graphs.nodes[None]), []
        for flow in self.flows:
            held = flow(embedded, graphs.edges, self.start, self.inputs)
            arrived.append(held[:, :, self.outputs].flatten(2))
            embedded = embedded + held
        return self.output(torch.tanh(self.hidden(torch.cat(arrived, dim=2))))[..., 0]


class TrainingAnalogousNetwork(nn.Module):
    """TA-GATES: the encoding is made as a network is trained, in ``steps`` of a sweep forward, a sweep backward and an update.

    In each step information flows from the inputs to the outputs, then, started from what arrived there, along the reversed edges;
    the embedding of every operation is changed by what passed it both ways, ``E <- E + U tanh(V [E, forward, backward])``. A last
    sweep forward is read out.

    Args: as :class:`FlowNetwork`; ``layers`` is the number of steps.
    """

    def __init__(
        self,
        members: int,
        features: int,
        inputs: Sequence[int],
        outputs: Sequence[int],
        hidden: int,
        layers: int,
    ) -> None:
        super().__init__()
        self.inputs, self.outputs, self.steps = list(inputs), list(outputs), layers
        self.embedding = BatchedLinear(members, features, hidden)
        self.start = nn.Parameter(torch.randn(members, 1, hidden))
        self.onward = Flow(members, hidden)
        self.turn = BatchedLinear(members, len(outputs) * hidden, hidden)
        self.back = Flow(members, hidden)
        self.update = BatchedLinear(members, 3 * hidden, hidden)
        self.change = BatchedLinear(members, hidden, hidden, gain=0.5)
        self.hidden = BatchedLinear(members, len(outputs) * hidden, hidden)
        self.output = BatchedLinear(members, hidden, 1)

    def forward(self, graphs: Graphs) -> Tensor:
        """``(m, n)`` outputs."""
        embedded = on_nodes(self.embedding, graphs.nodes[None])
        reverse, last = graphs.edges.transpose(1, 2).flip(1, 2), graphs.edges.shape[1] - 1
        for _ in range(self.steps):
            onward = self.onward(embedded, graphs.edges, self.start, self.inputs)
            turned = torch.tanh(self.turn(onward[:, :, self.outputs].flatten(2)))
            back = self.back(embedded.flip(2), reverse, turned, [last - node for node in self.outputs]).flip(2)
            seen = torch.cat([embedded, onward, back], dim=3)
            embedded = embedded + on_nodes(self.change, torch.tanh(on_nodes(self.update, seen)))
        arrived = self.onward(embedded, graphs.edges, self.start, self.inputs)[:, :, self.outputs].flatten(2)
        return self.output(torch.tanh(self.hidden(arrived)))[..., 0]
