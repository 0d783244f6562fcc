"""Rows of proxies: given, published or computed, always beside params and flops."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import kendalltau, rankdata

import archcast
from archcast.errors import InvalidInputError, UnknownNameError

SPACE = archcast.get_space("nasbench201")
SMALL = {"train_sizes": [3], "test_size": 8, "trials": 1}


def few(n: int = 14) -> archcast.Benchmark:
    archs = SPACE.sample(n, 5)
    return archcast.Benchmark("few", SPACE, archs, {"acc": np.random.default_rng(0).random(n)}, "acc")


def tau_of(results: archcast.Results) -> dict[str, float]:
    return dict(zip(results.frame["predictor"], results.frame["kendall_tau"]))


def test_computed_scores_are_those_of_the_networks(tmp_path) -> None:
    benchmark = few()
    told = []
    results = archcast.evaluate(
        [],
        benchmark,
        proxies=["synflow"],
        **SMALL,
        out=tmp_path,
        progress=lambda p: told.append((p.what, p.done, p.total)),
    )
    assert list(results.frame["predictor"]) == ["params", "flops", "synflow"]
    assert set(results.frame["error"]) == {""}
    nets = [(d, t) for what, d, t in told if what == "networks"]
    assert nets[0][0] == 0
    assert nets[-1][0] == nets[-1][1] == 8

    lines = [json.loads(line) for line in (tmp_path / "proxies.jsonl").read_text().splitlines()]
    synflow, params = [], []
    for line in lines:
        row = SPACE.parse(line["arch"])
        net = SPACE.build(row[0], archcast.Task())
        import torch

        found = archcast.score(net, torch.randn(2, 3, 32, 32), proxies=["params"])
        assert line["scores"]["params"] == found["params"]
        synflow.append(line["scores"]["synflow"])
        params.append(found["params"])
    tested = SPACE.canonical(benchmark.archs).tolist()
    at = [tested.index(SPACE.parse(line["arch"])[0].tolist()) for line in lines]
    truth = benchmark.scores()[at]
    assert len(set(at)) == 8, "the test set holds each function once here"
    values = np.array([-np.inf if v is None else v for v in synflow])
    assert tau_of(results)["params"] == pytest.approx(kendalltau(params, truth).statistic)
    assert tau_of(results)["synflow"] == pytest.approx(kendalltau(rankdata(values), truth).statistic)

    told.clear()
    (tmp_path / "proxies.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines[:5]) + '{"arch": "|n')
    (tmp_path / "results.csv").unlink()
    again = archcast.evaluate(
        [],
        benchmark,
        proxies=["synflow"],
        **SMALL,
        out=tmp_path,
        progress=lambda p: told.append((p.what, p.done, p.total)),
    )
    assert ("networks", 5, 8) in told, "what is there is not computed again"
    assert ("networks", 4, 8) not in told
    assert tau_of(again) == tau_of(results)


def test_given_values_come_first(tiny) -> None:
    evidence = archcast.Evidence(
        proxies={"snip": tiny.proxies["grasp"], "params": tiny.scores("acc"), "flops": tiny.proxies["snip"]}
    )
    results = archcast.evaluate([], tiny, proxies="snip", evidence=evidence, train_sizes=[5], test_size=100, trials=2)
    frame = results.frame.set_index(["predictor", "trial"])["kendall_tau"]
    assert frame["params"].tolist() == [1, 1], "params was set to the scores themselves"
    assert abs(frame["snip"]).max() < 0.25, "grasp of that benchmark is noise"
    assert frame["flops"].min() > 0.3


def test_aggregates_are_made_of_ranks(tiny) -> None:
    rng = np.random.default_rng(3)
    truth = np.nan_to_num(tiny.scores("acc"))
    names = ("flops", "az_expressivity", "az_progressivity", "az_trainability")
    evidence = archcast.Evidence(proxies={name: truth + rng.normal(0, 1, 300) for name in (*names, "params")})
    settings = {"evidence": evidence, "train_sizes": [5], "test_size": "rest", "trials": 1}
    tau = tau_of(archcast.evaluate([], tiny, proxies=["az_nas", *names], **settings))
    assert tau["az_nas"] > max(tau[name] for name in names)


def test_evidence_narrows_the_benchmark(tiny) -> None:
    known = np.where(np.arange(300) < 120, np.arange(300.0), np.nan)
    evidence = archcast.Evidence(proxies={"params": known, "flops": known, "mine": np.full(300, np.nan)})
    results = archcast.evaluate(
        [], tiny, proxies="mine", evidence=evidence, train_sizes=[5], test_size="rest", trials=1
    )
    assert results.protocol["architectures"] == 100, "120 are known, 20 of them have no score"
    assert tau_of(results)["params"] == tau_of(results)["flops"]
    assert "all predictions are equal" in dict(zip(results.frame["predictor"], results.frame["error"]))["mine"]


def test_what_cannot_be_had_fails_in_its_row() -> None:
    space = archcast.get_space("nasbench-graph")
    archs = space.sample(30, 0)
    benchmark = archcast.Benchmark(
        "graphs", space, archs, {"acc": np.arange(30.0)}, "acc", proxies={"mine": np.arange(30.0)}
    )
    results = archcast.evaluate([], benchmark, proxies=["snip"], train_sizes=[3], test_size=10, trials=1)
    errors = dict(zip(results.frame["predictor"], results.frame["error"]))
    assert set(errors) == {"params", "flops", "snip"}
    assert "needs evidence.proxies['snip']" in errors["snip"]


def test_wrong_names(tiny) -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown proxy 'sinp'. Did you mean 'snip'"):
        archcast.evaluate([], tiny, proxies=["sinp"])
    with pytest.raises(InvalidInputError, match="'params' is the name of a predictor and of a proxy"):
        archcast.evaluate({"params": "random-forest"}, tiny, proxies=["snip"])
    with pytest.raises(InvalidInputError, match="predictors is empty"):
        archcast.evaluate([], tiny)
