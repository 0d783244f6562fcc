"""Gaussian process with the Weisfeiler-Lehman kernel (NAS-BOWL's surrogate, Ru et al. 2021)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, hstack

from archcast.encodings.wl import WeisfeilerLehman
from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction, register
from archcast.predictors.gaussian_process._additive import AdditiveGP, LogNormal, Priors, Terms
from archcast.predictors.gaussian_process._sparse_rows import SparseRows
from archcast.predictors.gaussian_process.gp import JointPosterior
from archcast.predictors.parameters import Whole
from archcast.predictors.targets import TargetScale, rank_normal
from archcast.spaces.base import SearchSpace

__all__ = ["WLGaussianProcess"]

PRIORS = Priors(scales=(), lengthscales=(), slopes=(LogNormal(1.0, 2.0),), noise=LogNormal(0.05, 2.0))
"""So wide that the data decide, but for a handful of architectures."""


@register(
    "gp-wl",
    summary="Gaussian process with the Weisfeiler-Lehman subtree kernel, as in NAS-BOWL",
    paper="Ru et al. 2021, https://arxiv.org/abs/2006.07556",
    family="gaussian-process",
    default=True,
)
class WLGaussianProcess(JointPosterior):
    """The surrogate of NAS-BOWL (Ru et al. 2021, https://arxiv.org/abs/2006.07556): one graph kernel and nothing else.

    With ``phi_H`` the counts of all node labels after 0, 1, ..., H refinements,

        k(x, x') = s <phi_H(x), phi_H(x')> / (|phi_H(x)| |phi_H(x')|)

    The scale s and the variance of the noise are those of the highest marginal likelihood, and so is H, of 0, 1, ...,
    ``iterations``.

    Departures from the paper: the labels are those of the encoding ``wl``, which keep the direction of edges, of the pruned
    cell; log-normal priors with a standard deviation of 2 keep s and the noise finite where architectures are few; targets are
    rank-normal, not standardised logarithms of the error. Evidence is not used.

    Args:
        space: search space.
        iterations: largest H that is tried.
        random_state: not used; the fit is deterministic.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(30, 0)
        >>> gp = archcast.get_predictor("gp-wl", space=space).init(archs, (archs == 3).sum(axis=1))
        >>> mean = gp.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    has_std = True
    needs_graph = True

    parameters = {"iterations": Whole(0)}

    def __init__(self, space: str | SearchSpace, *, iterations: int = 3, random_state: Any = None) -> None:
        super().__init__(space, random_state=random_state)
        self.iterations = iterations

    def _init(self, known: Known) -> None:
        targets = rank_normal(known.scores)
        best = -np.inf
        for refinements in range(self.iterations + 1):
            encoder = WeisfeilerLehman(self._space, iterations=refinements).fit(known.archs)
            gp = AdditiveGP.fit(_terms(encoder, known.archs), targets, PRIORS)
            likelihood = gp.log_likelihood(targets)
            if likelihood > best:
                best, self.encoder_, self.gp_ = likelihood, encoder, gp
        self.scale_ = TargetScale.of_scores(known.scores)
        self._calibrate(targets)

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        mean, variance = self.gp_.predict(self._terms(archs, evidence))
        return self._answer(mean, variance + self.gp_.noise)

    def _terms(self, archs: NDArray[np.int64], evidence: Evidence) -> Terms:
        return _terms(self.encoder_, archs)


def _terms(encoder: WeisfeilerLehman, archs: NDArray[np.int64]) -> Terms:
    """Unit vectors: the counts of the labels that training rows hold, and the length of all others."""
    length = np.sqrt(encoder.square_lengths(archs))
    known = diags_array(1 / np.maximum(length, 1e-12)) @ encoder.sparse(archs)
    rest = np.sqrt(np.maximum(1 - known.multiply(known).sum(axis=1), 0.0))
    return Terms((), (SparseRows.of(hstack([known, csr_array(rest[:, None])], format="csr")),))
