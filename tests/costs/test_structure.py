"""The structure of networks small enough to describe by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from archcast.costs.structure import STRUCTURE, structure
from archcast.errors import InvalidInputError


class Block(nn.Module):
    """A depthwise and a pointwise convolution around which the input is added, and a gate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 5, padding=2, groups=channels, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.gate = nn.Linear(channels, channels, bias=False)

    def forward(self, x):
        y = self.pointwise(torch.nn.functional.gelu(self.norm(self.depthwise(x))))
        return x + y * torch.sigmoid(self.gate(y.mean((2, 3))))[:, :, None, None]


@pytest.fixture(scope="module")
def found():
    with torch.device("meta"):
        model = nn.Sequential(
            nn.Conv2d(3, 8, 4, stride=4, bias=False), nn.ReLU(), Block(8), nn.Flatten(), nn.Linear(8 * 16, 10)
        )
    return structure(model, (3, 16, 16))


MACS = {"dense": 3 * 16 * 8 * 16, "depthwise": 25 * 8 * 16, "pointwise": 64 * 16, "linear": 64 + 8 * 16 * 10}


def test_every_number_has_its_meaning(found):
    assert found.keys() == STRUCTURE.keys()
    assert all(math.isfinite(value) for value in found.values())


def test_shares_are_those_of_the_multiply_accumulates(found):
    total = sum(MACS.values())
    assert math.exp(found["log_macs"]) == pytest.approx(total)
    for kind in ("dense", "pointwise", "grouped", "depthwise", "linear", "attention"):
        assert found[f"share_{kind}"] == pytest.approx(MACS.get(kind, 0) / total)


def test_geometry(found):
    assert math.exp(found["log_depth"]) == pytest.approx(5)
    assert math.exp(found["log_layers"]) == pytest.approx(5)
    assert math.exp(found["stem_stride"]) == pytest.approx(4)
    assert math.exp(found["log_width_last"]) == pytest.approx(8)
    assert found["scales"] == 1
    assert found["residuals"] == pytest.approx(1 / 5)
    assert found["gates"] == pytest.approx(1 / 5)
    assert found["smooth"] == pytest.approx(1 / 2)
    assert (found["norm_layer"], found["norms_per_layer"]) == (0, pytest.approx(1 / 5))
    assert found["large_kernels"] == 1
    expected = (4 * MACS["dense"] + 5 * MACS["depthwise"] + MACS["pointwise"]) / sum(
        MACS[kind] for kind in ("dense", "depthwise", "pointwise")
    )
    assert found["kernel"] == pytest.approx(expected)


def test_attention_and_tokens():
    with torch.device("meta"):
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        model = nn.Sequential(nn.Conv2d(3, 16, 4, stride=4), nn.Flatten(2), Swap(), layer)
    found = structure(model, (3, 16, 16))
    tokens, projections = 16, 4 * 16 * 16 + 2 * 16 * 32
    stem, attention = 3 * 16 * 16 * tokens, 2 * tokens * tokens * 16
    total = stem + tokens * projections + attention
    assert found["share_attention"] == pytest.approx(attention / total)
    assert found["share_linear"] == pytest.approx(tokens * projections / total)
    assert math.exp(found["log_pixels"]) == pytest.approx(tokens)
    assert found["norm_layer"] == 1


class Swap(nn.Module):
    """Positions before channels."""

    def forward(self, x):
        return x.transpose(1, 2)


def test_meta_and_the_processor_agree():
    def model():
        return nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )

    with torch.device("meta"):
        far = model()
    near = model().train()
    assert structure(near, (3, 9, 9)) == structure(far, (3, 9, 9))
    assert near.training


def test_what_has_no_structure():
    with pytest.raises(InvalidInputError, match="Conv2d failed on an image"):
        structure(nn.Conv2d(4, 4, 3))
    with pytest.raises(InvalidInputError, match="Flatten has no layer with weights"):
        structure(nn.Flatten())
