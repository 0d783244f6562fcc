"""Values on which the public reference implementations of zero-cost proxies agree, for two small nets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import archcast

SEEDS = {"ConvBNStack": (11, (3, 16, 16)), "MLP": (44, (3, 8, 8))}
GOLDEN = {
    "ConvBNStack": {
        "grad_norm": 0.9365058707369804,
        "snip": 2.6648055088421447,
        "grasp": -0.07651745206942899,
        "fisher": 0.09316695481538773,
        "jacob_cov": -16.35156828964951,
        "plain": 0.38375960104246754,
        "synflow": 35608.695540879766,
        "synflow_bn": 24.01679317877284,
        "epe_nas": 88.51071613323339,
        "nwot": 124.47040432074107,
        "l2_norm": 19.31771469884316,
    },
    "MLP": {
        "grad_norm": 8.784717302311476,
        "snip": 34.16349293310862,
        "grasp": -73.48706581990973,
        "fisher": 1.7840940952301025,
        "jacob_cov": -91.13504276429478,
        "plain": 6.625907099928818,
        "synflow": 18906.72503146698,
        "synflow_bn": 18906.72503146698,
        "epe_nas": 14.725758959986914,
        "nwot": 52.83077644602041,
        "l2_norm": 20.409077804436542,
    },
}
ZEN = 3.682185649871826


def build(name: str, dtype: torch.dtype) -> tuple[nn.Module, Tensor, Tensor]:
    """A net with weights, inputs and labels from numpy's generator: fan-in scaled weights, small biases."""
    seed, shape = SEEDS[name]
    net: nn.Module
    if name == "MLP":
        net = nn.Sequential(
            nn.Flatten(), nn.Linear(192, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10)
        )
    else:
        net = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 16, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
        )  # fmt: skip
    net = net.to(dtype)
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter_name, parameter in net.named_parameters():
            z = rng.standard_normal(tuple(parameter.shape))
            if parameter_name.endswith("bias"):
                z = 0.1 * z
            elif parameter.ndim == 1:
                z = 1 + 0.1 * z
            else:
                z = z * np.sqrt(2 / parameter[0].numel())
            parameter.copy_(torch.from_numpy(np.asarray(z)))
    rng = np.random.default_rng(1000 + seed)
    x = rng.standard_normal((16, *shape))
    return net, torch.from_numpy(x).to(dtype), torch.from_numpy(rng.integers(0, 10, 16))


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_double_precision(name: str) -> None:
    net, x, y = build(name, torch.float64)
    scores = archcast.score(net, x, y, proxies=list(GOLDEN[name]))
    for proxy, value in GOLDEN[name].items():
        # the reference computes fisher in single precision only
        assert scores[proxy] == pytest.approx(value, rel=1e-7 if proxy == "fisher" else 1e-12), proxy


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_single_precision(name: str) -> None:
    net, x, y = build(name, torch.float32)
    scores = archcast.score(net, x, y, proxies=list(GOLDEN[name]))
    for proxy, value in GOLDEN[name].items():
        # grasp is a small difference of large terms, epe_nas sums logarithms of small correlations
        assert scores[proxy] == pytest.approx(value, rel=1e-5 if proxy in ("grasp", "epe_nas") else 1e-6), proxy


def test_zen_draws_as_the_reference_does() -> None:
    net, x, y = build("ConvBNStack", torch.float32)
    assert archcast.score(net, x, y, proxies="zen", seed=7)["zen"] == pytest.approx(ZEN, rel=1e-6)


def test_the_numbers_are_those_of_the_file(shared: Path) -> None:
    file: Any = json.loads((shared / "golden" / "values.json").read_text())["nets"]
    for name, values in GOLDEN.items():
        assert file[name]["values"]["float64"] == values
    assert file["ConvBNStack"]["values"]["float32"]["zen"] == ZEN
