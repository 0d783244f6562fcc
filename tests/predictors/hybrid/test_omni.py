"""OMNI against NGBoost that is fitted by hand on features that are written out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from ngboost import NGBRegressor
from scipy.stats import norm
from sklearn.tree import DecisionTreeRegressor

from archcast.errors import InvalidInputError, MissingEvidenceError
from archcast.predictors import Evidence, get_predictor
from archcast.predictors.hybrid.omni import SHARES
from archcast.predictors.targets import TargetScale, rank_normal
from archcast.predictors.trees.ngboost import NGBoost
from archcast.predictors.zero_cost.zero_cost import LOWEST, score_untrained
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")
ARCHS, QUERIES = SPACE.sample(40, 0), SPACE.sample(30, 1)
SMALL = {"shape": (3, 8, 8), "width": 2, "depth": 1, "batch_size": 4}


def known(archs, epochs):
    """Falling losses of many epochs and a proxy, both of which say something of the scores."""
    good = (archs == 3).sum(axis=1) + 0.1 * archs[:, 0]
    losses = 3 - np.outer(good, np.arange(1, epochs + 1)) / 20
    return Evidence({"train_loss": losses}, {"jacob_cov": -40.0 + 7 * good})


SCORES = (ARCHS == 3).sum(axis=1) + (ARCHS == 2).sum(axis=1) * 0.3


def by_hand(without, window, epochs):
    """Mean and std of the queries."""

    def features(archs, evidence):
        blocks = []
        if without != "encoding":  # one-hot operations of six edges, standardised over the predictor's fixed sample
            one_hot = (archs[:, :, None] == np.arange(5)).reshape(len(archs), 30).astype(float)
            sample = (SPACE.sample(1000, 0)[:, :, None] == np.arange(5)).reshape(1000, 30).astype(float)
            blocks.append((one_hot - sample.mean(axis=0)) / sample.std(axis=0))
        if without != "curve":
            late = [sum(row[epochs - 1 - k] for k in range(window)) for row in evidence.curves["train_loss"].tolist()]
            blocks.append(-np.log(1 + np.array(late))[:, None])
        if without != "proxy":
            value = evidence.proxies["jacob_cov"]
            blocks.append((np.sign(value) * np.log(1 + abs(value)))[:, None])
        return np.hstack(blocks)

    rng = np.random.default_rng(5)
    rng.integers(2**31)  # the seed of networks, which are not built here
    seed = int(rng.integers(2**31))
    state = np.random.RandomState(int(np.random.default_rng(seed).integers(2**31)))
    tree = DecisionTreeRegressor(max_depth=3, min_samples_leaf=2, max_features=0.5, random_state=state)
    model = NGBRegressor(
        Base=tree,
        n_estimators=8,
        learning_rate=0.03,
        minibatch_frac=0.5,
        col_sample=1.0,
        random_state=state,
        verbose=False,
    )
    normal = model.fit(features(ARCHS, known(ARCHS, 12)), rank_normal(SCORES)).pred_dist(
        features(QUERIES, known(QUERIES, epochs))
    )
    answer = TargetScale.of_scores(SCORES).prediction(normal.loc, normal.scale)
    return answer.mean, answer.std


@pytest.mark.parametrize(
    ("without", "window"), [(None, 1), (None, 3), ("curve", 1), ("proxy", 2), ("encoding", 1)], ids=str
)
def test_it_is_ngboost_on_the_three_parts(without, window):
    """Training rows have twelve epochs, queries four: of both the first four count, and the losses of the last ``window``."""
    settings = {"n_estimators": 8, "max_features": 0.5, "without": without, "window": window, "epochs": 4}
    predictor = get_predictor("omni", SPACE, **settings, random_state=5)
    prediction = predictor.init(ARCHS, SCORES, known(ARCHS, 12)).query(QUERIES, known(QUERIES, 4))
    mean, std = by_hand(without, window, 4)
    np.testing.assert_allclose(prediction.mean, mean, atol=1e-5)
    np.testing.assert_allclose(prediction.std, std, atol=1e-5)
    assert np.ptp(mean) > 0.1


def test_what_is_left_out_is_not_asked_for():
    bare = Evidence(known(ARCHS, 6).curves)
    without = get_predictor("omni", SPACE, n_estimators=2, without="proxy", random_state=0).init(ARCHS, SCORES, bare)
    assert without.requires.proxies == ()
    assert without.query(ARCHS[:3], bare[:3]).mean.shape == (3,)
    bare = Evidence(proxies=known(ARCHS, 6).proxies)
    without = get_predictor("omni", SPACE, n_estimators=2, without="curve", random_state=0).init(ARCHS, SCORES, bare)
    assert without.requires.curve is None
    assert without.query(ARCHS[:3], bare[:3]).mean.shape == (3,)


def test_an_unknown_jacobian_is_the_worst():
    evidence = known(QUERIES[:1], 5)
    evidence.proxies["jacob_cov"][:] = np.nan
    predictor = get_predictor("omni", SPACE, n_estimators=2, random_state=0).init(ARCHS, SCORES, known(ARCHS, 5))
    assert predictor._columns(QUERIES[:1], evidence)[0, 1] == LOWEST


def test_a_jacobian_that_is_not_given_is_computed(tmp_path):
    archs = ARCHS[:3]
    curves = Evidence(known(archs, 5).curves)
    predictor = get_predictor("omni", SPACE, n_estimators=2, scoring=SMALL, random_state=0)
    predictor.init(archs, SCORES[:3], curves)
    found = predictor._columns(archs[:2], curves[:2])[:, 1]
    seed, task = predictor.scorer_.seed_, predictor.scorer_._task()
    for row, value in zip(SPACE.canonical(archs[:2]), found):
        scores = score_untrained(SPACE, row, "jacob_cov", seed=seed, batch_size=4, task=task)
        expected = scores.get("jacob_cov")
        assert value == (LOWEST if expected is None else np.sign(expected) * np.log1p(abs(expected)))
    with_values = known(archs, 5)
    np.testing.assert_array_equal(
        predictor.query(archs, with_values).mean,
        predictor.query(archs, curves).mean,
        "what init computed query does too",
    )
    predictor.save(tmp_path / "omni.npz")
    loaded = type(predictor).load(tmp_path / "omni.npz")
    np.testing.assert_array_equal(loaded.query(archs, curves).mean, predictor.query(archs, curves).mean)
    alone = get_predictor("omni", SPACE, n_estimators=2, without="curve", scoring=SMALL, random_state=0)
    assert alone.init(archs, SCORES[:3]).query(archs).mean.shape == (3,), "nothing need be given"


def test_a_jacobian_that_cannot_be_had_is_asked_for():
    given = get_predictor("omni", SPACE, n_estimators=2, random_state=0).init(ARCHS, SCORES, known(ARCHS, 5))
    with pytest.raises(
        MissingEvidenceError, match=r"Omni needs evidence.proxies\['jacob_cov'\]. Compute it with archcast"
    ):
        given.query(QUERIES, Evidence(known(QUERIES, 5).curves))
    space = get_space("spikenas-bench")
    archs = space.sample(10, 0)
    with pytest.raises(MissingEvidenceError, match=r"needs evidence.proxies\['jacob_cov'\]. Compute it"):
        get_predictor("omni", space).init(archs, np.arange(10), Evidence(known(archs, 5).curves))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"without": "curves"}, r"Omni: without is 'curves': it must be one of 'curve', 'proxy', 'encoding', or None"),
        ({"window": 6}, "Omni: window is 6: it must be between 1 and epochs=5"),
        ({"epochs": 0}, "epochs is 0|epochs must be"),
    ],
)
def test_wrong_parameters(params, message):
    with pytest.raises(InvalidInputError, match=message):
        get_predictor("omni", SPACE, **params).init(ARCHS, SCORES, known(ARCHS, 12))


def test_trees_and_share_are_those_of_the_best_cross_validated_likelihood(monkeypatch):
    trees = (3, 10)
    monkeypatch.setattr("archcast.predictors.hybrid.omni.TREES", trees)
    predictor = get_predictor("omni", SPACE, without="proxy", epochs=4, random_state=5)
    predictor.init(ARCHS, SCORES, known(ARCHS, 4))
    chosen = predictor.model_
    assert chosen.n_estimators in trees
    assert chosen.max_features in SHARES
    assert chosen.col_sample == 1
    rng = np.random.default_rng(5)
    rng.integers(2**31)
    seed = int(rng.integers(2**31))
    fold = rng.permutation(len(ARCHS)) % 3
    x, t = predictor._matrix(ARCHS, predictor._columns(ARCHS, known(ARCHS, 4))), rank_normal(SCORES)

    def loss(many, share):
        total = 0.0
        for k in range(3):
            model = NGBoost(SPACE, n_estimators=many, col_sample=1.0, max_features=share, random_state=seed)
            model.learn(x[fold != k], t[fold != k])
            mean, std = model.answer(x[fold == k])
            total -= norm(mean, std).logpdf(t[fold == k]).sum()
        return total

    losses = {(many, share): loss(many, share) for many in trees for share in SHARES}
    assert losses[chosen.n_estimators, chosen.max_features] == pytest.approx(min(losses.values()))


def test_a_handful_of_architectures_is_not_searched():
    predictor = get_predictor("omni", SPACE, without="proxy", epochs=4, random_state=5)
    predictor.init(ARCHS[:5], SCORES[:5], known(ARCHS[:5], 4))
    assert (predictor.model_.n_estimators, predictor.model_.max_features) == (100, 1.0)
