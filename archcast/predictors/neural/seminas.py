"""SemiNAS: the network of NAO, trained further on architectures that it labels itself (Luo et al. 2020)."""

from __future__ import annotations

from typing import Any

from archcast.predictors.base import Known, register
from archcast.predictors.neural.nao import NAO
from archcast.predictors.parameters import Whole
from archcast.spaces.base import SearchSpace

__all__ = ["SemiNAS"]


@register(
    "seminas",
    summary="NAO's network, trained further on pseudo-labels of unlabelled architectures",
    paper="Luo et al. 2020, https://arxiv.org/abs/2002.10389",
    family="neural",
)
class SemiNAS(NAO):
    """Semi-supervised Neural Architecture Search's predictor.

    The encoder, predictor and decoder of :class:`~archcast.predictors.neural.nao.NAO` learn from the scored architectures;
    then, ``rounds`` times, they predict unlabelled ones and are trained on both, with equal weight. Unlabelled
    architectures come from ``init(..., pool=...)`` or, without a pool, from the space.

    Departures from the paper are those of ``nao``, and: ``n_unlabelled`` is hundreds, not 10,000, and there is one round of
    pseudo-labels, not three, because more did not rank better here; labelled rows are repeated until they weigh as much as the
    unlabelled ones, where the paper samples them up by a factor.

    Args:
        space: search space.
        n_unlabelled: unlabelled architectures; a larger pool is sampled.
        rounds: how often they are labelled anew.
        round_epochs: passes over the unlabelled architectures in each round.
        hidden: width of all layers.
        dropout: share of the encoder's inputs dropped in training.
        trade_off: weight of the prediction against the reconstruction, 0 to 1.
        epochs: passes over the scored architectures before the first round.
        learning_rate: its peak.
        weight_decay: decoupled weight decay.
        loss: what is minimised: ``"squared"`` or ``"absolute"`` error, or a ranking loss, ``"hinge"``, ``"bpr"`` or ``"listmle"``.
        device: where the networks are trained: ``cpu``, ``cuda``, ``cuda:1``. Queries are answered on the processor.
        random_state: seed.
    """

    parameters = {"n_unlabelled": Whole(1), "rounds": Whole(0), "round_epochs": Whole(1)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        n_unlabelled: int = 256,
        rounds: int = 1,
        round_epochs: int = 50,
        hidden: int = 64,
        dropout: float = 0.2,
        trade_off: float = 0.5,
        epochs: int = 100,
        learning_rate: float = 1e-2,
        weight_decay: float = 1e-2,
        loss: str = "squared",
        device: str = "cpu",
        random_state: Any = None,
    ) -> None:
        super().__init__(
            space,
            hidden=hidden,
            dropout=dropout,
            trade_off=trade_off,
            epochs=epochs,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            loss=loss,
            device=device,
            random_state=random_state,
        )
        self.n_unlabelled = n_unlabelled
        self.rounds = rounds
        self.round_epochs = round_epochs

    def _init(self, known: Known) -> None:
        rng = self._rng()
        if known.pool is None:
            unlabelled = self._space.sample(self.n_unlabelled, rng)
        else:
            unlabelled = known.pool.archs[rng.permutation(len(known.pool.archs))[: self.n_unlabelled]]
        self._train(known, rng, unlabelled=unlabelled, rounds=self.rounds, round_epochs=self.round_epochs)
