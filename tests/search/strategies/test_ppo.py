"""PPO: the gradient of its objective by finite differences, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError

SPACE = archcast.get_space("nasbench201")
ROWS = SPACE.sample(12, 3)


def test_gradient_of_the_clipped_objective(rng) -> None:
    strategy = archcast.get_strategy("ppo", SPACE, clip=0.3, entropy=0.05, random_state=0)
    policy, advantages = strategy._policy, rng.standard_normal(12)
    before = policy.log_likelihood(ROWS)
    policy.logits = 0.3 * rng.standard_normal(policy.logits.shape)

    def objective():
        ratio = np.exp(policy.log_likelihood(ROWS) - before)
        clipped = np.minimum(ratio * advantages, np.clip(ratio, 0.7, 1.3) * advantages)
        p = policy.probabilities()
        return clipped.mean() - 0.05 * (p * np.log(p)).sum()

    ratio = np.exp(policy.log_likelihood(ROWS) - before)
    assert ((ratio > 1.3) & (advantages > 0)).any() or ((ratio < 0.7) & (advantages < 0)).any(), "nothing is clipped"
    gradient = strategy._gradient(ROWS, advantages, before)
    for place in np.ndindex(gradient.shape):
        values = []
        for change in (1e-6, -1e-6):
            policy.logits[place] += change
            values.append(objective())
            policy.logits[place] -= change
        assert gradient[place] == pytest.approx((values[0] - values[1]) / 2e-6, abs=1e-6)


def test_the_policy_finds_the_good_values() -> None:
    strategy = archcast.get_strategy("ppo", SPACE, random_state=0)
    for _ in range(25):
        archs = strategy.ask(8)
        strategy.tell(archs, (archs == 3).sum(axis=1))
    assert (strategy.policy.argmax(axis=1) == 3).sum() >= 5


def test_what_is_drawn_again_teaches_again() -> None:
    pool = SPACE.sample(30, 0)
    strategy = archcast.get_strategy("ppo", SPACE, pool=pool, random_state=0)
    archs = strategy.ask(10)
    strategy.tell(archs, (archs == 3).sum(axis=1))
    strategy._again = [tuple(archs[0].tolist())] * 3
    before = strategy._averages.values[2]
    more = strategy.ask(1)
    again = len(strategy._again)
    strategy.tell(more, [2.0])
    assert strategy._averages.values[2] == before + 1 + again
    assert strategy._again == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate": 0}, "learning_rate must be a number above 0 and below 10, got 0"),
        ({"clip": 2}, "clip must be a number above 0 and at most 1, got 2"),
        ({"steps": 0}, "steps must be a whole number of at least 1"),
        ({"entropy": -1}, "entropy must be a number of at least 0"),
        ({"momentum": 1.0}, "momentum must be a number of at least 0 and below 1"),
    ],
)
def test_wrong_parameters(arguments, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        archcast.get_strategy("ppo", SPACE, **arguments)
