"""ft-pfn: same answer on any scale, reads architectures and curves in context, knows what it does not know."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

import archcast
from archcast.errors import InvalidInputError
from archcast.predictors.learning_curve.ft_pfn import cuts_of

SPACE = archcast.get_space("nasbench201")
T = 20


def curves(archs: np.ndarray, seed: int = 0, noise: float = 0.004) -> np.ndarray:
    """Level and speed depend on operations, and a little on nothing that is told."""
    rng = np.random.default_rng(seed)
    top = 0.5 + 0.05 * (archs == 3).sum(axis=1) + 0.02 * (archs == 2).sum(axis=1) + rng.normal(0, 0.01, len(archs))
    speed = 0.5 + 0.1 * (archs == 1).sum(axis=1)
    clean = top[:, None] * (1 - np.exp(-(np.arange(1, T + 1) ** 0.6) * speed[:, None]))
    return np.clip(clean + rng.normal(0, noise, clean.shape), 0, 1)


def known(values, signal="val_accuracy"):
    return archcast.Evidence({signal: values})


@pytest.fixture(scope="module")
def told():
    archs = SPACE.sample(50, 0)
    return archcast.get_predictor("ft-pfn", SPACE, epochs=2).init(archs, None, known(curves(archs)))


def test_it_reads_architectures_and_its_intervals_hold(told):
    archs = SPACE.sample(80, 1)
    truth = curves(archs, 1)
    taus = []
    for seen in (2, 5, 10):
        answer = told.query(archs, known(truth[:, :seen]))
        error = np.abs(answer.mean - truth[:, -1])
        assert error.mean() < 0.02
        assert (error < 1.645 * answer.std).mean() > 0.75
        taus.append(kendalltau(answer.mean, truth[:, -1])[0])
        assert taus[-1] > kendalltau(truth[:, seen - 1], truth[:, -1])[0]
    assert taus[0] < taus[1] + 0.03
    assert taus[1] < taus[2] + 0.03


def test_curves_in_context_help(told):
    archs = SPACE.sample(80, 1)
    truth = curves(archs, 1)
    alone = archcast.get_predictor("ft-pfn", SPACE, epochs=2, total_epochs=T).init()
    begun = known(truth[:, :3])
    errors = [np.abs(one.query(archs, begun).mean - truth[:, -1]).mean() for one in (alone, told)]
    assert errors[1] < 0.7 * errors[0]
    assert alone.query(archs, begun).std.mean() > 2 * told.query(archs, begun).std.mean()


def test_percent_and_errors_are_one_thing():
    archs, asked = SPACE.sample(12, 0), SPACE.sample(5, 1)
    done, begun = curves(archs), curves(asked, 1)[:, :6]
    share, percent, error = (
        archcast.get_predictor("ft-pfn", SPACE, signal=signal)
        .init(archs, None, known(change(done), signal))
        .forecast(asked, known(change(begun), signal))
        for signal, change in [
            ("val_accuracy", lambda y: y),
            ("val_accuracy", lambda y: 100 * y),
            ("val_error", lambda y: 100 - 100 * y),
        ]
    )
    np.testing.assert_allclose(percent.mean, 100 * share.mean, rtol=1e-5)
    np.testing.assert_allclose(percent.quantile(0.9), 100 * share.quantile(0.9), rtol=1e-5)
    np.testing.assert_allclose(error.mean, percent.mean - 100, rtol=1e-4)


def test_rows_do_not_depend_on_each_other_and_lengths_may_differ(told):
    archs = SPACE.sample(9, 1)
    begun = curves(archs, 1)
    for row, seen in enumerate([2, 5, 5, 9, 9, 9, 19, 20, 3]):
        begun[row, seen:] = np.nan
    answer = told.query(archs, known(begun))
    for rows in ([0], [4, 1], [7]):
        part = told.query(archs[rows], known(begun[rows]))
        np.testing.assert_allclose(part.mean, answer.mean[rows], rtol=1e-5)
        np.testing.assert_allclose(part.std, answer.std[rows], rtol=1e-4)
    assert answer.mean[7] == pytest.approx(begun[7, -1], abs=1e-6)
    assert answer.std[7] < 1e-6


def test_trainings_under_way_are_read_up_to_where_they_are():
    archs = SPACE.sample(30, 0)
    values = curves(archs)
    values[10:, 12:] = np.nan
    values[25:, 3:] = np.nan
    values[29, 1:] = np.nan  # one epoch: it gained nothing
    predictor = archcast.get_predictor("ft-pfn", SPACE, epochs=4).init(archs, None, known(values))
    assert len(predictor.seen_) == 29
    asked = SPACE.sample(40, 1)
    truth = curves(asked, 1)
    answer = predictor.query(asked, known(truth[:, :6]))
    assert np.abs(answer.mean - truth[:, -1]).mean() < 0.03
    half = predictor.forecast(asked, known(truth[:, :6]), epoch=10)
    assert np.abs(half.mean - truth[:, 9]).mean() < 0.02


def test_cuts_are_where_the_question_ends_or_in_the_middle():
    cut, reach = cuts_of(np.array([20, 10, 6, 5, 3, 2]), 5, 15)
    assert cut.tolist() == [5, 5, 5, 2, 1, 1]
    assert reach.tolist() == [15, 10, 6, 5, 3, 2]
    assert (cut < reach).all()


def test_chosen_curves_depend_on_the_seed_alone():
    archs = SPACE.sample(260, 0)
    values = curves(archs)
    one, two, other = (
        archcast.get_predictor("ft-pfn", SPACE, random_state=seed).init(archs, None, known(values))
        for seed in (0, 0, 1)
    )
    assert len(one.seen_) == 250
    np.testing.assert_array_equal(one.shares_, two.shares_)
    assert not np.array_equal(one.shares_, other.shares_)


def test_a_wrong_epoch_is_refused(told):
    with pytest.raises(InvalidInputError, match="epoch must be at most 20, the epochs of a full training, got 21"):
        told.forecast(SPACE.sample(1, 0), known(np.full((1, 4), 0.5)), epoch=21)


@pytest.mark.parametrize("n", [0, 4])
def test_with_few_curves_a_part_of_the_answer_is_that_of_lc_pfn(n):
    archs, asked = SPACE.sample(4, 0)[:n], SPACE.sample(6, 1)
    begun = known(curves(asked, 1)[:, :6])
    told = (archs, None, known(curves(SPACE.sample(4, 0))[:n])) if n else ()
    one, single = (
        archcast.get_predictor(name, SPACE, total_epochs=T).init(*told).forecast(asked, begun)
        for name in ("ft-pfn", "lc-pfn")
    )
    other = one.part.parts[0]
    x = np.linspace(0.3, 0.9, 30)[None].repeat(6, axis=0)
    both = ((n + 1) * other.density(x) + single.part.density(x)) / (n + 2)
    np.testing.assert_allclose(one.density(x), both)
