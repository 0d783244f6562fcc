"""BANANAS: a deep ensemble, mutations of the best as candidates, independent Thompson sampling."""

from __future__ import annotations

from archcast.search.base import register
from archcast.search.strategies._preset import Preset

__all__ = ["Bananas"]


@register(
    "bananas",
    summary="ensemble predictor, mutation candidates, independent Thompson sampling",
    paper="White et al. 2019, https://arxiv.org/abs/1910.11858",
    uses_predictor=True,
)
class Bananas(Preset):
    """BANANAS (White et al. 2019, https://arxiv.org/abs/1910.11858): a preset of ``bayesian``.

    An ensemble of networks on the path encoding, independent Thompson sampling, and mutations of the best architectures as
    candidates.

    ``as_published=True`` takes what the authors' code takes: 100 candidates, each one change away from one of the best
    architectures; one draw of Thompson sampling, of which the highest make the batch; scores as they are told, not their ranks.
    What still differs: the authors turn to the next best parent only when one gives too few new candidates, up to five of them,
    and here all five give candidates at once; and the departures of the predictor, see its docstring.

    Args:
        space: search space.
        as_published: settings of the paper to the letter.
        params: see ``bayesian``.

    Examples:
        >>> import archcast
        >>> archcast.get_strategy("bananas", "nasbench201", random_state=0).ask(2).shape
        (2, 6)
        >>> archcast.get_strategy("bananas", "nasbench201", as_published=True).n_candidates
        100
    """

    choices = {"predictor": "bananas", "acquisition": "its", "candidates": "mutation"}
    published = {"n_candidates": 100, "n_parents": 5, "continues": 0.0, "batch": "top", "targets": "scores"}
