"""The derivatives of logits against ordinary gradients, one at a time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archcast
from archcast.proxies.machinery.inputs import Batch
from archcast.proxies.machinery.losses import cross_entropy
from archcast.proxies.machinery.preservation import preserved
from archcast.proxies.machinery.session import Session
from archcast.proxies.passes import classes
from archcast.proxies.passes.classes import _Jacobian


class OneByOne(_Jacobian):
    def follow(self, call: Any) -> None:
        pass


def test_jacobian(specimen: tuple[nn.Module, Any, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    model, inputs, _ = specimen
    batch = Batch(inputs)
    if type(model).__name__ == "Stateful":
        pytest.skip("changes its weights from call to call")
    with preserved(model), torch.enable_grad():
        model.double()
        batch = batch.floats(Tensor.double)
        session = Session(model, batch, loss=cross_entropy)
        fast = classes.run(session, frozenset({"logits", "logit_jacobian"}))
        monkeypatch.setattr(classes, "_Jacobian", OneByOne)
        session.reseed()
        slow = classes.run(session, frozenset({"logits", "logit_jacobian"}))
    assert torch.allclose(fast["logits"], slow["logits"], rtol=1e-10)
    assert slow["logit_jacobian"].abs().sum() > 0
    assert torch.allclose(fast["logit_jacobian"], slow["logit_jacobian"], rtol=1e-8, atol=1e-12)


def test_what_cannot_be_differentiated() -> None:
    x = torch.randn(4, 3)
    many = archcast.score(nn.Linear(3, 300), x, proxies="vkdnw")
    assert many.failures["vkdnw"] == "needs a backward pass for each of the 300 classes; at most 256 are made"
    images = archcast.score(nn.Conv2d(3, 2, 1), torch.randn(4, 3, 5, 5), proxies="vkdnw")
    assert "the logits have shape (4, 2, 5, 5), not one row" in images.failures["vkdnw"]
    assert "no parameters" in archcast.score(nn.Flatten(), x, proxies="vkdnw").failures["vkdnw"]
