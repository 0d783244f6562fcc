"""Extrapolation of curves whose end is known, on every scale that curves come in."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError, MissingEvidenceError

T = 50
X = np.arange(1.0, T + 1)


def curves(n, rng, noise=0.005):
    """Of a family that is not among the eleven: a sum of two exponentials."""
    top, fast, slow = rng.uniform(0.5, 0.95, (n, 1)), rng.uniform(1, 4, (n, 1)), rng.uniform(5, 15, (n, 1))
    share = rng.uniform(0.3, 0.7, (n, 1))
    clean = top * (1 - share * np.exp(-X / fast) - (1 - share) * np.exp(-X / slow))
    return clean + noise * rng.standard_normal(clean.shape)


def query(name, values, signal="val_accuracy", **params):
    params = {"steps": 60, "burn_in": 30, "random_state": 0, "epochs": 2, **params}
    predictor = archcast.get_predictor(name, "nasbench201", signal=signal, total_epochs=T, **params).init()
    archs = archcast.get_space("nasbench201").sample(len(values), 0)
    return predictor.query(archs, archcast.Evidence({signal: values}))


@pytest.mark.parametrize("name", ["lce", "lce-m"])
def test_it_beats_the_last_value_and_knows_its_error(name, rng) -> None:
    whole = curves(12, rng)
    answer = query(name, whole[:, :20])
    error = answer.mean - whole[:, -1]
    last = whole[:, 19] - whole[:, -1]
    assert np.sqrt((error**2).mean()) < 0.6 * np.sqrt((last**2).mean())
    assert (np.abs(error) < 3 * answer.std).mean() > 0.8
    assert answer.std.max() < 0.1


def test_scale_does_not_matter(rng) -> None:
    share = curves(2, rng)[:, :15]
    fraction, percent = query("lce-m", share), query("lce-m", 100 * share)
    # another scale is another seed of the chain: equal up to its error
    np.testing.assert_allclose(percent.mean / 100, fraction.mean, atol=0.01)
    error = query("lce-m", 1 - share, signal="val_error")
    np.testing.assert_allclose(error.mean + 1, fraction.mean, atol=0.01)
    loss = query("lce-m", 3 - 3 * share, signal="val_loss")
    assert (loss.mean < 0).all()
    assert (loss.mean > -3 + 3 * share[:, -1] - 0.1).all()


def test_longer_is_surer(rng) -> None:
    whole = curves(6, rng)
    cut = whole.copy()
    cut[:, 8:] = np.nan
    mixed = np.concatenate([cut, np.where(np.arange(T) < 30, whole, np.nan), whole])
    answer = query("lce", mixed)
    assert answer.std[:6].mean() > 2 * answer.std[6:12].mean()
    np.testing.assert_array_equal(answer.mean[12:], whole[:, -1])
    assert not answer.std[12:].any()


def test_a_falling_curve_is_answered() -> None:
    answer = query("lce-m", np.linspace(80, 40, 12)[None])
    assert 30 < answer.mean[0] < 80
    assert answer.std[0] > 3, "nothing that rises fits well"


def test_an_impossible_curve_keeps_its_last_value() -> None:
    archs = archcast.get_space("nasbench201").sample(1, 0)
    predictor = archcast.get_predictor("lce", "nasbench201", random_state=0)
    predictor.init(archs, None, archcast.Evidence({"val_accuracy": np.linspace(0, 0.9, T)[None]}))
    answer = predictor.query(archs, archcast.Evidence({"val_accuracy": np.linspace(1.5, 1.6, 12)[None]}))
    assert answer.mean.tolist() == [1.6]
    assert answer.std.tolist() == [0.1]


def test_length_and_range_come_from_init(rng) -> None:
    whole = 100 * curves(5, rng)
    archs = archcast.get_space("nasbench201").sample(5, 0)
    params = {"steps": 20, "burn_in": 5, "random_state": 0, "epochs": 2}
    told = archcast.get_predictor("lce-m", "nasbench201", **params)
    told.init(archs, None, archcast.Evidence({"val_accuracy": whole}))
    assert told.total_epochs_ == T
    assert told.limits_ == [0.0, 100.0, 0.0, 100.0, 0.0]  # the last one: a share
    part = archcast.Evidence({"val_accuracy": whole[:, :10] / 200})  # below 1 %: still a percentage
    assert told.query(archs, part).mean.max() < 100
    given = archcast.get_predictor("lce-m", "nasbench201", total_epochs=T, **params).init()
    full = archcast.Evidence({"val_accuracy": whole[:, :10]})
    np.testing.assert_array_equal(told.query(archs, full).mean, given.query(archs, full).mean)


def test_bad_input() -> None:
    for params, message in (
        ({"steps": 10, "burn_in": 8}, "burn_in is 8 and steps is 10"),
        ({"epochs": 1}, "epochs is 1: it must be an integer of at least 2"),
        ({"epochs": 60}, "total_epochs is 50"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            query("lce", np.zeros((1, 5)), **params)
    with pytest.raises(MissingEvidenceError, match=r"LCE needs 4 epochs of .*'val_accuracy'.*row 1 has 3"):
        query("lce", np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, np.nan]]), epochs=4)
