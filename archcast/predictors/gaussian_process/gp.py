"""Gaussian process on groups of graph features: the classic predictor to reach for first, from five architectures up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.evidence import Evidence, Pool
from archcast.predictors.base import Known, NotInitializedError, Prediction, Predictor, register
from archcast.predictors.calibration import Spread
from archcast.predictors.features import FeatureGroups
from archcast.predictors.gaussian_process._additive import AdditiveGP, InducingGP, LogNormal, Priors, Terms
from archcast.predictors.gaussian_process._correlated import CorrelatedGP, Signal, correlations_of, heard, signals_of
from archcast.predictors.parameters import Encoding
from archcast.predictors.regression import DEFAULT_ENCODING
from archcast.predictors.targets import TargetScale, targets_of
from archcast.spaces.base import SearchSpace

__all__ = ["GaussianProcess", "JointPosterior", "KernelPredictor"]

LINEAR_SHARE = 0.125
"""Share of the prior variance that each linear term has."""

DECISIONS_LINEAR_SHARE = 0.5
"""The same of the decisions of spaces without cell graphs: more of a decision is mostly better, or mostly worse."""

RELEVANCE = 1.4
"""Prior standard deviation of the logarithm of a feature's relevance, in spaces without cell graphs: any decision may matter much
or not at all there, whereas features of graphs are many and alike."""


class JointPosterior(Predictor):
    """Base of the predictors that are one Gaussian process, ``gp_``, of the targets of ``scale_``: their joint posterior.

    What the process would have predicted for each training row without it says how much wider its standard deviation must be,
    above all among the best (:class:`~archcast.predictors.calibration.Spread`).
    """

    gp_: AdditiveGP | InducingGP
    scale_: TargetScale
    calibration_: Spread = Spread()  # in files of earlier versions

    def _terms(self, archs: NDArray[np.int64], evidence: Evidence) -> Terms:
        """Features for the terms of the kernel."""
        raise NotImplementedError

    def _posterior(self, archs: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean ``(n,)`` and covariance ``(n, n)`` of the noise-free function, on the scale of the targets."""
        terms = self._terms(archs, Evidence())
        return self.gp_.predict(terms)[0], self.gp_.covariance(terms)

    def _calibrate(self, targets: NDArray[np.float64]) -> None:
        """From the targets that the process was fitted to."""
        if isinstance(self.gp_, AdditiveGP):
            std = np.sqrt(self.gp_.leave_one_out_variance())
            self.calibration_ = Spread.of(self.gp_.leave_one_out(targets), std, targets)

    def _answer(self, mean: NDArray[np.float64], variance: NDArray[np.float64]) -> Prediction:
        """On the scale of the scores, from mean and variance, noise included, of the targets."""
        return self.scale_.prediction(mean, self.calibration_(mean, np.sqrt(variance)))

    @property
    def _noise(self) -> float:
        """Variance of a score that would be measured, given the function behind it, on the scale of the targets."""
        return self.gp_.noise

    def joint(self, archs: ArrayLike, *, noise: bool = False) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The joint posterior at some architectures, without evidence: what a batch of them can teach.

        Args:
            archs: ``(n, d)`` rows.
            noise: whether the covariance is that of scores that would be measured, instead of that of the function behind them.

        Returns:
            Mean ``(n,)``, as ``query`` gives it, and covariance ``(n, n)``: the correlations of the Gaussian process, with its
            standard deviations on the scale of the scores.
        """
        if not self.__sklearn_is_fitted__():
            raise NotInitializedError(f"{type(self).__name__} is not initialised: call init(archs, scores) first.")
        mean, covariance = self._posterior(self._space.validate(archs, allow_empty=False))
        covariance = (covariance + covariance.T) / 2
        variance = np.maximum(np.diag(covariance), 1e-12)
        covariance.flat[:: len(mean) + 1] = variance + noise * self._noise
        std = np.sqrt(np.diag(covariance))
        on_scores = self._answer(mean, np.square(std)).std
        assert on_scores is not None
        scale = on_scores / std
        centre = self._answer(mean, variance + self._noise).mean
        return centre, covariance * scale * scale[:, None]


class KernelPredictor(JointPosterior):
    """Base of the Gaussian process predictors: rank-normal targets, an additive kernel, and the way back to scores.

    A subclass writes ``_prepare``, ``_terms`` and ``_priors``.
    """

    has_std = True

    def _prepare(self, archs: NDArray[np.int64], evidence: Evidence, pool: Pool | None) -> None:
        """Learn what ``_terms`` needs."""
        raise NotImplementedError

    def _priors(self, terms: Terms) -> Priors:
        """Priors of the hyperparameters, for targets of unit variance."""
        raise NotImplementedError

    def _fit_gp(self, terms: Terms, targets: NDArray[np.float64], priors: Priors) -> AdditiveGP | InducingGP:
        return AdditiveGP.fit(terms, targets, priors)

    def _init(self, known: Known) -> None:
        self._prepare(known.archs, known.evidence, known.pool)
        targets = targets_of(self._space, known.scores)
        self.scale_ = TargetScale.of_scores(known.scores, targets)
        terms = self._terms(known.archs, known.evidence)
        self.gp_ = self._fit_gp(terms, targets, self._priors(terms))
        self._calibrate(targets)

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        mean, variance = self.gp_.predict(self._terms(archs, evidence))
        return self._answer(mean, variance + self.gp_.noise)


@register(
    "gp",
    summary="Gaussian process, one Matern-5/2 term and lengthscale per feature group",
    paper="Rasmussen & Williams 2006, https://gaussianprocess.org/gpml; Duvenaud et al. 2011, https://arxiv.org/abs/1112.4394",
    family="gaussian-process",
    default=True,
)
class GaussianProcess(KernelPredictor):
    """Additive Gaussian process.

    Each encoding is a feature group with its own isotropic Matern-5/2 term; evidence, where given, is one more. All
    encodings share a linear term, evidence has another. In a space without cell graphs each feature has a relevance of its own:

        k = sum_g a_g matern52(|x_g - x'_g| / l_g) + b <x, x'> + c <e, e'>

    Features are standardised over the pool (or a sample of the space), evidence and targets are rank-normal; hyperparameters are
    the maximum a posteriori under log-normal priors, found with analytic gradients. ``std`` is that of a score that would be
    measured (noise included), half the image of one standard deviation either side on the scale of the scores.

    ``sources``, rows of other tasks of the same space, are heard as ``stack`` hears them, by a ``gp`` fitted to each
    (:class:`~archcast.predictors.gaussian_process._correlated.CorrelatedGP`); ``correlations`` tells how alike they turned out.
    With more than 1,000 scores they are not heard.

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

    learns_relevance: ClassVar[bool] = True
    learns_from_sources = True
    signals_: Sequence[Signal] = ()  # in files of earlier versions
    n_sources_: int = 0
    correlated_: CorrelatedGP | None = None  # takes the place of gp_ where there are sources
    parameters = {"encoding": Encoding()}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = DEFAULT_ENCODING,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.encoding = encoding

    def _init(self, known: Known) -> None:
        self.signals_, self.n_sources_ = signals_of(self, lambda fitted: fitted.gp_, self._space, known)
        if not self.signals_:
            super()._init(known)
            return
        self._prepare(known.archs, known.evidence, known.pool)
        targets = targets_of(self._space, known.scores)
        self.scale_ = TargetScale.of_scores(known.scores, targets)
        terms, signals, base = self._heard(known.archs, known.evidence)
        skills = np.array([signal.skill for signal in self.signals_])
        self.correlated_ = CorrelatedGP.learn(terms, signals, skills, base, targets, self._priors(terms))
        outside, variance = self.correlated_.leave_one_out(targets)
        self.calibration_ = Spread.of(outside, np.sqrt(variance), targets)

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        if self.correlated_ is None:
            return super()._query(archs, evidence)
        mean, variance = self.correlated_.answer(*self._heard(archs, evidence))
        return self._answer(mean, variance)

    def _posterior(self, archs: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.correlated_ is None:
            return super()._posterior(archs)
        inputs = self._heard(archs, Evidence())
        return self.correlated_.answer(*inputs)[0], self.correlated_.covariance(*inputs)

    @property
    def _noise(self) -> float:
        return super()._noise if self.correlated_ is None else self.correlated_.noise

    @property
    def correlations(self) -> list[float]:
        """Of each source with the scores, on the scale of normal quantiles, as far as the training rows tell; 0 of a source that is
        not heard, because its scores cannot be told from structure."""
        found = [] if self.correlated_ is None else self.correlated_.correlation
        return correlations_of(self.n_sources_ or len(found), self.signals_, found)

    def _heard(
        self, archs: NDArray[np.int64], evidence: Evidence
    ) -> tuple[Terms, NDArray[np.float64], NDArray[np.float64]]:
        """Features of the kernel, signals of the sources and the prior mean, 0."""
        return self._terms(archs, evidence), heard(self.signals_, archs, evidence), np.zeros(len(archs))

    def _prepare(self, archs: NDArray[np.int64], evidence: Evidence, pool: Pool | None) -> None:
        self.features_ = FeatureGroups.of(self._space, self.encoding, evidence, pool)

    def _terms(self, archs: NDArray[np.int64], evidence: Evidence) -> Terms:
        return group_terms(self.features_, archs, evidence)

    def _priors(self, terms: Terms) -> Priors:
        if self._space.has_graph:
            return group_priors(self.features_)
        priors = group_priors(self.features_, decisions=DECISIONS_LINEAR_SHARE)
        return replace(priors, relevance=RELEVANCE) if self.learns_relevance else priors


def group_terms(features: FeatureGroups, archs: NDArray[np.int64], evidence: Evidence) -> Terms:
    """A Matern term for each group, one linear term for all encodings (the mean of their linear kernels, each divided by
    its number of features) and one for the evidence."""
    groups = features.groups(archs, evidence)
    encodings = groups[: len(features.encoders)]
    linear = [x / np.sqrt(x.shape[1]) for x in groups[len(encodings) :]]
    if encodings:
        parts = [x / np.sqrt(x.shape[1] * len(encodings)) for x in encodings]
        linear.insert(0, np.concatenate(parts, axis=1))
    return Terms(tuple(groups), tuple(linear))


def group_priors(features: FeatureGroups, total: float = 1.0, decisions: float = LINEAR_SHARE) -> Priors:
    """Priors for :func:`group_terms`: ``LINEAR_SHARE`` to each linear term, the rest shared equally by the Matern terms.

    Args:
        features: the groups.
        total: prior variance of all terms together.
        decisions: share of the linear term of the encodings.
    """
    shares = [decisions] * bool(features.encoders) + [LINEAR_SHARE] * (features.evidence is not None)
    matern = len(features.distances)
    share = total * (1 - sum(shares)) / max(matern, 1)
    return Priors(
        scales=(LogNormal(share, 1.0),) * matern,
        lengthscales=tuple(LogNormal(distance, 0.3) for distance in features.distances),
        slopes=tuple(LogNormal(total * share, 1.0) for share in shares),
    )
