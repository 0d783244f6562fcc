"""The predictor of Neural Architecture Optimization: encoder, predictor, decoder (Luo et al. 2018)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction, register
from archcast.predictors.neural.device import OnDevice
from archcast.predictors.neural.losses import LOSS, LOSSES, OnTargets
from archcast.predictors.parameters import Number, Whole
from archcast.predictors.targets import TargetScale, rank_normal
from archcast.spaces.base import SearchSpace

__all__ = ["NAO"]


@register(
    "nao",
    summary="LSTM encoder, predictor and decoder on the sequence of decisions",
    paper="Luo et al. 2018, https://arxiv.org/abs/1808.07233",
    family="neural",
)
class NAO(OnTargets, OnDevice):
    """The performance predictor of Neural Architecture Optimization.

    An LSTM encodes the sequence of decisions; a feed-forward network predicts the target from the mean of its states;
    an LSTM with attention decodes the sequence again. The loss is the squared error times ``trade_off`` plus the
    cross-entropy of the decoded sequence times ``1 - trade_off``.

    Departures from the paper: the sequence is the canonical row, one token a decision, with a positional embedding, where the
    paper's has several tokens a node; targets are rank-normal and the predictor has no final sigmoid, where the paper
    scales accuracies to [0, 1]; widths, ``trade_off``, dropout (on the inputs of the encoder) and training (AdamW with warm-up and
    decay, 150 epochs) were chosen here, not taken from the paper; and the gradient step from an embedding to a better
    architecture is no part of it. Evidence is not used.

    Args:
        space: search space.
        hidden: width of all layers.
        dropout: share of the encoder's inputs dropped in training.
        trade_off: weight of the prediction against the reconstruction, 0 to 1.
        epochs: passes over the training rows.
        learning_rate: its peak.
        weight_decay: decoupled weight decay.
        loss: what is minimised: ``"squared"`` or ``"absolute"`` error, or a ranking loss, ``"hinge"``, ``"bpr"`` or ``"listmle"``.
        device: where the networks are trained: ``cpu``, ``cuda``, ``cuda:1``. Queries are answered on the processor.
        random_state: seed.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(30, 0)
        >>> nao = archcast.get_predictor("nao", space=space, random_state=0).init(archs, (archs == 3).sum(axis=1))
        >>> mean = nao.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    parameters = {
        "hidden": Whole(1),
        "dropout": Number(0, 1, below=True),
        "trade_off": Number(0, 1),
        "epochs": Whole(1),
        "learning_rate": Number(0, above=True),
        "weight_decay": Number(0),
        "loss": LOSS,
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        hidden: int = 64,
        dropout: float = 0.2,
        trade_off: float = 0.5,
        epochs: int = 150,
        learning_rate: float = 1e-2,
        weight_decay: float = 1e-2,
        loss: str = "squared",
        device: str = "cpu",
        random_state: Any = None,
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.hidden = hidden
        self.dropout = dropout
        self.trade_off = trade_off
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.loss = loss
        self.device = device

    def _init(self, known: Known) -> None:
        self._train(known, self._rng())

    def _train(self, known: Known, rng: np.random.Generator, **unlabelled: Any) -> None:
        """Learn from the scored architectures, and from unlabelled ones where :func:`_sequence.learn` is given them."""
        from archcast.predictors.neural import _sequence

        self.scale_ = TargetScale.of_scores(known.scores)
        with self._on_device():
            self.weights_ = _sequence.learn(
                self._space,
                known.archs,
                rank_normal(known.scores),
                rng=rng,
                hidden=self.hidden,
                dropout=self.dropout,
                trade_off=self.trade_off,
                epochs=self.epochs,
                learning_rate=self.learning_rate,
                weight_decay=self.weight_decay,
                loss=LOSSES[self.loss],
                **unlabelled,
            )
        self._learn_scale(self.loss, _sequence.outputs(self._space, known.archs, self.weights_)[None])

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        from archcast.predictors.neural import _sequence

        outputs = _sequence.outputs(self._space, archs, self.weights_)
        return Prediction(self.scale_.backward(self._on_targets(outputs[None])[0]))
