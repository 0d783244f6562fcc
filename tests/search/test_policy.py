"""The policy of REINFORCE and PPO: gradients by finite differences, Adam against torch."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.search.policy import Averages, Policy

SIZES = (2, 4, 3)
ROWS = np.array([[0, 3, 1], [1, 0, 2]])


def moved(rng) -> Policy:
    policy = Policy(SIZES, learning_rate=0.3)
    for _ in range(3):
        policy.ascend(rng.standard_normal(policy.logits.shape) * (np.arange(4) < np.array(SIZES)[:, None]))
    return policy


def slope(policy, function, step=1e-6):
    """Gradient of ``function()`` in the logits by central differences."""
    out = np.zeros(policy.logits.shape)
    for place in np.ndindex(out.shape):
        values = []
        for change in (step, -step):
            policy.logits[place] += change
            values.append(function())
            policy.logits[place] -= change
        out[place] = (values[0] - values[1]) / (2 * step)
    return out


def test_score_is_the_gradient_of_the_log_likelihood(rng) -> None:
    policy = moved(rng)
    for i in range(2):
        np.testing.assert_allclose(
            policy.score(ROWS)[i], slope(policy, lambda i=i: policy.log_likelihood(ROWS)[i]), atol=1e-6
        )


def test_entropy_gradient(rng) -> None:
    policy = moved(rng)

    def entropy():
        p = policy.probabilities()
        return -(p[p > 0] * np.log(p[p > 0])).sum()

    np.testing.assert_allclose(policy.entropy_gradient(), slope(policy, entropy), atol=1e-6)


def test_steps_are_those_of_adam(rng) -> None:
    torch = pytest.importorskip("torch")
    policy = Policy((3, 3), learning_rate=0.1)
    logits = torch.zeros((2, 3), dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([logits], lr=0.1)
    for _ in range(5):
        gradient = rng.standard_normal((2, 3))
        policy.ascend(gradient)
        logits.grad = torch.as_tensor(-gradient)
        adam.step()
    np.testing.assert_allclose(policy.logits, logits.detach().numpy(), atol=1e-7)


def test_draws_follow_the_probabilities(rng) -> None:
    policy = moved(rng)
    drawn = np.concatenate([policy.draw(rng) for _ in range(4000)])
    for j, size in enumerate(SIZES):
        np.testing.assert_allclose(np.bincount(drawn[:, j], minlength=4) / 4000, policy.probabilities()[j], atol=0.04)
        assert drawn[:, j].max() < size


def test_state_comes_back(rng) -> None:
    policy, other = moved(rng), Policy(SIZES, learning_rate=0.3)
    other.restore(policy.state())
    gradient = rng.standard_normal(policy.logits.shape)
    policy.ascend(gradient)
    other.ascend(gradient)
    np.testing.assert_array_equal(policy.logits, other.logits)


def test_advantages_do_not_depend_on_the_scale() -> None:
    scores = [3.0, 4.0, 2.5, 6.0]
    averages = [Averages(0.9), Averages(0.9)]
    first = [averages[0].advantage(score) for score in scores]
    second = [averages[1].advantage(100 * score - 7) for score in scores]
    np.testing.assert_allclose(first, second, rtol=1e-6)
    assert first[0] == 0, "there is nothing to compare the first with"
    assert first[1] > 0 > first[2]
