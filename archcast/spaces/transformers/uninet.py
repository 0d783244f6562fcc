"""UniNet: five stages of convolutions, attention or MLPs over tokens, and three ways to halve the resolution between them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.spaces.base import Task, register
from archcast.spaces.transformers.grids import GridConv, Halving, Stem, TokenMixing
from archcast.spaces.transformers.layers import MLP, Attention
from archcast.spaces.transformers.model import Classifier, Item, Model, Norm, Residual
from archcast.spaces.transformers.space import TransformerSpace

__all__ = ["UniNet"]

STEM, HEADS = 16, 4
BASE = (32, 48, 80, 128, 256)
"""Usual channels of each stage."""
FACTORS, EXPANSIONS, REPEATS = (0.75, 1.0, 1.25), (2, 4, 6), (1, 2, 3, 4)
OPS, HALVINGS = ("conv", "attention", "mlp"), ("local", "local_global", "global")
CHOICES: dict[str, tuple[Any, ...]] = {
    "halving": HALVINGS,
    "op": OPS,
    "expansion": EXPANSIONS,
    "width": FACTORS,
    "repeats": REPEATS,
}
FIRST_ATTENTION = 2
"""Stages before this one have so many tokens that they convolve and are halved locally."""
STAGES = len(BASE)
EXAMPLE = '[["local", "conv", 4, 1.0, 2], ... one for each of 5 stages]'


def _values(stage: int) -> dict[str, tuple[Any, ...]]:
    """What the decisions of a stage may be."""
    early = {"halving": HALVINGS[:1], "op": OPS[:1]} if stage <= FIRST_ATTENTION else {}
    return {kind: early.get(kind, values) for kind, values in CHOICES.items()}


@register(
    "uninet",
    summary="5 stages of convolutions, attention or MLPs over tokens: halving, expansion, width, repeats; 4.4e10 rows",
    paper="Liu et al. 2022, https://arxiv.org/abs/2207.05420",
    size=36**2 * (36 * 9) ** 3,
    buildable=True,
)
class UniNet(TransformerSpace):
    """The decisions of UniNet (Liu et al. 2022, https://arxiv.org/abs/2207.05420): convolution, attention and MLP in one network.

    A row holds for each of five stages how the resolution is halved before it (``local``: convolution of stride two; ``global``:
    attention with every second token as query; ``local_global``: attention with the convolution as query), the operator
    (``conv``: an inverted residual block; ``attention``; ``mlp``: two linear layers over the tokens; the last two with an
    MLP over the channels after them), the expansion (2, 4, 6), the width (.75, 1 or 1.25 times the usual channels), and how
    often the operator is repeated (1 to 4). The first two stages, with 3,136 tokens and more, convolve and are halved
    locally; their other decisions are free.

    The notation is JSON, a list of ``[halving, op, expansion, width, repeats]`` for each stage. The usual channels, 32, 48,
    80, 128, 256, and the grid of values are this library's: the paper scales its networks after the search. ``width`` counts
    the channels of the stem, 16, and all others are scaled with it. All rows are different functions.

    Examples:
        >>> space = UniNet()
        >>> row = space.parse(json.dumps([["local", "conv", 4, 1.0, 2]] * 5))
        >>> space.costs(row)["resolution"]
        array([224.])
    """

    name = "uninet"
    values = {f"{kind}{stage}": values for stage in range(1, STAGES + 1) for kind, values in _values(stage).items()}
    sizes: Mapping[str, int] = {"width": STEM}
    tasks: Mapping[str, Task] = {"imagenet": Task((3, 224, 224), 1000)}

    def _parse(self, text: str) -> list[int]:
        try:
            found = json.loads(text)
        except (json.JSONDecodeError, RecursionError):
            found = None
        if not isinstance(found, list) or len(found) != STAGES:
            raise InvalidInputError(f"expected {EXAMPLE}")
        known: dict[str, Any] = {}
        for stage, part in enumerate(found, start=1):
            if not isinstance(part, list) or len(part) != len(CHOICES):
                raise InvalidInputError(f"stage {stage} must be [{', '.join(CHOICES)}]")
            known |= {f"{kind}{stage}": value for kind, value in zip(CHOICES, part, strict=True)}
        return self.row(known)

    def format(self, archs: ArrayLike) -> list[str]:
        known = [values.tolist() for values in self.settings(self.validate(archs)).values()]
        many = len(CHOICES)
        return [
            json.dumps([list(row[many * k : many * (k + 1)]) for k in range(STAGES)])
            for row in zip(*known, strict=True)
        ]

    def model(self, rows: NDArray[np.int64], task: Task) -> Model:
        sizes, known = self.image_sizes(task), self.settings(rows)
        unit = sizes["width"]
        front = Stem(sizes["channels"], unit, task.pixels)
        body: list[Item] = []
        width, grid = np.full(len(rows), unit), front.grid
        for stage, base in enumerate(BASE, start=1):
            halving, op, expansion, factor, repeats = (known[f"{kind}{stage}"] for kind in CHOICES)
            wide = HEADS * np.maximum(1, (base * factor * unit / (STEM * HEADS)).astype(np.int64))
            number = np.array([HALVINGS.index(kind) for kind in halving.tolist()], dtype=np.int64)
            down = Halving(width, wide, grid, number)
            body.append(down)
            width, grid = wide, down.after
            tokens = int(grid[0] * grid[1])
            for k in range(max(REPEATS)):
                there = repeats > k
                mixes = there & (op != "conv")
                body.append(GridConv(width, width * expansion, grid, there=there & (op == "conv")))
                if stage > FIRST_ATTENTION:
                    attention = Attention(width, HEADS, width)
                    body += [
                        Residual((attention,), width, there=there & (op == "attention")),
                        TokenMixing(width, tokens, there=there & (op == "mlp")),
                        Residual((MLP(width, width * expansion),), width, there=mixes),
                    ]
        return Model(front, (*body, Norm(width)), Classifier(width, sizes["classes"], pool="mean"))
