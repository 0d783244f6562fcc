"""A Bayesian network with a layer of basis curves: structure and the beginning of a curve together (Klein et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.base import Prediction, register
from archcast.predictors.features import FeatureGroups, suited
from archcast.predictors.learning_curve.curves import CurvePredictor, Curves
from archcast.predictors.parameters import Encoding, Number, Whole, Wholes
from archcast.spaces.base import SearchSpace

__all__ = ["LCBNN"]


@register(
    "lc-bnn",
    summary="Bayesian network from the architecture to coefficients of basis curves",
    paper="Klein et al. 2017, https://openreview.net/forum?id=S11KBYclx",
    family="learning-curve",
    needs="a partial curve; learns from complete ones",
)
class LCBNN(CurvePredictor):
    """Learning-curve Bayesian network (Klein et al. 2017, https://openreview.net/forum?id=S11KBYclx).

    Basis curves, an asymptote and four kinds of decay, and a normal distribution of their coefficients are fitted to the curves
    given at init. A small network maps the encoded architecture to the mean of its coefficients; its weights are sampled from
    their posterior by stochastic-gradient Hamiltonian Monte Carlo. The beginning of a new curve then updates the normal
    distribution of its coefficients in closed form. The value at the last epoch is mapped to the score by a straight line that is
    fitted at init. See :mod:`archcast.predictors.learning_curve._curve_bnn` for the formulas.

    Departures from the paper: there the network is trained anew with the beginning of the new curve among its data, here the
    distribution of the coefficients takes it up at query; shapes of the basis curves are shared by all architectures and fitted,
    not sampled; the noise does not depend on the architecture; curves are read at some 24 epochs.

    Args:
        space: search space.
        encoding: name of an encoding, or several names; ``"auto"`` is ``"graph-features"``, or the decisions themselves in a space
            without cell graphs.
        hidden: units of each hidden layer.
        fit_steps: most iterations of the fit of the basis curves.
        n_chains: chains that run side by side.
        burn_in: first steps of each chain, thrown away.
        draws: samples kept of each chain.
        thinning: steps from one sample to the next.
        step_size: of the sampler.
        signal: name of the curve.
        epochs: fewest epochs that a row must have, at init and at query; all that is there is used.
        total_epochs: epochs of a full training; ``None`` takes the longest curve seen at init.
        random_state: seed.

    Examples:
        >>> import archcast
        >>> import numpy as np
        >>> space = archcast.get_space("nasbench201")
        >>> archs, tops = space.sample(40, 0), np.linspace(60, 90, 40)
        >>> whole = tops[:, None] * (1 - 0.7 * 0.8 ** np.arange(20))
        >>> part = archcast.Evidence({"val_accuracy": whole[1::2, :6]})
        >>> predictor = archcast.get_predictor("lc-bnn", space, random_state=0)
        >>> predictor = predictor.init(archs[::2], tops[::2], archcast.Evidence({"val_accuracy": whole[::2]}))
        >>> bool(abs(predictor.query(archs[1::2], part).mean - tops[1::2]).mean() < 5)
        True
    """

    has_std = True
    learns_from_labels = True

    parameters = {
        "encoding": Encoding(dispensable=True),
        "hidden": Wholes(),
        "fit_steps": Whole(1),
        "n_chains": Whole(1),
        "burn_in": Whole(1),
        "draws": Whole(1),
        "thinning": Whole(1),
        "step_size": Number(0, above=True),
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = "auto",
        hidden: Sequence[int] = (32,),
        fit_steps: int = 150,
        n_chains: int = 4,
        burn_in: int = 600,
        draws: int = 10,
        thinning: int = 30,
        step_size: float = 0.03,
        signal: str = "val_accuracy",
        epochs: int = 5,
        total_epochs: int | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, signal=signal, epochs=epochs, total_epochs=total_epochs, random_state=random_state)
        self.encoding = encoding
        self.hidden = hidden
        self.fit_steps = fit_steps
        self.n_chains = n_chains
        self.burn_in = burn_in
        self.draws = draws
        self.thinning = thinning
        self.step_size = step_size

    def _learn(self, archs: NDArray[np.int64], scores: NDArray[np.float64], curves: Curves | None) -> None:
        from archcast.predictors.learning_curve import _curve_bnn
        from archcast.predictors.neural._mlp import inputs_of

        assert curves is not None
        self.features_ = FeatureGroups.of(self._space, suited(self.encoding, self._space, ("graph-features",)))
        self.grid_ = _curve_bnn.grid_of(curves.total)
        values = _curve_bnn.at_grid(self.grid_, curves.values)
        self.center_ = float(curves.last.mean())
        self.width_ = float(np.nanstd(values)) or 1.0
        inputs = inputs_of(self.features_.matrix(archs))
        self.widths_ = [inputs.shape[1], *(int(width) for width in self.hidden)]
        values, seen = (values - self.center_) / self.width_, _curve_bnn.points_seen(self.grid_, curves.seen)
        self.basis_ = _curve_bnn.fit_basis(values, seen, self.grid_, steps=self.fit_steps)
        self.samples_, self.tau2_ = _curve_bnn.learn(
            self.basis_,
            inputs,
            values,
            seen,
            self.widths_,
            rng=self._rng(),
            chains=self.n_chains,
            burn_in=self.burn_in,
            draws=self.draws,
            thinning=self.thinning,
            step_size=self.step_size,
        )
        final = self._final(archs, curves)[0]
        self.line_ = _line(final, scores)
        self.error_ = float((scores - (self.line_[0] * final + self.line_[1])).std())

    def _extrapolate(self, archs: NDArray[np.int64], curves: Curves) -> Prediction:
        final, variance = self._final(archs, curves)
        slope, intercept = self.line_
        return Prediction(slope * final + intercept, np.sqrt(slope**2 * variance + self.error_**2))

    def _final(self, archs: NDArray[np.int64], curves: Curves) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance of the signal at the last epoch, standardised."""
        from archcast.predictors.learning_curve import _curve_bnn
        from archcast.predictors.neural._mlp import inputs_of

        mean, covariance = _curve_bnn.outputs(self.samples_, self.widths_, inputs_of(self.features_.matrix(archs)))
        values = (_curve_bnn.at_grid(self.grid_, curves.values) - self.center_) / self.width_
        seen = _curve_bnn.points_seen(self.grid_, curves.seen)
        moments, which, precisions = _curve_bnn.conditioned(self.basis_, values, seen)
        before = np.linalg.inv(covariance + self.tau2_ * np.eye(len(mean[0])))
        after = np.linalg.inv(precisions[which] + before)
        u = np.einsum("nij,nj->ni", after, moments + np.einsum("nij,nj->ni", before, mean))
        last = self.basis_["curves"][-1]
        loaded = last @ self.basis_["effect"]
        variance = np.einsum("i,nij,j->n", loaded, after, loaded) + self.basis_["noise"] ** 2
        return last @ self.basis_["mean"] + u @ loaded, variance


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slope and intercept of least squares; the slope is 0 where it would be negative or there is nothing to tell it from."""
    deviation = x - x.mean()
    square = float((deviation**2).sum())
    slope = max(float((deviation * y).sum()) / square, 0.0) if square > 1e-12 and len(x) > 1 else 0.0
    return np.array([slope, float(y.mean()) - slope * float(x.mean())])
