"""Networks side by side are what each of them is alone: outputs, gradients, statistics, and a training of each."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import archcast
from archcast.training import Dataset, Recipe, Trainer
from archcast.training.together import side_by_side, weights_of

SIZES = {"width": 4, "depth": 1}
ARCHS = {"nasbench201": [1, 3, 4, 2, 3, 1], "nasbench-macro": [0, 1, 2, 1, 0, 2, 1, 1], "nats-size": [1, 0, 2, 1, 0]}


def networks(space: str, count: int = 3) -> list[nn.Module]:
    built = []
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(count):
            chosen = archcast.get_space(space)
            size = {name: SIZES[name] for name in chosen.sizes if name in SIZES}
            built.append(chosen.build(ARCHS[space], archcast.Task((1, 6, 6), 3, size=size)))
    return built


@pytest.mark.parametrize("space", ARCHS)
def test_outputs_gradients_and_statistics_are_those_of_each_alone(space: str) -> None:
    alone = networks(space)
    generator = torch.Generator().manual_seed(1)
    images = [torch.randn(5, 1, 6, 6, generator=generator) for _ in alone]
    labels = torch.randint(0, 3, (3, 5), generator=generator)
    joint = side_by_side(alone, images[0])
    assert joint is not None
    out = joint(torch.cat(images, dim=1)).view(5, 3, 3)
    sum(F.cross_entropy(out[:, k], labels[k]) for k in range(3)).backward()
    gradients = {name: parameter.grad for name, parameter in joint.named_parameters()}
    for k, network in enumerate(alone):
        expected = network(images[k])
        assert torch.allclose(out[:, k], expected, atol=1e-4)
        F.cross_entropy(expected, labels[k]).backward()
        for name, parameter in network.named_parameters():
            assert torch.allclose(gradients[name].chunk(3)[k], parameter.grad, rtol=1e-2, atol=1e-4), name
        for name, value in network.state_dict().items():
            assert torch.allclose(weights_of(joint, k, 3)[name], value, rtol=1e-3, atol=1e-5), name


def test_the_networks_are_left_as_they_were() -> None:
    alone = networks("nasbench201")
    before = [copy.deepcopy(network.state_dict()) for network in alone]
    joint = side_by_side(alone, torch.randn(2, 1, 6, 6))
    assert joint is not None
    assert joint.training
    assert all(network.training for network in alone)
    for network, state in zip(alone, before):
        assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


class Concatenated(nn.Module):
    """Its channels stand side by side already."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Conv2d(1, 2, 1), nn.Conv2d(1, 2, 3, padding=1), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(torch.cat([self.a(x), self.b(x)], dim=1).mean(dim=(2, 3)))
        return out


def test_what_cannot_stand_side_by_side_is_refused() -> None:
    images = torch.randn(2, 1, 6, 6)
    assert side_by_side([Concatenated() for _ in range(3)], images) is None
    assert side_by_side([nn.Sequential(nn.Conv2d(1, 2, 3), nn.PReLU(2)) for _ in range(2)], images) is None
    assert side_by_side([nn.Sequential(nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2)) for _ in range(2)], images) is None


@pytest.mark.parametrize("space", ["nasbench201", "nasbench101"])
def test_seeds_together_train_as_each_does_alone(space: str, stripes: Dataset) -> None:
    trainer = Trainer(space, stripes, Recipe(epochs=2, batch_size=16, learning_rate=0.05), width=4, depth=1)
    arch = trainer.space.sample(1, 3)[0]
    together = trainer.train_seeds(arch, (0, 4, 7))
    for run in together:
        alone = trainer.train(arch, run.seed)
        assert run.failure is None
        assert (run.arch, run.params, run.flops) == (alone.arch, alone.params, alone.flops)
        assert run.test_loss == pytest.approx(alone.test_loss, rel=1e-2)
        for name, curve in run.curves.items():
            assert curve == pytest.approx(alone.curves[name], rel=1e-2, abs=0.05), name


def test_one_that_diverges_leaves_the_others_alone(stripes: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer("nasbench201", stripes, Recipe(epochs=2, batch_size=16, learning_rate=0.05), width=4, depth=1)
    build = Trainer._network

    def broken(self: Trainer, row: np.ndarray, seed: int) -> nn.Module:
        network = build(self, row, seed)
        if seed == 1:
            nn.init.constant_(network.get_submodule("classifier").bias, float("nan"))  # type: ignore[arg-type]
        return network

    alone = trainer.train(ARCHS["nasbench201"], 2)
    monkeypatch.setattr(Trainer, "_network", broken)
    monkeypatch.setattr("archcast.training.together._agree", lambda *_: True)
    bad, good = trainer.train_seeds(ARCHS["nasbench201"], (1, 2))
    assert bad.failure == "training loss nan in epoch 1"
    assert np.isnan(bad.test_accuracy)
    assert good.failure is None
    assert good.test_loss == pytest.approx(alone.test_loss, rel=1e-2)
