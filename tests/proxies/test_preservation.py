"""Whatever happens while a model is scored, it and everything global come back bit-identical."""

from __future__ import annotations

import copy
import hashlib
import random
from collections import deque
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import archcast
from archcast.proxies import PROXIES
from archcast.proxies.machinery.preservation import preserved, swapped


def digest(tensor: Tensor | None) -> Any:
    if tensor is None:
        return None
    raw = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
    return (hashlib.sha256(raw).hexdigest(), tensor.dtype, tensor.stride(), tensor.data_ptr(), tensor.device)


def state(model: nn.Module, *tensors: Tensor) -> dict[str, Any]:
    """Everything that must not change."""
    found: dict[str, Any] = {}
    for name, module in model.named_modules():
        for key, value in vars(module).items():
            content: Any = id(value)
            if isinstance(value, dict):
                content = (id(value), [(k, id(v)) for k, v in value.items()])
            elif isinstance(value, (list, set)):
                content = (id(value), list(value))
            elif isinstance(value, bool):
                content = value
            found[f"{name}:{key}"] = content
            if isinstance(value, Tensor):
                found[f"{name}:{key} plain"] = digest(value)
    for name, tensor in (*model.named_parameters(), *model.named_buffers(), *enumerate(tensors)):
        found[f"{name} data"] = digest(tensor)
        found[f"{name} gradient"] = (id(tensor.grad), digest(tensor.grad))
        found[f"{name} flag"] = (tensor.requires_grad, tensor.is_leaf)
    found["torch generator"] = torch.get_rng_state().numpy().tobytes()
    found["numpy generator"] = repr(np.random.get_state())  # noqa: NPY002
    found["python generator"] = random.getstate()
    found["settings"] = (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.backends.mkldnn.enabled,
        torch.backends.cuda.flash_sdp_enabled(),
        torch.is_anomaly_enabled(),
        len(torch.overrides._get_current_function_mode_stack()),
    )
    return found


def tensors_of(inputs: Any) -> list[Tensor]:
    if isinstance(inputs, Tensor):
        return [inputs]
    return list(inputs.values()) if isinstance(inputs, dict) else list(inputs)


def test_every_proxy_on_every_specimen(specimen: tuple[nn.Module, Any, Tensor]) -> None:
    model, inputs, targets = specimen
    before = state(model, *tensors_of(inputs), targets)
    archcast.score(model, inputs, targets)
    assert state(model, *tensors_of(inputs), targets) == before


@pytest.mark.parametrize("name", PROXIES.names())
def test_each_proxy_alone(name: str, convolutional: tuple[nn.Module, Tensor, Tensor]) -> None:
    model, x, y = convolutional
    before = state(model, x, y)
    archcast.score(model, x, y, proxies=name)
    assert state(model, x, y) == before


class Visits:
    """Counts, and raises at one of them."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.count, self.raise_at, self.error = 0, -1, error

    def visit(self) -> None:
        self.count += 1
        if self.count == self.raise_at:
            raise self.error


def visitor(visits: Visits) -> Any:
    """A function: what can be reached through a model's attributes alone would be put back."""

    def visit(*_: Any) -> None:
        visits.visit()

    return visit


class Trap(nn.Module):
    """Visited in forward and backward passes."""

    def __init__(self, visits: Visits) -> None:
        super().__init__()
        self.visits = visitor(visits)

    def forward(self, x: Tensor) -> Tensor:
        self.visits()
        y = x * 1
        if y.requires_grad:
            y.register_hook(self.visits)
        return y


def trapped(visits: Visits) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.5), Trap(visits),
        nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU()),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip


@pytest.mark.parametrize("error", [RuntimeError("planted"), KeyboardInterrupt(), MemoryError("planted")], ids=repr)
def test_errors_at_every_point(error: BaseException) -> None:
    visits = Visits(error)
    # in double precision there is one memory format only, so no pass is tried in another
    model, x, y = trapped(visits).double(), torch.randn(4, 3, 8, 8).double(), torch.arange(4) % 3
    archcast.score(model, x, y)
    total = visits.count
    assert total > 30
    before = state(model, x, y)
    stopped = unnoticed = 0
    for point in range(1, total + 1):
        visits.count, visits.raise_at = 0, point
        try:
            scores = archcast.score(model, x, y)
            unnoticed += not any("planted" in reason for reason in scores.failures.values())
        except (KeyboardInterrupt, archcast.ArchcastError):
            stopped += 1
        assert state(model, x, y) == before, f"changed after an error at visit {point} of {total}"
    assert unnoticed <= 4  # synflow tries again in the model's own precision
    assert stopped == total if isinstance(error, KeyboardInterrupt) else stopped < total


def disturb(model: nn.Module) -> None:
    with preserved(model):
        torch.rand(3)
        model[0].weight.data.add_(1)
        model[0].extra = 1


