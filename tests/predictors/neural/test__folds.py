from __future__ import annotations

import numpy as np
import pytest

from archcast.predictors.neural._folds import left_out, noise


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


def test_noise_is_the_error_on_rows_left_out(rng):
    targets = rng.normal(size=20)
    out = left_out(5, 20, rng)
    outputs = targets + np.where(out, 0.5, 9.0)
    assert noise(outputs, targets, out) == pytest.approx(0.7 * (20 * 0.25 + 1) / 21)
    assert noise(outputs, targets, np.zeros_like(out)) == 0
