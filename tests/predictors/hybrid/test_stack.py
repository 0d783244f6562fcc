"""`stack` as a whole, and its blend."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from archcast.errors import InvalidInputError
from archcast.evidence import Evidence, Pool
from archcast.predictors.base import get_predictor
from archcast.predictors.hybrid._structure import Structure, measured
from archcast.predictors.hybrid.stack import Blend, Stack
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import get_space

from .conftest import SPACE, accuracy, problem, proxies

MACRO = get_space("transnasbench101-macro")


# -- blend --------------------------------------------------------------------------------------------------------------


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
    assert blend.spread.factor == pytest.approx(np.sqrt((squares.sum() + 20) / 24))


@pytest.mark.parametrize("n", [5, 40])
def test_few_scores_widen_the_narrowest_intervals_most(n):
    space = get_space("nasbench201")
    archs, queries = space.sample(n, 0), space.sample(50, 1)
    stack = get_predictor("stack", space, random_state=0).init(archs, 1.0 * (archs == 3).sum(axis=1))
    std, added = stack.query(queries).std, stack.unseen_
    stack.unseen_ = 0.0
    before = stack.query(queries).std
    np.testing.assert_allclose(np.square(std) - np.square(before), added)
    assert 0 < added < 3 / n * np.median(np.square(before))
    assert (std / before)[before.argmin()] == (std / before).max()


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


# -- the whole ----------------------------------------------------------------------------------------------------------


def test_one_architecture_leaves_the_prior_size_ranks():
    stack = get_predictor("stack", SPACE, random_state=0).init([[3, 1, 0, 1, 2, 0]], [80.0])
    archs = SPACE.sample(300, 0)
    weights = 9 * (archs == 3).sum(axis=1) + (archs == 2).sum(axis=1)
    wired = SPACE.graphs(archs).pruned().operations[:, 1:-1] >= 0
    assert kendalltau(stack.query(archs[wired.all(axis=1)]).mean, weights[wired.all(axis=1)]).statistic > 0.7


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


# -- what networks cost, and no label at all ----------------------------------------------------------------------------


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
