"""The registry of proxies: what is said of each, what each needs, and its parameters."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import archcast
from archcast.errors import InvalidInputError
from archcast.proxies import PROXIES
from archcast.proxies.base import ProxyFailure, register
from archcast.proxies.passes import RECORDINGS, needs_of


@pytest.mark.parametrize("name", PROXIES.names())
def test_what_is_said_of_a_proxy(name: str) -> None:
    entry = PROXIES.entry(name)
    assert entry.component.__module__ == f"archcast.proxies.{name}"
    assert entry.component.__name__ == name
    assert len(entry.component.__doc__) > 40
    assert "https://" in entry.info["paper"]
    assert entry.info["direction"] == "higher is better"
    assert entry.info["summary"][0] == entry.info["summary"][0].strip()
    assert all(recording in RECORDINGS for recording in entry.info["recordings"])


def test_needs() -> None:
    needs = {name: needs_of(PROXIES.entry(name).info["recordings"]) for name in PROXIES}
    assert needs["params"] == ()
    assert needs["synflow"] == ("gradients",)
    assert needs["nwot"] == ("data",)
    assert needs["jacob_cov"] == ("data", "gradients")
    assert needs["snip"] == ("data", "labels", "gradients")


def test_what_needs_labels_is_what_fails_without(attention: Any) -> None:
    model, x, y = attention
    failed = archcast.score(model, x).failures.keys() - archcast.score(model, x, y).failures.keys()
    assert failed == {name for name in PROXIES if "labels" in needs_of(PROXIES.entry(name).info["recordings"])}


def test_a_new_proxy_is_one_function(convolutional: Any) -> None:
    model, x, _ = convolutional

    @register("size_of_kernel", summary="a test", paper="none", recordings=("agreement",))
    def size_of_kernel(agreement: Any) -> float:
        if agreement.units > 10**6:
            raise ProxyFailure("too large")
        return len(agreement.matrix())

    try:
        assert archcast.score(model, x, proxies="size_of_kernel")["size_of_kernel"] == 6
    finally:
        del PROXIES._entries["size_of_kernel"]


@pytest.mark.parametrize("name", PROXIES.names())
def test_a_measured_figure_is_in_the_docs(name: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "proxies.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| ")]
    figures = [row[2].strip() for row in rows if re.search(rf"\b{name}\b", row[1]) and len(row) > 4]
    assert any(re.fullmatch(r"-?\.\d{3}", figure) for figure in figures), f"no Kendall tau of {name}"


def test_parameters_of_a_proxy(convolutional: Any) -> None:
    model, x, _ = convolutional
    options = {"swap_reg": {"mu": 1.0, "sigma": 2.0}}
    scores = archcast.score(model, x, proxies=["swap", "swap_reg"], options=options)
    expected = scores["swap"] * math.exp(-((0.450 - 1.0) ** 2) / 2.0)
    assert scores["swap_reg"] == pytest.approx(expected)
    for wrong, message in [
        ({"swap": {"mu": 1}}, "options holds 'swap', which is not one of the proxies asked for"),
        ({"swap_reg": {"nu": 1}}, r"options\['swap_reg'\] holds 'nu', but the proxy has mu, sigma"),
        ({"swap_reg": {"mu": 0}}, r"options\['swap_reg'\]\['mu'\] is 0: it must be a number above 0"),
        ({"swap_reg": {"mu": "x"}}, "it must be a number above 0"),
        ({"swap_reg": 3}, "it must map names of parameters to numbers"),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            archcast.score(model, x, proxies="swap_reg", options=wrong)
    with pytest.raises(InvalidInputError, match="the proxy has no parameters"):
        archcast.score(model, x, proxies="swap", options={"swap": {"mu": 1}})


def test_epe_nas_of_many_classes() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 101)).double()
    x, y = torch.randn(9, 6).double(), torch.tensor([0, 0, 0, 7, 7, 30, 30, 30, 99])
    leaves = x.clone().requires_grad_()
    (rows,) = torch.autograd.grad(model(leaves).sum(), leaves)
    e = []
    for k in (0, 7, 30):  # the one sample of class 99 has no other to be compared with
        c = np.corrcoef(rows[y == k].numpy())
        e.append(np.log(np.abs(c) + 1e-5).sum() / len(c))
    expected = sum(abs(a - b) for a in e for b in e) / 3
    assert archcast.score(model, x, y, proxies="epe_nas")["epe_nas"] == pytest.approx(expected, rel=1e-9)
