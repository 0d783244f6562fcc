"""Sparse Gaussian process regression (Titsias 2009): for thousands of architectures."""

from __future__ import annotations

from collections.abc import Callable

from archcast.predictors.base import register
from archcast.predictors.gaussian_process._additive import InducingGP
from archcast.predictors.gaussian_process._inducing import InducingGaussianProcess

__all__ = ["SparseGP"]


@register(
    "sparse-gp",
    summary="Gaussian process with inducing points, collapsed bound (SGPR)",
    paper="Titsias 2009, https://proceedings.mlr.press/v5/titsias09a.html",
    family="gaussian-process",
    default=True,
)
class SparseGP(InducingGaussianProcess):
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

    def _trainer(self) -> Callable[..., InducingGP]:
        from archcast.predictors.gaussian_process._gpytorch import fit_collapsed

        return fit_collapsed
