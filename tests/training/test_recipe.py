"""The learning rate rises, then falls as half a cosine; settings out of range are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.training import Recipe, settings_for


def test_the_rate_rises_then_falls() -> None:
    recipe = Recipe(learning_rate=0.2, warmup=0.25)
    rates = np.array([recipe.rate(step, 100) for step in range(100)])
    assert (np.diff(rates[:25]) > 0).all()
    assert (np.diff(rates[25:]) < 0).all()
    assert rates.max() == pytest.approx(0.2)
    assert 0 < rates.min() < 0.2 * 0.05


def test_without_warmup_it_is_the_cosine_of_torch() -> None:
    recipe = Recipe(learning_rate=0.3, warmup=0.0)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40)
    for step in range(40):
        assert recipe.rate(step, 40) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        schedule.step()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number of at least 1, got 2.5"),
        ({"learning_rate": -1.0}, "learning_rate must be a finite number of at least 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be a finite number of at least 0"),
        ({"momentum": 1.0}, "momentum must be at least 0 and below 1"),
        ({"averaging": True}, "averaging must be"),
    ],
)
def test_wrong_settings(setting: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Recipe(**setting)


def test_what_is_given_goes_before_what_suits_the_data() -> None:
    usual = settings_for("digits")
    assert (usual["width"], usual["depth"], usual["stages"]) == (16, 1, 1)
    assert usual["recipe"] == Recipe(batch_size=32, learning_rate=0.2)
    given = settings_for("digits", width=4, stages=None, epochs=2, learning_rate=None, batch_size=100)
    assert (given["width"], given["depth"], given["stages"]) == (4, 1, 1)
    assert given["recipe"] == Recipe(epochs=2, batch_size=100, learning_rate=0.2)
    assert settings_for("cifar10", depth=2) == {"recipe": Recipe(), "width": None, "depth": 2, "stages": None}
    with pytest.raises(InvalidInputError, match="epochs must be"):
        settings_for("digits", epochs=0)


def test_what_suits_the_data_sets_only_sizes_that_the_space_has() -> None:
    assert settings_for("digits", "darts") == {**settings_for("digits"), "stages": None}
    assert settings_for("digits", "nasbench-macro")["stages"] is None
    assert (
        settings_for("digits", "nasbench-macro", stages=3)["stages"] == 3
    )  # what is asked for is kept, and refused later
