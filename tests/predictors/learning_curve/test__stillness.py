"""Values that come in steps are seen to be so; what stands still is tested with lc-increment, which forecasts it."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.predictors.learning_curve import _stillness as module


@pytest.mark.parametrize("samples", [37, 228])
def test_values_that_come_in_steps_are_seen_to(samples):
    """Shares of few samples, rounded as logs do; values of any size, and few values, are not taken for steps."""
    rng = np.random.default_rng(samples)
    counts = np.rint(samples * np.clip(0.7 * (1 - 0.7 ** np.arange(1, 21)) + rng.normal(0, 0.05, (4, 20)), 0, 1))
    np.testing.assert_allclose(module.steps_of(np.round(counts / samples, 5)), 1 / samples, rtol=0.01)
    np.testing.assert_allclose(module.steps_of(-100 * counts / samples), 100 / samples, rtol=1e-6)
    free = rng.uniform(0, 1, (30, 20))
    free[:, -3:] = free[:, :1]
    assert (module.steps_of(free) == 0).mean() > 0.95
    assert (module.steps_of(np.array([[0.0, 0.0, 0.3, 0.45, np.nan, np.nan]])) == 0).all()


def test_what_stood_for_half_of_its_epochs_stands():
    values = np.array(
        [[0.1] * 6, [0.1, 0.2, 0.3, 0.3, 0.3, 0.3], [0.1, 0.1, 0.1, 0.1, 0.1, 0.2], [0.1, 0.1, *[np.nan] * 4]]
    )
    assert module.standing(values, np.array([6, 6, 6, 2])).tolist() == [True, True, False, False]
