"""Predictors inside BoTorch (Balandat et al. 2020, https://arxiv.org/abs/1910.06403): a model for its acquisition functions.

A row of integers is a point ``x`` of BoTorch, as float64. Architectures are discrete, so acquisition functions are maximised over a
list of candidates with ``optimize_acqf_discrete``: all rows of a space that can be enumerated, or mutations of the best and
random rows. Gradients do not exist. Needs ``pip install "archcast[botorch]"``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from archcast.errors import InvalidInputError, require
from archcast.predictors.base import NotInitializedError, Predictor
from archcast.search.checks import check_predictor_fits

try:
    import torch
    from botorch.models.model import Model
    from botorch.posteriors.gpytorch import GPyTorchPosterior
    from gpytorch.distributions import MultivariateNormal
except ImportError:
    require("botorch", extra="botorch", feature="archcast.integrations.botorch")
    raise

__all__ = ["PredictorModel"]

LEAST_STD = 1e-9
"""Standard deviations below this are taken for it: acquisition functions divide by them."""


class PredictorModel(Model):
    """An initialised predictor with a std as a BoTorch ``Model`` of one output.

    The posterior at q points is normal, with the predictor's means and standard deviations. How errors at two architectures go
    together is nothing that a predictor says; BoTorch needs it for batches, so that a batch does not hold ten likes of one
    architecture. Here the correlation is ``exp(-h / length)``, with ``h`` the number of decisions in which the canonical rows
    differ: two rows of the same function have correlation 1, and a second evaluation of one of them is worth nothing. It is
    a positive definite kernel, a product of one for each decision.

    Args:
        predictor: initialised, with a std, needing no evidence. Scores are on the scale of those given to its ``init``; so must
            ``best_f`` be.
        length: number of decisions over which errors stay alike; small values make rows of different functions independent.

    Examples:
        >>> import archcast
        >>> import torch
        >>> from botorch.acquisition import LogExpectedImprovement
        >>> from botorch.optim import optimize_acqf_discrete
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(30, 0)
        >>> scores = (archs == 3).sum(axis=1)                         # stands in for accuracies
        >>> predictor = archcast.get_predictor("bayesian-linear", space, random_state=0).init(archs, scores)
        >>> acquisition = LogExpectedImprovement(PredictorModel(predictor), best_f=scores.max())
        >>> choices = torch.as_tensor(space.enumerate()[::10], dtype=torch.float64)
        >>> x, value = optimize_acqf_discrete(acquisition, q=1, choices=choices)
        >>> space.validate(x.numpy()).shape
        (1, 6)

    Raises:
        InvalidInputError: the predictor has no std, or needs evidence.
        NotInitializedError: it is not initialised.
    """

    def __init__(self, predictor: Predictor, *, length: float = 1.0) -> None:
        super().__init__()
        if not isinstance(predictor, Predictor):
            raise InvalidInputError(f"predictor must be an archcast.Predictor, got {type(predictor).__name__}.")
        if not length > 0:
            raise InvalidInputError(f"length must be more than 0, got {length!r}.")
        check_predictor_fits(predictor, predictor._space, std=True)
        if not predictor.__sklearn_is_fitted__():
            raise NotInitializedError(f"{type(predictor).__name__} is not initialised: call init(archs, scores) first.")
        self.predictor = predictor
        self.length = length

    @property
    def num_outputs(self) -> int:
        """One: the score."""
        return 1

    @property
    def batch_shape(self) -> torch.Size:
        """None: one model."""
        return torch.Size()

    def posterior(
        self,
        X: torch.Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | torch.Tensor = False,
        posterior_transform: Any = None,
    ) -> Any:
        """Joint normal distribution of the scores of q architectures, for each of a batch.

        Args:
            X: ``batch x q x d`` rows, or ``q x d``; floats that hold integers.
            output_indices: ``[0]`` or nothing, there is one output.
            observation_noise: no matter: the std of a predictor is that of a score as it is measured.
            posterior_transform: of BoTorch.

        Returns:
            A ``GPyTorchPosterior`` over ``batch x q x 1``, of the dtype and on the device of ``X``.

        Raises:
            InvalidInputError: ``X`` holds what is no row of the space.
        """
        space = self.predictor._space
        if X.ndim < 2:
            raise InvalidInputError(f"X must have shape (batch, q, d) or (q, d), got {tuple(X.shape)}.")
        if output_indices is not None and list(output_indices) != [0]:
            raise InvalidInputError(f"output_indices must be [0]: the model has one output, got {output_indices}.")
        rows = X.detach().cpu().double().numpy().reshape(-1, X.shape[-1])
        if (rows != np.floor(rows)).any():
            raise InvalidInputError(
                "X must hold rows of integers: architectures are discrete. Maximise acquisition functions with "
                "botorch.optim.optimize_acqf_discrete over candidates."
            )
        distinct, back = np.unique(rows, axis=0, return_inverse=True)
        prediction = self.predictor.query(distinct)
        assert prediction.std is not None
        shape = X.shape[:-1]
        mean, std, keys = (
            torch.as_tensor(values[back.ravel()], dtype=torch.float64).reshape(*shape, *values.shape[1:])
            for values in (prediction.mean, np.maximum(prediction.std, LEAST_STD), space.canonical(distinct))
        )
        differ = (keys.unsqueeze(-2) != keys.unsqueeze(-3)).sum(dim=-1)
        nugget = torch.finfo(X.dtype).eps ** 0.5  # a row may be there twice, and the matrix must have a Cholesky factor
        correlation = torch.exp(-differ / self.length) + nugget * torch.eye(shape[-1], dtype=torch.float64)
        covariance = std.unsqueeze(-1) * correlation * std.unsqueeze(-2)
        posterior = GPyTorchPosterior(MultivariateNormal(mean.to(X), covariance.to(X)))
        return posterior if posterior_transform is None else posterior_transform(posterior)
