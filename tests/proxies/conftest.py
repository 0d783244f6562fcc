"""Small odd models: each shows something that models written by others do."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES, SAMPLES = 4, 6


class Convolutional(nn.Module):
    """A usual net: convolutions, batch normalisation, ReLU, pooling."""

    def __init__(self, relu: Callable[[], nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), relu(),
            nn.Conv2d(6, 8, 3, stride=2, padding=1, groups=2), nn.BatchNorm2d(8), relu(),
        )  # fmt: skip
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean(dim=(2, 3)))


class Functional(nn.Module):
    """Activations as functions, some in place; the same convolution twice; an in-place sum; circular padding."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1, padding_mode="circular")
        self.again = nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Linear(6 * 4 * 4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x), inplace=True)
        y = self.again(x).relu_()
        y = torch.clamp(self.again(y), min=0)
        y += x
        y = F.dropout(F.adaptive_avg_pool2d(y, 4), 0.5, self.training)
        return self.head(y.view(len(y), -1))


class Attention(nn.Module):
    """A vision transformer in small: patches, a class token, attention, layer normalisation, GELU, dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.token = nn.Parameter(0.1 * torch.ones(1, 1, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1)
        return self.head(self.norm(self.blocks(x))[:, 0])


class Sequence(nn.Module):
    """1-d convolutions up and down, group normalisation, weight normalisation, and a dictionary of outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.utils.parametrizations.weight_norm(nn.Conv1d(2, 6, 3, stride=2, padding=1))
        self.norm = nn.GroupNorm(2, 6)
        self.up = nn.ConvTranspose1d(6, 4, 4, stride=2, padding=1, bias=False)
        self.head = nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> dict[str, Any]:
        y = F.silu(self.norm(self.down(x)))
        y = F.leaky_relu(self.up(y))
        return {"hidden": y, "logits": self.head(y.mean(-1)), "steps": 3}


class Volume(nn.Module):
    """3-d convolutions without normalisation, ELU, an object with logits."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv3d(1, 4, 3), nn.ELU(), nn.Conv3d(4, 4, 2), nn.ReLU6())
        self.head = nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.head(self.body(x).mean(dim=(2, 3, 4))))


class Tied(nn.Module):
    """Weights as bare parameters, one of them used twice, and two inputs by keyword."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Parameter(torch.linspace(-1, 1, 64).reshape(8, 8).sin())
        self.inlet = nn.Linear(5, 8, bias=False)
        self.out = nn.Parameter(torch.linspace(-1, 1, 32).reshape(8, 4).cos())

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.relu(self.inlet(left) @ self.shared + right)
        x = F.mish(F.linear(x, self.shared.t()))
        return torch.addmm(torch.ones(CLASSES, dtype=x.dtype), x, self.out), x


class Words(nn.Module):
    """Whole numbers as input, an embedding, a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.recurrent = nn.GRU(6, 7, batch_first=True)
        self.hidden = nn.Linear(7, 9)
        self.head = nn.Linear(9, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.recurrent(self.embedding(x))
        return self.head(F.relu(self.hidden(states.mean(dim=1))))


class Stateful(nn.Module):
    """Changes itself in its forward pass: buffers, plain tensors, lists, attributes, its own weights; draws random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.utils.parametrizations.spectral_norm(nn.Linear(5, 8))
        self.head = nn.Linear(8, CLASSES)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.plain = torch.zeros(3)
        self.seen: list[int] = []
        self.register_forward_hook(lambda module, args, output: self.seen.append(len(output)))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.plain += torch.rand(3)
        self.last = x
        with torch.no_grad():
            self.head.weight.clamp_(-0.3, 0.3)
        return self.head(torch.relu(self.first(x)) + 0 * torch.randn(1, dtype=x.dtype))


def frozen() -> nn.Module:
    """Some parameters do not require gradients, and some have one already."""
    model = Convolutional(lambda: nn.ReLU(inplace=True)).eval()
    model.features[0].weight.requires_grad_(False)
    model.head.weight.grad = torch.full_like(model.head.weight, 0.5)
    model.head.register_forward_hook(lambda module, args, output: None)
    return model


def images() -> Tensor:
    return torch.randn(SAMPLES, 3, 12, 12)


ZOO: dict[str, tuple[Callable[[], nn.Module], Callable[[], Any]]] = {
    "convolutional": (Convolutional, images),
    "frozen": (frozen, images),
    "functional": (Functional, images),
    "attention": (Attention, images),
    "sequence": (Sequence, lambda: torch.randn(SAMPLES, 2, 10)),
    "volume": (Volume, lambda: torch.randn(SAMPLES, 1, 6, 6, 6)),
    "tied": (Tied, lambda: {"left": torch.randn(SAMPLES, 5), "right": torch.randn(SAMPLES, 8)}),
    "words": (Words, lambda: torch.randint(0, 11, (SAMPLES, 5))),
    "stateful": (Stateful, lambda: (torch.randn(SAMPLES, 5),)),
}


def make(name: str) -> tuple[nn.Module, Any, Tensor]:
    """A model, inputs and labels."""
    make_model, make_inputs = ZOO[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make_model(), make_inputs(), torch.arange(SAMPLES) % CLASSES


@pytest.fixture(params=sorted(ZOO))
def specimen(request: pytest.FixtureRequest) -> tuple[nn.Module, Any, Tensor]:
    """Each model in turn, with inputs and labels."""
    return make(request.param)


@pytest.fixture(params=["attention", "tied", "volume"])
def uncoupled(request: pytest.FixtureRequest) -> tuple[nn.Module, Any, Tensor]:
    """Each model whose samples do not depend on each other and can be cut apart, in turn."""
    return make(request.param)


@pytest.fixture
def convolutional() -> tuple[nn.Module, Tensor, Tensor]:
    """A usual net, images and labels."""
    return make("convolutional")


@pytest.fixture
def attention() -> tuple[nn.Module, Tensor, Tensor]:
    """A vision transformer in small, images and labels."""
    return make("attention")
