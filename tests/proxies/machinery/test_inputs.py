"""How many samples a batch holds, and on which axis."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archcast
from archcast.errors import InvalidInputError
from archcast.proxies.machinery.inputs import Batch

PER_SAMPLE = [
    "flops",
    "snip",
    "grad_norm",
    "jacob_cov",
    "fisher",
    "gradsign",
    "zico",
    "ntk",
    "grasp",
    "synflow",
    "vkdnw",
]


class Recurrent(nn.Module):
    def __init__(self, *, batch_first: bool) -> None:
        super().__init__()
        self.cells = nn.GRU(5, 6, 2, batch_first=batch_first, dropout=0.5)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        states = self.cells(x)[0]
        return self.head(states[:, -1] if self.cells.batch_first else states[-1])


class Described(nn.Module):
    """Takes a mask or a position table beside its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)

    def forward(self, extra: Tensor, x: Tensor) -> Tensor:
        return self.head(extra @ x if extra.ndim == 2 else x + extra).mean(1)


class Detector(nn.Module):
    """Takes a list of images of any size; one at a time, or stacked."""

    def __init__(self, *, stacked: bool) -> None:
        super().__init__()
        self.stem, self.stacked = nn.Conv2d(3, 4, 3, padding=1), stacked

    def forward(self, images: list[Tensor], targets: list[Any] | None = None) -> dict[str, Tensor]:
        assert targets is None or len(targets) == len(images)
        if self.stacked:
            return {"logits": self.stem(torch.stack(images)).mean((2, 3))}
        return {"logits": torch.stack([self.stem(image[None]).mean((0, 2, 3)) for image in images])}


def test_sequence_first_is_seen_in_the_layers_and_changes_no_score() -> None:
    torch.manual_seed(0)
    first, second = Recurrent(batch_first=True).double(), Recurrent(batch_first=False).double()
    second.load_state_dict(first.state_dict())
    x, y = torch.randn(4, 7, 5).double(), torch.arange(4) % 3
    expected = archcast.score(first, x, y, proxies=PER_SAMPLE)
    assert set(expected) == set(PER_SAMPLE)
    turned = x.transpose(0, 1).contiguous()
    for options in ({}, {"batch_dim": 1}, {"micro_batch": 4}):
        assert dict(archcast.score(second, turned, y, proxies=PER_SAMPLE, **options)) == pytest.approx(
            dict(expected), rel=1e-9
        )
    pieces = archcast.score(second, turned, y, proxies=["snip", "jacob_cov"], micro_batch=2)
    assert dict(pieces) == pytest.approx({name: expected[name] for name in ("snip", "jacob_cov")}, rel=1e-9)


def test_a_model_that_turns_its_inputs_itself_takes_samples_first() -> None:
    class Turning(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = x.transpose(0, 1)
            return self.attention(x, x, x)[0].mean(0)

    flops = archcast.score(Turning(), torch.randn(3, 7, 8), proxies="flops")["flops"]
    assert flops == 7 * 4 * 64 + 2 * 7 * 7 * 8


@pytest.mark.parametrize(
    ("inputs", "batch_dim", "macs"),
    [
        ((torch.zeros(1, 5, 4), torch.randn(6, 5, 4)), "auto", 5 * 12),
        ((torch.zeros(6, 5, 4), torch.randn(6, 5, 4)), "auto", 5 * 12),
        ((torch.eye(5), torch.randn(6, 5, 4)), "auto", 5 * 12 + 5 * 5 * 4),
        ((torch.eye(5), torch.randn(6, 5, 4)), (None, 0), 5 * 12 + 5 * 5 * 4),
        ((torch.eye(5), torch.randn(1, 5, 4)), "auto", 5 * 12 + 5 * 5 * 4),
        ({"extra": torch.eye(5), "x": torch.randn(6, 5, 4)}, {"x": 0}, 5 * 12 + 5 * 5 * 4),
    ],
    ids=["a table for all", "one each", "a mask", "a mask, said", "one sample", "by keyword"],
)
def test_inputs_beside_the_samples(inputs: Any, batch_dim: Any, macs: int) -> None:
    assert archcast.score(Described(), inputs, proxies="flops", batch_dim=batch_dim)["flops"] == macs


def test_an_input_that_belongs_to_all_samples_stays_whole() -> None:
    x, y = torch.randn(6, 5, 4), torch.arange(6) % 3
    scores = archcast.score(Described(), (torch.eye(5), x), y, proxies=["zico", "gradsign"], batch_dim=(None, 0))
    assert len(scores) == 2
    guessed = archcast.score(Described(), (torch.eye(5), x), y, proxies=["zico", "gradsign"])
    assert "cut" in guessed.failures["zico"], "a square mask might have a row for each sample"


@pytest.mark.parametrize("stacked", [True, False])
def test_a_list_of_images(stacked: bool) -> None:
    images = [torch.randn(3, 6, 8) for _ in range(5)]
    for batch_dim in ("auto", "list"):
        scores = archcast.score(Detector(stacked=stacked), (images, [{}] * 5), proxies="flops", batch_dim=batch_dim)
        assert scores["flops"] == 48 * 4 * 27
    scores = archcast.score(
        Detector(stacked=stacked), (images, [{}] * 5), torch.arange(5) % 4, proxies=["zico", "snip"]
    )
    assert len(scores) == 2


def test_feature_maps_in_a_list_hold_all_samples_each() -> None:
    class Pyramid(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lateral = nn.Conv2d(4, 3, 1)

        def forward(self, maps: list[Tensor]) -> Tensor:
            return sum(self.lateral(m).mean((2, 3)) for m in maps)

    maps = [torch.randn(6, 4, size, size) for size in (8, 4, 2)]
    assert archcast.score(Pyramid(), (maps,), proxies="flops")["flops"] == (64 + 16 + 4) * 12


def test_what_cannot_be_told_is_a_failure_that_names_the_argument() -> None:
    class Silent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return self.layer(a).sum() + self.layer(b).sum()

    scores = archcast.score(Silent(), (torch.randn(2, 4), torch.randn(5, 4)), proxies=["flops", "params", "l2_norm"])
    assert set(scores) == {"params", "l2_norm"}
    assert scores.failures["flops"].startswith("cannot tell how many samples the inputs hold: the first dimensions")
    assert scores.failures["flops"].endswith("Pass batch_dim=")


@pytest.mark.parametrize(
    ("inputs", "batch_dim", "message"),
    [
        (torch.randn(3, 4), 2, r"batch_dim is 2, which is no axis of inputs of shape 3x4"),
        (torch.randn(3, 4), -1, "batch_dim holds -1: an axis must be a whole number from 0, or None"),
        (torch.randn(3, 4), True, "batch_dim holds True"),
        (torch.randn(3, 4), "first", "batch_dim is 'first': use 'auto', 'list', or the number of an axis"),
        (torch.randn(3, 4), "list", "no argument of the model is a list of tensors"),
        (torch.randn(3, 4), (0,), "batch_dim gives 1 axes: it needs inputs that are a tuple of as many arguments"),
        ((torch.randn(3, 4),), (0, 0), "batch_dim gives 2 axes"),
        ({"x": torch.randn(3, 4)}, {"y": 0}, "a mapping with the same names"),
        (
            (torch.randn(3, 4), torch.randn(2, 4)),
            0,
            "the inputs have 3, 2 samples there. Give an axis for each argument",
        ),
    ],
)
def test_wrong_axes(inputs: Any, batch_dim: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Batch(inputs, batch_dim)
