"""MnasNet: counts of MnasNet-A1, notation, the skip that a single layer does not have, the kinds of layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archcast
from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space
from archcast.spaces.mbconv.layers import Block
from archcast.spaces.mbconv.network import FullBlock, InvertedResidual

SPACE = get_space("mnasnet")
A1 = (
    "sep_k3_none_f1_n1|mb6_k3_id_f1_n2|mb3_k5_se_id_f1_n3|mb6_k3_id_f1_n4|mb6_k3_se_id_f1_n2|mb6_k5_se_id_f1_n3|"
    "mb6_k3_none_f1_n1"
)


def test_mnasnet_a1():
    row = SPACE.parse(A1)
    found = SPACE.costs(row)
    assert found["params"] == 3_887_038
    assert round(found["macs"].item() / 1e6, 1) == 311.6
    assert SPACE.format(row) == [A1]
    with torch.device("meta"):
        network = SPACE.build(row[0])
    assert sum(part.numel() for part in network.parameters()) == 3_887_038


def test_a_stage_has_the_papers_432_settings():
    assert 4 * 2 * 2 * 3 * 3 * 3 == 432
    assert archcast.names.SPACES.entry("mnasnet").info["size"] == (48 * 4) ** 2 * (48 * 7) * 432**4
    assert SPACE.cardinalities[6 * 2 : 6 * 3] == (4, 2, 2, 3, 3, 3)


def test_the_skip_of_a_single_layer_is_read_over():
    assert (SPACE.parse(A1.replace("sep_k3_none", "sep_k3_pool")) == SPACE.parse(A1)).all()
    two = SPACE.parse(A1.replace("sep_k3_none_f1_n1", "sep_k3_pool_f1_n2"))
    assert two[0, 3] == 2
    near = SPACE.neighbors(SPACE.parse(A1)[0])
    longer = near[near[:, 5] == 1]
    assert sorted(longer[:, 3].tolist()) == [0, 1, 2], "a second layer comes with each kind of skip"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (A1 + "|conv_k3_id_f1_n1", "expected 7 stages"),
        (A1.replace("sep_k3", "sep_k7"), "stage 1 must be like mb3_k5_se_id_f1_n3, got 'sep_k7_none_f1_n1'"),
        (A1.replace("f1_n4", "f1_n6"), r"stage 4 has 6 layers, not one of \(3, 4, 5\)"),
    ],
)
def test_malformed_text(text, message):
    with pytest.raises(InvalidInputError, match=message):
        SPACE.parse(text)


def test_kinds_of_layers_and_skips():
    text = A1.replace("mb6_k3_id_f1_n2", "conv_k5_pool_f0.75_n3").replace("mb3_k5_se_id", "sep_k5_se_none")
    network = SPACE.build(SPACE.parse(text)[0], Task((3, 32, 32), 5, width=8))
    blocks = [module for module in network.features if isinstance(module, (FullBlock, InvertedResidual))]
    assert [isinstance(block, FullBlock) for block in blocks][:5] == [False, True, True, True, False]
    assert [block.skip for block in blocks[:7]] == [False, False, True, True, False, False, False]
    assert all(isinstance(block.past, nn.AvgPool2d) for block in blocks[2:4])
    assert all(block.skip for block in blocks[8:10])


def test_a_pooled_skip_is_the_average_of_what_is_there():
    block = InvertedResidual(Block(4, 4, 4, 3, expand=False, skip=2)).eval()
    x = torch.arange(36.0).reshape(1, 1, 6, 6).expand(1, 4, 6, 6)
    past = (block(x) - block.layers(x)).detach()
    assert past[0, 0, 0, 0] == pytest.approx(x[0, 0, :2, :2].mean().item(), abs=1e-4)
    assert past[0, 0, 2, 3] == pytest.approx(x[0, 0, 1:4, 2:5].mean().item(), abs=1e-4)
