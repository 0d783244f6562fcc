"""FLAN: flow attention on cells of any space, trained first on the tasks of others (Akhauri & Abdelfattah 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError
from archcast.evidence import Source
from archcast.predictors.base import Known, register
from archcast.predictors.neural._ensemble import NetworkEnsemble
from archcast.predictors.neural.losses import Loss
from archcast.predictors.parameters import Whole
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import SearchSpace, get_space

if TYPE_CHECKING:
    from archcast.predictors.neural._gcn import Graphs

__all__ = ["FLAN"]

MOST = 1000
"""Rows of a source that are learned from."""


@register(
    "flan",
    summary="ensemble of flow-attention networks that learn from scores of other tasks and spaces first",
    paper="Akhauri & Abdelfattah 2024, https://arxiv.org/abs/2403.02484",
    family="neural",
)
class FLAN(NetworkEnsemble):
    """Flow Attention for NAS, with the tasks of other spaces as ``sources``.

    Each layer adds a flow along the edges, gated by the operation of the node, and attention along the edges. Nodes are
    described in the same way in every space, so the networks can learn from ``sources`` of any space with cell graphs first, and
    then from the scores of the task itself with a third of the learning rate.

    Departures from the paper: what the paper calls unified encodings, an index for each operation of each space, is here what an
    operation is (kind, weights, reach), its name and the number of its space; encodings by CATE, Arch2Vec or proxies are not added;
    the network is read out as :class:`~archcast.predictors.neural.gcn.GCN`; there is no backward pass; an ensemble with rows left
    out takes the place of one network. Evidence is not used.

    Args:
        space: search space.
        n_members: networks in the ensemble.
        hidden: width of all layers.
        layers: number of layers.
        source_epochs: passes over the largest source.
        epochs: passes over the training rows.
        learning_rate: its peak.
        weight_decay: decoupled weight decay.
        loss: what is minimised: ``"squared"`` or ``"absolute"`` error, or a ranking loss, ``"hinge"``, ``"bpr"`` or ``"listmle"``.
        device: where the networks are trained: ``cpu``, ``cuda``, ``cuda:1``. Queries are answered on the processor.
        random_state: seed.

    Examples:
        >>> import archcast
        >>> space, other = archcast.get_space("nasbench201"), archcast.get_space("transnasbench101-micro")
        >>> rows, archs = other.sample(60, 0), space.sample(8, 0)
        >>> source = archcast.Source(other, rows, (rows == 3).sum(axis=1))
        >>> flan = archcast.get_predictor("flan", space, n_members=2, source_epochs=30, epochs=20, random_state=0)
        >>> flan = flan.init(archs, (archs == 3).sum(axis=1), sources=[source])
        >>> mean = flan.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    learns_from_sources = True
    learns_from_other_spaces = True

    parameters = {"source_epochs": Whole(1)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        n_members: int = 3,
        hidden: int = 48,
        layers: int = 3,
        source_epochs: int = 60,
        epochs: int = 100,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        loss: str = "hinge",
        device: str = "cpu",
        random_state: Any = None,
    ) -> None:
        super().__init__(
            space,
            n_members=n_members,
            hidden=hidden,
            layers=layers,
            epochs=epochs,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            loss=loss,
            device=device,
            random_state=random_state,
        )
        self.source_epochs = source_epochs

    def _init(self, known: Known) -> None:
        from archcast.predictors.neural._flow_attention import names_of

        others = [get_space(source.space) for source in known.sources]
        for number, (other, source) in enumerate(zip(others, known.sources, strict=True)):
            if not other.has_graph:
                raise InvalidInputError(
                    f"sources[{number}] is of space {other.name!r}, which has no cell graphs: leave that source out."
                )
            other.validate(source.archs, allow_empty=False, name=f"sources[{number}].archs")
        self.names_ = names_of([self._space, *others])
        self.spaces_ = [self._space.name, *sorted({other.name for other in others} - {self._space.name})]
        self._sources = known.sources
        try:
            super()._init(known)
        finally:
            del self._sources

    def _learn(
        self,
        archs: NDArray[np.int64],
        targets: NDArray[np.float64],
        loss: Loss,
        seen: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> dict[str, NDArray[np.float32]]:
        from archcast.predictors.neural._flow_attention import Task, learn

        task = Task(self._graphs(self._space, archs), targets, seen)
        self.shape_ = {
            "members": self.n_members,
            "features": task.graphs.nodes.shape[2],
            "averages": task.graphs.pooling.shape[1],
            "hidden": self.hidden,
            "layers": self.layers,
        }
        return learn(
            self.shape_,
            [self._task(source, rng) for source in self._sources],
            task,
            loss,
            rng=rng,
            source_epochs=self.source_epochs,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
        )

    def _task(self, source: Source, rng: np.random.Generator) -> Any:
        """Rows of a source, at most ``MOST``, in a random order."""
        from archcast.predictors.neural._flow_attention import Task

        rows = rng.permutation(len(source.archs))[:MOST]
        seen = np.ones((self.n_members, len(rows)), dtype=bool)
        return Task(self._graphs(get_space(source.space), source.archs[rows]), rank_normal(source.scores[rows]), seen)

    def _graphs(self, space: SearchSpace, archs: NDArray[np.int64]) -> Graphs:
        from archcast.predictors.neural._flow_attention import unified

        return unified(space, archs, self.names_, self.spaces_.index(space.name), len(self.spaces_))

    def _outputs(self, archs: NDArray[np.int64]) -> NDArray[np.float64]:
        from archcast.predictors.networks import of_functions, with_arrays
        from archcast.predictors.neural._flow_attention import FlowAttention

        module = with_arrays(lambda: FlowAttention(**self.shape_), self.weights_)
        return of_functions(self._space, archs, lambda rows: module(self._graphs(self._space, rows)))
