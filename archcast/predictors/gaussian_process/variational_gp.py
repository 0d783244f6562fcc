"""Stochastic variational Gaussian process (Hensman et al. 2013): for any number of architectures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.base import register
from archcast.predictors.gaussian_process._additive import InducingGP, Priors, Terms
from archcast.predictors.gaussian_process.gp import GaussianProcess
from archcast.predictors.parameters import Number, Whole
from archcast.predictors.regression import DEFAULT_ENCODING
from archcast.spaces.base import SearchSpace

__all__ = ["VariationalGaussianProcess"]


@register(
    "variational-gp",
    summary="Gaussian process with a variational posterior on inducing points (SVGP)",
    paper="Hensman et al. 2013, https://arxiv.org/abs/1309.6835",
    family="gaussian-process",
)
class VariationalGaussianProcess(GaussianProcess):
    """The additive Gaussian process of ``gp`` with a variational normal posterior on inducing values (GPyTorch).

    Inducing points, their posterior, lengthscales, scales and noise maximise the evidence lower bound times the priors of ``gp``,
    on batches of 512 where there are more architectures.

    Args:
        space: search space.
        encoding: name of an encoding, or several names, each a feature group.
        inducing: most inducing points; there are never more than distinct training rows.
        iterations: steps of Adam.
        learning_rate: of Adam.
        random_state: seed of the training rows where the inducing points start.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(30, 0)
        >>> gp = archcast.get_predictor("variational-gp", space=space, random_state=0).init(archs, (archs == 3).sum(axis=1))
        >>> prediction = gp.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]])
        >>> bool(prediction.mean[0] > prediction.mean[1]), prediction.std.shape
        (True, (2,))
    """

    learns_relevance = False
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

    def _fit_gp(self, terms: Terms, targets: NDArray[np.float64], priors: Priors) -> InducingGP:
        from archcast.predictors.gaussian_process._gpytorch import fit_variational

        return fit_variational(
            terms,
            targets,
            priors,
            self._rng(),
            inducing=self.inducing,
            iterations=self.iterations,
            learning_rate=self.learning_rate,
        )
