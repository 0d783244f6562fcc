"""Random search: the baseline of every search, and with a zero-cost score more than that."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.search.base import Strategy, register

__all__ = ["RandomSearch"]


@register("random", summary="random architectures", paper="Li & Talwalkar 2019, https://arxiv.org/abs/1902.07638")
class RandomSearch(Strategy):
    """Uniformly random architectures, no function twice (Li & Talwalkar 2019, https://arxiv.org/abs/1902.07638).

    Examples:
        >>> import archcast
        >>> archcast.get_strategy("random", "nasbench201", random_state=0).ask(3).shape
        (3, 6)
    """

    multi_objective = True
    learns = False

    def _propose(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        return self._sample(2 * n, rng)
