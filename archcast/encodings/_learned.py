"""What the encodings share that train a network on architectures without scores."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from archcast.checks import whole
from archcast.encodings.base import Encoder
from archcast.graphs import CellGraphs
from archcast.spaces.base import SearchSpace

__all__ = ["LearnedEncoder"]


class LearnedEncoder(Encoder):
    """Base of encodings whose ``fit`` trains a network on pruned graphs. A subclass has ``size``, ``epochs`` and ``seed``.

    Attributes:
        letter: of the columns' names.
        weights_: the network's weights.
    """

    pruned = True
    letter: ClassVar[str]
    size: int
    epochs: int
    seed: int

    @abstractmethod
    def _making(self, graphs: CellGraphs) -> Any:
        """What makes the network for graphs like these when it is called; ``cells`` of it is the number of cells."""

    @abstractmethod
    def _loss(self, graphs: CellGraphs, tensors: Any) -> Any:
        """``(network, rows) -> scalar`` of graphs, which ``tensors`` hold in single precision."""

    @abstractmethod
    def _embedding(self, network: Any, tensors: Any) -> Any:
        """``(n, cells * size)`` tensor."""

    def _fit(self, space: SearchSpace, archs: NDArray[np.int64]) -> None:
        whole("size", self.size, 1)
        whole("epochs", self.epochs, 1)
        whole("seed", self.seed, 0)
        graphs = space.graphs(np.unique(archs, axis=0)).pruned()
        from archcast.encodings._pretraining import Graphs, pretrained

        double = Graphs.of(graphs)
        loss = self._loss(graphs, double.float())
        self.weights_ = pretrained(self._making(graphs), loss, double, epochs=self.epochs, seed=self.seed)

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        import torch

        from archcast.encodings._pretraining import Graphs, restored
        from archcast.torch_state import one_thread

        graphs = space.graphs(archs).pruned()
        network = restored(self._making(graphs), self.weights_)
        with torch.no_grad(), one_thread():
            return np.asarray(self._embedding(network, Graphs.of(graphs)).numpy())

    def _names(self, space: SearchSpace) -> list[str]:
        cells = len(space.graphs(np.zeros((0, len(space.cardinalities)), dtype=np.int64)).cells)
        return [f"cell{cell}:{self.letter}{k}" for cell in range(cells) for k in range(self.size)]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "weights_")
