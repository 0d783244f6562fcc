"""Sparse Gaussian process regression (Titsias 2009): for thousands of architectures."""

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

__all__ = ["SparseGP"]


@register(
    "sparse-gp",
    summary="Gaussian process with inducing points, collapsed bound (SGPR)",
    paper="Titsias 2009, https://proceedings.mlr.press/v5/titsias09a.html",
    family="gaussian-process",
    default=True,
)
class SparseGP(GaussianProcess):
    """The additive Gaussian process of ``gp``, summarised by inducing points (GPyTorch).

    Cost is linear in the number of architectures. Inducing points, lengthscales, scales and noise maximise Titsias' collapsed bound
    times the priors of ``gp``; the posterior is in closed form.

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
        >>> gp = archcast.get_predictor("sparse-gp", space=space, random_state=0).init(archs, (archs == 3).sum(axis=1))
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
        iterations: int = 30,
        learning_rate: float = 0.05,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, encoding=encoding, random_state=random_state)
        self.inducing = inducing
        self.iterations = iterations
        self.learning_rate = learning_rate

    def _fit_gp(self, terms: Terms, targets: NDArray[np.float64], priors: Priors) -> InducingGP:
        from archcast.predictors.gaussian_process._gpytorch import fit_collapsed

        return fit_collapsed(
            terms,
            targets,
            priors,
            self._rng(),
            inducing=self.inducing,
            iterations=self.iterations,
            learning_rate=self.learning_rate,
        )
