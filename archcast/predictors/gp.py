"""Gaussian process on groups of graph features: the classic predictor to reach for first, from five architectures up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.predictors._gaussian_process import AdditiveGP, InducingGP, LogNormal, Priors, Terms
from archcast.predictors.base import Prediction, Predictor, register
from archcast.predictors.evidence import Evidence, Pool
from archcast.predictors.features import FeatureGroups
from archcast.predictors.regression import DEFAULT_ENCODING
from archcast.predictors.targets import TargetScale, rank_normal
from archcast.spaces.base import SearchSpace

__all__ = ["GaussianProcess"]

LINEAR_SHARE = 0.125
"""Share of the prior variance that each linear term has."""


@register(
    "gp",
    summary="Gaussian process, one Matern-5/2 term and lengthscale per feature group",
    paper="Rasmussen & Williams 2006, https://gaussianprocess.org/gpml; Duvenaud et al. 2011, https://arxiv.org/abs/1112.4394",
    family="gaussian-process",
)
class GaussianProcess(Predictor):
    """Additive Gaussian process.

    Each encoding is a feature group with its own isotropic Matern-5/2 term; evidence, where given, is one more. All
    encodings share a linear term, evidence has another:

        k = sum_g a_g matern52(|x_g - x'_g| / l_g) + b <x, x'> + c <e, e'>

    Features are standardised over the pool (or a sample of the space), evidence and targets are rank-normal; hyperparameters are
    the maximum a posteriori under log-normal priors, found with analytic gradients. ``std`` is that of a score that would be
    measured (noise included), half the image of one standard deviation either side on the scale of the scores.

    Args:
        space: search space.
        encoding: name of an encoding, or several names, each a feature group.
        random_state: not used; the fit is deterministic.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(30, 0)
        >>> gp = archcast.get_predictor("gp", space=space).init(archs, (archs == 3).sum(axis=1))
        >>> prediction = gp.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]])
        >>> bool(prediction.mean[0] > prediction.mean[1]), prediction.std.shape
        (True, (2,))
    """

    has_std = True

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = DEFAULT_ENCODING,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.encoding = encoding

    def _init(
        self, archs: NDArray[np.int64], scores: NDArray[np.float64], evidence: Evidence, pool: Pool | None
    ) -> None:
        self.features_ = FeatureGroups.of(self._space, self.encoding, evidence, pool)
        self.scale_ = TargetScale.of(scores)
        terms = self._terms(archs, evidence)
        share = (1 - LINEAR_SHARE * len(terms.linear)) / len(terms.matern)
        priors = Priors(
            scales=(LogNormal(share, 1.0),) * len(terms.matern),
            lengthscales=tuple(LogNormal(distance, 0.3) for distance in self.features_.distances),
            slopes=(LogNormal(LINEAR_SHARE, 1.0),) * len(terms.linear),
        )
        self.gp_ = self._fit_gp(terms, rank_normal(scores), priors)

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        mean, variance = self.gp_.predict(self._terms(archs, evidence))
        std = np.sqrt(variance + self.gp_.noise)
        return Prediction(self.scale_.backward(mean), self.scale_.backward_std(mean, std))

    def _fit_gp(self, terms: Terms, targets: NDArray[np.float64], priors: Priors) -> AdditiveGP | InducingGP:
        """Fit features to rank-normal targets; what the sparse Gaussian processes do in another way."""
        return AdditiveGP.fit(terms, targets, priors)

    def _terms(self, archs: NDArray[np.int64], evidence: Evidence) -> Terms:
        groups = self.features_.groups(archs, evidence)
        encodings = groups[: len(self.features_.encoders)]
        linear = [np.concatenate([x / np.sqrt(x.shape[1] * len(encodings)) for x in encodings], axis=1)]
        if self.features_.columns:
            linear.append(groups[-1] / np.sqrt(groups[-1].shape[1]))
        return Terms(tuple(groups), tuple(linear))
