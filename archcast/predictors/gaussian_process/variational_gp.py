"""Stochastic variational Gaussian process (Hensman et al. 2013): for any number of architectures."""

from __future__ import annotations

from collections.abc import Callable

from archcast.predictors.base import register
from archcast.predictors.gaussian_process._additive import InducingGP
from archcast.predictors.gaussian_process._inducing import InducingGaussianProcess

__all__ = ["VariationalGaussianProcess"]


@register(
    "variational-gp",
    summary="Gaussian process with a variational posterior on inducing points (SVGP)",
    paper="Hensman et al. 2013, https://arxiv.org/abs/1309.6835",
    family="gaussian-process",
)
class VariationalGaussianProcess(InducingGaussianProcess):
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

    def _trainer(self) -> Callable[..., InducingGP]:
        from archcast.predictors.gaussian_process._gpytorch import fit_variational

        return fit_variational
