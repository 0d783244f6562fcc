"""Path dropout at a constant rate: a supernet that learns to do without (Bender et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._predictor import OneShotPredictor
from archcast.predictors.parameters import Number, Whole
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotDropPath"]


@register(
    "one-shot-drop-path",
    summary="a supernet whose operations are dropped at random, at a constant rate",
    paper="Bender et al. 2018, https://proceedings.mlr.press/v80/bender18a.html",
    family="one-shot",
)
class OneShotDropPath(OneShotPredictor):
    """Path dropout (Bender et al. 2018, https://proceedings.mlr.press/v80/bender18a.html).

    Each operation of each edge is dropped with probability p, anew for every ghost batch; an edge is the mean of the operations
    that are left. Ghost batches are parts of a batch, each with batch statistics of its own. Weight decay acts on the
    operations that took part in the batch, and on no others.

    Departures: p is the same for all operations, where the paper takes r^(1/k) with k the number of incoming paths; the
    operations of an edge are averaged, where the paper concatenates and projects.

    The parameters are those of :class:`~archcast.predictors.one_shot._predictor.OneShotPredictor`, and:

    Args:
        rate: p, from 0 to below 1.
        ghosts: equal parts of a batch, each with its own dropout.
    """

    usual = {"epochs": 30, "learning_rate": 0.2, "measure": "loss"}
    parameters = {"rate": Number(0, 1, below=True), "ghosts": Whole(1)}
    _scheduled = False

    def __init__(self, space: str | SearchSpace, *, rate: float = 0.5, ghosts: int = 2, **params: Any) -> None:
        super().__init__(space, **params)
        self.rate = rate
        self.ghosts = ghosts

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._dropped import Dropped

        return Dropped(net, settings, seed, self.rate, self._scheduled, self.ghosts)
