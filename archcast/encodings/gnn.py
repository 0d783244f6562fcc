"""Input of graph neural networks: architectures as torch_geometric graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.encodings._paths import operation_codes
from archcast.encodings.base import Encoder, register
from archcast.graphs import ABSENT, CellGraphs
from archcast.spaces.base import SearchSpace, get_space

if TYPE_CHECKING:
    import torch_geometric.data

__all__ = ["GraphEncoder"]


@register(
    "gnn",
    summary="torch_geometric batches; padded nodes and edges as an array",
    paper="Wen et al. 2020, https://arxiv.org/abs/1912.00848",
)
class GraphEncoder(Encoder):
    """Architectures as graphs with operations on the nodes.

    :meth:`batch` gives a torch_geometric ``Batch``, made at once for all architectures; ``to_data_list()`` takes it apart.

    - ``x`` ``(nodes, node_features)`` float32: one-hot of the node's operation, inputs and output included; in a space with
      several cells followed by the one-hot of the cell. Absent and pruned nodes are left out.
    - ``edge_index`` ``(2, edges)`` int64: each edge once, from source to target, along the flow of the data. The neural
      predictors of the field (Wen et al. 2020) convolve along and against the flow with separate weights: the
      other direction is ``edge_index.flip(0)``, and whoever wants an undirected graph joins the two.
    - ``batch`` ``(nodes,)`` int64: the architecture; ``ptr`` ``(n + 1,)``: its first node.

    :meth:`transform` gives the same graphs as an array of fixed width: for every node of the space one-hot operation (all 0 if
    it is absent), then for every pair of nodes of a cell whether there is an edge. Terminals are not repeated in it.

    Args:
        space: search space.
        pruned: take the pruned graph of the canonical row instead of the graph of the row as it is.

    Examples:
        >>> encoder = GraphEncoder("nasbench201")
        >>> encoder.batch([[3, 0, 1, 0, 0, 4], [0, 0, 0, 3, 0, 0]])
        DataBatch(x=[7, 6], edge_index=[2, 5], batch=[7], ptr=[3])
        >>> encoder.transform([[3, 0, 1, 0, 0, 4]]).shape
        (1, 52)
    """

    def __init__(self, space: str | SearchSpace, *, pruned: bool = True) -> None:
        super().__init__(space)
        self.pruned = pruned

    @property
    def node_features(self) -> list[str]:
        """Names of the columns of ``x``."""
        space = get_space(self.space)
        graphs = self._graphs(space, np.zeros((0, len(space.cardinalities)), dtype=np.int64))
        names = [graphs.op_names[code] for code in self._node_codes(graphs)]
        return names + ([f"cell{c}" for c in range(len(graphs.cells))] if len(graphs.cells) > 1 else [])

    def batch(self, archs: ArrayLike) -> torch_geometric.data.Batch:
        """The graphs of ``(n, d)`` rows as one ``Batch``.

        Raises:
            InvalidInputError: wrong shape or values.
        """
        import torch
        from torch_geometric.data import Batch, Data

        space = get_space(self.space)
        rows = space.validate(archs)
        graphs = self._graphs(space, space.canonical(rows) if self.pruned else rows)
        n, v = graphs.operations.shape
        present = graphs.operations != ABSENT
        number = (np.cumsum(present) - 1).reshape(n, v)
        x = graphs.operations[present][:, None] == self._node_codes(graphs)
        if len(graphs.cells) > 1:
            cell = np.broadcast_to(graphs.cell_of_node, (n, v))[present]
            x = np.concatenate([x, cell[:, None] == np.arange(len(graphs.cells))], axis=1)
        arch, source, target = np.nonzero(graphs.adjacency)
        edges = np.stack([number[arch, source], number[arch, target]])
        ptr, edge_ptr = (
            torch.from_numpy(np.concatenate([[0], np.cumsum(counts)]))
            for counts in (present.sum(axis=1), np.bincount(arch, minlength=n))
        )
        batch = Batch(
            _base_cls=Data,
            x=torch.from_numpy(x.astype(np.float32)),
            edge_index=torch.from_numpy(edges),
            batch=torch.from_numpy(np.nonzero(present)[0]),
            ptr=ptr,
        )
        # What Batch.from_data_list records, so that the batch can be taken apart again.
        batch._num_graphs = n
        batch._slice_dict = {"x": ptr, "edge_index": edge_ptr}
        batch._inc_dict = {"x": torch.zeros(n, dtype=torch.int64), "edge_index": ptr[:-1]}
        return batch

    def _graphs(self, space: SearchSpace, archs: NDArray[np.int64]) -> CellGraphs:
        graphs = space.graphs(archs)
        return graphs.pruned() if self.pruned else graphs

    def _node_codes(self, graphs: CellGraphs) -> NDArray[np.int64]:
        """Operation codes that a node may have: terminals, then operations."""
        return np.array([*range(graphs.terminals), *operation_codes(graphs, zero=not self.pruned)])

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        graphs = self._graphs(space, archs)
        codes = operation_codes(graphs, zero=not self.pruned)
        blocks = []
        for cell in graphs.split():
            nodes = cell.operations[:, cell.inputs : -1]
            source, target = np.triu_indices(cell.operations.shape[1], 1)
            blocks += [(nodes[:, :, None] == codes).reshape(len(archs), -1), cell.adjacency[:, source, target]]
        return np.concatenate(blocks, axis=1)

    def _names(self, space: SearchSpace) -> list[str]:
        graphs = self._graphs(space, np.zeros((0, len(space.cardinalities)), dtype=np.int64))
        names = []
        for number, cell in enumerate(graphs.split()):
            prefix = f"cell{number}:" if len(graphs.cells) > 1 else ""
            v = cell.operations.shape[1]
            operations = [cell.op_names[code] for code in operation_codes(graphs, zero=not self.pruned)]
            names += [f"{prefix}node{i}={op}" for i in range(cell.inputs, v - 1) for op in operations]
            names += [f"{prefix}{i}->{j}" for i, j in zip(*np.triu_indices(v, 1), strict=True)]
        return names
