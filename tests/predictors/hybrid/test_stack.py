"""`stack`, member by member, against slow or other people's ways to the same numbers, and as a whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import kendalltau
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge

import archcast
from archcast.errors import InvalidInputError
from archcast.evidence import Evidence, Pool
from archcast.predictors.base import Predictor, get_predictor
from archcast.predictors.features import evidence_columns
from archcast.predictors.gaussian_process._additive import (
    JITTER,
    AdditiveGP,
    InducingGP,
    LogNormal,
    Objective,
    Priors,
    Terms,
)
from archcast.predictors.hybrid import _stack_members
from archcast.predictors.hybrid._stack_members import Boosting, Forest, Inputs, Process
from archcast.predictors.hybrid._structure import RIDGE, FilledEvidence, Structure, measured
from archcast.predictors.hybrid.stack import Blend, Stack
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")


def accuracy(archs, rng=None, noise=0.0):
    """A function of the cell that is not linear in any encoding: convolutions on the way count, pooling costs."""
    features = np.stack([(archs == 3).sum(1), (archs == 2).sum(1), (archs == 4).sum(1), archs[:, 3] == 1], axis=1)
    wired = SPACE.graphs(archs).pruned().adjacency.any(axis=(1, 2))
    value = np.where(wired, 60 + 8 * np.sqrt(features @ [1.0, 0.5, 0.1, 0.6]), 10.0)
    return value + noise * (0 if rng is None else rng.normal(size=len(archs)))


def inputs_of(archs, known=None):
    """Inputs whose known labels are those of ``known``, or their own."""
    structure = Structure.of(SPACE, None)
    view = structure.view(archs)
    labels = structure.view(archs if known is None else known).labels.any(axis=0)
    return Inputs(view, view.cosines(labels), view.size)


def spread():
    return Structure.of(SPACE, None).features.distances


# -- Gaussian process --------------------------------------------------------------------------------------------------


def test_gradient_of_relevances_is_that_of_finite_differences(rng):
    terms = Terms((rng.normal(size=(9, 3)), rng.normal(size=(9, 2))), (rng.normal(size=(9, 2)),))
    priors = Priors((LogNormal(0.4, 1),) * 2, (LogNormal(1.5, 0.3),) * 2, (LogNormal(0.1, 1),), relevance=0.8)
    objective = Objective(terms, rng.normal(size=9), priors)
    assert len(objective.centre) == 2 + 2 + 1 + 1 + 5
    theta = objective.centre + 0.5 * rng.normal(size=len(objective.centre))
    expected = approx_fprime(theta, lambda at: objective(at)[0], 1e-6)
    np.testing.assert_allclose(objective(theta)[1], expected, atol=1e-4)


def test_relevances_find_the_feature_that_matters(rng):
    x = rng.normal(size=(60, 6))
    priors = Priors((LogNormal(1, 1),), (LogNormal(3.0, 0.3),), relevance=1.4)
    gp = AdditiveGP.fit(Terms((x,)), np.sin(2 * x[:, 2]), priors)
    assert gp.kernel.relevances[0].argmax() == 2
    new = rng.normal(size=(50, 6))
    assert np.corrcoef(gp.predict(Terms((new,)))[0], np.sin(2 * new[:, 2]))[0, 1] > 0.95


def test_leave_one_out_by_leaving_one_out(rng):
    terms = Terms((rng.normal(size=(8, 3)),))
    targets = rng.normal(size=8)
    gp = AdditiveGP.fit(terms, targets, Priors((LogNormal(1, 1),), (LogNormal(2, 0.3),), relevance=1.0))
    covariance = gp.kernel(terms, terms) + (gp.noise + JITTER) * np.eye(8)
    for i in range(8):
        rest = np.delete(np.arange(8), i)
        solved = np.linalg.solve(covariance[np.ix_(rest, rest)], covariance[rest, i])
        assert gp.leave_one_out(targets)[i] == pytest.approx(solved @ targets[rest])
        assert gp.leave_one_out_variance()[i] == pytest.approx(covariance[i, i] - solved @ covariance[rest, i])


def test_labels_that_no_training_row_has_add_variance_and_nothing_else(rng):
    archs = SPACE.sample(30, 1)
    inputs, all_labels = inputs_of(archs), inputs_of(SPACE.sample(200, 2), archs)
    process, _, _ = Process.fit(inputs, rank_normal(accuracy(archs)), spread(), evidence=False)
    slope = process.gp.kernel.slopes[1]
    seen = inputs.view.labels.any(axis=0)
    assert 0 < seen.sum() < len(seen)
    trained, new = process.gp.terms.linear[1], all_labels.view.labels / all_labels.view.length
    own = inputs.view.labels / inputs.view.length
    np.testing.assert_allclose(np.square(new).sum(axis=1), 1)
    np.testing.assert_allclose(trained @ trained.T, own @ own.T, atol=1e-12)
    np.testing.assert_allclose(np.square(trained).sum(axis=1), 1)
    assert slope > 0
    assert np.isfinite(process.predict(all_labels)[1]).all()
    assert (np.square(new[:, seen]).sum(axis=1) < 0.999).any()


def test_one_architecture_leaves_the_prior_size_ranks():
    stack = get_predictor("stack", SPACE, random_state=0).init([[3, 1, 0, 1, 2, 0]], [80.0])
    archs = SPACE.sample(300, 0)
    weights = 9 * (archs == 3).sum(axis=1) + (archs == 2).sum(axis=1)
    wired = SPACE.graphs(archs).pruned().operations[:, 1:-1] >= 0
    assert kendalltau(stack.query(archs[wired.all(axis=1)]).mean, weights[wired.all(axis=1)]).statistic > 0.7


# -- spaces without cell graphs ----------------------------------------------------------------------------------------


def test_decisions_by_themselves_have_a_process_of_their_own(rng):
    space = archcast.Choices({f"p{k}": list(range(6)) for k in range(8)})
    archs = space.sample(140, 0)
    curves = rng.normal(size=(8, 6))
    scores = curves[np.arange(8), archs].sum(axis=1)  # a sum over decisions, each as crooked as can be
    stack = get_predictor("stack", space, random_state=0).init(archs[:100], scores[:100])
    found = stack.query(archs[100:])
    single, separate, plain = stack.processes_
    assert [process.separate for process in (single, separate, plain)] == [False, True, False]
    inputs = stack._inputs(stack.structure_.view(archs[100:]), {})
    alone = kendalltau(separate.predict(inputs)[0], scores[100:]).statistic
    assert alone > kendalltau(plain.predict(inputs)[0], scores[100:]).statistic + 0.05
    assert kendalltau(found.mean, scores[100:]).statistic > 0.8


def test_prior_variances_of_both_processes_are_the_same():
    space = archcast.Choices(kernel1=[3, 5, 7], kernel2=[3, 5, 7], act=["a", "b", "c"])
    structure = Structure.of(space, None)
    view = structure.view(space.enumerate())
    inputs = Inputs(view, view.cosines(np.zeros(0, dtype=bool)), view.size)
    total = []
    for separate in (False, True):
        priors = _stack_members.priors_of(inputs, structure.features.distances, separate)
        terms = _stack_members.terms_of(inputs, False, separate)
        lengths = [np.square(x).sum(axis=1).mean() for x in terms.linear]
        linear = sum(p.median * length for p, length in zip(priors.slopes, lengths, strict=True))
        assert len(priors.scales) == len(terms.matern)
        total.append(sum(p.median for p in priors.scales) + linear)
    assert total[0] == pytest.approx(total[1], rel=0.1)


# -- trees -------------------------------------------------------------------------------------------------------------


def test_out_of_bag_is_that_of_scikit_learn(rng):
    x, y = rng.normal(size=(40, 5)).astype(np.float32), rng.normal(size=40)
    forest, outside = Forest.fit(x, y, 3)
    theirs = ExtraTreesRegressor(80, max_features=0.5, bootstrap=True, oob_score=True, random_state=3).fit(x, y)
    np.testing.assert_allclose(outside, theirs.oob_prediction_)
    new = rng.normal(size=(7, 5)).astype(np.float32)
    np.testing.assert_allclose(forest.predict(new), theirs.predict(new))


def test_a_row_in_every_bag_gets_the_mean(rng):
    x, y = rng.normal(size=(5, 2)), np.arange(5.0)
    _, outside = Forest.fit(x, y, 0, trees=1)
    assert (outside == 2.0).sum() >= 1


def test_cross_validated_predictions_do_not_see_their_own_target(rng):
    x, y = rng.normal(size=(20, 4)), rng.normal(size=20)
    changed = y.copy()
    changed[7] += 100
    _, before = Boosting.fit(SPACE, x, y, 0)
    boosting, after = Boosting.fit(SPACE, x, changed, 0)
    assert before[7] == after[7]
    assert not np.array_equal(before, after)
    assert boosting.predict(x)[7] > 10


# -- evidence with gaps ------------------------------------------------------------------------------------------------


def columns(evidence):
    return measured(evidence, evidence_columns(evidence))


def filled(evidence, archs, pool=None):
    structure, of_pool = Structure.of(SPACE, pool), None if pool is None else columns(pool.evidence)
    return FilledEvidence.of(columns(evidence), structure, structure.view(archs), pool, of_pool), structure


def test_no_evidence():
    assert filled(Evidence(), SPACE.sample(5, 0))[0] is None


def test_gaps_of_a_column_that_is_mostly_known_are_failures(rng):
    archs = SPACE.sample(600, 0)
    broken = ~SPACE.graphs(archs).pruned().adjacency.any(axis=(1, 2))
    assert broken.sum() >= 5
    nwot = np.where(broken, np.nan, accuracy(archs))
    evidence, structure = filled(
        Evidence(proxies={"nwot": nwot}), archs[:20], Pool(archs, Evidence({}, {"nwot": nwot}))
    )
    quantiles = evidence.quantiles(structure.view(archs).matrix, columns(Evidence(proxies={"nwot": nwot})))[:, 0]
    assert quantiles[broken].max() < np.quantile(quantiles[~broken], 0.05)
    np.testing.assert_allclose(quantiles[~broken], np.clip(rank_normal(np.nan_to_num(nwot, nan=-1)), -3, 3)[~broken])


def test_gaps_of_a_column_that_is_seldom_known_are_read_off_the_structure(rng):
    archs = SPACE.sample(600, 0)
    truth = accuracy(archs)
    nwot = np.where(rng.random(600) < 0.7, np.nan, truth)
    evidence, structure = filled(
        Evidence(proxies={"nwot": nwot}), archs[:20], Pool(archs, Evidence({}, {"nwot": nwot}))
    )
    gaps = np.isnan(nwot)
    quantiles = evidence.quantiles(structure.view(archs).matrix, columns(Evidence(proxies={"nwot": nwot})))[:, 0]
    assert np.isfinite(quantiles).all()
    assert kendalltau(quantiles[gaps], truth[gaps]).statistic > 0.7
    assert abs(np.median(quantiles[gaps]) - np.median(quantiles[~gaps])) < 0.3


def test_filling_is_ridge_regression(rng):
    archs = SPACE.sample(30, 0)
    evidence, structure = filled(Evidence(proxies={"a": accuracy(archs)}), archs)
    x, new = structure.view(archs).matrix, structure.view(SPACE.sample(9, 5)).matrix
    theirs = Ridge(RIDGE).fit(x, np.clip(rank_normal(accuracy(archs)), -3, 3)).predict(new)
    np.testing.assert_allclose(evidence.quantiles(new, {})[:, 0], np.clip(theirs, -3, 3), atol=1e-8)


def test_hints_have_slopes_of_their_own():
    """Slopes of trusted evidence are expected to be above 0, all others 0; and they are doubted less the more of them there are."""
    archs, rng = SPACE.sample(12, 0), np.random.default_rng(0)
    proxies = Evidence(
        proxies={name: rng.normal(size=12) for name in ("nwot", "jacov")}, costs={"flops": np.arange(12.0)}
    )
    stack = get_predictor("stack", SPACE, random_state=0).init(archs, accuracy(archs), proxies)
    hints = stack._inputs(stack.structure_.view(archs), measured(proxies, stack.evidence_.keys)).hints(True)
    assert hints.columns.shape == (12, 5)  # size, heaviest path, nwot, jacov, flops
    assert (hints.means[[0, 2, 4]] > 0).all()
    assert (hints.means[[1, 3]] == 0).all()
    one = Evidence(proxies={"jacov": rng.normal(size=12)})
    alone = get_predictor("stack", SPACE, random_state=0).init(archs, accuracy(archs), one)
    hint = alone._inputs(alone.structure_.view(archs), measured(one, alone.evidence_.keys)).hints(True)
    assert hint.variances[2] == pytest.approx(hints.variances[3] * 3)


@pytest.mark.parametrize("evidence", [False, True])
def test_few_rows_are_told_by_the_prior_of_all_slopes(evidence):
    """With fewer than 25 rows the answer is Bayesian linear regression on the hints, and a process on the structure, by hand."""
    archs, queries = SPACE.sample(9, 1), SPACE.sample(7, 2)
    stack = get_predictor("stack", SPACE, random_state=0).init(archs, accuracy(archs), proxies(archs))
    process = stack.processes_[0 if evidence else 1]
    a, b = (
        stack._inputs(stack.structure_.view(x), measured(proxies(x), stack.evidence_.keys)) for x in (archs, queries)
    )
    terms, more = (_stack_members.terms_of(x, evidence) for x in (a, b))
    priors = _stack_members.priors_of(a, tuple(process.gp.kernel.lengthscales))
    np.testing.assert_allclose(process.gp.kernel.slopes, [p.median for p in priors.slopes])
    h, g, n = a.hints(evidence), b.hints(evidence), len(archs)
    rest = [p.median for p in priors.slopes[:2]] + [0.0, 0.5]
    kernel = replace(process.gp.kernel, slopes=np.array(rest))
    gram = kernel(terms, terms) + h.columns @ np.diag(h.variances) @ h.columns.T
    cross = kernel(more, terms) + g.columns @ np.diag(h.variances) @ h.columns.T
    errors = rank_normal(accuracy(archs)) - h.columns @ h.means
    expected = g.columns @ h.means + cross @ np.linalg.solve(gram + (0.03 + 0.8 / n + 1e-4) * np.eye(n), errors)
    np.testing.assert_allclose(process.predict(b)[0], expected, atol=1e-8)


@pytest.mark.parametrize("values", [[np.nan] * 8, [1.0] * 8, [1.0] + [np.nan] * 7])
def test_columns_that_say_nothing(values):
    archs = SPACE.sample(8, 0)
    evidence, structure = filled(Evidence(proxies={"synflow": values}), archs)
    quantiles = evidence.quantiles(structure.view(archs).matrix, columns(Evidence(proxies={"synflow": values})))
    np.testing.assert_allclose(quantiles, 0, atol=1e-9)


# -- blend -------------------------------------------------------------------------------------------------------------


def test_weights_by_hand():
    targets = np.array([-1.0, 0.0, 1.0, 0.0])
    outside = np.array([targets + 0.5, targets + 1.0])
    blend = Blend.of(outside, np.ones((2, 4)), targets, np.array([True, False]))
    kappa = 2 * 4 / 24
    raw = np.array([(1 + (20 / 4) ** 2) * (0.25 + 1e-6) ** -kappa, (1.0 + 1e-6) ** -kappa])
    np.testing.assert_allclose(blend.weights, raw / raw.sum())
    mean, std = blend(outside, np.ones((2, 4)), np.array([True, False]))
    np.testing.assert_allclose(mean, blend.weights @ outside)
    between = blend.weights @ np.square(outside - mean)
    wider = 1 + blend.spread.tail * np.clip(
        (mean - np.median(mean)) / (np.quantile(mean, 0.9) - np.median(mean)), 0, 1.25
    )
    np.testing.assert_allclose(std, blend.spread.factor * np.sqrt((1 + between) * wider))
    squares = np.square(targets - mean) / (1 + between) / wider
    assert blend.spread.factor == pytest.approx(np.sqrt((squares.sum() + 20) / 24 * 1.25))


@pytest.mark.parametrize("worse", [1.0, 4.0])
def test_the_variance_is_larger_among_the_best_where_errors_are(rng, worse):
    targets = rng.normal(size=400)
    mean = targets + 0.3 * rng.normal(size=400) * np.where(targets > np.quantile(targets, 0.8), worse, 1.0)
    lead = np.array([True])
    blend = Blend.of(mean[None], np.full((1, 400), 0.09), targets, lead)
    _, std = blend(np.array([[-1.0, 1.3]]), np.full((1, 2), 0.09), lead)
    assert (std[1] / std[0] > 1.5) == (worse > 1)


def test_weights_sharpen_with_the_number_of_architectures(rng):
    def weight(n):
        targets = rng.normal(size=n)
        outside = np.array([targets + 0.3 * rng.normal(size=n), targets + 0.9 * rng.normal(size=n)])
        return Blend.of(outside, np.ones((2, n)), targets, np.array([True, True])).weights[0]

    assert 0.5 < weight(5) < weight(500)
    assert weight(500) > 0.95


# -- the whole ---------------------------------------------------------------------------------------------------------


def problem(n, seed, m=300, noise=1.0):
    rng = np.random.default_rng(seed)
    archs, queries = SPACE.sample(n, rng), SPACE.sample(m, rng)
    return archs, accuracy(archs, rng, noise), queries, accuracy(queries, rng, noise)


def proxies(archs, seed=9):
    rng = np.random.default_rng(seed)
    good = accuracy(archs) + 3 * rng.normal(size=len(archs))
    return Evidence(proxies={"good": good, "noise": rng.normal(size=len(archs)), "bad": -good})


def test_at_least_as_good_as_its_members():
    taus = []
    for seed in range(4):
        archs, scores, queries, truth = problem(30, seed)
        stack = get_predictor("stack", SPACE, random_state=0).init(archs, scores)
        inputs = stack._inputs(stack.structure_.view(queries), {})
        answers = [stack.query(queries).mean, stack.processes_[0].predict(inputs)[0]]
        answers += [tree.predict(inputs.matrix) for tree in stack.trees_]
        taus.append([kendalltau(answer, truth).statistic for answer in answers])
    blend, *members = np.mean(taus, axis=0)
    assert blend > np.mean(members)
    assert blend > max(members) - 0.025


def test_evidence_helps_when_architectures_are_few():
    gains = []
    for seed in range(4):
        archs, scores, queries, truth = problem(10, seed)
        without = get_predictor("stack", SPACE, random_state=0).init(archs, scores)
        known = get_predictor("stack", SPACE, random_state=0).init(archs, scores, proxies(archs))
        a, b = without.query(queries).mean, known.query(queries, proxies(queries)).mean
        gains.append(kendalltau(b, truth).statistic - kendalltau(a, truth).statistic)
    assert np.mean(gains) > 0


@pytest.mark.parametrize(("name", "slope"), [("nasbench201", 0.45), ("spikenas-bench", 0.25)])
def test_a_size_that_is_not_counted_is_trusted_less(name, slope):
    space = get_space(name)
    found = get_predictor("stack", space).init().query(space.sample(5, 0))
    np.testing.assert_allclose(found.std, np.sqrt(1 - slope**2))


def test_trees_without_evidence_stand_beside_those_with_it():
    archs, scores, queries, _ = problem(20, 0)
    stack = get_predictor("stack", SPACE, random_state=0).init(archs, scores, proxies(archs))
    inputs = stack._inputs(stack.structure_.view(queries), measured(proxies(queries), stack.evidence_.keys))
    told, blind = inputs.matrix, inputs.without_evidence
    assert told.shape[1] == blind.shape[1] + 3
    assert [tree.forest.n_features_in_ for tree in stack.trees_[::2]] == [told.shape[1], blind.shape[1]]
    forest = get_predictor("stack", SPACE, random_state=0).init(archs, scores).trees_[0]
    np.testing.assert_array_equal(stack.trees_[2].predict(blind), forest.predict(blind))
    members = np.array(
        [process.predict(inputs)[0] for process in stack.processes_]
        + [tree.predict(x) for tree, x in zip(stack.trees_, [told, told, blind, blind], strict=True)]
    )
    found = stack.query(queries, proxies(queries)).mean
    assert kendalltau(found, stack.blend_.weights @ members).statistic == pytest.approx(1, abs=1e-6)


def test_what_a_training_measured_is_seen_by_all_trees():
    archs, scores, _, _ = problem(20, 0)
    curves = Evidence(curves={"val_accuracy": scores[:, None] * np.array([0.5, 0.8, 0.9])})
    assert len(get_predictor("stack", SPACE, random_state=0).init(archs, scores, curves).trees_) == 2


def test_evidence_may_be_missing_at_query():
    archs, scores, queries, truth = problem(40, 0)
    stack = get_predictor("stack", SPACE, random_state=0).init(archs, scores, proxies(archs))
    full, none = stack.query(queries, proxies(queries)), stack.query(queries)
    gaps = proxies(queries)
    for values in gaps.proxies.values():
        values[::2] = np.nan
    half = stack.query(queries, gaps)
    np.testing.assert_allclose(half.mean[::2], none.mean[::2])
    np.testing.assert_allclose(half.mean[1::2], full.mean[1::2])
    assert kendalltau(none.mean, truth).statistic > 0.45
    one = stack.query(queries, Evidence(proxies={"good": proxies(queries).proxies["good"], "unheard of": truth}))
    assert kendalltau(one.mean, full.mean).statistic > 0.8


def test_curves_are_evidence():
    archs, scores, queries, truth = problem(30, 1)

    def curve(values):
        return Evidence(curves={"val_accuracy": values[:, None] - 30 / np.arange(1, 6)})

    stack = get_predictor("stack", SPACE, random_state=0).init(archs, scores, curve(scores))
    assert kendalltau(stack.query(queries, curve(truth)).mean, truth).statistic > 0.9


def test_a_subclass_may_make_columns_of_its_own():
    class LastEpochs(Stack):
        def _keys(self, evidence):
            return [("late", name, 2) for name in evidence.curves]

        def _measured(self, evidence, keys):
            return {key: evidence.curves[key[1]][:, -2:].mean(axis=1) for key in keys if key[1] in evidence.curves}

    archs, scores, queries, truth = problem(30, 1)
    pool = Pool(queries, Evidence(curves={"accuracy": np.tile(truth[:, None], 5)}))
    seen = LastEpochs(SPACE, random_state=0)
    seen.init(archs, scores, Evidence(curves={"accuracy": np.tile(scores[:, None], 5)}), pool=pool)
    assert seen.evidence_.keys == (("late", "accuracy", 2),)

    class OneTable(Stack):
        def _tables(self, inputs):
            return [inputs.matrix]  # proxies would have trees that do not see them

    by_hand = OneTable(SPACE, random_state=0)
    by_hand.init(
        archs, scores, Evidence(proxies={"accuracy": scores}), pool=Pool(queries, Evidence(proxies={"accuracy": truth}))
    )
    expected = by_hand.query(queries, Evidence(proxies={"accuracy": truth}))
    np.testing.assert_array_equal(seen.query(queries, pool.evidence).mean, expected.mean)


@pytest.mark.parametrize("n", [10, 100])
def test_intervals_hold_what_they_promise(n):
    covered = []
    for seed in range(3):
        archs, scores, queries, truth = problem(n, seed, noise=2.0)
        answer = get_predictor("stack", SPACE, random_state=0).init(archs, scores).query(queries)
        covered.append(np.abs(answer.mean - truth) < 1.645 * answer.std)
    assert 0.8 < np.mean(covered) < 0.98


def test_a_pool_of_other_predictors_changes_nothing():
    archs, scores, queries, _ = problem(12, 2)
    first = get_predictor("stack", SPACE, random_state=0).init(archs, scores).query(queries)
    get_predictor("stack", SPACE, random_state=0).init(archs, scores, pool=Pool(SPACE.sample(100, 3)))
    second = get_predictor("stack", SPACE, random_state=0).init(archs, scores).query(queries)
    np.testing.assert_array_equal(first.mean, second.mean)
    assert Structure.of(SPACE, None) is Structure.of(SPACE, None)


@pytest.mark.parametrize("name", ["darts", "nasbench-graph", "nats-size", "transnasbench101-macro"])
def test_every_kind_of_space(name):
    space = get_space(name)
    archs, queries = space.sample(30, 0), space.sample(200, 1)
    top = np.asarray(space.cardinalities) - 1

    def score(rows):
        return (rows / np.maximum(top, 1)).mean(axis=1)

    answer = get_predictor("stack", space, random_state=0).init(archs, score(archs)).query(queries)
    assert kendalltau(answer.mean, score(queries)).statistic > 0.2
    assert (answer.std > 0).all()


def test_real_accuracies(shared):
    import pandas as pd

    table = pd.read_csv(shared / "benchmarks" / "nb201_cifar10.csv.gz")
    archs, scores = SPACE.parse(table["arch"].tolist()), table["e200_cifar10_val"].to_numpy()
    taus = []
    for seed in range(3):
        rows = np.random.default_rng(seed).permutation(len(archs))
        stack = get_predictor("stack", SPACE, random_state=0).init(archs[rows[:32]], scores[rows[:32]])
        test = rows[32:832]
        taus.append(kendalltau(stack.query(archs[test]).mean, scores[test]).statistic)
    assert np.mean(taus) > 0.70


# -- what networks cost, and no label at all ---------------------------------------------------------------------------

MACRO = get_space("transnasbench101-macro")


def test_the_size_of_a_chain_is_its_multiplications():
    archs = MACRO.sample(60, 0)
    structure = Structure.of(MACRO, None)
    assert structure.counted
    assert not Structure.of(SPACE, None).counted
    size, macs = structure.view(archs).size, MACRO.costs(archs)["macs"]
    assert kendalltau(size, macs).statistic > 0.999
    assert abs(np.median(structure.view(MACRO.sample(500, 1)).size)) < 0.1


@pytest.mark.parametrize("name", ["transnasbench101-macro", "auto-keras"])
def test_beside_the_multiplications_stand_parameters_and_activations(name):
    space = get_space(name)
    archs, costs = space.sample(40, 3), space.costs(space.sample(40, 3), pruned=True)
    view = Structure.of(space, None).view(archs)
    for column, count in zip(view.beside.T, ("params", "activations"), strict=True):
        assert kendalltau(column, costs[count]).statistic > 0.999


def test_beside_the_weights_of_a_cell_stand_those_of_its_heaviest_path():
    # a chain of two 3x3 convolutions; two 3x3 convolutions side by side; one
    archs = SPACE.validate([[3, 0, 0, 0, 3, 0], [3, 3, 0, 0, 1, 1], [3, 0, 0, 0, 1, 0]])
    view = Structure.of(SPACE, None).view(archs)
    assert view.size[0] == view.size[1] > view.size[2]
    assert view.beside[0] > view.beside[1] == view.beside[2]


def test_what_stands_beside_the_size_is_believed_once_scores_say_so():
    """Scores that fall with the parameters at equal multiplications are learned from a few."""
    archs, queries = MACRO.sample(12, 2), MACRO.sample(300, 5)

    def score(rows):
        costs = MACRO.costs(rows)
        return 2 * np.log(costs["macs"]) - 3 * np.log(costs["params"])

    found = get_predictor("stack", MACRO, random_state=0).init(archs, score(archs)).query(queries).mean
    assert (
        kendalltau(found, score(queries)).statistic
        > kendalltau(MACRO.costs(queries)["macs"], score(queries)).statistic + 0.2
    )


def test_a_chain_is_ranked_by_multiplications_the_more_the_fewer_scores_there_are():
    queries = MACRO.sample(400, 5)
    truth = np.log(MACRO.costs(queries)["macs"])
    for n, least in ((0, 0.999), (1, 0.9), (10, 0.85)):
        archs = MACRO.sample(n, 1) if n else None
        scores = np.log(MACRO.costs(archs)["macs"]) if n else None
        answer = get_predictor("stack", MACRO, random_state=0).init(archs, scores).query(queries)
        assert kendalltau(answer.mean, truth).statistic > least


def test_without_a_label_size_and_trusted_evidence_rank_in_equal_parts():
    pool, rng = SPACE.sample(300, 0), np.random.default_rng(0)
    known = Evidence(
        proxies={"nwot": rng.normal(size=300), "jacov": rng.normal(size=300)}, costs={"flops": rng.random(300)}
    )
    stack = get_predictor("stack", SPACE).init(pool=Pool(pool, known))
    answer = stack.query(pool, known)
    size = stack.structure_.view(pool).size
    expected = (size + rank_normal(known.proxies["nwot"]) + rank_normal(known.costs["flops"])) / 3
    np.testing.assert_allclose(answer.mean, 0.45 * expected, atol=1e-6)
    np.testing.assert_allclose(answer.std, np.sqrt(1 - 0.45**2))
    bare = get_predictor("stack", SPACE).init().query(pool)
    assert kendalltau(bare.mean, size).statistic > 0.97


def test_scores_without_architectures_are_an_error():
    with pytest.raises(InvalidInputError, match=r"call init\(archs, scores\)"):
        get_predictor("stack", SPACE).init(None, [1.0])
    with pytest.raises(InvalidInputError, match=r"call init\(archs, scores\)"):
        get_predictor("stack", SPACE).init(SPACE.sample(3, 0))


def test_of_many_rows_the_process_is_sparse(monkeypatch, tmp_path):
    space = get_space("nasbench201")
    archs, asked = space.sample(80, 0), space.sample(100, 1)
    scores = (archs == 3).sum(axis=1) - 0.5 * (archs == 4).sum(axis=1)
    exact = get_predictor("stack", space, random_state=0).init(archs, scores)
    monkeypatch.setattr(_stack_members, "EXACT", 79)
    stack = get_predictor("stack", space, random_state=0).init(archs, scores)
    assert isinstance(exact.processes_[0].gp, AdditiveGP)
    assert isinstance(stack.processes_[0].gp, InducingGP)
    answer, other = stack.query(asked), exact.query(asked)
    assert np.corrcoef(answer.mean, other.mean)[0, 1] > 0.99
    np.testing.assert_allclose(answer.std.mean(), other.std.mean(), rtol=0.2)
    stack.save(tmp_path / "stack.npz")
    np.testing.assert_array_equal(Predictor.load(tmp_path / "stack.npz").query(asked).mean, answer.mean)


def test_decisions_by_themselves_are_looked_at_where_there_is_no_graph(tmp_path) -> None:
    space = archcast.Choices(kernel1=[3, 5, 7], kernel2=[3, 5, 7], kernel3=[3, 5, 7], act=["a", "b", "c", "d"])
    archs = space.sample(60, 0)
    scores = np.array([0.0, 3.0, 1.0])[archs[:, 1]] + np.array([2.0, 0.0, 1.0, 0.5])[archs[:, 3]]
    few, many = (archcast.get_predictor("stack", space, random_state=0).init(archs[:n], scores[:n]) for n in (40, 50))
    assert [process.alone for process in few.processes_] == [False, False]
    assert [process.alone for process in many.processes_] == [True, False, False]
    shares = dict(zip(("hints", "mean", *space.columns), many.processes_[0].gp.kernel.slopes.tolist()))
    assert min(shares["kernel2"], shares["act"]) > 3 * max(shares["kernel1"], shares["kernel3"])
    many.save(tmp_path / "stack.npz")
    back = Stack.load(tmp_path / "stack.npz")
    assert np.array_equal(back.query(archs[50:]).mean, many.query(archs[50:]).mean)
