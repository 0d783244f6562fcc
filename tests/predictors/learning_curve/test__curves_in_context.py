"""The network of ft-pfn: features and regressions against slow definitions, and who sees whom."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archcast.predictors.learning_curve import _curves_in_context as module

T = 12


def squeezed(d: float) -> float:
    return float(np.sign(d) * np.log1p(abs(d) / 0.002) / 5)


def test_features_are_those_of_one_curve_at_a_time(rng):
    curves = rng.uniform(0, 1, (2, 9, T))
    cut = rng.integers(1, T + 1, (2, 9))
    cut[0, :3] = 1, 2, T
    found = module.curve_features(curves, cut)
    for i, k in np.ndindex(2, 9):
        seen = curves[i, k, : cut[i, k]]
        c, last = len(seen), seen[-1]
        tail = seen[-max(c // 4, min(c, 2)) :]
        differences = [last - seen[0], seen.max() - last, tail.mean() - last, seen.mean() - last]
        differences += [last - seen[max(c - max(c // part, 1), 1) - 1] for part in (2, 4, 8)]
        differences += [last - seen[max(round(share * c), 1) - 1] for share in (0.1, 0.25, 0.75)]
        differences += [np.abs(np.diff(seen)).sum() / max(c - 1, 1), tail.std(), seen.max() - seen[0]]
        np.testing.assert_allclose(found[i, k], [2 * last - 1, *map(squeezed, differences)], atol=1e-6)


def test_what_comes_after_the_cut_is_not_read(rng):
    curves = rng.uniform(0, 1, (1, 4, T))
    cut = np.array([[1, 3, 7, 11]])
    other = np.where(np.arange(T) < cut[..., None], curves, np.nan)
    np.testing.assert_array_equal(module.curve_features(other, cut), module.curve_features(curves, cut))


def kernels(near: np.ndarray, scaled: np.ndarray, m: int):
    """The five kernels, pair by pair: matrix of all rows with those in context, noise, and whether levels are regressed."""
    n, k = scaled.shape
    out = [np.empty((n, m)) for _ in range(5)]
    for i, j in np.ndindex(n, m):
        apart, product = np.square(scaled[i] - scaled[j]).sum() / k, scaled[i] @ scaled[j] / k
        a, s = np.exp(-near[i, j] / 2), np.exp(-apart / 2)
        wide_a, wide_s = np.exp(-near[i, j] / 8), np.exp(-apart / 8)
        values = s, (a + s + a * s) / 3, (wide_a + wide_s + wide_a * wide_s + product) / 4, a, wide_a
        for kernel, value in zip(out, values):
            kernel[i, j] = value
    rules = [(0.1, False), (0.1, False), (0.03, False), (0.1, True), (0.03, True)]
    return [(kernel, *rule) for kernel, rule in zip(out, rules)]


def test_regressions_leave_each_curve_in_context_out(rng):
    """Answers in context are those of a regression on the others around the mean of all; questions use all of them."""
    m, q = 7, 3
    scaled, x = rng.normal(size=(1, m + q, 4)), rng.normal(size=(m + q, 2))
    near = np.square(x[:, None] - x[None, :m]).sum(axis=2)[None]
    gained, last = rng.normal(0, 0.1, (1, m)), rng.uniform(0, 1, (1, m + q))
    found = module.regressions(scaled, near, gained, last)
    for answer, (kernel, noise, level) in enumerate(kernels(near[0], scaled[0], m), start=1):
        target = gained[0] + level * last[0, :m]
        middle = target.mean()
        for i in range(m + q):
            others = [j for j in range(m) if j != i]
            inside = kernel[np.ix_(others, others)] + noise * np.eye(len(others))
            weights = np.linalg.solve(inside, kernel[i, others])
            expected = middle + weights @ (target[others] - middle) - level * last[0, i]
            assert found.answers[0, i, answer] == pytest.approx(expected)
            variance = (kernel[i, i] if i < m else 1.0) + noise - weights @ kernel[i, others]
            assert found.doubts[0, i, answer - 1] == pytest.approx(variance)
    for i in range(m):
        assert found.answers[0, i, 0] == pytest.approx(np.delete(gained[0], i).mean())
    errors = np.sqrt(np.abs(found.answers[0, :m] - gained[0][:, None])).mean(axis=0) + 1e-3
    share = errors**-8 / (errors**-8).sum()
    np.testing.assert_allclose(found.centre[0], found.answers[0] @ share)
    left = m * (1.25 * np.abs(found.centre[0, :m] - gained[0]).mean()) ** 2
    usual = min(module.USUAL**2, 4 * gained[0].var() + 1e-8)
    assert found.unit[0, 0] == pytest.approx(np.sqrt((left + module.WORTH * usual) / (m + module.WORTH)))


@pytest.mark.parametrize("m", [0, 1, 2])
def test_with_few_curves_the_usual_gain_counts(m, rng):
    found = module.regressions(
        np.zeros((1, m + 2, 4)), np.zeros((1, m + 2, m)), np.full((1, m), 0.3), np.zeros((1, m + 2))
    )
    np.testing.assert_allclose(found.centre, 0.3 * m / (m + 1))
    assert found.unit[0, 0] == pytest.approx(
        np.sqrt((m * (0.3 / (m + 1)) ** 2 + module.WORTH * module.USUAL**2) / (m + module.WORTH))
    )


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return module.ContextTransformer().double().eval()


def task(rng, m=6, q=4):
    return [torch.from_numpy(x) for x in (rng.normal(size=(2, m + q, module.FEATURES)), rng.normal(size=(2, m)))] + [
        torch.from_numpy(np.square(rng.normal(size=(2, m + q, m))))
    ]


def test_a_question_sees_the_context_and_not_other_questions(network, rng):
    tokens, gains, near = task(rng)
    answers = network(tokens, gains, near)
    assert answers.shape == (2, 4, module.BARS)
    alone = network(torch.cat([tokens[:, :6], tokens[:, 7:8]], 1), gains, torch.cat([near[:, :6], near[:, 7:8]], 1))
    torch.testing.assert_close(alone[:, 0], answers[:, 1])
    told = network(tokens, gains + torch.tensor([1.0, 0, 0, 0, 0, 0]), near)
    assert ((told - answers).abs().amax(dim=2) > 1e-9).all()


def test_the_order_of_the_context_does_not_matter(network, rng):
    tokens, gains, near = task(rng)
    order = [3, 0, 5, 1, 4, 2]
    rows = [*order, 6, 7, 8, 9]
    torch.testing.assert_close(
        network(tokens[:, rows], gains[:, order], near[:, rows][:, :, order]), network(tokens, gains, near)
    )


def test_a_distant_curve_is_not_seen(network, rng):
    """A head's weight falls with the distance, so a curve that is infinitely far from all others might as well not be there."""
    tokens, gains, near = task(rng)
    near[:, :, 5] = 1e9
    fewer = network(
        torch.cat([tokens[:, :5], tokens[:, 6:]], 1), gains[:, :5], torch.cat([near[:, :5, :5], near[:, 6:, :5]], 1)
    )
    torch.testing.assert_close(network(tokens, gains, near), fewer)


def test_without_context_it_answers(network, rng):
    tokens, _, _ = task(rng, 0, 3)
    answers = network(tokens, torch.zeros(2, 0, dtype=torch.float64), torch.zeros(2, 3, 0, dtype=torch.float64))
    assert torch.isfinite(answers).all()
