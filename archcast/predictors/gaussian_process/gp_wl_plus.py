"""Gaussian process with Weisfeiler-Lehman kernels, Matern terms on them and feature groups beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from archcast.encodings.wl import WeisfeilerLehman
from archcast.evidence import Evidence, Pool
from archcast.predictors.base import register
from archcast.predictors.features import FeatureGroups, reference_rows
from archcast.predictors.gaussian_process._additive import LogNormal, Priors, Terms
from archcast.predictors.gaussian_process.gp import KernelPredictor, group_priors, group_terms
from archcast.predictors.parameters import Encoding, Whole
from archcast.spaces.base import SearchSpace

__all__ = ["WLPlusGaussianProcess"]

GROUP_SHARE = 0.6
"""Share of the prior variance that feature groups and evidence have, where there are any."""


@register(
    "gp-wl+",
    summary="Gaussian process with Weisfeiler-Lehman kernels and feature groups beside them",
    paper="after Ru et al. 2021, https://arxiv.org/abs/2006.07556; Matern terms and groups by archcast",
    family="gaussian-process",
    default=True,
)
class WLPlusGaussianProcess(KernelPredictor):
    """Gaussian process on what Weisfeiler-Lehman refinement sees of a cell, and on groups of features.

    With ``u_h`` the counts of the node labels after ``h`` refinements, scaled to unit length, and ``m_h`` their mean over the
    pool (or a sample of the space),

        k = sum_h  a_h matern52(|u_h - u'_h| / l_h)  +  b_h <u_h - m_h, u'_h - m_h>  +  groups

    where ``|u - u'|^2 = 2 - 2 <u, u'>``: both terms are functions of the normalised subtree kernel ``<u, u'>``. ``groups`` are the
    terms of ``gp`` for further encodings and for evidence; ``encoding=()`` leaves the kernel of the cells alone.

    Each ``h`` has scales of its own, found with the noise by maximum a posteriori; labels keep the direction of edges; cells
    are pruned; targets are rank-normal. The predictor ``gp-wl`` has the kernel of Ru et al. 2021 alone.

    Args:
        space: search space.
        encoding: names of encodings that are further feature groups, or one name.
        iterations: largest ``h``.
        random_state: not used; the fit is deterministic.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(30, 0)
        >>> gp = archcast.get_predictor("gp-wl+", space=space).init(archs, (archs == 3).sum(axis=1))
        >>> mean = gp.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    needs_graph = True
    parameters = {"encoding": Encoding(dispensable=True), "iterations": Whole(0)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = ("functional", "operation-flow"),
        iterations: int = 1,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.encoding = encoding
        self.iterations = iterations

    def _prepare(self, archs: NDArray[np.int64], evidence: Evidence, pool: Pool | None) -> None:
        self.features_ = FeatureGroups.of(self._space, self.encoding, evidence, pool, optional=True)
        reference = reference_rows(self._space, pool)
        self.encoder_ = WeisfeilerLehman(self._space, iterations=self.iterations)
        self.encoder_.fit(np.concatenate([archs, reference]))
        self.means_ = [np.asarray(level.mean(axis=0)) for level in self._unit_vectors(reference)]
        self.seen_ = [np.asarray(level.sum(axis=0)) > 0 for level in self._unit_vectors(archs)]
        lengths = [np.square(level).sum(axis=1).mean() for level in self._levels(reference)]
        self.lengths_ = np.sqrt(np.maximum(lengths, 1e-12))

    def _unit_vectors(self, archs: NDArray[np.int64]) -> list[csr_array]:
        """``u_h`` for each ``h``: sparse ``(n, k_h)``."""
        counts, out, start = self.encoder_.sparse(archs), [], 0
        for labels in self.encoder_.labels_:
            level = counts[:, start : start + len(labels)]
            length = np.sqrt(np.asarray(level.multiply(level).sum(axis=1)))
            out.append((diags_array(1 / np.maximum(length, 1e-12)) @ level).tocsr())
            start += len(labels)
        return out

    def _levels(self, archs: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        """``u_h - m_h``, with the labels that no training row has folded into two columns: along their mean, and across.

        Training rows all have the same values there, so no distance to a training row and no product with one changes.
        """
        out = []
        for level, mean, seen in zip(self._unit_vectors(archs), self.means_, self.seen_, strict=True):
            axis = np.where(seen, 0.0, mean)
            length = float(np.linalg.norm(axis))
            product, square = level @ axis, level.multiply(level) @ ~seen
            along = (product - length**2) / max(length, 1e-12)
            across = np.sqrt(np.maximum(square - 2 * product + length**2 - along**2, 0.0))
            out.append(np.column_stack([level[:, np.flatnonzero(seen)].toarray() - mean[seen], along, across]))
        return out

    def _terms(self, archs: NDArray[np.int64], evidence: Evidence) -> Terms:
        levels, groups = self._levels(archs), group_terms(self.features_, archs, evidence)
        linear = [level / length for level, length in zip(levels, self.lengths_, strict=True)]
        return Terms((*levels, *groups.matern), (*linear, *groups.linear))

    def _priors(self, terms: Terms) -> Priors:
        """Of what the groups leave, half to the Matern terms and half to the linear ones; lengthscales about the distance of
        two cells without a label in common."""
        levels, total = self.iterations + 1, GROUP_SHARE if self.features_.distances else 0.0
        half = (LogNormal((1 - total) / (2 * levels), 1.0),) * levels
        groups = group_priors(self.features_, total)
        lengthscales = (LogNormal(float(np.sqrt(2)), 0.3),) * levels
        return Priors(half + groups.scales, lengthscales + groups.lengthscales, half + groups.slopes)
