"""One recording that goes wrong costs nothing else, and what is asked for does not change a score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import archcast
from archcast.proxies import PROXIES
from archcast.proxies.base import register
from archcast.proxies.machinery.agreement import Agreement
from archcast.proxies.machinery.curvature import Curvature
from archcast.proxies.passes import shared

NAMES = ["flops", "l2_norm", "nwot", "jacob_cov", "snip", "grad_norm", "fisher", "grasp", "trainable_layers"]
X, Y = torch.randn(8, 3, 6, 6, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 4


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4)
    )


def broken(*_: Any, **__: Any) -> Any:
    raise np.linalg.LinAlgError("no convergence\nsecond line")


BREAKS = {
    "nwot": (Agreement, "add"),
    "fisher": (shared, "_channel_sums"),
    "grasp": (Curvature, "along"),
    "jacob_cov": (shared._SharedPass, "differentiate_inputs"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_recording_that_raises_fails_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = dict(archcast.score(net(), X, Y, proxies=NAMES))
    monkeypatch.setattr(*BREAKS[name], broken)
    scores = archcast.score(net(), X, Y, proxies=NAMES)
    assert set(scores.failures) == {name}
    assert scores.failures[name].endswith("LinAlgError: no convergence")
    assert dict(scores) == pytest.approx({k: v for k, v in expected.items() if k != name}, rel=1e-6)


@pytest.mark.parametrize("error", [ValueError, RuntimeError, ZeroDivisionError, MemoryError, AssertionError, KeyError])
def test_a_loss_that_raises_costs_the_proxies_that_need_it_alone(error: type[Exception]) -> None:
    def loss(_logits: Tensor, _targets: Tensor) -> Tensor:
        raise error("not with me")

    scores = archcast.score(net(), X, Y, proxies=NAMES, loss=loss)
    assert set(scores) == {"flops", "l2_norm", "nwot", "jacob_cov", "trainable_layers"}
    assert "not with me" in scores.failures["snip"]


def test_a_function_that_the_curvature_does_not_bear() -> None:
    class Picky(nn.Module):
        """Its forward pass fails where its convolution is replaced by another function."""

        def __init__(self) -> None:
            super().__init__()
            self.body = net()

        def forward(self, x: Tensor) -> Tensor:
            y = self.body[0](x)
            if "Convolution" not in type(y.grad_fn).__name__:
                raise TypeError("not my convolution")
            return self.body[1:](y)

    scores = archcast.score(Picky(), X, Y, proxies=["snip", "grasp", "nwot"], memory_format="contiguous")
    assert set(scores) == {"snip", "nwot"}
    assert "not my convolution" in scores.failures["grasp"]


def test_a_proxy_that_raises_fails_alone() -> None:
    @register("raises_at_once", summary="a test", paper="none", recordings=("macs",))
    def raises_at_once(macs: float) -> float:
        return macs / 0

    try:
        scores = archcast.score(net(), X, Y, proxies=["raises_at_once", "flops"])
    finally:
        del PROXIES._entries["raises_at_once"]
    assert scores.failures == {"raises_at_once": "ZeroDivisionError: float division by zero"}
    assert set(scores) == {"flops"}


def test_each_score_is_the_same_alone() -> None:
    everything = archcast.score(net(), X, Y)
    for name in everything:
        assert archcast.score(net(), X, Y, proxies=name)[name] == pytest.approx(everything[name], rel=1e-4), name
    for name in everything.failures:
        assert name in archcast.score(net(), X, Y, proxies=name).failures


def test_synflow_and_its_sister_fail_apart() -> None:
    class Pooled(nn.Module):
        """Normalises a single value a channel, which one sample does not allow."""

        def __init__(self) -> None:
            super().__init__()
            self.stem, self.squeeze = (
                nn.Conv2d(3, 4, 3),
                nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.ReLU()),
            )
            self.head = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.squeeze(F.adaptive_avg_pool2d(self.stem(x), 1)).flatten(1))

    both = archcast.score(Pooled(), X, proxies=["synflow_bn", "synflow"])
    assert set(both) == {"synflow"}
    assert "more than 1 value per channel" in both.failures["synflow_bn"]


@pytest.mark.parametrize("where", ["weight", "buffer", "inputs"])
def test_what_is_not_finite_is_never_answered_by_a_number(where: str) -> None:
    model, x = net(), X.clone()
    tensor = {"weight": model[0].weight, "buffer": model[1].running_mean, "inputs": x}[where]
    with torch.no_grad():
        tensor.view(-1)[0] = float("nan")
    scores = archcast.score(model, x, Y)
    assert set(scores) == {"params", "flops", "trainable_layers"}
    assert set(scores.failures) == set(PROXIES) - set(scores)
    assert any("not a finite number" in reason for reason in scores.failures.values())


def test_a_system_exit_of_the_model_is_an_error_of_the_model() -> None:
    class Leaves(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise SystemExit(3)

    with pytest.raises(archcast.errors.InvalidInputError, match="Leaves failed on inputs of shape 8x3x6x6: SystemExit"):
        archcast.score(Leaves(), X, proxies="flops")
