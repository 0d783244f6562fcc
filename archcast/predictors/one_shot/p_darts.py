"""P-DARTS: fewer operations from stage to stage, and less reliance on skips (Chen et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._mixed_predictor import MixedPredictor
from archcast.predictors.parameters import Number, Whole, Wholes
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotPDARTS"]


@register(
    "one-shot-p-darts",
    summary="DARTS in stages that keep ever fewer operations, with dropout on skips",
    paper="Chen et al. 2019, https://arxiv.org/abs/1904.12760",
    family="one-shot",
)
class OneShotPDARTS(MixedPredictor):
    """P-DARTS (Chen et al. 2019, https://arxiv.org/abs/1904.12760).

    The training has stages of equal length. At the start of a stage each edge keeps its operations of largest alpha, as many
    as ``keep`` says, and alpha begins anew. Within a stage a dropout on the outputs of skips falls from ``skip_dropout`` to 0.
    The derived cell takes no ``none`` and has at most ``most_skips`` skips: the weakest of them give way to the edge's next
    operation.

    Departures: the network does not grow deeper from stage to stage, as its size is given; weights are kept between stages;
    dropout takes a skip away as a whole, not entry by entry.

    The parameters are those of :class:`~archcast.predictors.one_shot._mixed_predictor.MixedPredictor`, and:

    Args:
        keep: operations of an edge in each stage.
        skip_dropout: rate at the start of a stage.
        most_skips: of the derived cell.
    """

    parameters = {"keep": Wholes(), "skip_dropout": Number(0, 1, below=True), "most_skips": Whole(0)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        keep: tuple[int, ...] = (5, 3, 2),
        skip_dropout: float = 0.4,
        most_skips: int = 2,
        **params: Any,
    ) -> None:
        super().__init__(space, **params)
        self.keep = keep
        self.skip_dropout = skip_dropout
        self.most_skips = most_skips

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._pruned import Staged

        return Staged(net, settings, seed, self.alpha_rate, tuple(self.keep), self.skip_dropout, self.most_skips)
