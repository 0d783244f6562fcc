"""What is seen below torch's functions, and what is refused in channels-last memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import archcast
from archcast.proxies.machinery.witness import UnsafeLayoutError, Witness, aside

A, B, C = torch.ones(3, 4), torch.ones(4, 5), torch.ones(2, 3, 4)
PRODUCTS: list[tuple[Callable[[], Any], int]] = [
    (lambda: A @ B, 60),
    (lambda: torch.einsum("...i,io->...o", C, B), 120),
    (lambda: torch.tensordot(C, B, dims=1), 120),
    (lambda: torch.inner(C, B.t()), 120),
    (lambda: torch.linalg.multi_dot([A, B, torch.ones(5, 2)]), 4 * 5 * 2 + 3 * 4 * 2),
    (lambda: torch.mv(A, torch.ones(4)), 12),
    (lambda: torch.dot(torch.ones(4), torch.ones(4)), 4),
    (lambda: torch.addmm(torch.ones(5), A, B), 60),
    (lambda: torch.addmv(torch.ones(3), A, torch.ones(4)), 12),
    (lambda: torch.baddbmm(torch.ones(2, 3, 5), C, B.expand(2, 4, 5)), 120),
    (lambda: torch.addbmm(torch.ones(3, 5), C, B.expand(2, 4, 5)), 120),
    (lambda: F.conv1d(C, torch.ones(6, 3, 2)), 2 * 6 * 3 * 3 * 2),
    (lambda: F.conv_transpose1d(C, torch.ones(3, 6, 2)), 2 * 3 * 4 * 6 * 2),
    (lambda: torch.sparse.mm(torch.eye(4).to_sparse(), B), 4 * 5),
    (lambda: A * 2 + 1, 0),
]


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
@pytest.mark.parametrize("number", range(len(PRODUCTS)))
def test_products_by_hand(number: int) -> None:
    function, macs = PRODUCTS[number]
    with Witness() as witness:
        function()
        with aside():
            function()
    assert witness.macs == macs


UNSAFE: dict[str, Callable[[], nn.Module]] = {
    "group normalisation": lambda: nn.GroupNorm(2, 4),
    "instance normalisation": lambda: nn.GroupNorm(4, 4, affine=False),
    "strided 1x1 convolution": lambda: nn.Conv2d(4, 4, 1, stride=2),
    "transposed convolution": lambda: nn.ConvTranspose2d(4, 4, 2),
    "unknown": lambda: nn.PixelShuffle(2),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_what_is_not_known_to_be_safe_is_refused_before_it_runs(name: str) -> None:
    layer, x = UNSAFE[name](), torch.randn(2, 4, 6, 6).contiguous(memory_format=torch.channels_last)
    with pytest.raises(UnsafeLayoutError), Witness(careful=True):
        layer(x)
    with Witness():
        layer(x)
    usual = nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(2))
    with Witness(careful=True):
        usual(x)


class Layouts(nn.Module):
    """Notes how the feature map that its layer gets lies in memory, in forward passes of whole batches."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), layer, nn.ReLU())
        self.head = nn.LazyLinear(3)

    def forward(self, x: Tensor) -> Tensor:
        SEEN.append(x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous())
        return self.head(self.body(x).flatten(1))


SEEN: list[bool] = []


@pytest.mark.parametrize(("name", "format_", "last"), [
    ("group normalisation", "auto", False), ("group normalisation", "channels_last", False),
    ("strided 1x1 convolution", "auto", False), ("safe", "auto", True), ("safe", "channels_last", True),
    ("safe", "contiguous", False),
])  # fmt: skip
def test_memory_format(name: str, format_: str, last: bool) -> None:
    torch.manual_seed(0)
    model = Layouts(nn.Conv2d(4, 4, 3) if name == "safe" else UNSAFE[name]())
    x, y = torch.randn(6, 3, 8, 8), torch.arange(6) % 3
    model(x)
    SEEN.clear()
    names = ["grad_norm", "vkdnw", "zico", "grasp", "jacob_cov"]
    scores = archcast.score(model, x, y, proxies=names, memory_format=format_)
    assert SEEN[-1] is last
    assert not scores.failures
    plain = archcast.score(model, x, y, proxies=names, memory_format="contiguous")
    assert dict(scores) == pytest.approx(dict(plain), rel=1e-3)


def test_a_wrong_memory_format() -> None:
    with pytest.raises(archcast.errors.InvalidInputError, match=r"memory_format is 'nhwc': it must be 'auto', 'contig"):
        archcast.score(nn.Linear(3, 2), torch.randn(2, 3), memory_format="nhwc")
