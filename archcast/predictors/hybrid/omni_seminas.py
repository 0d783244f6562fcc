"""OMNI with SemiNAS in the place of NGBoost (White et al. 2021): the better of the two where trained architectures are few."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.evidence import Pool
from archcast.predictors.base import Prediction, register
from archcast.predictors.hybrid._omni import OmniPredictor
from archcast.predictors.neural.device import OnDevice
from archcast.predictors.neural.losses import LOSS, LOSSES, OnTargets
from archcast.predictors.parameters import Number, Whole
from archcast.predictors.targets import TargetScale, rank_normal
from archcast.spaces.base import SearchSpace

__all__ = ["OmniSemiNAS"]

BINS = 10
"""Tokens that a number becomes, by its quantile among the training rows; one more stands for an unknown number."""

BATCH = 64
"""Rows a step."""
FEWEST_STEPS = 100
"""Steps before the first round; few rows are passed over more often."""
DECODE_EVERY = 8
"""The sequence is decoded in every so manieth step: as good as in every one, and quicker."""


@register(
    "omni-seminas",
    summary="SemiNAS on the architecture, SoTL-E and Jacobian covariance",
    paper="White et al. 2021, https://arxiv.org/abs/2104.01177",
    family="hybrid",
)
class OmniSemiNAS(OnTargets, OnDevice, OmniPredictor):
    """OMNI (White et al. 2021, https://arxiv.org/abs/2104.01177) with the network of SemiNAS (Luo et al. 2020).

    SemiNAS reads an architecture as a sequence of decisions. SoTL-E and the Jacobian covariance are two more tokens at its end:
    which tenth of the training rows the number falls in. Unlabelled architectures have no curve; their two tokens say that
    nothing is known, and so that the network learns what to make of these, half of the trained architectures of each batch are
    without their numbers.

    Args:
        space: search space.
        n_unlabelled: unlabelled architectures, of the pool or of the space.
        rounds: how often they are labelled anew.
        round_epochs: passes over the unlabelled architectures in each round.
        hidden: width of all layers.
        dropout: share of the encoder's inputs dropped in training.
        trade_off: weight of the prediction against the reconstruction, 0 to 1.
        passes: passes over the scored architectures before the first round.
        learning_rate: its peak.
        weight_decay: decoupled weight decay.
        loss: what is minimised: ``"squared"`` or ``"absolute"`` error, or a ranking loss, ``"hinge"``, ``"bpr"`` or ``"listmle"``.
        without: the part that is left out: ``"curve"``, ``"proxy"``, ``"encoding"`` or ``None``.
        window: E of SoTL-E.
        scoring: parameters of ``zero-cost``, for a Jacobian covariance that is not given; ``None`` takes its own.
        signal: name of the curve.
        epochs: epochs of the curve that are used.
        total_epochs: epochs of a full training; it plays no part here.
        device: where the networks are trained: ``cpu``, ``cuda``, ``cuda:1``. Queries are answered on the processor.
        random_state: seed.
    """

    parameters = {
        "n_unlabelled": Whole(1),
        "rounds": Whole(0),
        "round_epochs": Whole(1),
        "hidden": Whole(1),
        "dropout": Number(0, 1, below=True),
        "trade_off": Number(0, 1),
        "passes": Whole(1),
        "learning_rate": Number(0, above=True),
        "weight_decay": Number(0),
        "loss": LOSS,
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        n_unlabelled: int = 64,
        rounds: int = 1,
        round_epochs: int = 20,
        hidden: int = 64,
        dropout: float = 0.2,
        trade_off: float = 0.5,
        passes: int = 50,
        learning_rate: float = 1e-2,
        weight_decay: float = 1e-2,
        without: str | None = None,
        window: int = 1,
        scoring: Mapping[str, Any] | None = None,
        signal: str = "train_loss",
        epochs: int = 5,
        total_epochs: int | None = None,
        loss: str = "squared",
        device: str = "cpu",
        random_state: Any = None,
    ) -> None:
        super().__init__(
            space,
            without=without,
            window=window,
            scoring=scoring,
            signal=signal,
            epochs=epochs,
            total_epochs=total_epochs,
            random_state=random_state,
        )
        self.n_unlabelled = n_unlabelled
        self.rounds = rounds
        self.round_epochs = round_epochs
        self.hidden = hidden
        self.dropout = dropout
        self.trade_off = trade_off
        self.passes = passes
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.loss = loss
        self.device = device

    def _fit(
        self,
        archs: NDArray[np.int64],
        columns: NDArray[np.float64],
        scores: NDArray[np.float64],
        pool: Pool | None,
        rng: np.random.Generator,
    ) -> None:
        from archcast.predictors.neural import _sequence

        self.edges_ = np.quantile(columns, np.arange(1, BINS) / BINS, axis=0)
        self.scale_ = TargetScale.of_scores(scores)
        known, unlabelled, unknown = self._rows(archs, self._bins(columns)), None, None
        if self.without != "encoding":
            if pool is None:
                others = self._space.sample(self.n_unlabelled, rng)
            else:
                others = pool.archs[rng.permutation(len(pool.archs))[: self.n_unlabelled]]
            unlabelled = self._rows(others, np.full((len(others), columns.shape[1]), BINS))
            unknown = self._rows(np.full_like(archs[:1], -1), np.full((1, columns.shape[1]), BINS))[0]
        with self._on_device():
            self.weights_ = _sequence.learn(
                self._decisions(columns.shape[1]),
                known,
                rank_normal(scores),
                rng=rng,
                hidden=self.hidden,
                dropout=self.dropout,
                trade_off=self.trade_off,
                epochs=self.passes,
                learning_rate=self.learning_rate,
                weight_decay=self.weight_decay,
                loss=LOSSES[self.loss],
                unlabelled=unlabelled,
                rounds=self.rounds,
                round_epochs=self.round_epochs,
                batch_sizes=(BATCH, BATCH),
                fewest_steps=FEWEST_STEPS,
                decode_every=DECODE_EVERY,
                unknown=unknown,
            )
        self._learn_scale(self.loss, self._outputs(known, columns.shape[1]))

    def _answer(self, archs: NDArray[np.int64], columns: NDArray[np.float64]) -> Prediction:
        outputs = self._outputs(self._rows(archs, self._bins(columns)), columns.shape[1])
        return Prediction(self.scale_.backward(self._on_targets(outputs)[0]))

    def _outputs(self, rows: NDArray[np.int64], k: int) -> NDArray[np.float64]:
        """``(1, n)`` outputs of the network for rows that end with ``k`` numbers."""
        from archcast.predictors.neural import _sequence

        return _sequence.outputs(self._decisions(k), rows, self.weights_)[None]

    def _bins(self, columns: NDArray[np.float64]) -> NDArray[np.int64]:
        """``(n, k)`` numbers to 0 .. BINS - 1."""
        return (columns[:, None, :] > self.edges_).sum(axis=1)

    def _rows(self, archs: NDArray[np.int64], bins: NDArray[np.int64]) -> NDArray[np.int64]:
        return bins if self.without == "encoding" else np.hstack([archs, bins])

    def _decisions(self, k: int) -> Decisions:
        return Decisions(None if self.without == "encoding" else self._space, k)


@dataclass(frozen=True)
class Decisions:
    """The decisions of a space, followed by ``bins`` further ones; what the sequence network needs to know of a space.

    Attributes:
        space: that of the first decisions, or ``None`` if there are none.
        bins: number of the others, each with the values 0 .. BINS.
    """

    space: SearchSpace | None
    bins: int

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Number of values of each decision."""
        return (() if self.space is None else self.space.cardinalities) + (BINS + 1,) * self.bins

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows whose architecture is in canonical form."""
        if self.space is None:
            return rows
        return np.hstack([self.space.canonical(rows[:, : -self.bins]), rows[:, -self.bins :]])
