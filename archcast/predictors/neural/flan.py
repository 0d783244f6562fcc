"""FLAN: flow attention on cells of any space, trained first on the tasks of others (Akhauri & Abdelfattah 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidFileError, InvalidInputError, short
from archcast.evidence import Source
from archcast.predictors.base import Known, register
from archcast.predictors.neural._ensemble import NetworkEnsemble
from archcast.predictors.neural.losses import LOSSES, Loss
from archcast.predictors.parameters import File, Whole
from archcast.predictors.persistence import read_state, write_state
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import SearchSpace, get_space

if TYPE_CHECKING:
    from archcast.predictors.neural._flow_attention import Task
    from archcast.predictors.neural._gcn import Graphs

__all__ = ["FLAN"]

MOST = 1000
"""Rows of a source that are learned from."""
KIND = "flan-checkpoint"
"""What a checkpoint is called in its file."""


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
    then from the scores of the task itself with a third of the learning rate. What was learned from sources can be kept
    (:meth:`pretrain`) and given to every later task as ``checkpoint``, which then costs no more than a task alone.

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
        checkpoint: path of a file that :meth:`pretrain` wrote; its networks are begun with. Its ``n_members``, ``hidden`` and
            ``layers`` must be those of the predictor.
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

    parameters = {"source_epochs": Whole(1), "checkpoint": File()}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        n_members: int = 3,
        hidden: int = 48,
        layers: int = 3,
        source_epochs: int = 60,
        checkpoint: str | None = None,
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
        self.checkpoint = checkpoint

    def pretrain(self, sources: Sequence[Source], path: str | Path) -> None:
        """Learn from sources alone and write the networks to ``path``, for ``checkpoint``. The predictor stays as it was.

        Of the sources the file holds the names of spaces and operations, no row and no score.

        Raises:
            InvalidInputError: no source, or one of a space without cell graphs; or the folder of ``path`` does not exist.
        """
        from archcast.predictors.neural._flow_attention import names_of

        learner = type(self)(**{**self.get_params(deep=False), "checkpoint": None})
        learner._check_parameters()
        given = learner._check_sources(sources)
        if not given:
            raise InvalidInputError("sources must hold at least one archcast.Source, got none.")
        spaces = _spaces_of(given)
        learner.names_, learner.spaces_ = names_of(spaces), sorted({space.name for space in spaces})
        with learner._on_device():
            weights = learner._trained(given, None, LOSSES[learner.loss], learner._rng())
        held = {"names": learner.names_, "spaces": learner.spaces_, "shape": learner.shape_, "weights": weights}
        write_state(path, KIND, held)

    def _init(self, known: Known) -> None:
        from archcast.predictors.neural._flow_attention import names_of

        others = _spaces_of(known.sources)
        self._start = None
        if self.checkpoint is None:
            self.names_ = names_of([self._space, *others])
            self.spaces_ = [self._space.name, *sorted({other.name for other in others} - {self._space.name})]
        else:
            self.names_, self.spaces_, self._start = self._read(self.checkpoint)
        self._sources = known.sources
        try:
            super()._init(known)
        finally:
            del self._sources, self._start

    def _read(self, path: str) -> tuple[list[str], list[str], dict[str, NDArray[np.float32]]]:
        """Names of operations and of spaces, and weights, of a checkpoint."""
        from archcast.predictors.networks import with_arrays
        from archcast.predictors.neural._flow_attention import FlowAttention, features_of

        held = read_state(path, KIND)
        try:
            names, spaces, shape, weights = (held[key] for key in ("names", "spaces", "shape", "weights"))
            same = {"n_members": shape["members"], "hidden": shape["hidden"], "layers": shape["layers"]}
            if same == {name: getattr(self, name) for name in same}:
                if shape["features"] != features_of(names, spaces):
                    raise ValueError("its nodes have other features than those of this version of archcast")
                with_arrays(lambda: FlowAttention(**shape), weights)
                return names, spaces, weights
        except Exception as error:  # whatever a file with other contents makes it stumble over
            reason = " ".join(str(error).split())
            raise InvalidFileError(
                f"{path!r} holds no networks of flan: {reason[:200]}. Make it anew by pretrain."
            ) from error
        wanted = ", ".join(f"{name}={short(value)}" for name, value in same.items())
        raise InvalidInputError(f"The networks of checkpoint {path!r} have {wanted}: give the predictor the same.")

    def _learn(
        self,
        archs: NDArray[np.int64],
        targets: NDArray[np.float64],
        loss: Loss,
        seen: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> dict[str, NDArray[np.float32]]:
        from archcast.predictors.neural._flow_attention import Task

        task = Task(self._graphs(self._space, archs), targets, seen)
        return self._trained(self._sources, task, loss, rng, self._start)

    def _trained(
        self,
        sources: Sequence[Source],
        task: Task | None,
        loss: Loss,
        rng: np.random.Generator,
        start: dict[str, NDArray[np.float32]] | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Weights after the sources, and after the task if there is one."""
        from archcast.predictors.neural._flow_attention import learn

        tasks = [self._task(source, rng) for source in sources]
        graphs = (tasks[0] if task is None else task).graphs
        self.shape_ = {
            "members": self.n_members,
            "features": graphs.nodes.shape[2],
            "averages": graphs.pooling.shape[1],
            "hidden": self.hidden,
            "layers": self.layers,
        }
        return learn(
            self.shape_,
            tasks,
            task,
            loss,
            start=start,
            rng=rng,
            source_epochs=self.source_epochs,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
        )

    def _task(self, source: Source, rng: np.random.Generator) -> Task:
        """Rows of a source, at most ``MOST``, in a random order."""
        from archcast.predictors.neural._flow_attention import Task

        rows = rng.permutation(len(source.archs))[:MOST]
        seen = np.ones((self.n_members, len(rows)), dtype=bool)
        return Task(self._graphs(get_space(source.space), source.archs[rows]), rank_normal(source.scores[rows]), seen)

    def _graphs(self, space: SearchSpace, archs: NDArray[np.int64]) -> Graphs:
        from archcast.predictors.neural._flow_attention import unified

        return unified(space, archs, self.names_, self.spaces_)

    def _outputs(self, archs: NDArray[np.int64]) -> NDArray[np.float64]:
        from archcast.predictors.networks import of_functions, with_arrays
        from archcast.predictors.neural._flow_attention import FlowAttention

        module = with_arrays(lambda: FlowAttention(**self.shape_), self.weights_)
        return of_functions(self._space, archs, lambda rows: module(self._graphs(self._space, rows)))


def _spaces_of(sources: Sequence[Source]) -> list[SearchSpace]:
    """The space of each source, whose rows are checked."""
    spaces = [get_space(source.space) for source in sources]
    for number, (space, source) in enumerate(zip(spaces, sources, strict=True)):
        if not space.has_graph:
            raise InvalidInputError(
                f"sources[{number}] is of space {space.name!r}, which has no cell graphs: leave that source out."
            )
        space.validate(source.archs, allow_empty=False, name=f"sources[{number}].archs")
    return spaces
