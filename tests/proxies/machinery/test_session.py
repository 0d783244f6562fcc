"""What is random in a model: it is off while the model is scored, or the failure says so."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import archcast

X = torch.randn(8, 5, generator=torch.Generator().manual_seed(0)).double()


class Switched(nn.Module):
    """Random in training mode alone, in a way that has no name torch knows."""

    def __init__(self, draw: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.draw = draw

    def forward(self, x: Tensor) -> Tensor:
        return self.draw(x) if self.training else x


GENERATOR, NUMPY = torch.Generator(), np.random.default_rng(0)
DRAWS: dict[str, Callable[[Tensor], Tensor]] = {
    "bernoulli_": lambda x: x * x.new_empty(len(x), 1).bernoulli_(0.5) / 0.5,
    "rand": lambda x: x * (torch.rand_like(x) < 0.5),
    "randn": lambda x: x + torch.randn(x.shape, dtype=x.dtype),
    "bernoulli": lambda x: x * torch.bernoulli(torch.full_like(x, 0.5)),
    "python": lambda x: x * (random.random() < 0.5),
    "numpy": lambda x: x * float(np.random.rand()),  # noqa: NPY002
    "permutation": lambda x: x[:, torch.randperm(x.shape[1])],
}
BY_NAME: dict[str, Callable[[], nn.Module]] = {
    "dropout": lambda: nn.Dropout(0.5),
    "alpha": lambda: nn.AlphaDropout(0.5),
    "native": lambda: Calls(lambda x: torch.native_dropout(x, 0.5, True)[0]),
    "functional": lambda: Calls(lambda x: F.dropout(x, 0.5, True)),
    "feature": lambda: Calls(lambda x: torch.feature_dropout(x, 0.5, True)),
    **{f"{name} in training": (lambda draw=draw: Switched(draw)) for name, draw in DRAWS.items()},
}


class Calls(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def around(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 16), nn.ReLU(), module, nn.Linear(16, 3)).double()


SCORES = ["snip", "grad_norm", "jacob_cov", "synflow", "nwot", "grasp", "zico", "vkdnw"]


@pytest.mark.parametrize("name", BY_NAME)
def test_what_is_random_in_training_is_off(name: str) -> None:
    y = torch.arange(8) % 3
    expected = dict(archcast.score(around(nn.Identity()), X, y, proxies=SCORES))
    assert len(expected) == len(SCORES)
    for seed in (0, 1):
        model = around(BY_NAME[name]())
        scores = archcast.score(model, X, y, proxies=SCORES, seed=seed)
        assert {k: v for k, v in scores.items() if k != "vkdnw"} == pytest.approx(
            {k: v for k, v in expected.items() if k != "vkdnw"}, rel=1e-9
        )
        assert all(module.training for module in model.modules())


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_dropout_between_recurrent_layers_is_off(kind: type[nn.Module]) -> None:
    class Net(nn.Module):
        def __init__(self, p: float) -> None:
            super().__init__()
            self.cells, self.head = kind(5, 6, 3, batch_first=True, dropout=p, bidirectional=True), nn.Linear(12, 3)

        def forward(self, x: Tensor) -> Tensor:
            lengths = torch.full((len(x),), 4)
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
            states = nn.utils.rnn.pad_packed_sequence(self.cells(packed)[0], batch_first=True)[0]
            return self.head(states[:, -1] + self.cells(x)[0][:, -1])

    torch.manual_seed(0)
    noisy, plain = Net(0.5), Net(0.0)
    plain.load_state_dict(noisy.state_dict())
    x, y = torch.randn(8, 4, 5), torch.arange(8) % 3
    names = ["snip", "grad_norm", "jacob_cov", "flops"]
    expected = dict(archcast.score(plain, x, y, proxies=names))
    assert len(expected) == 4
    for seed in (0, 1):
        assert dict(archcast.score(noisy, x, y, proxies=names, seed=seed)) == pytest.approx(expected, rel=1e-5)


def test_what_cannot_be_switched_off_is_a_failure() -> None:
    for draw in (*DRAWS.values(), lambda x: F.gumbel_softmax(x, dim=1)):
        scores = archcast.score(around(Calls(draw)), X, torch.arange(8) % 3, proxies=[*SCORES, "params"])
        assert set(scores) == {"params"}
        assert "Calls draws random numbers in the forward pass" in scores.failures["snip"]


def test_draws_that_change_nothing_are_allowed() -> None:
    y = torch.arange(8) % 3
    expected = dict(archcast.score(around(nn.Identity()), X, y, proxies=SCORES))
    scores = archcast.score(around(Calls(lambda x: x + 0 * torch.rand_like(x))), X, y, proxies=SCORES)
    assert dict(scores) == pytest.approx(expected, rel=1e-9)


def test_a_module_that_normalises_is_not_switched() -> None:
    class Both(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x = F.batch_norm(x, torch.zeros(16).double(), torch.ones(16).double(), training=self.training)
            return x * (torch.rand_like(x) < 0.5) if self.training else x

    scores = archcast.score(around(Both()), X, torch.arange(8) % 3, proxies=["snip"])
    assert "Both draws random numbers" in scores.failures["snip"]


def test_a_detector_that_samples_regions_keeps_its_loss() -> None:
    """Without its draws it returns no loss at all; each pass draws the same regions, so that scores are the same each time."""

    class Regions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 3)

        def forward(self, x: Tensor, targets: Tensor) -> dict[str, Tensor]:
            if not self.training:
                return {}
            chosen = torch.randperm(len(x))[:5]
            return {"regions": F.cross_entropy(self.layer(x[chosen]), targets[chosen])}

    class Detector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.regions = Regions()

        def forward(self, x: Tensor, targets: Tensor) -> object:
            losses = self.regions(x, targets)
            return losses if self.training else [{"scores": x}]

    torch.manual_seed(0)
    model, inputs = Detector(), (torch.randn(8, 6), torch.arange(8) % 3)
    before = torch.get_rng_state()
    scores = [archcast.score(model, inputs, proxies=["params", "snip", "grad_norm"], seed=0) for _ in range(2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert not scores[0].failures, scores[0].failures
    assert dict(scores[0]) == dict(scores[1])
    other = archcast.score(model, inputs, proxies=["snip"], seed=1)
    assert other["snip"] != scores[0]["snip"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        loss = model.train()(*inputs)["regions"]
    grads = torch.autograd.grad(loss, list(model.parameters()))
    expected = sum((g * p).detach().abs().sum() for g, p in zip(grads, model.parameters(), strict=True) if p.ndim > 1)
    assert scores[0]["snip"] == pytest.approx(float(expected), rel=1e-5)
