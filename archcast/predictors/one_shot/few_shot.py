"""Few-shot NAS: a supernet for each operation of one edge (Zhao et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._predictor import OneShotPredictor
from archcast.predictors.parameters import Number, Whole, Word
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotFewShot"]


@register(
    "one-shot-few-shot",
    summary="a supernet that is split into one for each operation of an edge",
    paper="Zhao et al. 2021, https://arxiv.org/abs/2006.06863",
    family="one-shot",
)
class OneShotFewShot(OneShotPredictor):
    """Few-shot NAS (Zhao et al. 2021, https://arxiv.org/abs/2006.06863).

    One supernet is trained on random paths. Then each operation of one edge gets a copy of its own, which goes on with the
    paths that take that operation: weights are shared among fewer architectures. An architecture is read from the copy that is
    its own.

    Departures: every batch trains all copies, with one path each.

    The parameters are those of :class:`~archcast.predictors.one_shot._predictor.OneShotPredictor`, and:

    Args:
        column: decision that is split, counted from 0.
        shared: share of the training before the split.
        sampling: ``functions`` or ``rows``, before and after.
    """

    usual = {"epochs": 50, "learning_rate": 0.05, "measure": "loss"}
    parameters = {"column": Whole(0), "shared": Number(0, 1), "sampling": Word("functions", "rows")}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        column: int = 3,
        shared: float = 0.5,
        sampling: str = "functions",
        **params: Any,
    ) -> None:
        super().__init__(space, **params)
        self.column = column
        self.shared = shared
        self.sampling = sampling

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._split import Split

        return Split(net, settings, seed, self.sampling, self.column, self.shared)
