"""Effective ranks and principal components of what activation functions get and give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import archcast
from archcast.proxies.passes.hidden import effective_rank, principal_dimension


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 1000))
def test_effective_rank_is_between_one_and_the_rank(n: int, d: int, seed: int) -> None:
    matrix = torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d)))
    rank = effective_rank(matrix)
    assert 1 - 1e-9 <= rank <= min(n, d) + 1e-9
    assert effective_rank(3 * matrix) == pytest.approx(rank)
    assert effective_rank(torch.linalg.qr(matrix.t())[0]) == pytest.approx(min(n, d))


def test_zeros_have_no_rank_and_equal_rows_no_dimension() -> None:
    assert effective_rank(torch.zeros(3, 4)) == 0
    assert principal_dimension(torch.ones(3, 4)) == 0


@pytest.mark.parametrize("shape", [(30, 6), (6, 30)])
def test_principal_dimension_is_that_of_scikit_learn(shape: tuple[int, int]) -> None:
    from sklearn.decomposition import PCA

    rows = np.random.default_rng(0).normal(size=shape) * np.geomspace(1, 1e-2, shape[1])
    ratios = PCA().fit(rows).explained_variance_ratio_
    assert principal_dimension(torch.from_numpy(rows)) == int(np.argmax(ratios.cumsum() >= 0.99)) + 1


class Net(nn.Module):
    """A feed-forward layer on tokens with any activation function."""

    def __init__(self, bend: Any) -> None:
        super().__init__()
        self.bend, self.up, self.down = bend, nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.bend(self.up(x))).mean(1)


def net(bend: Any) -> tuple[Net, Tensor]:
    torch.manual_seed(0)
    return Net(bend).double(), torch.randn(10, 5, 4, dtype=torch.float64)


@pytest.mark.parametrize(
    "bend",
    [
        F.relu,
        lambda x: F.relu(x, inplace=True),
        lambda x: x.relu_(),
        lambda x: x.clamp(min=0),
        F.gelu,
        F.silu,
        torch.tanh,
        lambda x: x * torch.sigmoid(1.702 * x),
        lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5)),
    ],
)
def test_any_activation_function_counts_once(bend: Any) -> None:
    model, x = net(bend)
    scores = archcast.score(model, x, proxies=["near", "w_pca", "params"])
    hidden = model.up(x).detach().reshape(-1, 8)
    assert scores["w_pca"] == principal_dimension(hidden) * scores["params"]
    assert 1 < scores["near"] <= 16


def test_in_place_and_not_are_the_same() -> None:
    plain, changed = (archcast.score(*net(bend), proxies="near")["near"] for bend in (F.relu, torch.relu_))
    assert plain == changed


def test_what_has_no_activation_function_fails_by_name() -> None:
    scores = archcast.score(*net(lambda x: x.clamp(max=1)), proxies=["near", "w_pca"])
    assert scores.failures["near"] == "no activation function seen"
    assert scores.failures["w_pca"].startswith("no feed-forward layer seen")


def test_convolutions_are_no_feed_forward_layer(convolutional: Any) -> None:
    model, x, y = convolutional
    scores = archcast.score(model, x, y, proxies=["near", "w_pca"])
    assert "near" in scores
    assert scores.failures["w_pca"].startswith("no feed-forward layer seen")


def test_l_swag_looks_at_the_layers_that_are_asked_for(convolutional: Any) -> None:
    model, x, y = convolutional
    model, x = model.double(), x.double()

    def score(**options: float) -> archcast.Scores:
        return archcast.score(model, x, y, proxies="l_swag", options={"l_swag": options})

    whole = score()["l_swag"]
    parts = [score(skip_first=a, skip_last=b)["l_swag"] for a, b in ((1, 66), (34, 33), (67, 1))]
    assert sum(parts) == pytest.approx(whole)
    assert "gradients of all samples are equal" in score(skip_first=60, skip_last=60).failures["l_swag"]
