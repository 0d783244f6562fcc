"""NPENAS: evolution whose offspring a predictor chooses."""

from __future__ import annotations

from archcast.search.base import register
from archcast.search.strategies._preset import Preset

__all__ = ["NPENAS"]


@register(
    "npenas",
    summary="evolution: a predictor chooses among many mutations of the best",
    paper="Wei et al. 2020, https://arxiv.org/abs/2003.12857",
    uses_predictor=True,
)
class NPENAS(Preset):
    """NPENAS-NP (Wei et al. 2020, https://arxiv.org/abs/2003.12857): a preset of ``bayesian``.

    The ``n_parents`` best architectures get ``n_candidates`` children, and a predictor, a graph network in the paper, takes those
    with the highest predicted scores. It needs no std. ``acquisition="its"`` is close to the paper's NPENAS-BO.

    ``as_published=True`` takes 100 children of the 10 best, each one change away from its parent, and scores as they are told.
    What still differs: the paper's predictor is a graph isomorphism network trained for 1,000 epochs; ``gcn`` is a graph
    convolutional network.

    Args:
        space: search space.
        as_published: settings of the paper to the letter.
        params: see ``bayesian``.

    Examples:
        >>> import archcast
        >>> archcast.get_strategy("npenas", "nasbench201", predictor="xgboost-rank", random_state=0).acquisition
        'mean'
    """

    choices = {"predictor": "gcn", "acquisition": "mean", "candidates": "mutation", "batch": "top"}
    published = {"n_candidates": 100, "n_parents": 10, "continues": 0.0, "targets": "scores"}
