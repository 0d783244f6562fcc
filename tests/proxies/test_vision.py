"""Models of torchvision and timm: every proxy answers or says why not, and the model comes back as it was.

Skipped where the extra ``vision`` is not installed.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import torch
from torch import nn

import archcast

NO_PACKAGE = "needs the extra 'vision' (torchvision, timm)"

TORCHVISION = ["mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1", "googlenet"]
TIMM = ["vit_tiny_patch16_224", "convnext_atto", "resmlp_12_224"]
CHEAP = [
    "params",
    "flops",
    "trainable_layers",
    "grad_norm",
    "snip",
    "fisher",
    "jacob_cov",
    "synflow",
    "meco_opt",
    "zico",
]


def make(name: str) -> nn.Module:
    """The model for 64 pixels a side and four classes; random weights, the same each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if name in TORCHVISION:
            models = pytest.importorskip("torchvision.models", reason=NO_PACKAGE)
            fixed = {"init_weights": False} if name == "googlenet" else {}
            return models.get_model(name, weights=None, num_classes=4, **fixed)
        timm = pytest.importorskip("timm", reason=NO_PACKAGE)
        fixed = (
            {"img_size": 64, "depth": 2}
            if name == "vit_tiny_patch16_224"
            else {"img_size": 64}
            if "resmlp" in name
            else {}
        )
        return timm.create_model(name, pretrained=False, num_classes=4, **fixed)


def digest(model: nn.Module) -> str:
    """Of weights, buffers, gradients, flags and hooks."""
    hasher = hashlib.sha256()
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        hasher.update(f"{name} {tensor.dtype} {tensor.stride()} {tensor.requires_grad} {tensor.grad is None}".encode())
        hasher.update(tensor.detach().contiguous().view(torch.uint8).numpy().tobytes() if tensor.ndim else b"")
    for module in model.modules():
        hasher.update(f"{module.training} {len(module._forward_hooks)} {len(module._backward_hooks)}".encode())
    return hasher.hexdigest()


def check(model: nn.Module, proxies: str | list[str]) -> archcast.Scores:
    """Score an evaluation-mode model; it and the generator come back as they were."""
    model.eval()
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(4, 3, 64, 64, generator=generator), torch.tensor([0, 1, 2, 3])
    before, state = digest(model), torch.get_rng_state()
    scores = archcast.score(model, x, y, proxies=proxies)
    assert digest(model) == before
    assert torch.equal(torch.get_rng_state(), state)
    assert scores["params"] == sum(p.numel() for p in model.parameters())
    assert all(reason and "\n" not in reason for reason in scores.failures.values())
    return scores


@pytest.mark.parametrize("name", [*TORCHVISION, *TIMM])
def test_models_of_others(name: str) -> None:
    scores = check(make(name), CHEAP)
    none = {"jacob_cov", "synflow"} if name == "resmlp_12_224" else set()  # its last layer starts at zero
    assert set(scores) == set(CHEAP) - none, scores.failures


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "vit_tiny_patch16_224"])
def test_every_proxy(name: str) -> None:
    scores = check(make(name), "all")
    assert {*CHEAP, "plain", "grasp", "l2_norm", "epe_nas", "nwot", "meco", "gradsign", "ntk", "vkdnw"} <= set(scores)


def published(name: str) -> dict[str, Any]:
    models = pytest.importorskip("torchvision.models", reason=NO_PACKAGE)
    return dict(models.get_model_weights(name)["IMAGENET1K_V1"].meta)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "regnet_y_400mf", "vit_b_32"])
def test_params_and_flops_are_those_that_torchvision_publishes(name: str) -> None:
    known = published(name)
    import torchvision

    model = torchvision.models.get_model(name, weights=None)
    scores = archcast.score(model, torch.randn(1, 3, 224, 224), proxies=["params", "flops"])
    assert scores["params"] == known["num_params"]
    assert scores["flops"] / 1e9 == pytest.approx(known["_ops"], abs=6e-4)
