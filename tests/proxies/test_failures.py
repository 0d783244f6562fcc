"""What cannot be scored: failures that cost one proxy, errors that refuse the call."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archcast
from archcast.errors import InvalidInputError, UnknownNameError
from archcast.proxies.engine import output_shape


class NoPath(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.zeros_like(self.stem(x)).mean((2, 3)))


def test_no_path_from_input_to_output() -> None:
    scores = archcast.score(NoPath(), torch.randn(6, 3, 8, 8), torch.arange(6) % 3)
    for name in (
        "grad_norm",
        "snip",
        "plain",
        "fisher",
        "grasp",
        "jacob_cov",
        "epe_nas",
        "synflow",
        "log_synflow",
        "vkdnw",
    ):
        assert scores.failures[name] == "no path from input to output", name
    assert scores["trainable_layers"] == 1


def test_nets_of_nasbench201_without_a_path_and_with_an_identity() -> None:
    space = archcast.get_space("nasbench201")
    task = archcast.Task(shape=(3, 8, 8), width=4, depth=1)
    x, y = torch.randn(6, 3, 8, 8), torch.arange(6) % 3
    dead = archcast.score(space.build([0, 0, 0, 0, 0, 0], task), x, y, proxies=["snip", "synflow", "nwot", "params"])
    assert set(dead) == {"params"}
    assert "singular" in dead.failures["nwot"]
    stages = archcast.score(space.build([0, 0, 0, 0, 0, 0], task), x, y, proxies="az_*")
    assert set(stages.failures.values()) == {"no path from input to output"}
    skip = archcast.score(space.build([0, 0, 0, 1, 0, 0], task), x, y, proxies="az_*")
    assert set(skip) == {"az_expressivity", "az_progressivity"}
    assert "unchanged" in skip.failures["az_trainability"]


def test_no_rectifier() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Sigmoid(), nn.Flatten(), nn.Linear(144, 3))
    scores = archcast.score(model, torch.randn(6, 3, 8, 8), torch.arange(6) % 3)
    for name in ("nwot", "linear_regions", "swap", "swap_reg", "meco_relu"):
        assert scores.failures[name].startswith("no ReLU-like activation seen"), name


def test_nothing_to_weigh() -> None:
    scores = archcast.score(nn.Flatten(), torch.randn(6, 3), torch.arange(6) % 3)
    assert scores["params"] == 0
    for name in ("grad_norm", "snip", "l2_norm", "fisher", "zico", "gradsign"):
        assert "convolution or linear map" in scores.failures[name], name
    assert scores.failures["flops"] == "no convolution, linear map or matrix product seen"


def test_scores_that_are_not_finite() -> None:
    model = nn.Sequential(nn.Linear(4, 3))
    with torch.no_grad():
        model[0].weight.fill_(float("nan"))
    scores = archcast.score(model, torch.randn(6, 4), torch.arange(6) % 3)
    assert scores.failures["snip"] == "the score is not a number"
    assert scores.failures["jacob_cov"] == "the gradient of a sample's input is constant or not finite"
    with torch.no_grad():
        model.double()[0].weight.fill_(1e308)
    scores = archcast.score(model, torch.randn(6, 4).double(), proxies="*synflow")
    assert scores.failures == {"synflow": "the score is infinite", "log_synflow": "the score is infinite"}


def test_a_pass_that_fails_takes_only_its_proxies_along(convolutional: Any) -> None:
    model, x, y = convolutional

    class Picky(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = model

        def forward(self, x: Tensor) -> Tensor:
            if len(x) == 1:
                raise ValueError("one sample is not enough\nfor me")
            return self.body(x)

    scores = archcast.score(Picky(), x, y)
    assert {"grad_norm", "nwot", "zico", "zen"} <= set(scores)
    assert "ValueError: one sample is not enough" in scores.failures["synflow"]
    assert "for me" not in scores.failures["gradsign"]


def test_bad_arguments(convolutional: Any) -> None:
    model, x, y = convolutional
    with pytest.raises(UnknownNameError, match=r"Unknown proxy 'synflw'. Did you mean 'synflow'"):
        archcast.score(model, x, y, proxies=["synflw"])
    with pytest.raises(UnknownNameError, match="Unknown proxy 'zz\\*'"):
        archcast.score(model, x, y, proxies="zz*")
    with pytest.raises(InvalidInputError, match=r"the label 4, but the model has 4 outputs: 0..3"):
        archcast.score(model, x, y + 1)
    with pytest.raises(InvalidInputError, match="the label -1"):
        archcast.score(model, x, y - 1)
    with pytest.raises(
        InvalidInputError, match=r"targets has shape \(3,\), which does not fit logits of shape \(6, 4\)"
    ):
        archcast.score(model, x, y[:3])
    with pytest.raises(InvalidInputError, match=r"Convolutional failed on inputs of shape 6x1x12x12: RuntimeError: "):
        archcast.score(model, x[:, :1], y)
    with pytest.raises(InvalidInputError, match=r"Convolutional failed on inputs of shape 6x1x12x12"):
        archcast.score(model, x[:, :1], proxies="synflow")
    with pytest.raises(InvalidInputError, match="inputs holds no tensor"):
        archcast.score(model, None)
    with pytest.raises(InvalidInputError, match="at least one sample"):
        archcast.score(model, x[:0])
    with pytest.raises(InvalidInputError, match="micro_batch is 0: it must be a positive whole number"):
        archcast.score(model, x, y, micro_batch=0)
    with pytest.raises(InvalidInputError, match="device 'nonsense' cannot be used"):
        archcast.score(model, x, y, device="nonsense")
    with pytest.raises(InvalidInputError, match="do not all have one row for each"):
        archcast.score(Pair(), (x, torch.ones(432)), y, proxies="grad_norm", micro_batch=2)


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(432, 4)

    def forward(self, x: Tensor, scale: Tensor) -> Tensor:
        return self.head(x.flatten(1) * scale)


def test_bad_models() -> None:
    x = torch.randn(4, 3)
    with pytest.raises(InvalidInputError, match=r"model must be a torch.nn.Module written in Python, got function"):
        archcast.score(lambda x: x, x)
    with pytest.raises(InvalidInputError, match=r"'weight' of the model has no shape yet. Call the model once"):
        archcast.score(nn.LazyLinear(3), x)
    with pytest.raises(InvalidInputError, match="'weight' of the model is on the meta device"):
        archcast.score(nn.Linear(3, 2, device="meta"), x)
    with torch.inference_mode():
        model = nn.Linear(3, 2)
    with pytest.raises(InvalidInputError, match="'weight' was made in inference mode"):
        archcast.score(model, x)


class Refusing(nn.Linear):
    """Raises where it is asked for anything but a forward pass."""

    def __init__(self, method: str) -> None:
        super().__init__(4, 3)
        object.__setattr__(self, method, self._no)

    def _no(self, *_: object, **__: object) -> None:
        raise RuntimeError("not\nthis")


@pytest.mark.parametrize("method", ["train", "parameters", "named_parameters", "modules", "buffers"])
def test_what_a_model_raises_beside_its_forward_pass_is_one_line(method: str) -> None:
    model = Refusing(method)
    for call in (
        lambda: archcast.score(model, torch.ones(2, 4), proxies="params"),
        lambda: output_shape(model, torch.ones(2, 4)),
    ):
        with pytest.raises(InvalidInputError, match=r"^model Refusing cannot be scored: RuntimeError: not$"):
            call()


class OfSparse(nn.Module):
    """A linear map with a sparse weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(4)[:3].to_sparse())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sparse.mm(self.weight, x.T).T


def test_a_sparse_weight_costs_no_other_proxy_its_value() -> None:
    found = archcast.score(OfSparse(), torch.ones(2, 4), torch.tensor([0, 1]), proxies=["params", "synflow"])
    assert found["params"] == 12
    assert set(found) | set(found.failures) == {"params", "synflow"}


def test_a_generator_that_ends_within_a_model_is_its_failure() -> None:
    class Ends(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise GeneratorExit

    with pytest.raises(InvalidInputError, match="Ends failed on inputs of shape 2x4: GeneratorExit"):
        archcast.score(Ends(4, 3), torch.ones(2, 4), proxies="snip")
