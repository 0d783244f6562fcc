"""Base of the Gaussian processes that inducing points summarise: what ``sparse-gp`` and ``variational-gp`` share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.calibration import Beliefs, Spread
from archcast.predictors.gaussian_process._additive import InducingGP, Priors, Terms
from archcast.predictors.gaussian_process.gp import GaussianProcess
from archcast.predictors.parameters import Number, Whole
from archcast.predictors.regression import DEFAULT_ENCODING
from archcast.spaces.base import SearchSpace

__all__ = ["InducingGaussianProcess"]

BELIEFS = Beliefs(unseen=8.0)
"""Inducing points and hyperparameters were found with the row that is left out, so few rows seem to be predicted better than they
are."""


class InducingGaussianProcess(GaussianProcess):
    """The additive Gaussian process of ``gp``, summarised by inducing points that GPyTorch trains. How wide its intervals must be
    is learned from each training row without itself, by the collapsed posterior, to which the variational one is close.

    A subclass says in ``_trainer`` which bound is maximised.

    Args:
        space: search space.
        encoding: name of an encoding, or several names, each a feature group.
        inducing: most inducing points; there are never more than distinct training rows.
        iterations: steps of Adam.
        learning_rate: of Adam.
        random_state: seed of the training rows where the inducing points start.
    """

    learns_relevance = False
    learns_from_sources = False
    parameters = {"inducing": Whole(1), "iterations": Whole(1), "learning_rate": Number(0, above=True)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = DEFAULT_ENCODING,
        inducing: int = 64,
        iterations: int = 60,
        learning_rate: float = 0.05,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, encoding=encoding, random_state=random_state)
        self.inducing = inducing
        self.iterations = iterations
        self.learning_rate = learning_rate

    def _trainer(self) -> Callable[..., InducingGP]:
        """A function of :mod:`archcast.predictors.gaussian_process._gpytorch`, imported when it is needed."""
        raise NotImplementedError

    def _fit_gp(self, terms: Terms, targets: NDArray[np.float64], priors: Priors) -> InducingGP:
        gp = self._trainer()(
            terms,
            targets,
            priors,
            self._rng(),
            inducing=self.inducing,
            iterations=self.iterations,
            learning_rate=self.learning_rate,
        )
        mean, variance = gp.leave_one_out(terms, targets)
        self.calibration_ = Spread.of(mean, np.sqrt(variance), targets, BELIEFS)
        return gp
