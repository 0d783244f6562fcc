"""BOHAMIANN: a Bayesian neural network sampled by Hamiltonian Monte Carlo (Springenberg et al. 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.base import register
from archcast.predictors.neural.device import OnDevice
from archcast.predictors.parameters import Number, Whole, Wholes
from archcast.predictors.regression import DEFAULT_ENCODING, FeatureRegressor
from archcast.spaces.base import SearchSpace

__all__ = ["Bohamiann"]


@register(
    "bohamiann",
    summary="Bayesian neural network, sampled by scale-adapted Hamiltonian Monte Carlo",
    paper="Springenberg et al. 2016, https://papers.nips.cc/paper/6117",
    family="neural",
)
class Bohamiann(OnDevice, FeatureRegressor):
    """Bayesian Optimization with Hamiltonian Monte Carlo Artificial Neural Networks.

    Samples of a small network's weights are drawn from their posterior by stochastic-gradient Hamiltonian Monte Carlo
    with scale adaptation. ``mean`` is the average of the sampled networks, ``std`` the root of their variance plus the
    mean noise variance.

    The potential of the weights ``w``, which have a standard normal prior, is that of rank-normal targets ``t`` with
    normal noise whose precision has a Gamma(a, b) prior and is integrated out::

        U = (a + n/2) log(b + sum (t - f(x; w))^2 / 2) + |w|^2 / 2

    Departures from the paper: it samples the logarithm of the noise variance, which is the stiff coordinate of the
    chain; several short chains in place of one; all data in every step; activation ``x * sigmoid(x)`` in place of tanh;
    two layers for three.

    Args:
        space: search space.
        encoding: name of an encoding, or several; evidence becomes further inputs.
        hidden: units of each hidden layer.
        n_chains: chains that run side by side.
        burn_in: first steps of each chain, thrown away.
        draws: samples kept of each chain.
        thinning: steps from one sample to the next.
        step_size: of the sampler.
        device: where the networks are trained: ``cpu``, ``cuda``, ``cuda:1``. Queries are answered on the processor.
        random_state: seed.
    """

    has_std = True
    refits = 3

    parameters = {
        "hidden": Wholes(),
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
        encoding: str | Sequence[str] = DEFAULT_ENCODING,
        hidden: Sequence[int] = (50, 50),
        n_chains: int = 4,
        burn_in: int = 500,
        draws: int = 12,
        thinning: int = 40,
        step_size: float = 0.03,
        device: str = "cpu",
        random_state: Any = None,
    ) -> None:
        super().__init__(space, encoding=encoding, random_state=random_state)
        self.hidden = hidden
        self.n_chains = n_chains
        self.burn_in = burn_in
        self.draws = draws
        self.thinning = thinning
        self.step_size = step_size
        self.device = device

    def learn(self, features: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
        from archcast.predictors.neural import _bnn
        from archcast.predictors.neural._mlp import inputs_of

        self.widths_ = [features.shape[1], *(int(width) for width in self.hidden)]
        with self._on_device():
            self.samples_, self.noise_ = _bnn.learn(
                inputs_of(features),
                targets,
                self.widths_,
                rng=self._rng(),
                chains=self.n_chains,
                burn_in=self.burn_in,
                draws=self.draws,
                thinning=self.thinning,
                step_size=self.step_size,
            )

    def answer(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        from archcast.predictors.neural import _bnn
        from archcast.predictors.neural._mlp import inputs_of

        networks = _bnn.outputs(self.samples_, self.widths_, inputs_of(features))
        return networks.mean(axis=0), np.sqrt(networks.var(axis=0) + self.noise_)
