"""FairNAS: every operation of every edge is trained equally often (Chu et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._predictor import OneShotPredictor
from archcast.predictors.parameters import Whole, Word
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotFairNAS"]


@register(
    "one-shot-fairnas",
    summary="a supernet in which every operation sees every batch once",
    paper="Chu et al. 2021, https://arxiv.org/abs/1907.01845",
    family="one-shot",
)
class OneShotFairNAS(OneShotPredictor):
    """Strict fairness (Chu et al. 2021, https://arxiv.org/abs/1907.01845).

    A permutation of the c operations is drawn for each edge; the i-th entries of all permutations are the i-th of c rows. So
    each operation of each edge is in one row. The gradients of all c rows on one batch make one step.

    Departures: the step follows the mean of the gradients, not their sum, which diverges at this learning rate; rows without a
    path are left out.

    The parameters are those of :class:`~archcast.predictors.one_shot._predictor.OneShotPredictor`, and:

    Args:
        sampling: ``rows``, the paper's; ``functions`` draws sets of c functions, uniformly, and takes the set that comes nearest to
            strict fairness: of ``tries`` sets the one with the smallest sum of squared counts of operations, where a dead edge
            counts as ``none``.
        tries: sets of functions that are compared; rows need none.
    """

    usual = {"epochs": 50, "learning_rate": 0.2, "measure": "loss"}
    parameters = {"sampling": Word("rows", "functions"), "tries": Whole(1)}

    def __init__(self, space: str | SearchSpace, *, sampling: str = "rows", tries: int = 20, **params: Any) -> None:
        super().__init__(space, **params)
        self.sampling = sampling
        self.tries = tries

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._paths import FairFunctions, FairPaths

        if self.sampling == "functions":
            return FairFunctions(net, settings, seed, self.tries)
        return FairPaths(net, settings, seed)
