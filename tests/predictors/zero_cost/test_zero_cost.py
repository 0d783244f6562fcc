"""Proxies as predictors: the same numbers as scoring the networks oneself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import rankdata

import archcast
from archcast.errors import InvalidInputError, UnknownNameError
from archcast.predictors.zero_cost.zero_cost import LOWEST, ZeroCost, signed_log

SPACE = archcast.get_space("nasbench201")
SMALL = {"shape": (3, 8, 8), "width": 4, "depth": 1, "batch_size": 6}
ROWS = np.array([[3, 0, 1, 0, 0, 4], [3, 2, 3, 1, 0, 2], [3, 3, 3, 3, 3, 3]])


def by_hand(proxy: str, seed: int) -> list[float]:
    found = []
    for row in ROWS:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = SPACE.build(SPACE.canonical(row)[0], archcast.Task((3, 8, 8), 10, 4, 1))
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(6, 3, 8, 8, generator=generator)
        y = torch.randint(0, 10, (6,), generator=generator)
        found.append(archcast.score(net, x, y, proxies=proxy, seed=seed)[proxy])
    return found


@pytest.mark.parametrize("proxy", ["snip", "plain", "zen", "jacob_cov"])
def test_mean_is_the_signed_log_of_the_proxy(proxy: str) -> None:
    predictor = ZeroCost(SPACE, proxy=proxy, random_state=7, **SMALL).init()
    mean = predictor.query(ROWS).mean
    values = np.array(by_hand(proxy, predictor.seed_))
    assert mean == pytest.approx(np.sign(values) * np.log(1 + np.abs(values)))
    assert np.array_equal(rankdata(mean), rankdata(values))
    assert ZeroCost(SPACE, proxy=proxy, random_state=8, **SMALL).init().query(ROWS).mean != pytest.approx(mean)


def test_networks_without_a_score_are_last() -> None:
    predictor = ZeroCost(SPACE, proxy="synflow", random_state=0, **SMALL).init()
    mean = predictor.query([[0] * 6, [3, 0, 0, 0, 0, 0], [0, 0, 0, 3, 0, 0]]).mean
    assert mean[0] == mean[1] == LOWEST
    assert mean[2] > mean[0]
    assert np.isfinite(mean).all()


def test_twins_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []
    original = type(SPACE).build
    monkeypatch.setattr(type(SPACE), "build", lambda *arguments: built.append(1) or original(*arguments))
    predictor = ZeroCost(SPACE, proxy="params", random_state=0, **SMALL).init()
    mean = predictor.query([[0, 3, 0, 0, 0, 4], [1, 0, 3, 0, 0, 4], [3, 0, 1, 0, 0, 4], [3, 3, 3, 3, 3, 3]]).mean
    assert len(built) == 2
    assert len(set(mean)) == 2


def test_evidence_is_used_where_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = ZeroCost(SPACE, proxy="params", random_state=0, **SMALL).init()
    computed = predictor.query(ROWS).mean
    known = archcast.Evidence(proxies={"params": [5.0, np.nan, -5.0], "snip": [1.0, 2.0, 3.0]})
    mean = predictor.query(ROWS, known).mean
    assert mean == pytest.approx([np.log(6), computed[1], -np.log(6)])
    all_known = archcast.Evidence(proxies={"params": [1.0, 2.0, 3.0]})
    monkeypatch.setattr(type(SPACE), "build", None)
    assert predictor.query(ROWS, all_known).mean == pytest.approx(np.log([2, 3, 4]))


def test_the_generator_of_the_caller_is_left_alone() -> None:
    state = torch.get_rng_state()
    ZeroCost(SPACE, proxy="snip", random_state=0, **SMALL).init().query(ROWS)
    assert torch.equal(torch.get_rng_state(), state)


def test_errors() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown proxy 'snp'. Did you mean 'snip'"):
        ZeroCost(SPACE, proxy="snp").init()
    with pytest.raises(
        InvalidInputError, match=r"those of space 'nasbench-graph' cannot be built. Use the predictor 'evidence'"
    ):
        ZeroCost("nasbench-graph").init()
    with pytest.raises(InvalidInputError, match="batch_size is 0: it must be"):
        ZeroCost(SPACE, batch_size=0).init()


def test_signed_log_is_increasing_and_finite() -> None:
    values = np.array([-np.finfo(float).max, -1e48, -3.0, -1e-9, 0.0, 1e-9, 3.0, 1e48, np.finfo(float).max])
    assert (np.diff(signed_log(values)) > 0).all()
    assert signed_log(values)[0] == LOWEST
    assert np.isfinite(signed_log(values)).all()
