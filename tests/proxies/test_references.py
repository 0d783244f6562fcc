"""Every proxy against the obvious code for it alone: hooks on modules, one backward pass each, numpy."""

from __future__ import annotations

import copy
import math
import re
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

import archcast
from archcast.proxies import PROXIES

Reference = Callable[[nn.Module, Tensor, Tensor], float]
REFERENCES: dict[str, Reference] = {}
SEED = 3


def reference(function: Reference) -> Reference:
    REFERENCES[function.__name__] = function
    return function


# -- nets ---------------------------------------------------------------------------------------------------------------


class Block(nn.Module):
    """Two convolutions beside a pooled shortcut."""

    def __init__(self, before: int, after: int, stride: int, *, norm: bool) -> None:
        super().__init__()
        self.a = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=not norm)
        self.norm_a = nn.BatchNorm2d(after) if norm else nn.Identity()
        self.relu_a = nn.ReLU()
        self.b = nn.Conv2d(after, after, 1, groups=2)
        self.norm_b = nn.BatchNorm2d(after) if norm else nn.Identity()
        self.short = nn.AvgPool2d(3, stride, padding=1)
        self.widen = nn.Conv2d(before, after, 1, bias=False) if before != after else nn.Identity()
        self.relu_b = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm_b(self.b(self.relu_a(self.norm_a(self.a(x)))))
        return self.relu_b(y + self.widen(self.short(x)))


