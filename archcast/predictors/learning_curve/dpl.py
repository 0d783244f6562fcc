"""Deep Power Laws: an ensemble of networks that give each architecture a power law (Kadra et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.base import Prediction, register
from archcast.predictors.features import FeatureGroups, suited
from archcast.predictors.learning_curve.curves import CurvePredictor, Curves
from archcast.predictors.neural._folds import left_out
from archcast.predictors.parameters import Encoding, Number, Whole, Wholes
from archcast.spaces.base import SearchSpace

__all__ = ["DPL", "conditioned"]

Floats = NDArray[np.float64]

MOST = 500
"""Curves that are learned from."""
USUAL = (0.75, 0.6, 0.6)
"""Coefficients where no curve has been seen: an asymptote of .75, a gain of .6, a decay of .6."""
SPREAD = (0.15, 0.3)
"""Standard deviation of asymptote and gain around what a network says, before curves tell."""
LOOSE = (0.02, 0.06, 0.2, 0.5, 1.0)
"""Factors of these that are tried."""
NOISE = 0.01
"""Standard deviation of a curve around its power law, at least."""


@register(
    "dpl",
    summary="ensemble of networks that give each architecture a power law, corrected by the beginning of its curve",
    paper="Kadra et al. 2023, https://arxiv.org/abs/2302.00441",
    family="learning-curve",
    needs="a partial curve; learns from others, complete or not",
)
class DPL(CurvePredictor):
    """Deep Power Laws (Kadra et al. 2023, https://arxiv.org/abs/2302.00441).

    The networks of an ensemble map the encoded architecture to the coefficients of a power law of the epoch b,

        y(b) = a - c b^-g,    c, g > 0

    and learn from all known epochs of the curves given to ``init``, complete or not, by the mean absolute error. ``mean`` and the
    spread in ``std`` are those of the members at the last epoch.

    Departures from the paper: where the paper goes on training its networks on the curve that has grown, here each member keeps
    its g, and a and c follow the beginning of the queried curve by least squares, with the network's a and c as the prior: so an
    answer does not depend on the other rows. Each member leaves a fifth of the curves out; on those, cut where the queried curve
    ends, it is learned how tight the prior is, and ``std`` also holds the error there. Width and training were chosen here.
    Without any curve at init a fixed power law is the prior. The signal itself is forecast; ``scores`` play no part.

    Args:
        space: any space.
        encoding: name of an encoding, or several.
        n_members: networks in the ensemble.
        hidden: units of each hidden layer.
        passes: passes over the curves.
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
        >>> dpl = archcast.get_predictor("dpl", space, passes=60, random_state=0)
        >>> dpl = dpl.init(archs, None, archcast.Evidence({"val_accuracy": curves}))
        >>> begun = archcast.Evidence({"val_accuracy": curves[:2, :6]})
        >>> bool(np.abs(dpl.query(archs[:2], begun).mean - curves[:2, -1]).max() < 0.05)
        True
    """

    has_std = True

    parameters = {
        "encoding": Encoding(),
        "n_members": Whole(1),
        "hidden": Wholes(),
        "passes": Whole(1),
        "learning_rate": Number(0, above=True),
        "weight_decay": Number(0),
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = "auto",
        n_members: int = 5,
        hidden: Sequence[int] = (64, 64),
        passes: int = 150,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        signal: str = "val_accuracy",
        epochs: int = 5,
        total_epochs: int | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, signal=signal, epochs=epochs, total_epochs=total_epochs, random_state=random_state)
        self.encoding = encoding
        self.n_members = n_members
        self.hidden = hidden
        self.passes = passes
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay

    def _learn(self, archs: NDArray[np.int64], scores: Floats, curves: Curves | None) -> None:
        self.weights_, self.features_ = None, None
        if curves is None:
            return
        from archcast.predictors.learning_curve import _power_law
        from archcast.predictors.neural._mlp import inputs_of

        rng = self._rng()
        rows = rng.permutation(len(archs))[:MOST]
        self.features_ = FeatureGroups.of(self._space, suited(self.encoding, self._space))
        inputs, self.known_ = inputs_of(self.features_.matrix(archs[rows])), curves.shares[rows]
        out = left_out(self.n_members, len(rows), rng)
        self.weights_ = _power_law.learn(
            inputs,
            self.known_,
            rng=rng,
            seen=~out,
            hidden=self.hidden,
            epochs=self.passes,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
        )
        self.coefficients_ = _power_law.coefficients(self.weights_, inputs)
        self.out_ = out

    def _extrapolate(self, archs: NDArray[np.int64], curves: Curves) -> Prediction:
        shares, mean, std = curves.shares, np.zeros(len(curves)), np.zeros(len(curves))
        laws = self._laws(archs)
        for seen in np.unique(curves.seen):
            rows = curves.seen == seen
            trust, noise = self._left_out(int(seen), curves.goal)
            found = conditioned(laws[:, rows], shares[rows, :seen], curves.goal, trust)
            mean[rows], std[rows] = found.mean(axis=0), np.sqrt(found.var(axis=0) + noise)
        low, high = curves.bounds
        return Prediction(np.clip(curves.scale.backward(mean), low, high), curves.scale.backward_std(std))

    def _laws(self, archs: NDArray[np.int64]) -> Floats:
        """``(m, n, 3)`` coefficients before the beginning of the curve is looked at."""
        if self.weights_ is None or self.features_ is None:
            return np.broadcast_to(np.array(USUAL), (1, len(archs), 3))
        from archcast.predictors.learning_curve import _power_law
        from archcast.predictors.neural._mlp import inputs_of

        return _power_law.coefficients(self.weights_, inputs_of(self.features_.matrix(archs)))

    def _left_out(self, seen: int, goal: int) -> tuple[float, float]:
        """Of ``LOOSE`` the prior with the least error at epoch ``goal`` on curves that a member has not seen, cut after ``seen``
        epochs, and the mean square of that error."""
        if seen >= goal:
            return 1.0, NOISE**2
        if self.weights_ is not None and self.known_.shape[1] >= goal:
            complete = np.isfinite(self.known_[:, goal - 1])
            out = self.out_[:, complete] if self.out_.any() else np.ones_like(self.out_[:, complete])
            if out.any():
                laws, begun, truth = (
                    self.coefficients_[:, complete],
                    self.known_[complete, :seen],
                    self.known_[complete, goal - 1],
                )
                errors = [np.square(conditioned(laws, begun, goal, loose) - truth)[out].mean() for loose in LOOSE]
                best = int(np.argmin(errors))
                return LOOSE[best], float(errors[best]) + NOISE**2
        return 1.0, SPREAD[0] ** 2 / (1 + seen)


def conditioned(laws: Floats, begun: Floats, goal: int, loose: float = 1.0) -> Floats:
    """``(m, n)`` values at epoch ``goal`` of power laws that have followed the beginning of the curve.

    The law keeps its decay g; asymptote and gain maximise their posterior under normal priors around those of the law and normal
    errors, of which epochs near the end have the smallest: the variance is that of the newest times ``(1 + age)``.

    Args:
        laws: ``(m, n, 3)`` coefficients a, c, g.
        begun: ``(n, c)`` values of the first epochs; if the goal is among them, it is the answer.
        goal: the epoch that is forecast.
        loose: factor of the standard deviations of the prior, ``SPREAD``.
    """
    c = begun.shape[1]
    if c >= goal:
        return np.broadcast_to(begun[:, goal - 1], laws.shape[:2]).copy()
    epochs = np.arange(1, c + 1)
    a, gain, decay = np.moveaxis(laws, 2, 0)
    powers = np.exp(-decay[..., None] * np.log(epochs))
    weights = 1 / (1 + c - epochs) / NOISE**2
    error = begun - (a[..., None] - gain[..., None] * powers)
    aa, ac, cc = weights.sum(), -(weights * powers).sum(axis=2), (weights * powers**2).sum(axis=2)
    ra, rc = (weights * error).sum(axis=2), -(weights * powers * error).sum(axis=2)
    aa, cc = aa + 1 / (loose * SPREAD[0]) ** 2, cc + 1 / (loose * SPREAD[1]) ** 2
    determinant = aa * cc - ac**2
    a, gain = a + (cc * ra - ac * rc) / determinant, gain + (aa * rc - ac * ra) / determinant
    return np.asarray(a - np.maximum(gain, 0.0) * np.exp(-decay * np.log(goal)))
