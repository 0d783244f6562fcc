"""ParEGO: Bayesian optimisation of several objectives, by a random weighting of them for each architecture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.targets import rank_normal
from archcast.search.base import register
from archcast.search.pareto import scalarise
from archcast.search.strategies.bayesian import Bayesian

__all__ = ["ParEGO"]

WEIGHTS = 5
"""Most weightings tried in one ask: each costs a fit of the predictor."""


@register(
    "parego",
    summary="Bayesian optimisation of several objectives under random weights",
    paper="Knowles 2006, https://doi.org/10.1109/TEVC.2005.851274",
    uses_predictor=True,
)
class ParEGO(Bayesian):
    """ParEGO (Knowles 2006, https://doi.org/10.1109/TEVC.2005.851274) with any predictor.

    Weights are drawn uniformly from the simplex, the objectives become one (the augmented Tchebycheff value of the scores, each
    scaled to 0..1), and :class:`~archcast.search.strategies.bayesian.Bayesian` takes one step with it. For a batch that is done
    with ``WEIGHTS`` draws, each of which gives an equal part of it.

    Args:
        space: search space.
        predictor, acquisition, candidates, n_candidates, n_parents, batch, kappa: see ``bayesian``.

    Examples:
        >>> import archcast
        >>> strategy = archcast.get_strategy("parego", "nasbench201", random_state=0)
        >>> archs = strategy.ask(10)
        >>> convolutions = (archs == 3).sum(axis=1)
        >>> strategy.tell(archs, np.stack([convolutions, -convolutions], axis=1))
        >>> strategy.ask(2).shape
        (2, 6)
    """

    multi_objective = True

    def _propose(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        known = self.history[self.history.succeeded]
        found = self.space.sample(0, rng)
        draws = min(n, WEIGHTS)
        for k in range(draws):
            weights = rng.dirichlet(np.ones(known.scores.shape[1]))
            values = rank_normal(scalarise(known.scores, weights))
            share = (n - len(found)) // (draws - k)
            more = self._unseen_besides(self._choose(2 * share, known.archs, values, rng), found)
            found = np.concatenate([found, more[:share]])
        return found
