"""w' H g against the general double backward pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import archcast
from archcast.proxies.machinery.curvature import Curvature
from archcast.proxies.machinery.tracing import Tracer

CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "linear": (lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 5, bias=False), nn.Tanh()), (6, 4)),
    "tokens": (lambda: nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.LayerNorm(5), nn.Linear(5, 4)), (6, 3, 4)),
    "grouped": (lambda: nn.Sequential(nn.Conv2d(4, 6, 3, 2, 1, groups=2), nn.SiLU(), nn.Conv2d(6, 4, 2, dilation=2)), (6, 4, 7, 7)),
    "string padding": (lambda: nn.Sequential(nn.Conv2d(4, 4, 3, padding="same"), nn.ELU(), nn.Conv2d(4, 3, 1)), (6, 4, 5, 5)),
    "transposed": (
        lambda: nn.Sequential(nn.ConvTranspose2d(4, 6, 3, 2, output_padding=1, groups=2), nn.Tanh(), nn.Conv2d(6, 3, 3)),
        (6, 4, 4, 4),
    ),
    "1d": (lambda: nn.Sequential(nn.Conv1d(3, 5, 3), nn.BatchNorm1d(5), nn.Tanh(), nn.Conv1d(5, 4, 2)), (6, 3, 8)),
    "3d": (lambda: nn.Sequential(nn.Conv3d(2, 4, 2), nn.BatchNorm3d(4), nn.Softplus(), nn.Conv3d(4, 3, 2)), (6, 2, 4, 4, 4)),
    "norm of rows": (lambda: nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3)), (6, 4)),
    "norm without scale": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, affine=False), nn.ReLU(), nn.Conv2d(4, 4, 1)),
        (6, 3, 6, 6),
    ),
    "norm after norm": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.Tanh(), nn.Conv2d(4, 4, 1)),
        (6, 3, 6, 6),
    ),
    "norm in evaluation mode": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4).eval(), nn.Tanh(), nn.Conv2d(4, 4, 1)),
        (6, 3, 6, 6),
    ),
    "pooled": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.Tanh(), nn.AvgPool2d(3, 1, 1, count_include_pad=False), nn.AvgPool2d(2),
            nn.Conv2d(4, 4, 1), nn.MaxPool2d(2), nn.Tanh(), nn.Conv2d(4, 3, 1),
        ),
        (6, 3, 10, 10),
    ),
    "twice": (lambda: Twice(), (6, 3, 6, 6)),
    "attention": (lambda: Attention(), (6, 5, 8)),
}  # fmt: skip


class Twice(nn.Module):
    """A convolution that is used twice, beside itself in a sum, and as part of a computed weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x = x + self.again(torch.tanh(x)) + self.again(x.square())
        return F.conv2d(x, self.again.weight * self.first.weight.sum(), stride=2)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


@pytest.mark.parametrize("name", sorted(CASES))
@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels last"])
def test_curvature(name: str, last: bool) -> None:
    make, shape = CASES[name]
    if last and len(shape) != 4:
        pytest.skip("channels-last is for images")
    torch.manual_seed(0)
    model, x = make().double(), torch.randn(shape).double()
    if last:
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    target = torch.randn_like(model(x)).detach()

    parameters = dict(model.named_parameters())
    curvature = Curvature()
    with Tracer(parameters, replace=curvature.replacements) as tracer:
        output = model(x)
    layers = tracer.layers
    gradients = torch.autograd.grad(F.mse_loss(output.tanh(), target), [a.weight for a in layers], create_graph=True)
    found = curvature.along(layers, gradients, gradients)

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH), Tracer(parameters) as plain:
        again = model(x)
    weights = [layer.weight for layer in plain.layers]
    g = torch.autograd.grad(F.mse_loss(again.tanh(), target), weights, create_graph=True)
    z = sum((a.detach() * a).sum() for a in g)
    expected = sum(float((w.detach() * h).sum()) for w, h in zip(weights, torch.autograd.grad(z, weights)))
    assert [layer.name for layer in layers] == [layer.name for layer in plain.layers]
    assert torch.allclose(output, again, rtol=1e-12, atol=1e-12)
    assert all(torch.allclose(a, b, rtol=1e-10, atol=1e-12) for a, b in zip(g, gradients))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-14)


def test_a_gradient_that_does_not_change() -> None:
    linear = nn.Linear(3, 1)
    curvature = Curvature()
    with Tracer(dict(linear.named_parameters()), replace=curvature.replacements) as tracer:
        loss = linear(torch.ones(2, 3)).sum()
    gradients = torch.autograd.grad(loss, [linear.weight], create_graph=True)
    assert curvature.along(tracer.layers, gradients, gradients) == 0


class HardSigmoid(nn.Module):
    """As a gate; written out, it has a second derivative everywhere but at the corners."""

    def __init__(self, written_out: bool) -> None:
        super().__init__()
        self.written_out = written_out
        self.first, self.gate, self.last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        gate = self.gate(x)
        gate = F.relu6(gate + 3) / 6 if self.written_out else F.hardsigmoid(gate)
        return self.last(x * gate).mean(dim=(2, 3))


def test_a_function_without_a_second_derivative_is_written_out() -> None:
    torch.manual_seed(0)
    nets = HardSigmoid(False).double(), HardSigmoid(True).double()
    nets[1].load_state_dict(nets[0].state_dict())
    x, y = torch.randn(6, 3, 6, 6, dtype=torch.float64), torch.tensor([0, 1, 2, 0, 1, 2])
    found = [archcast.score(net, x, y, proxies=["grasp", "snip", "nwot", "flops"]) for net in nets]
    assert dict(found[0]) == pytest.approx(dict(found[1]), rel=1e-9)
    assert "grasp" in found[0]


@pytest.mark.parametrize("micro_batch", [None, 2])
def test_another_one_costs_grasp_alone(micro_batch: int | None) -> None:
    class Distances(nn.Module):
        """Distances of points have a gradient, but no second one."""

        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(4, 5), nn.Linear(6, 3)
            self.centres = nn.Parameter(torch.randn(6, 5))

        def forward(self, x: Tensor) -> Tensor:
            return self.last(torch.cdist(self.first(x), self.centres, p=3.0))

    net = Distances()
    x, y = torch.randn(6, 4), torch.tensor([0, 1, 2, 0, 1, 2])
    scores = archcast.score(net, x, y, proxies=["grasp", "snip", "fisher", "jacob_cov"], micro_batch=micro_batch)
    assert set(scores) == {"snip", "fisher", "jacob_cov"}
    assert scores.failures["grasp"].startswith("no second derivative: ")