def test_interrupted_while_restoring(monkeypatch: pytest.MonkeyPatch) -> None:
    model = trapped(Visits())
    before = state(model)
    calls = 0
    torch_set = torch.set_rng_state

    def impatient(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyboardInterrupt
        return torch_set(*args)

    monkeypatch.setattr(torch, "set_rng_state", impatient)
    with pytest.raises(KeyboardInterrupt):
        disturb(model)
    monkeypatch.undo()
    assert calls == 2
    assert state(model) == before


def test_preserved_undoes_everything(convolutional: tuple[nn.Module, Tensor, Tensor]) -> None:
    model, _, _ = convolutional
    before = state(model)
    untouched = copy.deepcopy(model.state_dict())
    with preserved(model):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(2)
        model.eval()
        model.head = nn.Linear(2, 2)
        model.features[0].register_forward_hook(lambda *args: None)
        model.features[1].running_mean = torch.ones(6)
        model.double()
        np.random.rand(4)  # noqa: NPY002
        random.random()
        torch.rand(4)
    assert state(model) == before
    assert all(torch.equal(value, untouched[name]) for name, value in model.state_dict().items())


def test_swapped_gives_copies(convolutional: tuple[nn.Module, Tensor, Tensor]) -> None:
    model, _, _ = convolutional
    before = state(model)
    for dtype in (None, torch.float32, torch.float64):
        with swapped(model, dtype):
            for parameter in model.parameters():
                assert parameter.dtype == (dtype or torch.float32)
                parameter.data.fill_(7)
        assert state(model) == before


def test_modes_of_the_caller_do_not_matter(convolutional: tuple[nn.Module, Tensor, Tensor]) -> None:
    model, x, y = convolutional
    expected = dict(archcast.score(model, x, y))
    contexts = [torch.no_grad(), torch.inference_mode(), torch.autocast("cpu", torch.bfloat16)]
    for context in contexts:
        with context:
            assert dict(archcast.score(model, x, y)) == expected
    model.eval().requires_grad_(False)
    assert dict(archcast.score(model, x, y)) == expected


def test_the_caller_s_generators_do_not_matter(convolutional: tuple[nn.Module, Tensor, Tensor]) -> None:
    model, x, y = convolutional
    names = ["zen", "swap", "meco_opt", "az_*", "vkdnw"]
    first = dict(archcast.score(model, x, y, proxies=names, seed=5))
    torch.rand(100)
    assert dict(archcast.score(model, x, y, proxies=names, seed=5)) == first
    assert archcast.score(model, x, y, proxies="zen", seed=6)["zen"] != first["zen"]


class Counter:
    def __init__(self) -> None:
        self.calls = 0
        self.notes: dict[str, list[int]] = {"sizes": []}


class Wandering(nn.Module):
    """Changes what it reaches in every way: nested containers, an object, arrays, its own generators, torch's settings."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.counter = Counter()
        self.recent: deque[int] = deque([1, 2], maxlen=2)
        self.nested = {"a": [{"b": [1]}], "t": (torch.zeros(2),)}
        self.array = np.zeros(3)
        self.own = (torch.Generator().manual_seed(1), np.random.default_rng(2), random.Random(3))

    def forward(self, x: Tensor) -> Tensor:
        self.counter.calls += 1
        self.counter.notes["sizes"].append(len(x))
        self.recent.append(len(x))
        self.nested["a"][0]["b"].append(2)
        self.nested["t"][0].add_(1)
        self.array += 1
        torch.rand(1, generator=self.own[0])
        self.own[1].random()
        self.own[2].random()
        torch.manual_seed(4)
        torch.set_float32_matmul_precision("medium")
        torch.use_deterministic_algorithms(True)
        return self.layer(x)


def test_everything_that_can_be_reached_comes_back() -> None:
    model = Wandering()
    states = [model.own[0].get_state(), copy.deepcopy(model.own[1].bit_generator.state), model.own[2].getstate()]
    x, y = torch.randn(4, 3), torch.arange(4) % 2
    before = torch.get_rng_state()
    scores = archcast.score(model, x, y, proxies=["snip", "synflow", "zen", "flops"])
    assert {"snip", "synflow", "flops"} <= set(scores), scores
    assert (model.counter.calls, model.counter.notes) == (0, {"sizes": []})
    assert list(model.recent) == [1, 2]
    assert model.nested["a"] == [{"b": [1]}]
    assert model.nested["t"][0].tolist() == [0, 0]
    assert model.array.tolist() == [0, 0, 0]
    assert torch.equal(model.own[0].get_state(), states[0])
    assert model.own[1].bit_generator.state == states[1]
    assert model.own[2].getstate() == states[2]
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_seed_for_a_device_that_is_not_in_use_is_not_left_behind() -> None:
    if torch.cuda.is_initialized():
        pytest.skip("a device is in use")
    model, x = Wandering(), torch.randn(4, 3)
    queued = len(torch.cuda._queued_calls)
    archcast.score(model, x, proxies="flops")
    assert len(torch.cuda._queued_calls) == queued
