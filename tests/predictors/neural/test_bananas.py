"""The deep ensemble on the path encoding."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.encodings.base import get_encoding
from archcast.predictors import Evidence, Predictor, get_predictor
from archcast.predictors.neural import _mlp
from archcast.spaces.base import get_space


@pytest.fixture(scope="module")
def ensemble() -> Predictor:
    space = get_space("nasbench201")
    archs = space.sample(40, 0)
    scores = 80 + (archs == 3).sum(axis=1).astype(float)
    return get_predictor("bananas", space, random_state=0, hidden=(16,), epochs=60).init(archs, scores)


def test_mean_and_std_are_those_of_the_members(ensemble: Predictor) -> None:
    queries = ensemble._space.sample(10, 1)
    features = ensemble.features_.matrix(ensemble._space.canonical(queries))
    members = _mlp.outputs(ensemble.weights_, features[:, ensemble.columns_] * ensemble.units_)
    assert members.shape == (5, 10)
    mean, std = members.mean(axis=0), members.std(axis=0)
    shift, std = ensemble.bias_(mean, np.sqrt(std**2 + ensemble.noise_(mean)))
    answer = ensemble.query(queries)
    np.testing.assert_allclose(answer.mean, ensemble.scale_.prediction(mean, std).mean)
    np.testing.assert_allclose(answer.std, ensemble.scale_.prediction(mean, std, shift).std)
    assert (answer.std > 0).all()


def test_intervals_hold_what_they_promise() -> None:
    space = get_space("nasbench201")
    archs, queries = space.sample(100, 3), space.sample(300, 4)
    rng = np.random.default_rng(0)

    def score(rows):
        return 80 + (rows == 3).sum(axis=1) - 2.0 * (rows == 1).sum(axis=1) + rng.normal(size=len(rows))

    answer = get_predictor("bananas", space, random_state=0).init(archs, score(archs)).query(queries)
    assert 0.8 < np.mean(np.abs(answer.mean - score(queries)) < 1.645 * answer.std) < 0.99


def test_the_nearer_to_a_perfect_score_the_more_a_row_weighs(ensemble: Predictor) -> None:
    scores = ensemble.scale_.scores
    weights = ensemble._nearness(ensemble.scale_.quantiles)
    assert weights.mean() == pytest.approx(1)
    np.testing.assert_allclose(weights * (100 - scores), (weights * (100 - scores))[0], rtol=1e-6)


def test_inputs_are_the_paths_in_their_own_units(ensemble: Predictor) -> None:
    """Binary columns differ by one and the same number between rows that have the path and rows that do not."""
    rows = ensemble._space.canonical(ensemble._space.sample(300, 2))
    inputs = ensemble.features_.matrix(rows)[:, ensemble.columns_] * ensemble.units_
    paths = get_encoding("path", ensemble._space).transform(rows)[:, ensemble.columns_]
    seen = np.ptp(paths, axis=0) > 0
    heights = np.ptp(inputs, axis=0)[seen]
    assert seen.sum() > 20
    np.testing.assert_allclose(heights, heights[0], rtol=1e-5)


def test_same_function_same_answer(ensemble: Predictor) -> None:
    archs = ensemble._space.sample(100, 3)
    np.testing.assert_array_equal(ensemble.query(archs).mean, ensemble.query(ensemble._space.canonical(archs)).mean)


def test_evidence_counts_beside_the_paths() -> None:
    space = get_space("nasbench201")
    archs, queries = space.sample(30, 0), space.sample(60, 1)
    noise = np.random.default_rng(0).normal(size=30)
    one = get_predictor("bananas", space, random_state=0).init(archs, noise, Evidence(proxies={"good": noise}))
    low, high = (one.query(queries, Evidence(proxies={"good": np.full(60, level)})).mean for level in (-1.0, 1.0))
    assert (high > low).mean() > 0.9


def test_one_architecture() -> None:
    space = get_space("nasbench201")
    one = get_predictor("bananas", space, random_state=0).init(space.sample(1, 0), [93.0])
    np.testing.assert_allclose(one.query(space.sample(9, 1)).mean, 93.0, atol=1e-3)


def test_chains_are_told_apart_by_their_layers() -> None:
    """A chain is a single path, so that paths would tell unseen rows from none at all."""
    space = get_space("transnasbench101-macro")
    archs, queries = space.sample(60, 0), space.sample(40, 1)

    def score(rows):
        return np.isin(rows, [2, 4]).sum(axis=1).astype(float)

    answer = get_predictor("bananas", space, random_state=0).init(archs, score(archs)).query(queries)
    assert np.corrcoef(answer.mean, score(queries))[0, 1] > 0.6
