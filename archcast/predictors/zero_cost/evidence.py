"""One proxy or cost that is given as evidence, taken as the prediction: what published proxies are worth by
themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction, Predictor, Requirements, register
from archcast.predictors.parameters import Text
from archcast.predictors.zero_cost.zero_cost import LOWEST, signed_log
from archcast.spaces.base import SearchSpace

__all__ = ["EvidenceScore"]


@register(
    "evidence",
    summary="a proxy that is given; nothing is learned",
    paper="White et al. 2021, https://arxiv.org/abs/2104.01177",
    family="zero-cost",
)
class EvidenceScore(Predictor):
    """A proxy of the evidence, without a model (White et al. 2021, https://arxiv.org/abs/2104.01177).

    The mean is sign(v) log(1 + |v|) of the proxy's value v, which ranks as v does; an unknown value ranks lowest.

    Args:
        space: any space.
        proxy: name of the proxy in ``evidence.proxies``.

    Examples:
        >>> import archcast
        >>> predictor = archcast.get_predictor("evidence", "nasbench201", proxy="snip").init()
        >>> evidence = archcast.Evidence(proxies={"snip": [3.0, float("nan"), 5.0]})
        >>> predictor.query([[0] * 6, [1] * 6, [2] * 6], evidence).mean.argsort().tolist()
        [1, 0, 2]
    """

    parameters = {"proxy": Text()}

    def __init__(self, space: str | SearchSpace, *, proxy: str = "synflow", random_state: Any = None) -> None:
        super().__init__(space, random_state=random_state)
        self.proxy = proxy

    @property
    def requires(self) -> Requirements:
        """The proxy, at query."""
        return Requirements(labels=False, proxies=(self.proxy,))

    def _init(self, known: Known) -> None:
        """Nothing to learn."""

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        return Prediction(np.nan_to_num(signed_log(evidence.proxies[self.proxy]), nan=LOWEST))
