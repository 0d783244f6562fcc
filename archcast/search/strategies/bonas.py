"""BONAS: Bayesian regression on the embedding of a graph network, upper confidence bound, evolved candidates."""

from __future__ import annotations

from archcast.search.base import register
from archcast.search.strategies._preset import Preset

__all__ = ["Bonas"]


@register(
    "bonas",
    summary="graph network with Bayesian regression, upper confidence bound",
    paper="Shi et al. 2020, https://arxiv.org/abs/1911.09336",
    uses_predictor=True,
)
class Bonas(Preset):
    """BONAS (Shi et al. 2020, https://arxiv.org/abs/1911.09336): a preset of ``bayesian``.

    The predictor of the same name, the upper confidence bound, and mutations of the best architectures as candidates. The batch is
    the candidates with the highest bounds.

    ``as_published=True`` takes the paper's weight of .5 for the std, scores as they are told, and candidates one change away from
    their parents. What still differs: parents are the ten best, not winners of tournaments in an ageing population; the paper
    trains its candidates together in a network that shares weights; and see the docstring of the predictor.

    Args:
        space: search space.
        as_published: settings of the paper to the letter.
        params: see ``bayesian``.

    Examples:
        >>> import archcast
        >>> archcast.get_strategy("bonas", "nasbench201", random_state=0).acquisition
        'ucb'
    """

    choices = {"predictor": "bonas", "acquisition": "ucb", "candidates": "mutation", "batch": "top"}
    published = {"kappa": 0.5, "continues": 0.0, "targets": "scores"}
