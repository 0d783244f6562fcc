"""Progressive DrNAS: more channels and fewer operations from stage to stage (Chen et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.errors import InvalidInputError
from archcast.predictors.base import register
from archcast.predictors.one_shot._mixed_predictor import MixedPredictor
from archcast.predictors.parameters import Number, Wholes
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotProgressiveDrNAS"]


@register(
    "one-shot-progressive-drnas",
    summary="DrNAS in stages, each with more channels and fewer operations than the one before",
    paper="Chen et al. 2021, https://arxiv.org/abs/2006.10355",
    family="one-shot",
)
class OneShotProgressiveDrNAS(MixedPredictor):
    """DrNAS with the progressive schedule of its paper (Chen et al. 2021, https://arxiv.org/abs/2006.10355, section 3.3).

    The training of :class:`~archcast.predictors.one_shot.drnas.OneShotDrNAS` has stages of equal length. Within one,
    operations see one in K channels and the others pass by, as in PC-DARTS. At the start of the next, each edge keeps the
    operations of largest concentration, as many as ``keep`` says, and K falls: convolutions become wider, and their new
    channels begin as copies of the old ones (Net2Wider). The Dirichlet distribution is one over the operations that are left.

    Departures: those of DrNAS; concentrations go on from stage to stage; copies are taken in turn, not at random.

    A row is scored by its path through the channels of the last stage. An operation that was pruned keeps the weights that it
    had then, so its rows are scored all the same, as rows of few chances.

    The parameters are those of :class:`~archcast.predictors.one_shot._mixed_predictor.MixedPredictor`, and:

    Args:
        penalty: lambda, as in DrNAS.
        groups: K of each stage, each a multiple of the next; the channels of the network must be a multiple of the first. Spaces
            without partial channels take ``(1, 1)``.
        keep: operations of an edge in each stage; none is taken away before the second.
    """

    usual = {"epochs": 30, "learning_rate": 0.2, "measure": "accuracy"}
    parameters = {"penalty": Number(0), "groups": Wholes(), "keep": Wholes()}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        penalty: float = 1e-3,
        groups: tuple[int, ...] = (4, 2),
        keep: tuple[int, ...] = (5, 3),
        **params: Any,
    ) -> None:
        super().__init__(space, **params)
        self.penalty = penalty
        self.groups = groups
        self.keep = keep

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if len(self.groups) != len(self.keep):
            raise InvalidInputError(
                f"groups has {len(self.groups)} stages and keep has {len(self.keep)}: each stage needs both, as in "
                "groups=(4, 2), keep=(5, 3)."
            )
        if any(a % b for a, b in zip(self.groups, self.groups[1:])):
            raise InvalidInputError(f"groups is {tuple(self.groups)}: each must be a multiple of the next.")

    def _network_settings(self) -> dict[str, Any]:
        return {"affine": False, "partial": self.groups[-1]}

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._progressive import ProgressiveDirichlet

        return ProgressiveDirichlet(
            net, settings, seed, self.alpha_rate, self.penalty, tuple(self.groups), tuple(self.keep)
        )
