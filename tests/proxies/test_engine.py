"""archcast.score: any model, any inputs, one pass for all."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import archcast
from archcast.errors import InvalidInputError
from archcast.proxies import PROXIES

FLOW = [
    "grad_norm",
    "snip",
    "plain",
    "fisher",
    "grasp",
    "jacob_cov",
    "epe_nas",
    "nwot",
    "l2_norm",
    "flops",
]
WEIGHTS = {
    "Convolutional": ["features.0.weight", "features.3.weight", "head.weight"],
    "Functional": ["first.weight", "again.weight", "head.weight"],
    "Attention": [
        "patches.weight",
        *(f"blocks.layers.{i}.{part}" for i in range(2) for part in (
            "self_attn.in_proj_weight", "self_attn.out_proj.weight", "linear1.weight", "linear2.weight"
        )),
        "head.weight",
    ],
    "Volume": ["body.0.weight", "body.2.weight", "head.weight"],
    "Tied": ["shared", "inlet.weight", "out"],
    "Words": ["recurrent.weight_ih_l0", "recurrent.weight_hh_l0", "hidden.weight", "head.weight"],
}  # fmt: skip


def call(model: nn.Module, inputs: Any) -> Tensor:
    output = model(**inputs) if isinstance(inputs, dict) else model(inputs)
    output = output[0] if isinstance(output, tuple) else output
    return getattr(output, "logits", output)


def double(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: double(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(map(double, value))
    return value.double() if value.is_floating_point() else value


# -- any model ----------------------------------------------------------------------------------------------------------


def test_gradients_are_those_of_the_weights_that_are_used(specimen: tuple[nn.Module, Any, Tensor]) -> None:
    model, inputs, targets = specimen
    if type(model).__name__ not in WEIGHTS:
        pytest.skip("has weights that are computed from others, see test_weights_that_are_computed")
    model, inputs = model.double(), double(inputs)
    names = ["grad_norm", "snip", "plain", "grasp", "l2_norm"]
    scores = archcast.score(model, inputs, targets, proxies=names)

    model.train().requires_grad_(True)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    weights = [model.get_parameter(name) for name in WEIGHTS[type(model).__name__]]
    if isinstance(model, nn.Module) and type(model).__name__ == "Functional":
        F.dropout, dropout = (lambda x, *_: x), F.dropout
    try:
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            loss = F.cross_entropy(call(model, inputs), targets)
            gradients = torch.autograd.grad(loss, weights, create_graph=True)
            z = sum((g.detach() * g).sum() for g in gradients)
            seconds = torch.autograd.grad(z, weights)
    finally:
        if type(model).__name__ == "Functional":
            F.dropout = dropout
    pairs = [(w.detach(), g.detach()) for w, g in zip(weights, gradients)]
    expected = {
        "grad_norm": sum(float(g.norm()) for _, g in pairs),
        "snip": sum(float((w * g).abs().sum()) for w, g in pairs),
        "plain": sum(float((w * g).sum()) for w, g in pairs),
        "grasp": -sum(float((w * h).sum()) for (w, _), h in zip(pairs, seconds)),
        "l2_norm": sum(float(w.norm()) for w, _ in pairs),
    }
    assert dict(scores) == pytest.approx(expected, rel=1e-9)


def test_weights_that_are_computed() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(5, 3).double()
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(5, 3).double())
    normed.load_state_dict(nn.utils.parametrizations.weight_norm(linear).state_dict())
    plain = nn.Linear(5, 3).double()
    plain.load_state_dict({"weight": normed.weight.detach(), "bias": normed.bias.detach()})
    x, y = torch.randn(7, 5).double(), torch.arange(7) % 3
    names = ["grad_norm", "snip", "plain", "fisher", "l2_norm", "grasp", "gradsign"]
    a, b = (dict(archcast.score(model, x, y, proxies=names)) for model in (normed, plain))
    assert a == pytest.approx(b, rel=1e-10)


def test_a_weight_that_depends_on_the_input_is_not_counted() -> None:
    class Dynamic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.make = nn.Linear(4, 12)

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(x, self.make(x.mean(0)).view(3, 4))

    model = Dynamic().double()
    x = torch.randn(5, 4).double()
    scores = archcast.score(model, x, proxies=["l2_norm", "flops"])
    assert scores["l2_norm"] == pytest.approx(float(model.make.weight.detach().norm()))
    assert scores["flops"] == pytest.approx((5 * 12 + 4 * 12) / 5)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_micro_batches_give_the_same(size: int, uncoupled: tuple[nn.Module, Any, Tensor]) -> None:
    model, inputs, targets = uncoupled[0].double(), double(uncoupled[1]), uncoupled[2]
    whole = archcast.score(model, inputs, targets, proxies=FLOW)
    pieces = archcast.score(model, inputs, targets, proxies=FLOW, micro_batch=size)
    assert dict(pieces) == pytest.approx(dict(whole), rel=1e-9)
    assert pieces.failures == whole.failures


def test_micro_batches_fail_where_samples_depend_on_each_other(convolutional: Any) -> None:
    model, x, y = convolutional
    scores = archcast.score(model, x, y, micro_batch=2)
    assert {"params", "flops", "l2_norm", "trainable_layers", "synflow", "gradsign", "meco"} <= set(scores)
    assert "batch normalisation ties the samples together" in scores.failures["grad_norm"]
    assert "batch normalisation ties the samples together" in scores.failures["nwot"]
    assert "cannot be split into micro-batches" in scores.failures["zico"]
    assert not archcast.score(model, x, y, proxies=FLOW, micro_batch=100).failures


def test_every_form_of_inputs_and_outputs_is_the_same() -> None:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    x, y = torch.randn(8, 4), torch.arange(8) % 3

    class Wrapped(nn.Module):
        def __init__(self, wrap: Any) -> None:
            super().__init__()
            self.body, self.wrap = body, wrap

        def forward(self, x: Tensor) -> Any:
            return self.wrap(self.body(x))

    expected = dict(archcast.score(body, x, y, proxies=FLOW))
    assert len(expected) >= 7
    for inputs in ((x,), [x], {"x": x}):
        assert dict(archcast.score(Wrapped(lambda out: out), inputs, y, proxies=FLOW)) == expected
    wraps = [
        lambda out: (out, out * 2),
        lambda out: {"aux": out * 2, "logits": out},
        lambda out: {"out": out},
        lambda out: SimpleNamespace(aux=out * 2, logits=out),
        lambda out: SimpleNamespace(steps=3, first=out),
        lambda out: [torch.arange(3), out],
    ]
    for wrap in wraps:
        assert dict(archcast.score(Wrapped(wrap), x, y, proxies=FLOW)) == expected
    second = archcast.score(Wrapped(lambda out: (x, out)), x, y, proxies=FLOW, output=lambda out: out[1])
    assert dict(second) == expected
    with pytest.raises(InvalidInputError, match=r"returned int, in which no tensor of logits was found. Pass output="):
        archcast.score(Wrapped(lambda out: 3), x, y, proxies="grad_norm")


def test_precision_and_memory_format_do_not_matter(convolutional: Any) -> None:
    model, x, y = convolutional
    single = dict(archcast.score(model, x, y, proxies=FLOW))
    last = dict(archcast.score(model.to(memory_format=torch.channels_last), x, y, proxies=FLOW))
    assert single == pytest.approx(last, rel=1e-4)
    full = dict(archcast.score(model.double(), x.double(), y, proxies=FLOW))
    assert single == pytest.approx(full, rel=1e-4)


def test_dropout_is_off() -> None:
    torch.manual_seed(0)
    kinds = [nn.Dropout(0.9), nn.AlphaDropout(0.5), nn.FeatureAlphaDropout(0.5)]
    body = [nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)]
    x, y = torch.randn(8, 4), torch.arange(8) % 3
    plain = archcast.score(nn.Sequential(*body), x, y, proxies=FLOW)
    noisy = archcast.score(nn.Sequential(body[0], *kinds, *body[1:]), x, y, proxies=FLOW)
    assert dict(noisy) == dict(plain)


def test_graph_networks() -> None:
    import torch_geometric.nn as geometric
    from torch_geometric.data import Data

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = geometric.GCNConv(5, 8), geometric.SAGEConv(8, 3)

        def forward(self, x: Any, edge_index: Tensor | None = None) -> Tensor:
            if edge_index is None:
                x, edge_index = x.x, x.edge_index
            return self.b(self.a(x, edge_index).relu(), edge_index)

    torch.manual_seed(0)
    model, x, y = Net(), torch.randn(9, 5), torch.arange(9) % 3
    edges = torch.stack([torch.arange(9), (torch.arange(9) + 1) % 9])
    separate = archcast.score(model, (x, edges), y)
    assert {"grad_norm", "snip", "grasp", "fisher", "jacob_cov", "synflow", "l2_norm", "flops", "vkdnw"} <= set(
        separate
    )
    assert "cut into two batches" in separate.failures["zico"]
    data = Data(x=x, edge_index=edges)
    assert dict(archcast.score(model, data, y)) == dict(separate)
    assert not data.x.requires_grad


def test_other_losses(convolutional: Any) -> None:
    model, x, _ = convolutional
    model, x = model.double(), x.double()
    wanted = torch.randn(len(x), 4).double()
    scores = archcast.score(model, x, wanted, proxies=["grad_norm", "epe_nas"], loss=F.mse_loss)
    weights = [m.weight for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    gradients = torch.autograd.grad(F.mse_loss(model(x), wanted), weights)
    assert scores["grad_norm"] == pytest.approx(sum(float(g.norm()) for g in gradients))
    assert "one class label for each sample" in scores.failures["epe_nas"]


def test_reduced_precision_only_if_asked_for(convolutional: Any) -> None:
    model, x, y = convolutional
    full = archcast.score(model, x, y, proxies="grad_norm")["grad_norm"]
    reduced = archcast.score(model, x, y, proxies="grad_norm", autocast=torch.bfloat16)["grad_norm"]
    assert reduced != full
    assert reduced == pytest.approx(full, rel=0.1)


def test_reduced_precision_is_that_of_each_pass_alone(convolutional: Any) -> None:
    """Weights that one pass cast to reduced precision are not those that the next one, which drew its own, computes with."""
    model, x, y = convolutional
    full = archcast.score(model, x, y)
    reduced = archcast.score(model, x, y, autocast=torch.bfloat16)
    assert set(reduced) == set(full), reduced.failures
    # small differences of large numbers
    noisy = {"az_trainability", "az_progressivity", "grasp", "plain", "ntk", "fisher", "gradsign", "epe_nas"}
    assert {name: reduced[name] for name in full if name not in noisy} == {
        name: pytest.approx(value, rel=0.2) for name, value in full.items() if name not in noisy
    }


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu(convolutional: Any) -> None:
    model, x, y = convolutional
    state = torch.cuda.get_rng_state()
    here, there = (dict(archcast.score(model.double(), x.double(), y, device=d, proxies=FLOW)) for d in ("cpu", "cuda"))
    assert there == pytest.approx(here, rel=1e-6)
    assert next(model.parameters()).device.type == "cpu"
    assert torch.equal(torch.cuda.get_rng_state(), state)


# -- what the engine does -----------------------------------------------------------------------------------------------


def test_one_forward_pass_serves_all(convolutional: Any) -> None:
    model, x, y = convolutional
    calls: list[int] = []
    model.features[0].register_forward_hook(lambda *_: calls.append(1))
    names = [name for name in FLOW if name != "grasp"]
    scores = archcast.score(model, x, y, proxies=names)
    assert len(calls) == 1
    assert list(scores.passes) == ["shared"]
    assert list(scores) == names
    archcast.score(model, x, y, proxies=FLOW)
    assert len(calls) == 2
    assert archcast.score(model, x, y, proxies="params").passes.keys() == {"parameters"}
    assert len(calls) == 2


def test_nothing_is_kept_alive(specimen: tuple[nn.Module, Any, Tensor]) -> None:
    model, inputs, targets = specimen
    alive: list[weakref.ref[Tensor]] = []

    def remember(module: nn.Module, args: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            alive.append(weakref.ref(output))

    for module in model.modules():
        module.register_forward_hook(remember)
    gc.collect()
    gc.disable()
    try:
        archcast.score(model, inputs, targets)
    finally:
        gc.enable()
    assert alive
    assert all(reference() is None for reference in alive), "an activation outlives the call"


def test_scores_are_a_mapping(convolutional: Any) -> None:
    model, x, _ = convolutional
    scores = archcast.score(model, x, proxies=["params", "snip", "flops"])
    assert list(scores) == ["params", "flops"]
    assert len(scores) == 2
    assert "snip" not in scores
    assert scores.get("snip") is None
    assert scores.failures == {"snip": "needs labels: pass targets="}
    assert "snip    failed: needs labels" in repr(scores)
    assert repr(scores).startswith("params  450")
    assert 0 < sum(scores.passes.values()) <= scores.seconds
    with pytest.raises(KeyError, match="snip has no score: needs labels"):
        scores["snip"]


def test_patterns_choose_proxies(convolutional: Any) -> None:
    model, x, _ = convolutional
    assert set(archcast.score(model, x, proxies="*synflow").keys()) == {"synflow", "log_synflow"}
    assert list(archcast.score(model, x, proxies=["params", "params"])) == ["params"]
    assert set(archcast.score(model, x)) | set(archcast.score(model, x).failures) == set(PROXIES)
