"""Counting any network: layers under any name, attention, recurrent cells; nothing is changed."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from archcast.costs import count
from archcast.errors import InvalidInputError


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


class Products(nn.Module):
    """The same linear map of 12 to 5 numbers, written in another way."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.weight = nn.Parameter(torch.randn(5, 12))

    def forward(self, x):
        if self.kind == "einsum":
            return torch.einsum("...i,oi->...o", x, self.weight)
        if self.kind == "matmul":
            return x @ self.weight.T
        if self.kind == "tensordot":
            return torch.tensordot(x, self.weight, dims=([-1], [1]))
        if self.kind == "inner":
            return torch.inner(x, self.weight)
        if self.kind == "functional":
            return functional.linear(x, self.weight)
        return functional.conv1d(x.transpose(1, 2), self.weight[:, :, None]).transpose(1, 2)


@pytest.mark.parametrize("kind", ["einsum", "matmul", "tensordot", "inner", "functional", "conv1d"])
def test_a_linear_map_counts_alike_however_it_is_written(kind):
    found = count(Products(kind), torch.randn(3, 7, 12))
    assert found == {"params": 60.0, "macs": 7 * 60.0, "activations": 35.0, "depth": 1.0, "resolution": 1.0}


@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("fused", [True, False])
def test_attention(trainable, fused):
    """Four projections of 16 to 16 numbers for each of 9 tokens; scores and their use, 9 x 9 x 16 each. Nothing is hidden by
    the shortcut that torch takes for inference."""
    model = nn.MultiheadAttention(16, 4, batch_first=True).requires_grad_(trainable)
    x = torch.randn(2, 9, 16)
    wrapped = _Attention(model, need_weights=not fused)
    assert count(wrapped, x)["macs"] == 4 * 9 * 16 * 16 + 2 * 9 * 9 * 16


class _Attention(nn.Module):
    def __init__(self, inner, need_weights):
        super().__init__()
        self.inner, self.need_weights = inner, need_weights

    def forward(self, x):
        return self.inner(x, x, x, need_weights=self.need_weights)[0]


def test_a_transformer_layer():
    model = nn.TransformerEncoderLayer(16, 4, 40, dropout=0.3, batch_first=True)
    found = count(model, torch.randn(2, 9, 16))
    assert found["macs"] == 9 * (4 * 16 * 16 + 2 * 16 * 40) + 2 * 9 * 9 * 16
    assert found["depth"] == 4


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_recurrent_layers(kind, gates):
    model = kind(6, 10, num_layers=2, batch_first=True)
    expected = 5 * gates * (6 * 10 + 10 * 10 + 10 * 10 + 10 * 10)
    assert count(model, torch.randn(3, 5, 6))["macs"] == expected


def test_depth_is_that_of_the_longest_path_to_the_output():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c, self.d = (nn.Conv2d(2, 2, 1) for _ in range(4))

        def forward(self, x):
            self.d(self.c(self.b(self.a(x))))  # leads nowhere
            return torch.cat([self.a(x), functional.relu(self.c(self.b(x))) + x], dim=1)

    found = count(Branches(), torch.randn(1, 2, 4, 4))
    assert found["depth"] == 2
    assert found["macs"] == 7 * 4 * 16


def test_shared_weights_are_one_parameter_and_cost_each_time():
    layer = nn.Linear(4, 4, bias=False)
    assert count(nn.Sequential(layer, layer, layer), torch.randn(1, 4)) == {
        "params": 16.0,
        "macs": 48.0,
        "activations": 12.0,
        "depth": 3.0,
        "resolution": 1.0,
    }


def test_the_network_is_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(16, 2))
    model[2].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    state = torch.random.get_rng_state()
    count(model, torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_nothing_is_computed_on_the_device_meta():
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(10**5, 10**5), nn.ReLU(), nn.Linear(10**5, 2))
        found = count(model, torch.zeros(1, 10**5))
    assert found["macs"] == 10**10 + 2 * 10**5


def test_several_inputs_and_inputs_by_name():
    model = nn.Bilinear(3, 4, 5)
    x, y = torch.randn(2, 3), torch.randn(2, 4)
    assert count(model, (x, y)) == count(model, {"input1": x, "input2": y})


@pytest.mark.parametrize("inputs", [(), {}, torch.zeros(0, 3), torch.tensor(1.0)])
def test_no_sample(inputs):
    with pytest.raises(InvalidInputError, match="inputs must hold a batch of at least one sample"):
        count(nn.Linear(3, 2), inputs)


def test_a_failure_is_one_line_and_leaves_the_mode():
    model = nn.Sequential(nn.Linear(3, 2)).train()
    with pytest.raises(InvalidInputError, match=r"^Sequential failed on the inputs: RuntimeError: ") as caught:
        count(model, torch.randn(2, 4))
    assert "\n" not in str(caught.value)
    assert model.training


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (nn.Conv2d(3, 8, 3, stride=2, padding=1, groups=1), (2, 3, 9, 12)),
        (nn.Conv2d(6, 6, 5, groups=3), (1, 6, 9, 12)),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1), (2, 4, 5, 7)),
        (nn.Conv1d(4, 6, 3), (2, 4, 10)),
        (
            nn.Sequential(nn.Conv3d(2, 4, 3), nn.ReLU(), nn.MaxPool3d(2), nn.Flatten(), nn.Linear(4 * 27, 3)),
            (1, 2, 8, 8, 8),
        ),
        (nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), (2, 9, 16)),
    ],
)
def test_torchs_own_counter_agrees(model, shape):
    """It counts a multiplication and an addition as two, for the whole batch."""
    x = torch.randn(shape)
    with FlopCounterMode(display=False) as counter:
        model(x)
    assert count(model, x)["macs"] == counter.get_total_flops() / 2 / shape[0]
