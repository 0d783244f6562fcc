"""What ensembles of networks on architectures share as predictors: targets, rows left out, losses, mean and std."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction
from archcast.predictors.calibration import ALONE, UNBIASED, Bias, Twins, expected
from archcast.predictors.neural._folds import Noise, left_out, moments, noise_of
from archcast.predictors.neural.device import OnDevice
from archcast.predictors.neural.losses import LOSS, LOSSES, Loss, OnTargets
from archcast.predictors.parameters import Number, Whole
from archcast.predictors.targets import TargetScale, rank_normal
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from torch import nn

    from archcast.predictors.neural._gcn import Graphs

__all__ = ["GraphNetworkEnsemble", "NetworkEnsemble", "TransformerEnsemble"]


class NetworkEnsemble(OnTargets, OnDevice):
    """Base of predictors that are an ensemble of networks on rows of a space, trained at once on rank-normal targets.

    Each member leaves out a fifth of the rows. ``mean`` is that of the members, ``std`` holds their spread and their error on the
    rows left out, where alike is predicted. ``n_members=1`` is a single network, whose std is 0. A subclass writes ``_learn``
    and ``_outputs``.

    Args:
        space: search space.
        n_members: networks in the ensemble.
        hidden: width of all layers.
        layers: number of layers that pass messages.
        epochs: passes over the training rows.
        learning_rate: its peak.
        weight_decay: decoupled weight decay.
        loss: what is minimised, see :mod:`archcast.predictors.neural.losses`.
        device: where the networks are trained: ``cpu``, ``cuda``, ``cuda:1``. Queries are answered on the processor.
        random_state: seed.
    """

    has_std = True
    noise_: Noise | float = 0.0  # in files of earlier versions, as bias_ and twins_
    bias_: Bias = UNBIASED
    twins_: Twins = ALONE
    needs_graph = True

    parameters = {
        "n_members": Whole(1),
        "hidden": Whole(1),
        "layers": Whole(1),
        "epochs": Whole(1),
        "learning_rate": Number(0, above=True),
        "weight_decay": Number(0),
        "loss": LOSS,
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        n_members: int = 5,
        hidden: int = 48,
        layers: int = 3,
        epochs: int = 100,
        learning_rate: float = 1e-2,
        weight_decay: float = 1e-2,
        loss: str = "squared",
        device: str = "cpu",
        random_state: Any = None,
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.n_members = n_members
        self.hidden = hidden
        self.layers = layers
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.loss = loss
        self.device = device

    def _learn(
        self,
        archs: NDArray[np.int64],
        targets: NDArray[np.float64],
        loss: Loss,
        seen: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> dict[str, NDArray[np.float32]]:
        """Weights of the networks trained on ``(n, d)`` rows and ``(n,)`` targets; ``(m, n)`` says who sees which row."""
        raise NotImplementedError

    def _outputs(self, archs: NDArray[np.int64]) -> NDArray[np.float64]:
        """``(m, n)`` outputs of the networks ``self.weights_``."""
        raise NotImplementedError

    def _init(self, known: Known) -> None:
        self.scale_ = TargetScale.of_scores(known.scores)
        rng, targets = self._rng(), rank_normal(known.scores)
        out = left_out(self.n_members, len(targets), rng)
        with self._on_device():
            self.weights_ = self._learn(known.archs, targets, LOSSES[self.loss], ~out, rng)
        outputs = self._outputs(known.archs)
        self._learn_scale(self.loss, outputs)
        canonical = self._space.canonical(known.archs)
        self.noise_, self.bias_, self.twins_ = noise_of(canonical, self._on_targets(outputs), targets, out)

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        mean, variance = moments(self._on_targets(self._outputs(archs)), self.noise_)
        std = np.sqrt(variance)
        return self.scale_.prediction(mean, *expected(self.bias_, self.twins_, self._space, archs, mean, std))


class GraphNetworkEnsemble(NetworkEnsemble):
    """Base of ensembles whose network reads graphs (:class:`~archcast.predictors.neural._gcn.Graphs`).

    A subclass names the network (``_network``), a torch module that maps graphs to ``(m, n)`` outputs; it may say of what shape
    (``_shape``) and add to the graphs (``_prepare``).
    """

    def _network(self) -> type[nn.Module]:
        """The class of the network; torch is imported in here."""
        raise NotImplementedError

    def _shape(self, graphs: Graphs) -> dict[str, Any]:
        """Arguments of the network."""
        return {
            "members": self.n_members,
            "features": graphs.nodes.shape[2],
            "averages": graphs.pooling.shape[1],
            "hidden": self.hidden,
            "layers": self.layers,
        }

    def _prepare(self, graphs: Graphs) -> Graphs:
        return graphs

    def _learn(
        self,
        archs: NDArray[np.int64],
        targets: NDArray[np.float64],
        loss: Loss,
        seen: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> dict[str, NDArray[np.float32]]:
        from archcast.predictors.neural import _training
        from archcast.predictors.neural._gcn import graphs_of

        graphs = self._prepare(graphs_of(self._space, archs))
        self.shape_ = self._shape(graphs)
        return _training.learn(
            partial(self._network(), **self.shape_),
            graphs,
            targets,
            loss,
            rng=rng,
            seen=seen,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
        )

    def _outputs(self, archs: NDArray[np.int64]) -> NDArray[np.float64]:
        from archcast.predictors.neural import _training

        make = partial(self._network(), **self.shape_)
        return _training.answers(make, self.weights_, self._space, archs, self._prepare)


class TransformerEnsemble(GraphNetworkEnsemble):
    """Base of ensembles of transformers on graphs, which want a smaller learning rate than convolutions do."""

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        n_members: int = 5,
        hidden: int = 48,
        layers: int = 3,
        epochs: int = 100,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        loss: str = "squared",
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
