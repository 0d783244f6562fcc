"""Predictors inside BoTorch (Balandat et al. 2020, https://arxiv.org/abs/1910.06403): a model for its acquisition functions.

A row of integers is a point ``x`` of BoTorch, as float64. Architectures are discrete, so acquisition functions are maximised over a
list of candidates with ``optimize_acqf_discrete``: all rows of a space that can be enumerated, or mutations of the best and
random rows. Gradients do not exist.

For several objectives put a model of each into ``botorch.models.ModelList``: the hypervolume acquisitions of BoTorch take it,
such as ``qNoisyExpectedHypervolumeImprovement`` (with ``cache_root=False``). Costs are negated first: higher is better.

Needs ``pip install "archcast[botorch]"``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError, require, short
from archcast.predictors.base import NotInitializedError, Predictor
from archcast.predictors.gaussian_process.gp import JointPosterior
from archcast.search.checks import check_predictor_fits
from archcast.spaces.base import get_space

try:
    import torch
    from botorch.models.model import Model
    from botorch.posteriors.gpytorch import GPyTorchPosterior
    from gpytorch.distributions import MultivariateNormal
except ImportError:
    require("botorch", extra="botorch", feature="archcast.integrations.botorch")
    raise

__all__ = ["PredictorModel"]

BLOCK, ALONE = 2048, 256
"""Rows whose joint covariance is computed at once; fewer where no two of them belong together."""
LEAST_STD = 1e-9
"""Standard deviations below this are taken for it: acquisition functions divide by them."""


class PredictorModel(Model):
    """An initialised predictor with a std as a BoTorch ``Model`` of one output.

    The posterior at q points is normal. A Gaussian process (``gp``, ``gp-wl``, ``sparse-gp``, ``variational-gp``) gives its own
    joint posterior, of the function or, with ``observation_noise=True``, of scores that would be measured.

    Other predictors give means and standard deviations (of scores that would be measured, whatever ``observation_noise``). How
    errors at two architectures go together is nothing that they say; BoTorch needs it for batches, so that a batch does not hold
    ten likes of one architecture. For them the correlation is assumed to be ``exp(-h / length)``, with ``h`` the number of
    decisions in which the canonical rows differ: two rows of the same function have correlation 1, and a second evaluation of one
    of them is worth nothing. It is a positive definite kernel, a product of one for each decision.

    Args:
        predictor: initialised, with a std, needing no evidence. Scores are on the scale of those given to its ``init``; so must
            ``best_f`` be.
        length: number of decisions over which errors stay alike; small values make rows of different functions independent. It
            matters only to predictors without a joint posterior of their own.

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
            raise InvalidInputError(f"length must be more than 0, got {short(length)}.")
        check_predictor_fits(predictor, get_space(predictor.space), std=True)
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
            observation_noise: whether a Gaussian process answers for scores that would be measured. A tensor of noise variances is
                refused: the process has learned its own.
            posterior_transform: of BoTorch.

        Returns:
            A ``GPyTorchPosterior`` over ``batch x q x 1``, of the dtype and on the device of ``X``.

        Raises:
            InvalidInputError: ``X`` holds what is no row of the space.
        """
        space = get_space(self.predictor.space)
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
        if isinstance(observation_noise, torch.Tensor):
            raise InvalidInputError("observation_noise must be True or False: the predictor has learned its own noise.")
        batch = space.validate(rows).reshape(-1, *X.shape[-2:])
        own = isinstance(self.predictor, JointPosterior)
        made = [self._joint(part, observation_noise) if own else self._assumed(part) for part in _blocks(batch)]
        mean, covariance = (np.concatenate(parts) for parts in zip(*made, strict=True))
        # a row may be there twice, and the matrix must have a Cholesky factor
        variance = np.maximum(np.einsum("bii->bi", covariance), LEAST_STD**2)
        covariance += np.eye(X.shape[-2]) * (variance * torch.finfo(X.dtype).eps ** 0.5)[:, None]
        moments = (
            torch.as_tensor(values).reshape(*X.shape[:-2], *values.shape[1:]).to(X) for values in (mean, covariance)
        )
        posterior = GPyTorchPosterior(MultivariateNormal(*moments))
        return posterior if posterior_transform is None else posterior_transform(posterior)

    def _joint(self, rows: NDArray[np.int64], noise: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean ``(b, q)`` and covariance ``(b, q, q)`` of ``(b, q, d)`` rows, as the Gaussian process has them."""
        distinct, back = np.unique(rows.reshape(-1, rows.shape[-1]), axis=0, return_inverse=True)
        mean, covariance = self.predictor.joint(distinct, noise=False)
        where = back.reshape(rows.shape[:-1])
        joint = covariance[where[:, :, None], where[:, None, :]]
        if noise:  # a row that is there twice would be measured twice
            _, noisy = self.predictor.joint(distinct, noise=True)
            joint[:, np.arange(rows.shape[1]), np.arange(rows.shape[1])] = np.diag(noisy)[where]
        return mean[where], joint

    def _assumed(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean ``(b, q)`` and covariance ``(b, q, q)`` of ``(b, q, d)`` rows, with the correlation of the class docstring."""
        distinct, back = np.unique(rows.reshape(-1, rows.shape[-1]), axis=0, return_inverse=True)
        prediction = self.predictor.query(distinct)
        assert prediction.std is not None
        where = back.reshape(rows.shape[:-1])
        std, keys = (
            np.maximum(prediction.std, LEAST_STD)[where],
            get_space(self.predictor.space).canonical(distinct)[where],
        )
        differ = (keys[:, :, None] != keys[:, None]).sum(axis=-1)
        return prediction.mean[where], std[:, :, None] * np.exp(-differ / self.length) * std[:, None]


def _blocks(batch: NDArray[np.int64]) -> Iterable[NDArray[np.int64]]:
    """Parts of ``(b, q, d)`` rows, small enough for the covariance of all rows of one."""
    b, q, _ = batch.shape
    step = max(1, (BLOCK if q > 1 else ALONE) // q)
    return (batch[start : start + step] for start in range(0, max(b, 1), step))
