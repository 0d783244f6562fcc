"""Path dropout at a rate that rises while the supernet trains (Bender et al. 2018)."""

from __future__ import annotations

from archcast.predictors.base import register
from archcast.predictors.one_shot.drop_path import OneShotDropPath

__all__ = ["OneShotScheduledDropPath"]


@register(
    "one-shot-scheduled-drop-path",
    summary="a supernet whose operations are dropped at random, ever more often",
    paper="Bender et al. 2018, https://proceedings.mlr.press/v80/bender18a.html; Zoph et al. 2018, https://arxiv.org/abs/1707.07012",
    family="one-shot",
)
class OneShotScheduledDropPath(OneShotDropPath):
    """``one-shot-drop-path`` whose p rises linearly from 0 to ``rate`` over the training.

    The parameters are those of :class:`~archcast.predictors.one_shot.drop_path.OneShotDropPath`.
    """

    _scheduled = True
