"""DyHPO's surrogate: a Gaussian process with a deep kernel over architecture, curve and budget (Wistuba et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.spatial.distance import cdist

from archcast.predictors.base import Prediction, register
from archcast.predictors.features import FeatureGroups, suited
from archcast.predictors.learning_curve.curves import CurvePredictor, Curves
from archcast.predictors.parameters import Encoding, Number, Whole, Wholes
from archcast.spaces.base import SearchSpace

__all__ = ["DyHPO"]

Floats = NDArray[np.float64]

FEWEST = 4
"""Examples that the process learns from, at least."""
USUAL = 0.15
"""Standard deviation, on [0, 1], of what a curve gains from its first epoch to its last where none has been seen."""


@register(
    "dyhpo",
    summary="Gaussian process with a deep kernel over architecture, curve so far and epoch",
    paper="Wistuba et al. 2022, https://arxiv.org/abs/2202.09774",
    family="learning-curve",
    needs="a partial curve; learns from others, complete or not",
)
class DyHPO(CurvePredictor):
    """The surrogate of DyHPO (Wistuba et al. 2022, https://arxiv.org/abs/2202.09774).

    A network embeds the encoded architecture, a convolution over its curve so far, and the epoch asked for; a Gaussian process with
    a squared exponential kernel lies on the embedding. Network and kernel maximise the marginal likelihood together.

    Departures from the paper: what is predicted is what the curve gains after the last epoch seen, not its level; examples are
    curves cut at a random epoch with any later epoch as the goal, half of them the last, where the paper only looks one step
    ahead; an answer does not depend on the other rows; the multi-fidelity search is no part of it. The signal itself is forecast;
    ``scores`` play no part. Without curves at init a curve is expected to stay as it is.

    Args:
        space: any space.
        encoding: name of an encoding, or several.
        examples: most examples drawn from the curves; the time of a fit grows with their cube.
        hidden: units of each hidden layer.
        steps: steps of the optimiser.
        learning_rate: its peak.
        weight_decay: decoupled weight decay.
        signal: name of the curve.
        epochs: fewest epochs that a row must have at query.
        total_epochs: epochs of a full training; ``None`` takes the longest curve seen at init.
        random_state: seed.

    Examples:
        >>> import archcast
        >>> import numpy as np
        >>> space = archcast.get_space("nasbench201")
        >>> archs, t = space.sample(30, 0), np.arange(1, 21)
        >>> curves = 0.5 + 0.08 * (archs == 3).sum(axis=1)[:, None] - 0.4 * t**-0.7
        >>> dyhpo = archcast.get_predictor("dyhpo", space, examples=100, steps=50, random_state=0)
        >>> dyhpo = dyhpo.init(archs, None, archcast.Evidence({"val_accuracy": curves}))
        >>> begun = archcast.Evidence({"val_accuracy": curves[:2, :6]})
        >>> bool(np.abs(dyhpo.query(archs[:2], begun).mean - curves[:2, -1]).max() < 0.05)
        True
    """

    has_std = True

    parameters = {
        "encoding": Encoding(),
        "examples": Whole(1),
        "hidden": Wholes(),
        "steps": Whole(1),
        "learning_rate": Number(0, above=True),
        "weight_decay": Number(0),
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = "auto",
        examples: int = 400,
        hidden: Sequence[int] = (64, 64),
        steps: int = 100,
        learning_rate: float = 5e-3,
        weight_decay: float = 1e-2,
        signal: str = "val_accuracy",
        epochs: int = 5,
        total_epochs: int | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, signal=signal, epochs=epochs, total_epochs=total_epochs, random_state=random_state)
        self.encoding = encoding
        self.examples = examples
        self.hidden = hidden
        self.steps = steps
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay

    def _learn(self, archs: NDArray[np.int64], scores: Floats, curves: Curves | None) -> None:
        self.weights_ = None
        rng = self._rng()
        row, seen, goal = (np.zeros(0, dtype=np.int64),) * 3 if curves is None else cuts(curves, self.examples, rng)
        if curves is None or len(row) < FEWEST:
            return
        from archcast.predictors.learning_curve import _deep_kernel

        self.features_ = FeatureGroups.of(self._space, suited(self.encoding, self._space))
        shares = curves.shares
        inputs = inputs_of(self.features_, archs[row], shares[row], seen, goal, curves.total)
        gains = shares[row, goal - 1] - shares[row, seen - 1]
        self.centre_, self.unit_ = float(gains.mean()), max(float(gains.std()), 1e-6)
        targets = (gains - self.centre_) / self.unit_
        self.weights_ = _deep_kernel.learn(
            inputs,
            targets,
            rng=rng,
            hidden=self.hidden,
            steps=self.steps,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
        )
        self.points_ = _deep_kernel.embedded(self.weights_, inputs)
        scale, noise = _deep_kernel.hyperparameters(self.weights_)
        covariance = scale * kernel(self.points_, self.points_) + noise * np.eye(len(targets))
        self.factor_ = np.tril(cho_factor(covariance, lower=True)[0])
        self.solved_ = cho_solve((self.factor_, True), targets)

    def _extrapolate(self, archs: NDArray[np.int64], curves: Curves) -> Prediction:
        goal = np.full(len(curves), curves.goal)
        if self.weights_ is None:
            gain, std = np.zeros(len(curves)), USUAL * np.sqrt(np.maximum(1 - curves.seen / curves.goal, 1e-4))
        else:
            from archcast.predictors.learning_curve import _deep_kernel

            inputs = inputs_of(self.features_, archs, curves.shares, curves.seen, goal, curves.total)
            scale, noise = _deep_kernel.hyperparameters(self.weights_)
            cross = scale * kernel(_deep_kernel.embedded(self.weights_, inputs), self.points_)
            gain = self.centre_ + self.unit_ * (cross @ self.solved_)
            explained = np.square(solve_triangular(self.factor_, cross.T, lower=True)).sum(axis=0)
            std = self.unit_ * np.sqrt(np.maximum(scale - explained, 0.0) + noise)
            gain, std = np.where(curves.complete, 0.0, gain), np.where(curves.complete, 1e-4, std)
        low, high = curves.bounds
        return Prediction(
            np.clip(curves.last + curves.scale.backward_std(gain), low, high), curves.scale.backward_std(std)
        )


def kernel(a: Floats, b: Floats) -> Floats:
    """``(n, m)`` squared exponential of ``(n, k)`` and ``(m, k)`` points."""
    return np.asarray(np.exp(-cdist(a, b, "sqeuclidean") / 2))


def cuts(
    curves: Curves, many: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Row, epochs seen and goal of at most ``many`` examples: the rows in turn, each cut at an epoch that is log-uniform, with its
    last known epoch as the goal in one half of the examples, and any later epoch in the other."""
    usable = rng.permutation(np.flatnonzero(curves.seen > 1))
    if len(usable) == 0:
        return (np.zeros(0, dtype=np.int64),) * 3
    row = np.resize(usable, min(many, len(usable) * curves.total))
    length = curves.seen[row]
    seen = np.minimum(np.exp(rng.uniform(0, np.log(length))).astype(np.int64), length - 1)
    later = seen + 1 + (rng.random(len(row)) * (length - seen)).astype(np.int64)
    return row, seen, np.where(rng.random(len(row)) < 0.5, length, np.minimum(later, length))


def inputs_of(
    features: FeatureGroups,
    archs: NDArray[np.int64],
    shares: Floats,
    seen: NDArray[np.int64],
    goal: NDArray[np.int64],
    total: int,
) -> tuple[Floats, Floats, Floats]:
    """Features ``(n, k)``, curves ``(n, T)`` that are 0 after the epochs seen, and budgets ``(n, 2)``."""
    from archcast.predictors.neural._mlp import inputs_of as scaled

    so_far = np.zeros((len(archs), total))
    width = min(total, shares.shape[1])
    before = np.arange(width) < seen[:, None]
    so_far[:, :width] = np.where(before, shares[:, :width], 0.0)
    return scaled(features.matrix(archs)), so_far, np.stack([seen, goal], axis=1) / total
