"""REINFORCE: the policy moves towards what was rewarded."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError

SPACE = archcast.get_space("nasbench201")


def make(**params):
    return archcast.get_strategy("reinforce", SPACE, random_state=0, **params)


def test_the_policy_begins_uniform_and_stays_a_distribution() -> None:
    strategy = make()
    np.testing.assert_allclose(strategy.policy, 0.2)
    for _ in range(5):
        archs = strategy.ask(5)
        strategy.tell(archs, (archs == 3).sum(axis=1))
    np.testing.assert_allclose(strategy.policy.sum(axis=1), 1)


def test_values_that_a_decision_does_not_have_are_impossible() -> None:
    strategy = archcast.get_strategy("reinforce", "nasbench-graph", random_state=0)
    sizes = np.asarray(strategy.space.cardinalities)
    impossible = np.arange(sizes.max()) >= sizes[:, None]
    archs = strategy.ask(10)
    strategy.tell(archs, archs.sum(axis=1))
    assert (strategy.policy[impossible] == 0).all()
    np.testing.assert_allclose(strategy.policy.sum(axis=1), 1)


def test_the_first_step_follows_the_gradient_of_the_log_probability() -> None:
    strategy = make(learning_rate=0.01)
    strategy.tell([[0] * 6], [1.0])
    np.testing.assert_allclose(strategy.policy, 0.2)  # nothing to compare the first score with
    row = np.array([3, 1, 2, 0, 4, 3])
    before = strategy.policy

    def log_probability(policy):
        return np.log(policy[np.arange(6), row]).sum()

    strategy.tell(row[None], [2.0])
    assert log_probability(strategy.policy) > log_probability(before)
    assert (strategy.policy[np.arange(6), row] > 0.2).all()
    lower = make(learning_rate=0.01)
    lower.tell([[0] * 6], [1.0])
    lower.tell(row[None], [0.0])
    assert (lower.policy[np.arange(6), row] < 0.2).all()


def test_the_policy_finds_the_good_values() -> None:
    strategy = make(learning_rate=0.2)
    for _ in range(40):
        archs = strategy.ask(5)
        strategy.tell(archs, (archs == 3).sum(axis=1))
    assert strategy.policy[:, 3].min() > 0.3


def test_scale_of_the_scores_does_not_matter() -> None:
    policies = []
    for factor in (1.0, 1e-3, 1e5):
        strategy = make()
        for _ in range(4):
            archs = strategy.ask(5)
            strategy.tell(archs, factor * (archs == 3).sum(axis=1) + 0.25 * factor)
        policies.append(strategy.policy)
    np.testing.assert_allclose(policies[1], policies[0], rtol=1e-6)
    np.testing.assert_allclose(policies[2], policies[0], rtol=1e-6)


@pytest.mark.parametrize("arguments", [{"learning_rate": 0.0}, {"momentum": 1.0}])
def test_wrong_parameters(arguments) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(arguments))):
        make(**arguments)
