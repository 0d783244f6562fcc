"""Presets are their papers': numbers as NASLib's configuration of White et al. 2021 gives them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import archcast
from archcast.evaluation.metrics import METRICS, crps, kendall_tau_rounded, sharpness
from archcast.evaluation.presets import PRESETS, spread_epochs
from archcast.evaluation.splits import functions, neighbourhood


def test_white2021_is_the_papers() -> None:
    p = PRESETS["white2021"]
    assert p.train_sizes == (5, 8, 14, 24, 42, 71, 121, 205, 347, 589, 1000)
    assert p.spaces["darts"] == (5, 8, 12, 20, 31, 50, 79, 126, 199, 316, 500)
    for sizes, most in ((p.train_sizes, 1000), (p.spaces["darts"], 500)):
        assert sizes == tuple(np.logspace(math.log2(5.1), math.log2(most) + 1e-12, 11, base=2).astype(int).tolist())
    assert (p.test_size, p.trials, p.fidelities) == (200, 100, 15)


@pytest.mark.parametrize(
    ("longest", "epochs"),
    [
        (108, [1, 2, 3, 4, 5, 7, 10, 14, 18, 25, 33, 44, 60, 80, 106]),  # NAS-Bench-101
        (200, [1, 2, 3, 5, 7, 9, 13, 19, 26, 37, 52, 73, 102, 142, 199]),  # NAS-Bench-201
        (96, [1, 2, 3, 4, 5, 7, 10, 13, 17, 23, 30, 40, 54, 71, 95]),  # NAS-Bench-301
    ],
)
def test_fifteen_numbers_of_epochs(longest, epochs) -> None:
    found = spread_epochs(longest)
    assert len(found) == 15
    assert list(found) == epochs


@pytest.mark.parametrize("longest", range(6))
def test_short_curves(longest) -> None:
    found = spread_epochs(longest)
    assert list(found) == sorted(set(found))
    assert all(1 <= n <= longest for n in found)


def test_a_preset_with_fewer_trials_is_a_quick_look(tiny, kinds, monkeypatch) -> None:
    small = replace(PRESETS["white2021"], train_sizes=(5, 8), test_size=40)
    monkeypatch.setitem(PRESETS, "white2021", small)
    results = archcast.evaluate({"a": kinds["Counts"](tiny.space)}, tiny, preset="white2021", trials=2)
    assert results.protocol["quick_look"] == "2 of its 100 trials"
    html = results.to_html()
    assert "quick look at white2021, 2 of its 100 trials" in html
    assert "tunes them by cross-validation" in html, "what differs from the paper is said"
    monkeypatch.setitem(PRESETS, "white2021", replace(small, trials=2))
    assert (
        archcast.evaluate({"a": kinds["Counts"](tiny.space)}, tiny, preset="white2021").protocol["quick_look"] is None
    )


def test_the_epochs_of_a_preset_are_not_changed(tiny, kinds) -> None:
    with pytest.raises(archcast.ArchcastError, match="epochs: the preset says"):
        archcast.evaluate({"a": kinds["Counts"](tiny.space)}, tiny, preset="white2021", epochs=[1])


@pytest.fixture(scope="module")
def whole():
    space = archcast.get_space("nasbench201")
    archs = space.enumerate()
    scores = (archs == 3).sum(axis=1) + np.random.default_rng(0).random(len(archs))
    return space, archs, scores, functions(space, archs)


def test_neighbourhood_is_the_mutation_setting(whole) -> None:
    space, archs, scores, groups = whole
    train, test = neighbourhood(space, archs, scores, groups, 60, 200, np.random.default_rng(3))
    assert (len(train), len(test)) == (60, 200)
    both = groups[np.concatenate([train, test])]
    assert len(np.unique(both)) == 260, "no function twice"
    canonical = space.canonical(archs)
    parents = {canonical[row].tobytes() for row in test}
    for row in train:
        twins = archs[groups == groups[row]]
        near = {space.canonical(n).tobytes() for twin in twins for n in space.neighbors(twin)}
        assert near & parents, "one change away from a test architecture"
    few, same = neighbourhood(space, archs, scores, groups, 20, 200, np.random.default_rng(3))
    assert (same == test).all()
    assert (few == train[:20]).all()


def test_neighbourhood_is_better_than_chance(whole) -> None:
    space, archs, scores, groups = whole
    drawn = [neighbourhood(space, archs, scores, groups, 5, 200, np.random.default_rng(seed))[1] for seed in range(8)]
    assert scores[np.concatenate(drawn)].mean() > scores.mean() + 0.2 * scores.std()


# -- metrics -----------------------------------------------------------------------------------------------------------


def test_metrics_of_the_paper(rng) -> None:
    from scipy.stats import kendalltau

    truth, mean = rng.uniform(60, 90, 40), rng.uniform(60, 90, 40)
    said = {name: METRICS[name](truth, mean, None) for name in METRICS}
    assert said["mae"] == pytest.approx(np.abs(mean - truth).mean())
    assert said["rmse"] == pytest.approx(np.sqrt(((mean - truth) ** 2).mean()))
    for name, decimals in (("kt_1dec", 1), ("kt_2dec", 2)):
        assert said[name] == pytest.approx(kendalltau(truth, np.round(mean, decimals)).statistic)
        assert METRICS[name](truth / 100, mean / 100, None) == pytest.approx(said[name]), "shares of 1 are percentages"
    top = set(np.argsort(-truth)[:20]) & set(np.argsort(-mean)[:20])
    assert said["top20_precision"] == pytest.approx(len(top) / 20)
    assert math.isnan(METRICS["mae"](np.zeros(0), np.zeros(0), None))


def test_rounding_makes_ties() -> None:
    truth = np.array([0.1, 0.2, 0.3])
    assert kendall_tau_rounded(truth, np.array([0.10004, 0.10003, 0.3]), 2) > kendall_tau_rounded(
        truth * 100, np.array([10.04, 10.03, 30]), 2
    )


def test_crps_is_the_integral(rng) -> None:
    from scipy.integrate import quad
    from scipy.stats import norm

    truth, mean, std = rng.normal(size=4), rng.normal(size=4), rng.uniform(0.3, 2, 4)

    def slow(y, m, s):
        below = quad(lambda x: norm.cdf(x, m, s) ** 2, -20, y)[0]
        return below + quad(lambda x: norm.sf(x, m, s) ** 2, y, 20)[0]

    assert crps(truth, mean, std) == pytest.approx(np.mean([slow(*row) for row in zip(truth, mean, std)]), abs=1e-6)
    assert crps(truth, mean, np.zeros(4)) == pytest.approx(np.abs(truth - mean).mean())
    assert math.isnan(crps(truth, mean, -std))
    assert sharpness(truth, mean, std) == pytest.approx(std.mean())
