"""Weight sharing as it ranks best in this project's own study: several random functions a batch.

Start with this one. It needs no labels, and trains one network for all queries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._predictor import OneShotPredictor
from archcast.predictors.parameters import Whole, Word
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShot"]


@register(
    "one-shot",
    summary="a supernet trained on five random functions a batch",
    paper="Bender et al. 2018, https://proceedings.mlr.press/v80/bender18a.html; Guo et al. 2020, https://arxiv.org/abs/1904.00420",
    family="one-shot",
)
class OneShot(OneShotPredictor):
    """A supernet whose every step follows the mean gradient of a few random architectures on the same images.

    With a_1, ..., a_m independent and uniform over the distinct functions of the space that have a path, and w(a) the shared
    weights on the path of a, a step descends along (1 / m) sum_i grad_w L_train(w(a_i)). The score is minus the validation loss
    with the weights w(a), batch norm by the statistics of the images that answer.

    Single-path one-shot (Guo et al. 2020, https://arxiv.org/abs/1904.00420) draws one row, uniformly over rows. Many rows have
    dead edges, so deep edges see few steps; drawing functions mends that, and it decides how well the weights rank.

    The parameters are those of :class:`~archcast.predictors.one_shot._predictor.OneShotPredictor`, and:

    Args:
        sampling: ``functions``, or ``rows``.
        paths: architectures a batch.

    Examples:
        >>> import archcast
        >>> task = archcast.Task(width=4, depth=1, stages=1)
        >>> predictor = archcast.get_predictor("one-shot", "nasbench201", task=task, epochs=1, paths=2, random_state=0).init()
        >>> scores = predictor.query([[3, 3, 3, 3, 3, 3], [0, 0, 0, 4, 0, 0]]).mean
        >>> scores.shape, bool((scores < 0).all())
        ((2,), True)
    """

    usual = {"epochs": 50, "learning_rate": 0.2, "measure": "loss"}
    parameters = {"sampling": Word("functions", "rows"), "paths": Whole(1)}

    def __init__(self, space: str | SearchSpace, *, sampling: str = "functions", paths: int = 5, **params: Any) -> None:
        super().__init__(space, **params)
        self.sampling = sampling
        self.paths = paths

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._paths import SampledPaths

        return SampledPaths(net, settings, seed, self.sampling, self.paths)
