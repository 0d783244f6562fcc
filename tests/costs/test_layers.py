"""The layers of a network and their times; no test asserts how long anything takes."""

from __future__ import annotations

import pytest

import archcast
from archcast import Task
from archcast.costs import layers
from archcast.costs.layers import layers_of, seconds_of
from archcast.errors import InvalidInputError

torch = pytest.importorskip("torch")


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 4, 3, padding=1)
        self.norms = torch.nn.ModuleList([torch.nn.BatchNorm2d(4), torch.nn.BatchNorm2d(4)])
        self.unused = torch.nn.Linear(3, 3)

    def forward(self, x):
        x = self.first(x)
        return self.norms[1](torch.relu(self.norms[0](x))) + self.norms[0](x)


def test_layers_that_run_are_counted_as_often_as_they_run() -> None:
    examples = {}
    found = layers_of(Net(), [torch.zeros(2, 3, 8, 8)], examples)
    assert sorted(found.values()) == [1, 3]
    assert all(key.endswith(("on 2x3x8x8", "on 2x4x8x8")) for key in found)
    assert set(examples) == set(found)


def test_on_meta_they_are_the_same() -> None:
    space, task = archcast.get_space("nasbench201"), Task((3, 16, 16), width=4, depth=1)
    row = space.sample(1, 0)[0]
    found = layers_of(space.build(row, task), [torch.zeros(1, 3, 16, 16)])
    with torch.device("meta"):
        meta = layers_of(space.build(row, task), [torch.zeros(1, 3, 16, 16)])
    assert found == meta
    assert any("on 1x8x8x8" in key for key in found), "channels double where pixels are halved"


def test_each_layer_is_measured_once(monkeypatch) -> None:
    monkeypatch.setattr(layers, "_measured", {})
    examples = {}
    layers_of(Net(), [torch.zeros(2, 3, 8, 8)], examples)
    state = torch.random.get_rng_state()
    first = seconds_of(examples, runs=3, warmup=1)
    assert set(first) == set(examples)
    assert all(value > 0 for value in first.values())
    assert seconds_of(examples, runs=3, warmup=1) == first
    assert torch.equal(torch.random.get_rng_state(), state)
    assert len(layers._measured) == len(first)
    seconds_of(examples, runs=4, warmup=1)
    assert len(layers._measured) == 2 * len(first), "other settings are other measurements"


def test_unknown_clock() -> None:
    with pytest.raises(InvalidInputError, match="Unknown clock 'sun'"):
        seconds_of({}, clock="sun")
