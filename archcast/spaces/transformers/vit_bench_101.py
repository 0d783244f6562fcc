"""The two spaces of ViT-Bench-101: AutoFormer's tiny one with two MLP ratios, and PiT's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.spaces.base import Task, register
from archcast.spaces.transformers.autoformer import AutoFormer
from archcast.spaces.transformers.layers import MLP, Attention, scaled
from archcast.spaces.transformers.model import Classifier, Item, Model, Norm, Patches, PoolTokens, Residual
from archcast.spaces.transformers.space import TransformerSpace, dictionary, per_layer, size_by_depth

__all__ = ["ViTBench101AutoFormer", "ViTBench101PiT"]

PAPER = "Wei et al. 2024, https://arxiv.org/abs/2312.09059"
DIMS, RATIOS, DEPTHS, HEADS = (16, 24, 32, 40), (2, 4, 6, 8), ((1, 2, 3), (4, 6, 8), (2, 4, 6)), (2, 4, 8)
STAGES = len(DEPTHS)
PATCH = 16
EXAMPLE = '{"base_dim": 16, "mlp_ratio": 6, "depth": [2, 8, 4], "num_heads": [2, 4, 4]}'


@register(
    "vit-bench-101-autoformer",
    summary="vision transformers of 192 to 240 channels, 12 to 14 layers: heads, two MLP ratios; 1.06e9 rows",
    paper=PAPER,
    size=size_by_depth(3, 4, (12, 13, 14)),
    buildable=True,
)
class ViTBench101AutoFormer(AutoFormer):
    """The AutoFormer part of ViT-Bench-101 (Wei et al. 2024, https://arxiv.org/abs/2312.09059).

    It is the tiny space with the MLP ratios 3.5 and 4; see :class:`~archcast.spaces.transformers.autoformer.AutoFormer`.
    """

    name = "vit-bench-101-autoformer"
    dims, depths, heads, ratios = (192, 216, 240), (12, 13, 14), (3, 4), (3.5, 4.0)


@register(
    "vit-bench-101-pit",
    summary="pooling vision transformers: channels of a head, MLP ratio, depths and heads of 3 stages; 11,664 rows",
    paper=PAPER,
    size=len(DIMS) * len(RATIOS) * 27 * 27,
    buildable=True,
)
class ViTBench101PiT(TransformerSpace):
    """The PiT part of ViT-Bench-101 (Wei et al. 2024, https://arxiv.org/abs/2312.09059; PiT: Heo et al. 2021,
    https://arxiv.org/abs/2103.16302).

    A row holds the channels of a head, the MLP ratio, the depths of three stages, and their numbers of heads. The notation
    is that of the published table, ``{"base_dim": 16, "mlp_ratio": 6, "depth": [2, 8, 4], "num_heads": [2, 4, 4]}``.

    The network: overlapping patches of 16x16 with stride 8, a class token, positions of the patches; three stages of layers
    with norms before attention and MLP; between them a pooling that halves the resolution; norm, classifier of the class
    token. ``width`` counts the channels of the largest head. All rows are different functions.

    The published rows have at least as many heads in a stage as in the one before, so that the pooling is PiT's own, a depthwise
    convolution. The space of the paper, 11,664 rows, also counts rows with fewer; there the convolution has fewer groups.

    Examples:
        >>> space = ViTBench101PiT()
        >>> space.parse('{"base_dim": 16, "mlp_ratio": 6, "depth": [2, 8, 4], "num_heads": [2, 4, 4]}')
        array([[0, 2, 1, 2, 1, 0, 1, 1]])
    """

    name = "vit-bench-101-pit"
    values = {
        "base_dim": DIMS,
        "mlp_ratio": RATIOS,
        **{f"depth{stage}": depths for stage, depths in enumerate(DEPTHS, start=1)},
        **per_layer("num_heads", HEADS, STAGES),
    }
    sizes: Mapping[str, int] = {"width": max(DIMS), "patch": PATCH}
    tasks: Mapping[str, Task] = {"imagenet": Task((3, 224, 224), 1000)}

    def _parse(self, text: str) -> list[int]:
        found = dictionary(text, EXAMPLE)
        known: dict[str, Any] = {name: found.get(name) for name in ("base_dim", "mlp_ratio")}
        for kind in ("depth", "num_heads"):
            values = found.get(kind)
            if not isinstance(values, list) or len(values) != STAGES:
                raise InvalidInputError(f"{kind!r} must be a list of {STAGES} numbers, one for each stage")
            known |= {f"{kind}{stage}": value for stage, value in enumerate(values, start=1)}
        return self.row(known)

    def format(self, archs: ArrayLike) -> list[str]:
        known = {name: values.tolist() for name, values in self.settings(self.validate(archs)).items()}
        rows = [dict(zip(known, values, strict=True)) for values in zip(*known.values(), strict=True)]
        return [
            json.dumps(
                {name: row[name] for name in ("base_dim", "mlp_ratio")}
                | {kind: [row[f"{kind}{k}"] for k in range(1, STAGES + 1)] for kind in ("depth", "num_heads")}
            )
            for row in rows
        ]

    def model(self, rows: NDArray[np.int64], task: Task) -> Model:
        sizes, known = self.image_sizes(task), self.settings(rows)
        head = scaled(known["base_dim"], sizes["width"], max(DIMS))
        widths = [head * known[f"num_heads{stage}"] for stage in range(1, STAGES + 1)]
        patch = sizes["patch"]
        front = Patches(sizes["channels"], widths[0], task.pixels, patch, (patch + 1) // 2, token_position=False)
        body: list[Item] = []
        grid = front.grid
        for stage, width in enumerate(widths):
            heads, hidden = known[f"num_heads{stage + 1}"], width * known["mlp_ratio"]
            for layer in range(max(DEPTHS[stage])):
                there = known[f"depth{stage + 1}"] > layer
                body += [
                    Residual((Attention(width, heads, width),), width, there=there),
                    Residual((MLP(width, hidden),), width, there=there),
                ]
            if stage + 1 < STAGES:
                pooling = PoolTokens(width, widths[stage + 1], grid)
                body.append(pooling)
                grid = pooling.pooled
        return Model(front, (*body, Norm(widths[-1])), Classifier(widths[-1], sizes["classes"]))
