from __future__ import annotations

import numpy as np
import pytest

from archcast.predictors.calibration import Spread
from archcast.predictors.neural._folds import Noise, left_out, moments


@pytest.mark.parametrize(("members", "rows"), [(5, 23), (7, 10), (2, 10), (5, 3)])
def test_every_member_leaves_out_its_fold_and_no_other(members, rows):
    out = left_out(members, rows, np.random.default_rng(0))
    folds = min(5, rows)
    assert out.shape == (members, rows)
    assert (out.sum(axis=1) >= rows // folds).all()
    np.testing.assert_array_equal(out[: members - folds], out[folds:]) if members > folds else None
    assert out[:folds].sum(axis=0).max() == 1


def test_nothing_is_left_out_of_one_member_or_two_rows():
    assert not left_out(1, 20, np.random.default_rng(0)).any()
    assert not left_out(5, 2, np.random.default_rng(0)).any()


def test_where_all_errors_are_alike_the_noise_is_a_share_of_their_variance(rng):
    targets = rng.normal(size=2000)
    out = left_out(5, 2000, rng)
    outputs = rng.normal(size=2000)[None] + np.where(out, 0.0, 9.0)
    targets = outputs[out.argmax(axis=0), np.arange(2000)] - rng.normal(0, 0.8, 2000)
    at = np.array([-1.0, -0.5, 0.0, 1.0])
    np.testing.assert_allclose(Noise.of(outputs, targets, out)(at), 0.6 * 0.8**2, rtol=0.3)
    assert Noise.of(outputs, targets, np.zeros_like(out))(at) == pytest.approx(np.zeros(4))


def test_noise_by_the_slow_formula():
    outputs, targets = np.array([[-1.0, 0.2, 9.0], [9.0, 9.0, 1.0]]), np.array([-0.5, 0.0, 2.0])
    out = np.array([[True, True, False], [False, False, True]])
    noise, typical = Noise.of(outputs, targets, out), (0.5 + 0.2 + 1.0 + 1.0) / 4
    for m in (-1.0, 0.0, 1.0):
        near = [np.exp(-((m - f) ** 2) / (2 * 0.5**2)) for f in (-1.0, 0.2, 1.0)]
        local = (near[0] * 0.5 + near[1] * 0.2 + near[2] * 1.0 + 5 * typical) / (sum(near) + 5)
        spread = Spread.of(np.array([-1.0, 0.2, 1.0]), np.ones(3), np.array([-1.0, 0.2, 1.0]))
        tail = noise(np.array([m]))[0] / (0.6 * np.pi / 2 * local**2) - 1
        assert tail == pytest.approx(0 if m <= spread.middle else 0.7, abs=1e-9 if m <= spread.middle else 0.7)
    np.testing.assert_allclose(noise(np.array([-7.0, 7.0])), noise(np.array([-1.0, 1.5])))


def test_noise_is_large_only_where_errors_are(rng):
    out = left_out(5, 200, rng)
    predicted = rng.normal(size=200)
    targets = predicted + np.where(predicted < 0, 2.0, 0.1) * rng.choice([-1, 1], 200)
    noise = Noise.of(np.broadcast_to(predicted, (5, 200)), targets, out)
    low, high = noise(np.array([-1.5, 1.5]))
    assert low > 10 * high


def test_a_few_wild_errors_do_not_widen_all(rng):
    out, predicted = left_out(5, 200, rng), rng.normal(size=200)
    targets = predicted + rng.normal(0, 0.3, 200)
    wild = targets + 4.0 * (np.arange(200) < 4)
    calm, moved = (Noise.of(np.broadcast_to(predicted, (5, 200)), t, out)(np.zeros(1))[0] for t in (targets, wild))
    assert moved < 2.5 * calm < 0.6 * np.square(predicted - wild).mean()


def test_moments_are_those_of_the_members_and_of_files_of_before(rng):
    members = rng.normal(size=(5, 4))
    for noise, more in ((0.25, 0.25), (Noise(np.array([0.0]), np.array([0.5])), 0.5)):
        mean, variance = moments(members, noise)
        np.testing.assert_allclose(mean, members.mean(axis=0))
        np.testing.assert_allclose(variance, members.var(axis=0) + more)
