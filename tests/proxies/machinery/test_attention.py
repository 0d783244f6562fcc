"""Attention is found in whatever way it is written, with its heads and its projections."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import archcast
from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.attention import AttentionFinder, by_head
from archcast.proxies.machinery.inputs import Batch
from archcast.proxies.machinery.session import Session

HEADS, WIDTH, TOKENS, SAMPLES = 2, 8, 5, 3


class Block(nn.Module):
    """Attention between projections, a residual connection, and a head; ``attend`` takes (n, heads, tokens, features)."""

    def __init__(self, attend: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.attend = attend
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.head = nn.Linear(WIDTH, 4)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part(x).unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in (self.query, self.key, self.value))
        return self.head((x + self.out(self.attend(q, k, v).transpose(1, 2).flatten(2))).mean(1))


def written_out(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), dim=-1) @ v


def named(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = torch.einsum("nhid,nhjd->nhij", q, k).mul(q.shape[-1] ** -0.5)
    return torch.einsum("nhij,nhjd->nhid", F.dropout(scores.softmax(-1), 0.5), v)


def positions_first(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    q, k, v = (t.transpose(1, 2) for t in (q, k, v))
    weights = torch.softmax(torch.einsum("nihd,njhd->nhij", q, k) / math.sqrt(q.shape[-1]), -1, dtype=torch.float64)
    return torch.einsum("nhij,njhd->nihd", weights.to(q.dtype), v).transpose(1, 2)


def in_one_batch(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    n = len(q)
    q, k, v = (t.flatten(0, 1) for t in (q, k, v))
    scores = torch.baddbmm(torch.zeros(n * HEADS, TOKENS, TOKENS, dtype=q.dtype), q / math.sqrt(q.shape[-1]), k.mT)
    return torch.bmm(F.softmax(scores, dim=-1), v).unflatten(0, (n, HEADS))


def keys_first(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    weights = torch.softmax(k @ q.mT / math.sqrt(q.shape[-1]), dim=-2)
    return weights.mT @ v


FORMS = {
    "written out": written_out,
    "einsum": named,
    "positions first": positions_first,
    "in one batch": in_one_batch,
    "keys first": keys_first,
    "fused": lambda q, k, v: F.scaled_dot_product_attention(q, k, v, dropout_p=0.3),
    "fused, scaled": lambda q, k, v: F.scaled_dot_product_attention(2 * q, k, v, scale=0.25),
}


def given(attend: Callable[..., Tensor]) -> tuple[Block, Tensor, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = torch.randn(SAMPLES, TOKENS, WIDTH, dtype=torch.float64)
        return Block(attend).double(), x, torch.arange(SAMPLES) % 4


def follow(model: nn.Module, inputs: Any) -> AttentionFinder:
    finder = AttentionFinder()
    session = Session(model, Batch(inputs))
    tracer = session.tracer(on_call=finder.call, on_step=finder.step)
    session.forward(session.batch, tracer)
    assert tracer.fault is None
    return finder


def names(model: nn.Module, weights: set[int]) -> set[str]:
    return {name for name, parameter in model.named_parameters() if id(parameter) in weights}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_way_to_write_attention_has_the_same_scores(form: str) -> None:
    expected = archcast.score(*given(written_out), proxies=["attention_confidence", "head_importance", "dss"])
    assert not expected.failures
    model, x, y = given(FORMS[form])
    if form == "fused, scaled":  # 2 * 0.25 = 1 / sqrt(4)
        assert model.query.out_features / HEADS == 4
    scores = archcast.score(model, x, y, proxies=["attention_confidence", "head_importance", "dss"])
    assert dict(scores) == pytest.approx(dict(expected), rel=1e-9)
    assert names(model, follow(model, x).projections) == {f"{part}.weight" for part in ("query", "key", "value", "out")}


def test_peaks_by_definition() -> None:
    model, x, _ = given(written_out)
    q, k = (part(x).unflatten(-1, (HEADS, -1)).transpose(1, 2).detach().numpy() for part in (model.query, model.key))
    total = 0.0
    for h in range(HEADS):
        rows = [np.exp(k[n, h] @ q[n, h, t] / 2) for n in range(SAMPLES) for t in range(TOKENS)]
        total += float(np.mean([row.max() / row.sum() for row in rows]))
    assert archcast.score(model, x, proxies="attention_confidence")["attention_confidence"] == pytest.approx(total)


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_multihead_attention_of_torch(weights: bool, batch_first: bool) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(WIDTH, HEADS, dropout=0.2, batch_first=batch_first)
            self.head = nn.Linear(WIDTH, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = x if batch_first else x.transpose(0, 1)
            y = self.attention(x, x, x, need_weights=weights)[0]
            return self.head((x + y).mean(1 if batch_first else 0))

    block, x, y = given(written_out)
    model = Model().double()
    with torch.no_grad():
        parts = (block.query, block.key, block.value)
        model.attention.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        model.attention.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        model.attention.out_proj.load_state_dict(block.out.state_dict())
        model.head.load_state_dict(block.head.state_dict())
    proxies = ["attention_confidence", "head_importance"]
    expected = archcast.score(block, x, y, proxies=proxies)
    assert dict(archcast.score(model, x, y, proxies=proxies, batch_dim=0)) == pytest.approx(dict(expected), rel=1e-9)
    found = names(model, follow(model, x).projections)
    assert found == {"attention.in_proj_weight", "attention.out_proj.weight"}


def test_masks_and_shared_keys() -> None:
    causal = torch.ones(TOKENS, TOKENS, dtype=torch.bool).tril()

    def plain(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return torch.softmax((q @ k.mT / 2).masked_fill(~causal, -math.inf), dim=-1) @ v

    forms = [
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, causal),
        lambda q, k, v: F.scaled_dot_product_attention(
            q, k, v, torch.zeros_like(q @ k.mT).masked_fill(~causal, -math.inf)
        ),
    ]
    expected = archcast.score(*given(plain), proxies="attention_confidence")
    for form in forms:
        assert dict(archcast.score(*given(form), proxies="attention_confidence")) == pytest.approx(dict(expected))

    shared = archcast.score(
        *given(lambda q, k, v: F.scaled_dot_product_attention(q, k[:, :1], v[:, :1], enable_gqa=True)),
        proxies="attention_confidence",
    )
    repeated = archcast.score(
        *given(lambda q, k, v: written_out(q, k[:, :1], v[:, :1])), proxies="attention_confidence"
    )
    assert dict(shared) == pytest.approx(dict(repeated))


def test_a_query_that_sees_nothing_does_not_count() -> None:
    def first_alone(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = (q @ k.mT / 2).index_fill(-2, torch.arange(1, TOKENS), -math.inf)
        return torch.softmax(scores, dim=-1).nan_to_num() @ v

    model, x, _ = given(first_alone)
    q, k = (part(x).unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in (model.query, model.key))
    expected = float(torch.softmax(q[:, :, :1] @ k.mT / 2, -1).amax(-1).detach().mean(dim=(0, 2)).sum())
    assert archcast.score(model, x, proxies="attention_confidence")["attention_confidence"] == pytest.approx(expected)


def test_windows_of_a_sample_are_one_head() -> None:
    def windowed(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        cut = [t[:, :, :4].unflatten(2, (2, 2)).transpose(1, 2).flatten(0, 1) for t in (q, k, v)]
        joined = written_out(*cut).unflatten(0, (-1, 2)).transpose(1, 2).flatten(2, 3)
        return torch.cat([joined, v[:, :, 4:]], dim=2)

    model, x, y = given(windowed)
    scores = archcast.score(model, x, y, proxies=["attention_confidence", "head_importance"])
    assert HEADS / 2 < scores["attention_confidence"] < HEADS
    assert scores["head_importance"] > 0


def test_micro_batches_change_nothing() -> None:
    model, x, y = given(written_out)
    proxies = ["attention_confidence", "head_importance"]
    whole = archcast.score(model, x, y, proxies=proxies)
    assert dict(archcast.score(model, x, y, proxies=proxies, micro_batch=2)) == pytest.approx(dict(whole), rel=1e-9)


def test_what_is_no_attention() -> None:
    linear = given(lambda q, k, v: F.elu(q) @ (F.elu(k).mT @ v))
    scores = archcast.score(*linear, proxies=["attention_confidence", "head_importance", "dss"])
    assert set(scores.failures) == {"attention_confidence", "head_importance", "dss"}
    assert all(reason.startswith("no attention in this model") for reason in scores.failures.values())
    gate = nn.Sequential(nn.Linear(4, 4), nn.Softmax(dim=-1), nn.Linear(4, 2))
    assert "no attention" in archcast.score(gate, torch.randn(3, 4), proxies="dss").failures["dss"]


def test_without_labels_importance_alone_fails() -> None:
    model, x, _ = given(written_out)
    scores = archcast.score(model, x, proxies=["attention_confidence", "head_importance"])
    assert set(scores) == {"attention_confidence"}
    assert scores.failures["head_importance"] == "needs labels: pass targets="


def test_unprojected_attention_ends_at_the_residual_connection() -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inlet, self.up, self.head = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = self.inlet(x)
            x = x + torch.softmax(x @ x.mT, dim=-1) @ x
            return self.head((x + torch.relu(self.up(x))).mean(1))

    model = Bare()
    assert names(model, follow(model, torch.randn(SAMPLES, TOKENS, WIDTH)).projections) == {"inlet.weight"}


def test_by_head() -> None:
    values = torch.arange(2 * 3 * 4 * 5.0).reshape(6, 4, 5)  # two samples of three windows, four heads
    found = by_head(values, 2)
    assert found.shape == (2, 4, 15)
    assert torch.equal(found[1, 2], torch.cat([values[3, 2], values[4, 2], values[5, 2]]))
    assert by_head(values[:, 0], 2).shape == (2, 3, 5)
    with pytest.raises(ProxyFailure, match="an attention has 6 rows, which are not those of 4 samples"):
        by_head(values, 4)
