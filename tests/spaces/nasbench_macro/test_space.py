"""NAS-Bench-Macro: canonical form against built networks, network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space
from archcast.spaces.nasbench_macro.network import InvertedResidual

SPACE = get_space("nasbench-macro")


def blocks_that_do_something(row):
    """What is left of each stage when identities of stride one are dropped."""
    return tuple((stage[0], *(op for op in stage[1:] if op)) for stage in (row[:2], row[2:5], row[5:]))


def test_3969_functions():
    rows = SPACE.enumerate()
    canonical = [tuple(row) for row in SPACE.canonical(rows).tolist()]
    functions = [blocks_that_do_something(row) for row in rows.tolist()]
    assert len(rows) == 6_561
    assert len(set(functions)) == len(set(canonical)) == len(set(zip(functions, canonical, strict=True))) == 3_969


@pytest.mark.parametrize(("a", "b"), [("12110100", "12101100"), ("00020200", "00002200"), ("21012120", "21012102")])
def test_rows_of_one_class_are_equal_networks(a, b):
    """Both draw the same layers in the same order, so the same seed gives them the same weights."""
    x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    outputs = []
    for text in (a, b):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            outputs.append(SPACE.build(SPACE.parse(text)[0], Task(width=4)).eval()(x))
    assert a != b
    assert SPACE.canonical(SPACE.parse(a)).tolist() == SPACE.canonical(SPACE.parse(b)).tolist()
    torch.testing.assert_close(outputs[0], outputs[1])


def test_parameters_counted_by_hand():
    """Stem, three 1x1 convolutions of stride two, one block of each kind, head of 1,280 channels."""

    def block(c_in, c_out, kernel, expansion):
        hidden = c_in * expansion
        return c_in * hidden + kernel * kernel * hidden + hidden * c_out + 4 * hidden + 2 * c_out

    with torch.device("meta"):
        network = SPACE.build(SPACE.parse("01020000")[0])
    plain = (32 * 64 + 128) + (64 * 128 + 256) + (128 * 256 + 512)
    stem, head = 27 * 32 + 64, 256 * 1280 + 2560 + 1281 * 10
    expected = stem + plain + block(64, 64, 3, 3) + block(128, 128, 5, 6) + head
    assert sum(p.numel() for p in network.parameters()) == expected


def test_strides_kernels_and_skips():
    network = SPACE.build(SPACE.parse("12210120")[0], Task(width=4))
    blocks = [m for m in network.modules() if isinstance(m, InvertedResidual)]
    depthwise = [next(m for m in b.conv if isinstance(m, nn.Conv2d) and m.groups > 1) for b in blocks]
    sizes = [(d.kernel_size[0], d.stride[0], d.groups) for d in depthwise]
    assert sizes == [(3, 2, 12), (5, 1, 48), (5, 2, 48), (3, 1, 48), (3, 2, 48), (5, 1, 192)]
    assert [b.skip for b in blocks] == [d.stride == (1, 1) for d in depthwise]


@pytest.mark.parametrize("text", ["0120120", "012012013", "01201203", "0 120120"])
def test_malformed_text(text):
    with pytest.raises(InvalidInputError, match="expected eight digits from 0 to 2"):
        SPACE.parse(text)
