"""Random search with weight sharing: one random row a batch (Li & Talwalkar 2020)."""

from __future__ import annotations

from typing import Any

from archcast.predictors.base import register
from archcast.predictors.one_shot.one_shot import OneShot
from archcast.spaces.base import SearchSpace

__all__ = ["OneShotRandomSampling"]


@register(
    "one-shot-random-sampling",
    summary="a supernet trained on one random row a batch (RSPS, SPOS)",
    paper="Li & Talwalkar 2020, https://arxiv.org/abs/1902.07638; Guo et al. 2020, https://arxiv.org/abs/1904.00420",
    family="one-shot",
)
class OneShotRandomSampling(OneShot):
    """``one-shot`` as it was published: each batch trains one row, uniform over the rows of the space that have a path.

    Departure: rows without a path are drawn again, as there is nothing to train.

    The parameters are those of :class:`~archcast.predictors.one_shot.one_shot.OneShot`.
    """

    usual = {"epochs": 100, "learning_rate": 0.05, "measure": "loss"}

    def __init__(self, space: str | SearchSpace, *, sampling: str = "rows", paths: int = 1, **params: Any) -> None:
        super().__init__(space, sampling=sampling, paths=paths, **params)
