"""The base class of strategies: twins, pools, warm-up, parameters, files."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidFileError, InvalidInputError, UnknownNameError
from archcast.search.base import STRATEGIES, Strategy, ZeroCost, get_strategy, load_strategy

SPACE = archcast.get_space("nasbench201")


class Stubborn(Strategy):
    """Always proposes the same rows, twins among them."""

    ROWS = SPACE.sample(12, 0)

    def _propose(self, n, rng):
        return np.concatenate([self.ROWS, self.ROWS])


def test_what_a_strategy_repeats_is_sorted_out_and_filled_up() -> None:
    strategy = Stubborn(SPACE, n_init=1, random_state=0)
    first = strategy.ask(1)
    strategy.tell(first, [1.0])
    archs = strategy.ask(30)
    functions = np.unique(SPACE.canonical(np.concatenate([first, archs])), axis=0)
    assert len(functions) == 31
    distinct = len(np.unique(SPACE.canonical(Stubborn.ROWS), axis=0))
    proposed = {row.tobytes() for row in Stubborn.ROWS}
    assert sum(row.tobytes() in proposed for row in archs) >= distinct - 1


def test_a_twin_of_a_row_of_the_pool_stands_for_it() -> None:
    keys = SPACE.canonical(SPACE.enumerate())
    _, index, count = np.unique(keys, axis=0, return_index=True, return_counts=True)
    row = keys[index[count.argmax()]]
    twins = SPACE.enumerate()[(keys == row).all(axis=1)]

    class Twin(Strategy):
        def _propose(self, n, rng):
            return twins[-1:]

    strategy = Twin(SPACE, pool=np.concatenate([twins[:1], [[3, 3, 3, 3, 3, 3]]]), n_init=1, random_state=0)
    assert {tuple(r) for r in strategy.ask(2).tolist()} == {tuple(twins[0].tolist()), (3,) * 6}


def test_the_first_rows_are_uniform_over_the_space() -> None:
    counts = np.zeros((6, 5))
    for seed in range(60):
        archs = get_strategy("bayesian", SPACE, n_init=20, random_state=seed).ask(20)
        for value in range(5):
            counts[:, value] += (archs == value).sum(axis=0)
    share = counts / counts.sum(axis=1, keepdims=True)
    assert abs(share - 0.2).max() < 0.06, "twins make a difference, but not a large one"


def test_warm_up_takes_the_best_of_so_many() -> None:
    looked_at = []

    def proxy(archs):
        looked_at.append(archs)
        return (archs == 3).sum(axis=1)

    archs = get_strategy("random", SPACE, zero_cost=ZeroCost(proxy, warmup=50), random_state=0).ask(5)
    assert [len(rows) for rows in looked_at] == [50]
    scores = np.sort((looked_at[0] == 3).sum(axis=1))[::-1]
    assert (archs == 3).sum(axis=1).tolist() == scores[:5].tolist()


def test_warm_up_ends_with_the_first_rows() -> None:
    calls = []
    zero = ZeroCost(lambda archs: calls.append(len(archs)) or np.zeros(len(archs)), warmup=50)
    strategy = get_strategy("regularized-evolution", SPACE, zero_cost=zero, n_init=10, random_state=0)
    for _ in range(3):
        archs = strategy.ask(5)
        strategy.tell(archs, archs.sum(axis=1))
    assert calls == [50, 50]


def test_moves_take_the_best_of_so_many() -> None:
    zero = ZeroCost(lambda archs: (archs == 3).sum(axis=1), moves=20)
    gains = []
    for seed in range(5):
        plain, helped = (
            get_strategy("regularized-evolution", SPACE, zero_cost=z, n_init=5, random_state=seed) for z in (None, zero)
        )
        for strategy in (plain, helped):
            strategy.tell(strategy.ask(5), np.zeros(5))
        gains.append((helped.ask(5) == 3).sum() - (plain.ask(5) == 3).sum())
    assert np.mean(gains) > 2


def test_nan_of_a_proxy_is_the_lowest() -> None:
    zero = ZeroCost(lambda archs: np.where(archs[:, 0] == 3, np.nan, 0.0), warmup=200)
    assert not (get_strategy("random", SPACE, zero_cost=zero, random_state=0).ask(5)[:, 0] == 3).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_init": 0}, "n_init must be a whole number of at least 1, got 0"),
        ({"random_state": -1}, "random_state must be a whole number of at least 0, got -1"),
        ({"zero_cost": len}, "zero_cost must be an archcast.search.ZeroCost, got builtin_function_or_method"),
        ({"pool": np.zeros((0, 6))}, "pool is empty"),
        ({"population": 3}, r"Strategy 'random' has no parameter 'population'. Available: n_init"),
    ],
)
def test_wrong_parameters(arguments, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        get_strategy("random", SPACE, **arguments)


def test_wrong_zero_cost() -> None:
    with pytest.raises(InvalidInputError, match=r"zero_cost.function must be callable, got int"):
        ZeroCost(3)
    with pytest.raises(InvalidInputError, match=r"zero_cost.moves must be a whole number of at least 1, got 0"):
        ZeroCost(len, moves=0)


def test_unknown_name() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown strategy 'bayesain'. Did you mean 'bayesian'"):
        get_strategy("bayesain", SPACE)


def test_a_seed_may_be_a_generator_or_nothing() -> None:
    one, two = (get_strategy("random", SPACE, random_state=np.random.default_rng(5)).ask(5) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    unseeded = [get_strategy("random", SPACE).ask(5).tobytes() for _ in range(2)]
    assert unseeded[0] != unseeded[1]


def test_an_unseeded_strategy_goes_on_the_same(tmp_path) -> None:
    strategy = get_strategy("random", SPACE)
    strategy.save(tmp_path / "s.npz")
    np.testing.assert_array_equal(load_strategy(tmp_path / "s.npz").ask(7), strategy.ask(7))


def test_a_file_without_its_zero_cost_function(tmp_path) -> None:
    zero = ZeroCost(lambda archs: archs.sum(axis=1), warmup=20)
    strategy = get_strategy("random", SPACE, zero_cost=zero, random_state=0)
    strategy.save(tmp_path / "s.npz")
    with pytest.raises(InvalidInputError, match="load it with zero_cost="):
        load_strategy(tmp_path / "s.npz")
    np.testing.assert_array_equal(load_strategy(tmp_path / "s.npz", zero_cost=zero).ask(3), strategy.ask(3))


def test_a_file_of_another_strategy(tmp_path) -> None:
    get_strategy("random", SPACE).save(tmp_path / "s.npz")
    with pytest.raises(InvalidInputError, match="holds a RandomSearch, not a Bayesian"):
        STRATEGIES["bayesian"].load(tmp_path / "s.npz")


def test_a_file_of_a_predictor_is_no_strategy(tmp_path) -> None:
    archcast.get_predictor("bayesian-linear", SPACE).init(SPACE.sample(5, 0), np.arange(5)).save(tmp_path / "p.npz")
    with pytest.raises(InvalidFileError, match="is not a strategy that archcast saved"):
        load_strategy(tmp_path / "p.npz")


def test_a_class_that_is_not_registered_cannot_be_saved(tmp_path) -> None:
    with pytest.raises(InvalidInputError, match="Stubborn is not registered"):
        Stubborn(SPACE).save(tmp_path / "s.npz")


def test_a_whole_small_space_is_asked_for_once() -> None:
    space = archcast.get_space("nats-size")
    pool = space.sample(50, 0)
    strategy = get_strategy("random", space, pool=pool, random_state=0)
    archs = np.concatenate([strategy.ask(30), strategy.ask(30)])
    assert len(archs) == len(np.unique(space.canonical(pool), axis=0))


def test_a_space_that_cannot_be_enumerated() -> None:
    strategy = get_strategy("regularized-evolution", "darts", n_init=5, random_state=0)
    for _ in range(3):
        archs = strategy.ask(5)
        strategy.tell(archs, archs.sum(axis=1))
    assert len(strategy.history) == 15


def test_repr_says_where_it_is() -> None:
    strategy = get_strategy("random", SPACE, random_state=0)
    strategy.ask(2)
    assert repr(strategy) == "RandomSearch('nasbench201', 0 told, 2 pending)"


def test_what_others_train_is_pending_and_no_twin_of_it_is_asked_for() -> None:
    pool = SPACE.sample(30, 0)
    strategy = get_strategy("random", SPACE, pool=pool, random_state=0)
    strategy.expect(pool[:10])
    assert {row.tobytes() for row in strategy.pending} == {row.tobytes() for row in pool[:10]}
    asked = strategy.ask(30)
    elsewhere = {row.tobytes() for row in SPACE.canonical(pool[:10])}
    assert not elsewhere & {row.tobytes() for row in SPACE.canonical(asked)}
    strategy.tell(pool[:1], [2.0])
    assert strategy.best.score == 2
    assert pool[0].tobytes() not in {row.tobytes() for row in strategy.pending}
    with pytest.raises(InvalidInputError, match="outside"):
        strategy.expect([[9] * 6])
