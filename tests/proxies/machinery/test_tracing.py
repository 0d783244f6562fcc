"""What the tracer sees of a model."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import archcast
from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery import tracing
from archcast.proxies.machinery.autograd import leaves_of, nodes_of
from archcast.proxies.machinery.inputs import Batch
from archcast.proxies.machinery.tracing import Call, Tracer, Watched, by_sample


def trace(model: nn.Module, inputs: Any) -> tuple[Tracer, list[Call], list[Tensor]]:
    calls: list[Call] = []
    rectified: list[Tensor] = []
    inputs, leaves = Batch(inputs).leaves()
    parameters = dict(model.named_parameters())
    with Tracer(parameters, leaves, on_call=calls.append, on_rectifier=rectified.append) as tracer:
        inputs.call(model)
    return tracer, calls, rectified


def test_multiply_accumulates_are_half_of_the_flops_that_torch_counts(specimen: tuple[nn.Module, Any, Tensor]) -> None:
    model, inputs, _ = specimen
    if type(model).__name__ == "Words":
        pytest.skip("torch's counter does not know recurrent layers")
    tracer, _, _ = trace(model.train(), inputs)
    with FlopCounterMode(display=False) as counter:
        Batch(inputs).call(model)
    expected = counter.get_total_flops()
    if type(model).__name__ == "Stateful":
        expected -= sum(n for name, n in counter.get_flop_counts()["Global"].items() if "mv" in str(name))
    assert 2 * tracer.macs == expected


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        (nn.Linear(4, 3), (2, 5, 4), 2 * 5 * 3 * 4),
        (nn.Conv2d(4, 6, 3, groups=2), (2, 4, 5, 5), 2 * 6 * 9 * 2 * 9),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), (2, 4, 5, 5), 2 * 4 * 25 * 3 * 9),
        (nn.LSTM(4, 5, bidirectional=True), (3, 2, 4), 3 * 2 * 2 * (20 * 4 + 20 * 5)),
        (nn.GRUCell(4, 5), (2, 4), 2 * (15 * 4 + 15 * 5)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_multiply_accumulates_by_hand(layer: nn.Module, shape: tuple[int, ...], macs: int) -> None:
    tracer, _, _ = trace(layer, torch.randn(shape))
    assert tracer.macs == macs
    assert all(name in dict(layer.named_parameters()) for name in (found.name for found in tracer.layers))


def test_products_of_parameters() -> None:
    class Products(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = (nn.Parameter(torch.randn(3, 3)) for _ in range(3))
            self.scale = nn.Parameter(torch.ones(3, 3))
            self.stack = nn.Parameter(torch.randn(2, 3, 4))
            self.bias = nn.Parameter(torch.zeros(3))

        def forward(self, x: Tensor) -> Tensor:
            x = x @ self.a
            x = torch.addmm(self.bias, x, self.b)
            x = torch.einsum("bi,oi->bo", x, self.c)
            x = x * self.scale[0]
            x = torch.nn.Parameter.__rmatmul__(self.a.t(), x)
            return torch.bmm(x.expand(2, *x.shape), self.stack).sum(0)

    tracer, calls, _ = trace(Products(), torch.randn(5, 3))
    assert [(layer.name, layer.fan_in) for layer in tracer.layers] == [("a", 3), ("b", 3), ("c", 3), ("stack", 3)]
    assert tracer.macs == 4 * 5 * 9 + 2 * 5 * 3 * 4
    assert [call.channels for call in calls] == [1, 1, 1, 1, 2]


RECTIFIERS = [
    F.relu, torch.relu, Tensor.relu, Tensor.relu_, F.relu_, F.relu6, F.leaky_relu, F.elu, F.selu, F.celu, F.gelu, F.silu,
    F.mish, F.hardswish, F.rrelu, torch.selu_, nn.ReLU(inplace=True), nn.PReLU(), nn.Threshold(0, 0), nn.Hardtanh(0, 2),
    lambda x: F.relu(x, True), lambda x: torch.clamp(x, min=0), lambda x: x.clamp(0), lambda x: x.clamp_min_(0.0),
    lambda x: torch.clip(x, 0, 6), lambda x: F.threshold(x, 0.0, 0.0),
]  # fmt: skip
OTHERS = [
    torch.tanh, torch.sigmoid, F.softplus, torch.abs, F.hardtanh, lambda x: x.clamp(-1, 1), lambda x: x.clamp(max=0),
    lambda x: F.threshold(x, 1.0, 0.0), lambda x: torch.clamp(x, min=torch.zeros(())), F.logsigmoid, F.softmax,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
@pytest.mark.parametrize("number", range(len(RECTIFIERS) + len(OTHERS)))
def test_rectifiers(number: int) -> None:
    function = (*RECTIFIERS, *OTHERS)[number]
    x = torch.linspace(-3, 3, 24).reshape(4, 6)
    seen: list[Tensor] = []
    with torch.no_grad(), Tracer({}, on_rectifier=seen.append):
        output = function(x.clone())
    assert len(seen) == (number < len(RECTIFIERS))
    if seen:
        assert seen[0] is output
        assert torch.equal(output > 0, x > 0)


def test_attention_is_looked_into() -> None:
    attention = nn.MultiheadAttention(8, 2, dropout=0.9, batch_first=True)
    x = torch.randn(3, 5, 8)
    results = []
    for need_weights in (True, False):
        with Tracer(dict(attention.named_parameters())) as tracer:
            results.append(attention(x, x, x, need_weights=need_weights)[0])
        assert [layer.name for layer in tracer.layers] == ["in_proj_weight", "out_proj.weight"]
        assert tracer.macs == 3 * 5 * (3 * 64 + 64) + 2 * 3 * 5 * 5 * 8
    attention.eval()
    assert torch.allclose(results[0], attention(x, x, x)[0], atol=1e-6), "dropout is off"
    assert torch.allclose(results[1], attention(x, x, x)[0], atol=1e-6), "dropout is off"


def test_fused_attention_without_dropout() -> None:
    q = torch.randn(2, 3, 5, 4)
    with Tracer({}) as tracer:
        a = F.scaled_dot_product_attention(q, q, q, None, 0.9, True)
        b = F.scaled_dot_product_attention(q, q, q, dropout_p=0.9, is_causal=True)
    expected = F.scaled_dot_product_attention(q, q, q, is_causal=True)
    assert torch.allclose(a, expected)
    assert torch.allclose(b, expected)
    assert tracer.macs == 2 * 2 * (2 * 3 * 5 * 5 * 4)


@pytest.mark.parametrize(
    "overwrite",
    [
        lambda y: y.relu_(),
        lambda y: F.relu(y, inplace=True),
        lambda y: y.mul_(2),
        lambda y: y.__iadd__(1),
        lambda y: y.view(-1).add_(1),
        lambda y: y.__setitem__(0, 1.0),
        lambda y: y,
    ],
)
def test_watched_values_survive_what_is_done_in_place(overwrite: Any) -> None:
    y = torch.linspace(-1, 1, 6).reshape(2, 3)
    with Tracer({}) as tracer:
        watched = tracer.watch(y)
        overwrite(y)
    assert torch.equal(watched.get(), torch.linspace(-1, 1, 6).reshape(2, 3))


def test_watched_values_that_were_lost() -> None:
    y = torch.ones(3)
    watched = Watched(y)
    y.add_(1)
    with pytest.raises(ProxyFailure, match="overwritten in place in a way that cannot be followed"):
        watched.get()


def test_normalisations() -> None:
    model = nn.Sequential(
        nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=True), nn.LayerNorm([4, 3, 3]),
        nn.LocalResponseNorm(2), nn.BatchNorm2d(4, affine=False),
    )  # fmt: skip
    parameters = dict(model.named_parameters())
    tracer, calls, _ = trace(model, torch.randn(2, 4, 3, 3))
    names = {id(parameter): name for name, parameter in parameters.items()}
    assert {names[i] for i in tracer.scales} == {"1.weight", "2.weight", "3.weight", "4.weight"}
    assert {names[i] for i in tracer.shifts} == {"0.bias", "1.bias", "2.bias", "3.bias", "4.bias"}
    assert tracer.coupled
    assert len(calls) == 7
    tracer, _, _ = trace(model.eval(), torch.randn(2, 4, 3, 3))
    assert not tracer.coupled


def test_leaves_and_nodes() -> None:
    a, b, c = (torch.ones(2, requires_grad=True) for _ in range(3))
    y = (a * 2 + b).sum()
    assert leaves_of(y) == {id(a), id(b)}
    assert leaves_of(a) == {id(a)}
    assert id(c) not in leaves_of(y)
    assert len(nodes_of(y)) == 5
    assert leaves_of(torch.ones(2)) == set() or len(leaves_of(torch.ones(2))) == 1


def test_by_sample() -> None:
    x = torch.arange(24.0)
    assert by_sample(x.view(4, 6), 4).shape == (4, 6)
    assert torch.equal(by_sample(x.view(8, 3), 4), x.view(4, 2, 3))
    assert torch.equal(by_sample(x.view(3, 4, 2), 4), x.view(3, 4, 2).transpose(0, 1))
    assert torch.equal(by_sample(x.view(8, 3), 4, sequence_first=True)[1], x.view(2, 4, 3)[:, 1])
    square = torch.arange(32.0).view(4, 4, 2)
    assert torch.equal(by_sample(square, 4), square)
    assert torch.equal(by_sample(square, 4, sequence_first=True), square.transpose(0, 1))
    assert by_sample(x.view(6, 4), 4) is None
    assert by_sample(torch.ones(()), 4) is None


# -- products, by whatever name -----------------------------------------------------------------------------------------

W = torch.linspace(-1, 1, 24).sin().reshape(6, 4)
PRODUCTS = {
    "matmul": lambda x, w: x @ w,
    "method": lambda x, w: x.matmul(w),
    "mm": torch.mm,
    "linalg.matmul": torch.linalg.matmul,
    "linear": lambda x, w: F.linear(x, w.t()),
    "einsum": lambda x, w: torch.einsum("bi,io->bo", x, w),
    "einsum with an ellipsis": lambda x, w: torch.einsum("...i,io->...o", x, w),
    "einsum, the weight first": lambda x, w: torch.einsum("io,bi->bo", w, x),
    "einsum of lists": lambda x, w: torch.einsum(x, [0, 1], w, [1, 2], [0, 2]),
    "einsum without a result": lambda x, w: torch.einsum("bi,io", x, w),
    "tensordot": lambda x, w: torch.tensordot(x, w, dims=1),
    "inner": lambda x, w: torch.inner(x, w.t()),
    "multi_dot": lambda x, w: torch.linalg.multi_dot([x, w]),
    "chain_matmul": lambda x, w: torch.chain_matmul(x, w),
    "addmm": lambda x, w: torch.addmm(torch.zeros((), dtype=x.dtype), x, w),
    "broadcast": lambda x, w: (x[:, None, :] @ w)[:, 0],
    "from the left": lambda x, w: (w.t() @ x.t()).t(),
    "vecdot": lambda x, w: torch.linalg.vecdot(x[:, None], w.t()[None]),
    "convolution": lambda x, w: F.conv1d(x[:, :, None], w.t()[:, :, None])[:, :, 0],
    "transposed convolution": lambda x, w: F.conv_transpose2d(x[:, :, None, None], w[:, :, None, None]).flatten(1),
    "aten": torch.ops.aten.mm,
    "mv": lambda x, w: torch.stack([torch.mv(w.t(), row) for row in x]),
    "dot": lambda x, w: torch.stack([torch.stack([row.dot(column) for column in w.t()]) for row in x]),
    "addmv": lambda x, w: torch.stack([torch.addmv(torch.zeros(4, dtype=x.dtype), w.t(), row) for row in x]),
}


class Product(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.weight, self.function = nn.Parameter(W.double()), function
        self.head = nn.Linear(4, 3).double()
        nn.init.constant_(self.head.weight, 0.3)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.function(x, self.weight)))


@pytest.mark.filterwarnings("ignore:torch.chain_matmul is deprecated")
@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_is_a_layer_whatever_it_is_called(name: str) -> None:
    x, y = torch.linspace(-2, 2, 30).cos().reshape(5, 6).double(), torch.arange(5) % 3
    names = [
        "flops",
        "l2_norm",
        "snip",
        "grad_norm",
        "plain",
        "fisher",
        "grasp",
        "gradsign",
        "zico",
        "synflow",
        "vkdnw",
    ]
    scores, expected = (
        archcast.score(Product(function), x, y, proxies=names) for function in (PRODUCTS[name], PRODUCTS["linear"])
    )
    assert set(scores) == set(names)
    assert scores["flops"] == 6 * 4 + 4 * 3
    assert dict(scores) == pytest.approx(dict(expected), rel=1e-8)


def test_an_unknown_function_that_multiplies() -> None:
    class Chain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Parameter(torch.randn(4, 2)), nn.Parameter(torch.randn(2, 5))
            self.v = nn.Parameter(torch.randn(3))

        def forward(self, x: Tensor) -> Tensor:
            y = torch.linalg.multi_dot([x, self.a, self.b])
            return torch.stack([torch.outer(row, self.v) for row in y])

    tracer, _, _ = trace(Chain(), torch.randn(7, 4))
    assert tracer.macs == 7 * (4 * 2 + 2 * 5) + 7 * 15
    assert [(layer.name, layer.fan_in) for layer in tracer.layers] == [("a", 4), ("b", 2), ("v", 1)]


def test_learnt_keys_and_values_of_attention() -> None:
    class Memory(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.key, self.value = nn.Parameter(torch.randn(7, 4)), nn.Parameter(torch.randn(7, 5))

        def forward(self, x: Tensor) -> Tensor:
            n = len(x)
            return F.scaled_dot_product_attention(x, self.key.expand(n, 7, 4), self.value.expand(n, 7, 5))

    tracer, _, _ = trace(Memory(), torch.randn(2, 3, 4))
    assert tracer.macs == 2 * 3 * 7 * (4 + 5)
    assert [layer.name for layer in tracer.layers] == ["key", "value"]


def test_what_multiplies_no_data_is_no_layer() -> None:
    class Normed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3))
            self.a, self.b = nn.Parameter(torch.randn(3, 2)), nn.Parameter(torch.randn(2, 3))

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x) @ (self.a @ self.b)

    tracer, _, _ = trace(Normed(), torch.randn(5, 4))
    assert tracer.macs == 5 * 12 + 5 * 9
    assert [layer.name for layer in tracer.layers] == ["computed", "computed"]


def test_a_call_that_cannot_be_followed_costs_what_is_counted_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def confused(*_: Any) -> None:
        raise IndexError("no such axis")

    monkeypatch.setitem(tracing._OBSERVERS, "linear", confused)
    model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))
    scores = archcast.score(
        model, torch.randn(6, 4), torch.arange(6) % 3, proxies=["flops", "snip", "nwot", "jacob_cov"]
    )
    assert set(scores) == {"nwot", "jacob_cov"}
    assert scores.failures["flops"] == "a call of linear could not be followed: IndexError: no such axis"
