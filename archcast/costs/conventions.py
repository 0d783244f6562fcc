"""How published tables count operations: three conventions, each the exact rule of a tool.

The field says "FLOPs" and means different things. A count is comparable with a table only if it follows the rule of the tool
that made the table, so every count here names its convention:

- ``macs``: multiply-accumulates of convolutions, linear layers, matrix products and attention, and nothing else. Logs of
  NAS-Bench-201, NAS-Bench-Macro, ProxylessNAS and SPOS.
- ``tensorwatch``: what TensorWatch counts, hence the "FLOPs" of NASLib and NAS-Bench-Suite-Zero
  (Krishnakumar et al. 2022, https://arxiv.org/abs/2210.03230). It knows no transposed convolution.
- ``thop``: what the package of that name counts, hence Accel-NASBench's "MACs".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from archcast.errors import UnknownNameError, short
from archcast.registry import closest

__all__ = ["CONVENTIONS", "Convention", "convention_of"]


@dataclass(frozen=True)
class Convention:
    """What is added to the multiply-accumulates of convolutions and linear layers, for one sample.

    Attributes:
        name: of the convention.
        summary: what it counts, in words.
        transposed: whether the multiply-accumulates of transposed convolutions count.
        bias: for each element that a convolution adds a bias to.
        norm: for each element that is normalised.
        rectifier: for each element that a rectifier (ReLU, leaky ReLU) is applied to.
        window: for each element of the window of each output of a pooling.
        global_pool: for each channel of a global average pooling, from the height and width of what is averaged.
    """

    name: str
    summary: str
    transposed: bool
    bias: int
    norm: int
    rectifier: int
    window: int
    global_pool: Callable[[Any, Any], Any]


CONVENTIONS = {
    found.name: found
    for found in (
        Convention("macs", "multiply-accumulates alone", True, 0, 0, 0, 0, lambda h, w: 0 * h * w),
        Convention(
            "tensorwatch",
            "TensorWatch: also 2 an element of a normalisation, 1 of a rectifier, the windows of poolings, biases; "
            "transposed convolutions count nothing",
            False,
            1,
            2,
            1,
            1,
            lambda h, w: (h + 1) * (w + 1),
        ),
        Convention("thop", "thop: also 4 an element of a normalisation", True, 0, 4, 0, 0, lambda h, w: h * w + 1),
    )
}
"""Name -> convention."""


def convention_of(name: str) -> Convention:
    """The convention called ``name``.

    Examples:
        >>> convention_of("thop").norm
        4

    Raises:
        UnknownNameError: with the closest names.
    """
    if not isinstance(name, str) or name not in CONVENTIONS:
        raise UnknownNameError(f"Unknown convention {short(name)}. {closest(name, list(CONVENTIONS))}")
    return CONVENTIONS[name]
