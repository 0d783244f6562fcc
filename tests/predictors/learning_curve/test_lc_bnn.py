"""A network and the beginning of a curve together forecast better than either."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.errors import MissingEvidenceError
from archcast.predictors.learning_curve.lc_bnn import _line

SPACE = archcast.get_space("nasbench201")
X = np.arange(1.0, 31)
FAST = {"hidden": (16,), "burn_in": 300, "draws": 6, "thinning": 10, "n_chains": 2, "random_state": 0}


def curves(archs, rng):
    """The architecture says half of the final value, the curve tells more the longer it is."""
    top = 60 + 4.0 * (archs == 3).sum(axis=1) + 3 * rng.standard_normal(len(archs))
    speed = rng.uniform(0.05, 0.3, len(archs))
    return top[:, None] * (1 - 0.8 * np.exp(-speed[:, None] * X)) + 0.5 * rng.standard_normal((len(archs), len(X)))


def test_longer_curves_are_surer_and_intervals_hold(rng) -> None:
    archs = SPACE.sample(140, rng)
    whole = curves(archs, rng)
    score = whole[:, -1] / 2 + 10  # another scale than the curve's
    predictor = archcast.get_predictor("lc-bnn", SPACE, **FAST, epochs=2)
    predictor.init(archs[:60], score[:60], archcast.Evidence({"val_accuracy": whole[:60]}))
    errors, widths = [], []
    for epochs in (2, 8, 20):
        answer = predictor.query(archs[60:], archcast.Evidence({"val_accuracy": whole[60:, :epochs]}))
        error = answer.mean - score[60:]
        errors.append(np.sqrt((error**2).mean()))
        widths.append(answer.std.mean())
        assert 0.8 < (np.abs(error) < 1.645 * answer.std).mean() <= 1
    assert errors[0] > errors[1] > errors[2]
    assert widths[0] > widths[1] > widths[2]
    assert errors[0] < 0.8 * score[60:].std()
    assert errors[2] < 0.5


def test_uneven_lengths_at_init(rng) -> None:
    archs = SPACE.sample(50, rng)
    whole = curves(archs, rng)
    cut = np.where(np.arange(30) < rng.integers(15, 31, (50, 1)), whole, np.nan)
    cut[0] = whole[0]
    predictor = archcast.get_predictor("lc-bnn", SPACE, **FAST, epochs=2)
    predictor.init(archs[:40], whole[:40, -1], archcast.Evidence({"val_accuracy": cut[:40]}))
    answer = predictor.query(archs[40:], archcast.Evidence({"val_accuracy": whole[40:, :25]}))
    assert np.abs(answer.mean - whole[40:, -1]).mean() < 2


def test_line_against_polyfit(rng) -> None:
    x = rng.standard_normal(20)
    y = 2 * x + 1 + 0.1 * rng.standard_normal(20)
    np.testing.assert_allclose(_line(x, y), np.polyfit(x, y, 1), rtol=1e-9)
    np.testing.assert_allclose(_line(x, -y), [0, -y.mean()])
    np.testing.assert_allclose(_line(np.ones(3), np.arange(3.0)), [0, 1])
    np.testing.assert_allclose(_line(x[:1], y[:1]), [0, y[0]])


def test_bad_input(rng) -> None:
    archs = SPACE.sample(4, rng)
    values = np.ones((4, 8))
    values[2, 3:] = np.nan
    evidence = archcast.Evidence({"val_accuracy": values})
    with pytest.raises(MissingEvidenceError, match=r"LCBNN needs 5 epochs of .*'val_accuracy'\], row 2 has 3"):
        archcast.get_predictor("lc-bnn", SPACE).init(archs, np.arange(4), evidence)
