"""SPOS: counts of the published network, notation, the units."""

from __future__ import annotations

import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space
from archcast.spaces.mbconv.network import ShuffleUnit

SPACE = get_space("spos-shufflenetv2")
FOUND = "(2, 1, 0, 1, 2, 0, 2, 0, 2, 0, 2, 3, 0, 0, 0, 0, 3, 2, 3, 3)"


def test_network_that_the_paper_found():
    found = SPACE.costs(SPACE.parse(FOUND))
    assert (found["params"], found["macs"]) == (3_558_464, 322_918_720)


def test_every_other_channel_passes_by():
    network = SPACE.build(SPACE.parse(FOUND)[0], Task((3, 32, 32), 5, width=8)).eval()
    units = [module for module in network.modules() if isinstance(module, ShuffleUnit)]
    assert [k for k, unit in enumerate(units) if not unit.splits] == [0, 4, 8, 16]
    x = torch.randn(1, 32, 5, 5, generator=torch.Generator().manual_seed(0))
    out = units[1](x)
    torch.testing.assert_close(out[:, :16], x[:, ::2], rtol=0, atol=0)
    other = x.clone()
    other[:, ::2] += 1
    torch.testing.assert_close(units[1](other)[:, 16:], out[:, 16:], rtol=0, atol=0)


@pytest.mark.parametrize("text", [FOUND.replace("3", "4"), FOUND[:-1] + "]", FOUND[:-4] + ")", "2, 1"])
def test_malformed_text(text):
    with pytest.raises(InvalidInputError, match="expected a tuple of 20 whole numbers from 0 to 3"):
        SPACE.parse(text)