class Net(nn.Module):
    """Stem, blocks, pooling, linear head. ``stages`` and ``before_pooling`` are for the references."""

    def __init__(self, *, norm: bool, bias: bool = True) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6) if norm else nn.Identity())
        self.blocks = nn.Sequential(Block(6, 6, 1, norm=norm), Block(6, 8, 2, norm=norm), Block(8, 8, 1, norm=norm))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(8, 5, bias=bias)

    @property
    def stages(self) -> list[nn.Module]:
        return [self.stem, *self.blocks]

    def before_pooling(self, x: Tensor) -> Tensor:
        return self.blocks(self.stem(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.flatten(self.pool(self.before_pooling(x))))


NETS: dict[str, Callable[[], nn.Module]] = {
    "with normalisation": lambda: Net(norm=True),
    "without": lambda: Net(norm=False, bias=False),
}


def build(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = NETS[name]().double().train()
        return net, torch.randn(12, 3, 10, 10, dtype=torch.float64), torch.arange(12) % 5


# -- helpers ------------------------------------------------------------------------------------------------------------


def layers(net: nn.Module) -> list[nn.Module]:
    return [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]


def backward(net: nn.Module, x: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
    net.zero_grad()
    F.cross_entropy(net(x), y).backward()
    return [(layer.weight.detach(), layer.weight.grad.clone()) for layer in layers(net)]


def jacobian(net: nn.Module, x: Tensor) -> NDArray[np.float64]:
    x = x.clone().requires_grad_()
    net(x).backward(torch.ones(len(x), 5, dtype=x.dtype))
    return x.grad.reshape(len(x), -1).numpy()


def relu_outputs(net: nn.Module, x: Tensor) -> list[Tensor]:
    found: list[Tensor] = []
    hooks = [
        m.register_forward_hook(lambda m, i, o: found.append(o.detach()))
        for m in net.modules()
        if isinstance(m, nn.ReLU)
    ]
    net(x)
    for hook in hooks:
        hook.remove()
    return found


def draw(net: nn.Module, *, kaiming: bool, fan_out: bool = False) -> None:
    with torch.no_grad():
        for layer in layers(net):
            weight = layer.weight
            weight.copy_(torch.randn(weight.shape, dtype=weight.dtype))
            fan = nn.init._calculate_correct_fan(weight, "fan_out") if fan_out else weight[0].numel()
            weight.mul_(math.sqrt(2 / fan) if kaiming else 1)
            if layer.bias is not None:
                layer.bias.zero_()
        for m in net.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.reset_running_stats()
                m.weight.fill_(1)
                m.bias.zero_()


def smallest(features: Tensor) -> float:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        correlations = np.corrcoef(features.detach().reshape(len(features), -1).numpy())
    correlations = np.nan_to_num(np.atleast_2d(correlations), nan=0.0, posinf=0.0, neginf=0.0)
    return float(np.linalg.eigvals(correlations).real.min())


# -- references ---------------------------------------------------------------------------------------------------------


@reference
def params(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return float(sum(p.numel() for p in net.parameters()))


@reference
def flops(net: nn.Module, x: Tensor, y: Tensor) -> float:
    total = 0
    hooks = []

    def count(m: nn.Module, i: tuple[Tensor], o: Tensor) -> None:
        nonlocal total
        total += o[0].numel() * m.weight[0].numel()

    hooks = [m.register_forward_hook(count) for m in layers(net)]
    net(x)
    for hook in hooks:
        hook.remove()
    return float(total)


@reference
def l2_norm(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return sum(float(layer.weight.detach().norm()) for layer in layers(net))


@reference
def trainable_layers(net: nn.Module, x: Tensor, y: Tensor) -> float:
    backward(net, x, y)
    own = [list(m.parameters(recurse=False)) for m in net.modules()]
    return float(sum(any(p.grad is not None for p in parameters) for parameters in own))


@reference
def grad_norm(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return sum(float(g.norm()) for _, g in backward(net, x, y))


@reference
def snip(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return sum(float((w * g).abs().sum()) for w, g in backward(net, x, y))


@reference
def plain(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return sum(float((w * g).sum()) for w, g in backward(net, x, y))


@reference
def grasp(net: nn.Module, x: Tensor, y: Tensor) -> float:
    weights = [layer.weight for layer in layers(net)]
    g = torch.autograd.grad(F.cross_entropy(net(x), y), weights)
    again = torch.autograd.grad(F.cross_entropy(net(x), y), weights, create_graph=True)
    z = sum((a * b).sum() for a, b in zip(g, again))
    return -sum(float((w.detach() * h).sum()) for w, h in zip(weights, torch.autograd.grad(z, weights)))


@reference
def fisher(net: nn.Module, x: Tensor, y: Tensor) -> float:
    outputs: list[tuple[nn.Module, Tensor]] = []

    def keep(m: nn.Module, i: tuple[Tensor], o: Tensor) -> None:
        o.retain_grad()
        outputs.append((m, o))

    hooks = [m.register_forward_hook(keep) for m in layers(net)]
    F.cross_entropy(net(x), y).backward()
    for hook in hooks:
        hook.remove()
    total = 0.0
    for m, a in outputs:
        products = (a * a.grad).detach()
        products = products.flatten(2).sum(2) if a.ndim == 4 else products
        total += float((products.square().mean(0) / 2).sum()) * m.weight[0].numel()
    return total


@reference
def jacob_cov(net: nn.Module, x: Tensor, y: Tensor) -> float:
    v = np.linalg.eigvalsh(np.corrcoef(jacobian(net, x)))
    return -float(np.sum(np.log(v + 1e-5) + 1 / (v + 1e-5)))


@reference
def epe_nas(net: nn.Module, x: Tensor, y: Tensor) -> float:
    rows = jacobian(net, x)
    classes = [np.corrcoef(rows[y.numpy() == k]) for k in range(5)]
    return float(sum(abs(np.log(np.abs(c) + 1e-5).sum()) for c in classes))


def kernel(net: nn.Module, x: Tensor) -> NDArray[np.float64]:
    total = np.zeros((len(x), len(x)))
    for output in relu_outputs(net, x):
        c = (output.reshape(len(x), -1) > 0).double().numpy()
        total += c @ c.T + (1 - c) @ (1 - c).T
    return total


@reference
def nwot(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return float(np.linalg.slogdet(kernel(net, x))[1])


@reference
def linear_regions(net: nn.Module, x: Tensor, y: Tensor) -> float:
    counts = []
    for draw_number in range(4):  # the first is a look at whether the net is thin
        n = len(x) if draw_number == 0 else 3000
        samples = torch.randn(n, *x.shape[1:], dtype=x.dtype)
        draw(net, kaiming=True)
        codes = torch.cat([output.reshape(n, -1) > 0 for output in relu_outputs(net, samples)], dim=1)
        counts.append(len({tuple(code) for code in codes.tolist()}))
        if draw_number == 0:
            torch.manual_seed(SEED)
    return float(np.mean(counts[1:]))


def flow(net: nn.Module, x: Tensor, *, norms: bool) -> float:
    net = copy.deepcopy(net)
    if not norms:
        for m in net.modules():
            for name, child in m.named_children():
                if isinstance(child, nn.BatchNorm2d):
                    setattr(m, name, nn.Identity())
    with torch.no_grad():
        for p in net.parameters():
            p.abs_()
    net(torch.ones(1, *x.shape[1:], dtype=torch.float64)).sum().backward()
    return sum(float((layer.weight.detach() * layer.weight.grad).abs().sum()) for layer in layers(net))


@reference
def synflow(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return flow(net, x, norms=False)


@reference
def log_synflow(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return math.log(flow(net, x, norms=False))


@reference
def synflow_bn(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return flow(net, x, norms=True)


@reference
def zen(net: nn.Module, x: Tensor, y: Tensor) -> float:
    draw(net, kaiming=False)
    a = torch.randn(x.shape, dtype=x.dtype)
    b = torch.randn(x.shape, dtype=x.dtype)
    with torch.no_grad():
        change = (net.before_pooling(a) - net.before_pooling(a + 0.01 * b)).abs().sum(dim=(1, 2, 3)).mean()
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    return math.log(change) + sum(math.log(math.sqrt(float(m.running_var.mean()))) for m in norms)


@reference
def zico(net: nn.Module, x: Tensor, y: Tensor) -> float:
    one, two = backward(net, x[:6], y[:6]), backward(net, x[6:], y[6:])
    total = 0.0
    for (_, a), (_, b) in zip(one, two):
        both = torch.stack([a, b]).numpy()
        mean, std = np.abs(both).mean(axis=0), both.std(axis=0)
        ratio = (mean[std > 0] / std[std > 0]).sum()
        total += math.log(ratio) if ratio > 0 else 0
    return total


def maps(net: nn.Module, x: Tensor, kind: type[nn.Module]) -> list[Tensor]:
    found: list[Tensor] = []
    hooks = [
        m.register_forward_hook(lambda m, i, o: found.append(o[0].detach()))
        for m in net.modules()
        if isinstance(m, kind)
    ]
    net(x[:1])
    for hook in hooks:
        hook.remove()
    return [f for f in found if f.ndim > 1]


@reference
def meco(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return sum(smallest(f) for f in maps(net, x, nn.Module))


@reference
def meco_opt(net: nn.Module, x: Tensor, y: Tensor) -> float:
    rng = np.random.default_rng(SEED)
    total = 0.0
    for f in maps(net, x, nn.Module):
        chosen = rng.permutation(len(f))[:8]
        total += smallest(f[torch.as_tensor(chosen)]) * len(f) / len(chosen)
    return total


@reference
def meco_relu(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return sum(smallest(f) for f in maps(net, x, nn.ReLU))


@reference
def swap(net: nn.Module, x: Tensor, y: Tensor) -> float:
    counts = []
    for _ in range(3):
        draw(net, kaiming=False)
        columns = torch.cat([output.reshape(len(x), -1) > 0 for output in relu_outputs(net, x)], dim=1)
        counts.append(len({tuple(column) for column in columns.t().tolist()}))
    return float(np.mean(counts))


@reference
def swap_reg(net: nn.Module, x: Tensor, y: Tensor) -> float:
    thousands = sum(p.numel() for p in net.parameters()) / 1000
    return swap(net, x, y) * math.exp(-((thousands - 2000) ** 2) / 2e6)


@reference
def gradsign(net: nn.Module, x: Tensor, y: Tensor) -> float:
    signs = [
        torch.cat([g.sign().flatten() for _, g in backward(net, x[i : i + 1], y[i : i + 1])]) for i in range(len(x))
    ]
    return float(torch.stack(signs).sum(0).abs().sum())


@reference
def ntk(net: nn.Module, x: Tensor, y: Tensor) -> float:
    conditions = []
    for _ in range(3):
        draw(net, kaiming=True, fan_out=True)
        logits = net(x)
        rows = []
        for i in range(len(x)):
            net.zero_grad()
            logits[i].backward(torch.ones_like(logits[i]), retain_graph=True)
            rows.append(torch.cat([p.grad.flatten() for name, p in net.named_parameters() if "weight" in name]))
        values = np.linalg.eigvalsh((torch.stack(rows) @ torch.stack(rows).t()).numpy())
        conditions.append(values[-1] / values[0])
    return -float(np.mean(conditions))


def stage_outputs(net: nn.Module, x: Tensor) -> list[Tensor]:
    draw(net, kaiming=True)
    outputs = []
    for stage in net.stages:
        x = stage(x)
        outputs.append(x)
    return outputs


def entropies(net: nn.Module, x: Tensor) -> list[float]:
    found = []
    for output in stage_outputs(net, x):
        rows = output.detach().permute(0, 2, 3, 1).reshape(-1, output.shape[1]).numpy()
        values = np.linalg.eigvalsh(np.cov(rows.T, bias=True)).clip(0)
        p = values / values.sum()
        found.append(-float((p * np.log(p + 1e-8)).sum()))
    return found


@reference
def az_expressivity(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return sum(entropies(net, x))


@reference
def az_progressivity(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return min(np.diff(entropies(net, x)))


@reference
def az_trainability(net: nn.Module, x: Tensor, y: Tensor) -> float:
    outputs = stage_outputs(net, x)
    found = []
    for after, before in reversed(list(zip(outputs[1:], outputs[:-1]))):
        sent = torch.randint(0, 2, after.shape).double() * 2 - 1
        (arrived,) = torch.autograd.grad(after, before, sent, retain_graph=True)
        if arrived.shape[2] != sent.shape[2]:
            arrived = F.pixel_unshuffle(arrived, 2)
        n = after.shape[0] * after.shape[2] * after.shape[3]
        a = arrived.permute(0, 2, 3, 1).reshape(n, -1).numpy()
        b = sent.permute(0, 2, 3, 1).reshape(n, -1).numpy()
        s = np.linalg.svd(a.T @ b / n, compute_uv=False).max()
        found.append(2 - s - 1 / (s + 1e-6))
    return float(np.mean(found))


@reference
def vkdnw(net: nn.Module, x: Tensor, y: Tensor) -> float:
    draw(net, kaiming=True)
    net.eval()
    parameters = list(net.parameters())
    fisher_sum = np.zeros((len(parameters), len(parameters)))
    for i in range(len(x)):
        logits = net(x[i : i + 1])[0]
        rows = [
            [float(g.flatten()[0]) for g in torch.autograd.grad(v, parameters, retain_graph=True)] for v in logits[:-1]
        ]
        head = torch.autograd.grad(logits[-1], parameters, allow_unused=True)
        rows.append([float(g.flatten()[0]) for g in head])
        j = np.array(rows)
        p = 0.95 * torch.softmax(logits, 0).detach().numpy() + 0.05 / 5
        factor = np.zeros((5, 5))
        for b in range(4):
            q, q_before = 1 - p[: b + 1].sum(), 1 - p[:b].sum()
            d = math.sqrt(p[b] * q / q_before)
            factor[b, b] = d
            factor[b + 1 :, b] = -p[b + 1 :] / q * d
        assert factor @ factor.T == pytest.approx(np.diag(p) - np.outer(p, p))
        fisher_sum += (factor @ j).T @ (factor @ j)
    deciles = np.quantile(np.linalg.eigvalsh(fisher_sum / len(x)).clip(0), np.arange(1, 10) / 10)
    t = deciles / (deciles.sum() + 1e-10)
    return len(parameters) - float((t * np.log(t + 1e-10)).sum())


@reference
def near(net: nn.Module, x: Tensor, y: Tensor) -> float:
    rng = np.random.default_rng(SEED)
    values: list[tuple[Tensor, Tensor]] = []
    for m in net.modules():
        if isinstance(m, nn.ReLU):
            m.register_forward_hook(lambda m, i, o: values.append((i[0].detach(), o.detach())))
    net(x)
    total = 0.0
    for before, after in values:
        channels = before.shape[1]
        rows = [value.permute(0, 2, 3, 1).reshape(-1, channels).numpy() for value in (before, after)]
        start = int(rng.integers(0, len(rows[0]) - channels + 1))
        for matrix in rows:
            s = np.linalg.svd(matrix[start : start + channels], compute_uv=False)
            p = s[s > 0] / s.sum()
            total += math.exp(-(p * np.log(p)).sum())
    return total


@reference
def l_swag(net: nn.Module, x: Tensor, y: Tensor) -> float:
    samples = [[g.abs() for _, g in backward(net, x[i : i + 1], y[i : i + 1])] for i in range(len(x))]
    total = 0.0
    for gradients in zip(*samples):
        std = torch.stack(gradients).std(dim=0, correction=0)
        total += math.log(float((1 / std[std > 0]).sum()))
    torch.manual_seed(SEED)
    return total * swap(net, x, y)


class Attentive(nn.Module):
    """Tokens, two blocks of attention that is written out and of feed-forward layers, a head; ``norm`` first or not at all."""

    def __init__(self, *, norm: bool) -> None:
        super().__init__()
        self.inlet = nn.Linear(6, 8)
        for b in "ab":
            self.add_module(f"norm1{b}", nn.LayerNorm(8) if norm else nn.Identity())
            self.add_module(f"norm2{b}", nn.LayerNorm(8) if norm else nn.Identity())
            self.add_module(f"qkv{b}", nn.Linear(8, 24))
            self.add_module(f"out{b}", nn.Linear(8, 8))
            self.add_module(f"up{b}", nn.Linear(8, 16))
            self.add_module(f"down{b}", nn.Linear(16, 8))
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor, keep: dict[str, list[Tensor]] | None = None) -> Tensor:
        keep = {"peaks": [], "outputs": [], "hidden": []} if keep is None else keep
        x = self.inlet(x)
        for b in "ab":
            part = {name: getattr(self, name + b) for name in ("norm1", "norm2", "qkv", "out", "up", "down")}
            n, tokens, _ = x.shape
            q, k, v = part["qkv"](part["norm1"](x)).view(n, tokens, 3, 2, 4).permute(2, 0, 3, 1, 4)
            p = torch.softmax(q @ k.transpose(-2, -1) / 2, dim=-1)
            heads = p @ v
            x = x + part["out"](heads.transpose(1, 2).reshape(n, tokens, 8))
            hidden = part["up"](part["norm2"](x))
            x = x + part["down"](F.gelu(hidden))
            for name, value in (("peaks", p), ("outputs", heads), ("hidden", hidden)):
                keep[name].append(value)
        return self.head(x.mean(1))


ATTENTION = ("dss", "head_importance", "attention_confidence", "w_pca")


def attentive(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = Attentive(norm=name == "with normalisation").double().train()
        return net, torch.randn(12, 7, 6, dtype=torch.float64), torch.arange(12) % 5


@reference
def attention_confidence(net: nn.Module, x: Tensor, y: Tensor) -> float:
    keep: dict[str, list[Tensor]] = {"peaks": [], "outputs": [], "hidden": []}
    net(x, keep)
    return sum(
        float(np.mean([p[i, h, t].detach().numpy().max() for i in range(12) for t in range(7)]))
        for p in keep["peaks"]
        for h in range(2)
    )


@reference
def head_importance(net: nn.Module, x: Tensor, y: Tensor) -> float:
    total = 0.0
    for i in range(len(x)):
        keep: dict[str, list[Tensor]] = {"peaks": [], "outputs": [], "hidden": []}
        loss = F.cross_entropy(net(x[i : i + 1], keep), y[i : i + 1])
        gradients = torch.autograd.grad(loss, keep["outputs"])
        for output, gradient in zip(keep["outputs"], gradients):
            total += sum(abs(float((output[0, h] * gradient[0, h]).detach().sum())) for h in range(2)) / len(x)
    return total


@reference
def w_pca(net: nn.Module, x: Tensor, y: Tensor) -> float:
    keep: dict[str, list[Tensor]] = {"peaks": [], "outputs": [], "hidden": []}
    net(x, keep)
    components = 0
    for hidden in keep["hidden"]:
        variances = np.linalg.svd(np.cov(hidden.detach().reshape(-1, 16).numpy().T), compute_uv=False)
        components += next(k for k in range(1, 17) if variances[:k].sum() >= 0.99 * variances.sum())
    return float(components * params(net, x, y))


@reference
def dss(net: nn.Module, x: Tensor, y: Tensor) -> float:
    net = copy.deepcopy(net)
    with torch.no_grad():
        for p in net.parameters():
            p.abs_()
    net(torch.ones_like(x[:1])).sum().backward()
    total = 0.0
    for name, m in net.named_modules():
        if isinstance(m, nn.Linear):
            w, g = m.weight.detach().numpy(), m.weight.grad.numpy()
            attends = name[:-1] in ("qkv", "out")
            total += np.linalg.norm(w, "nuc") * np.linalg.norm(g, "nuc") if attends else np.abs(w * g).sum()
    return float(total)


# -- tests --------------------------------------------------------------------------------------------------------------


def test_every_proxy_has_a_reference() -> None:
    assert sorted(REFERENCES) == sorted(PROXIES.names())


@pytest.fixture(scope="module", params=sorted(NETS))
def scored(request: pytest.FixtureRequest) -> tuple[str, archcast.Scores]:
    net, x, y = build(request.param)
    return request.param, archcast.score(net, x, y, seed=SEED)


def thin(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    """A net of few units, in which samples share linear regions."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        norm = nn.BatchNorm2d(1) if name == "with normalisation" else nn.Identity()
        net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), norm, nn.ReLU(), nn.Flatten(), nn.Linear(9, 5)).double()
        return net.train(), torch.randn(12, 1, 3, 3, dtype=torch.float64), torch.arange(12) % 5


def given(name: str, net: str) -> tuple[nn.Module, Tensor, Tensor]:
    if name in ATTENTION:
        return attentive(net)
    return thin(net) if name == "linear_regions" else build(net)


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_proxy_equals_its_reference(name: str, scored: tuple[str, archcast.Scores]) -> None:
    net, x, y = given(name, scored[0])
    if name == "linear_regions" or name in ATTENTION:
        scored = (scored[0], archcast.score(net, x, y, proxies=name, seed=SEED))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        expected = REFERENCES[name](net, x, y)
    assert scored[1][name] == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_alone_or_with_others_the_score_is_the_same(name: str, scored: tuple[str, archcast.Scores]) -> None:
    net, x, y = build(scored[0])
    if name == "linear_regions":
        assert "a linear region of its own" in scored[1].failures[name]
        return
    if name in ATTENTION:
        assert re.match("no (attention in this model|feed-forward layer seen)", scored[1].failures[name])
        net, x, y = attentive(scored[0])
        scored = (scored[0], archcast.score(net, x, y, seed=SEED))
    assert archcast.score(net, x, y, proxies=name, seed=SEED)[name] == pytest.approx(scored[1][name], rel=1e-12)
