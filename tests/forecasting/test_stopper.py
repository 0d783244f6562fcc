"""The stopper in a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.errors import InvalidInputError
from archcast.forecasting.stopper import Stopper

T = 30


def curve(top: float) -> list[float]:
    return (top * (1 - 0.8 ** np.arange(1, T + 1))).tolist()


def run(stopper: Stopper, values: list[float]) -> int:
    """Epochs until it says stop."""
    for epoch, value in enumerate(values, 1):
        if stopper.update(value):
            return epoch
    return len(values)


def test_a_hopeless_training_is_stopped_and_a_good_one_is_not():
    done = [curve(top) for top in (0.7, 0.75, 0.8, 0.85)]
    stopper = Stopper(T, done=done)
    assert run(stopper, curve(0.5)) < T / 2
    assert "to beat 0.84" in stopper.reason
    stopper.reset()
    assert stopper.curve == []
    assert run(stopper, curve(0.9)) == T


def test_losses_and_values_to_beat():
    losses = [[1 - y for y in curve(top)] for top in (0.5, 0.9)]
    assert run(Stopper(T, best=0.15, metric="val_loss"), losses[0]) < T
    assert run(Stopper(T, best=0.15, metric="val_loss"), losses[1]) == T
    assert run(Stopper(T, best=0.15, metric="zeal", better="lower"), losses[0]) < T


def test_patience_and_divergence():
    assert run(Stopper(T, best=0.99, patience=7), [0.1] * T) >= 7
    stopper = Stopper(T, best=0.5)
    assert run(stopper, [0.3, float("nan")]) == 2
    assert stopper.reason == "it diverged in epoch 2"
    assert Stopper(T, best=0.5).reason == "no decision yet"


def test_epochs_that_are_left_out_and_a_training_that_was_resumed():
    rare = Stopper(T, best=0.8)
    for epoch in range(3, T + 1, 3):  # a validation after each third epoch
        if rare.update(curve(0.4)[epoch - 1], epoch=epoch):
            break
    assert rare.patience <= epoch / 3 < T / 3
    assert np.flatnonzero(np.isfinite(rare.curve)).tolist() == list(range(2, epoch, 3))
    done = [curve(top) for top in (0.7, 0.75, 0.8, 0.85)]
    whole = Stopper(T, done=done)
    assert not any(whole.update(value) for value in curve(0.83)[:12])
    resumed = Stopper(T, done=done)
    assert not any(resumed.update(curve(0.83)[e - 1], epoch=e) for e in range(8, 13))
    assert resumed.forecast.epochs == T - 7  # only what follows is compared
    assert resumed.forecast.median[-1] == pytest.approx(whole.forecast.median[-1], abs=0.01)
    with pytest.raises(InvalidInputError, match="epoch must be above 12, the last epoch that was told, got 12"):
        resumed.update(0.5, epoch=12)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({}, "nothing to beat: give best, or done"),
        ({"done": [[0.1, 0.2]]}, "none of the curves in done has 30 epochs"),
        ({"best": 1.0, "chance": 1.0}, "chance must be a finite number between 0 and 1"),
        ({"best": 1.0, "patience": 0}, "patience must be a whole number"),
        ({"best": 1.0, "metric": "zeal"}, "'zeal' does not tell which way"),
    ],
)
def test_what_it_refuses(told, message):
    with pytest.raises(InvalidInputError, match=message):
        Stopper(T, **told)
