"""A given proxy as the prediction."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.errors import MissingEvidenceError
from archcast.predictors.zero_cost.zero_cost import LOWEST


def test_it_ranks_as_the_proxy_does(rng: np.random.Generator) -> None:
    archs = archcast.get_space("nasbench201").sample(20, 0)
    values = rng.standard_normal(20) * 100
    values[4] = np.nan
    predictor = archcast.get_predictor("evidence", "nasbench201", proxy="mine").init()
    mean = predictor.query(archs, archcast.Evidence(proxies={"mine": values, "other": -values})).mean
    assert mean[4] == LOWEST
    assert mean.argmin() == 4
    assert np.array_equal(np.delete(mean, 4).argsort(), np.delete(values, 4).argsort())


def test_what_is_missing_is_named() -> None:
    predictor = archcast.get_predictor("evidence", "nasbench201", proxy="mine").init()
    with pytest.raises(MissingEvidenceError, match=r"needs evidence.proxies\['mine'\]"):
        predictor.query([[0] * 6], archcast.Evidence(proxies={"other": [1.0]}))
