"""GLiT: vision transformers of 12 blocks in which some heads attend to all patches and others convolve."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.spaces.base import Task, register
from archcast.spaces.conditional import Condition
from archcast.spaces.transformers.layers import MLP, GlobalLocal
from archcast.spaces.transformers.model import Classifier, Item, Model, Norm, Patches, Residual
from archcast.spaces.transformers.space import TransformerSpace

__all__ = ["GLiT"]

BLOCKS, HEADS, HEAD, PATCH = 12, 3, 64, 16
CHOICES: dict[str, tuple[int, ...]] = {
    "local": tuple(range(HEADS + 1)),
    "kernel": (17, 31, 45),
    "expansion": (1, 2, 4),
    "dk": (96, 192, 384),
    "ffn": (2, 4, 6),
}
SETTINGS = 3 * (3 + 2 * 27 + 9)
"""Settings of a block: none of the heads is local, one or two are, all are; times those of the MLP."""


@register(
    "glit",
    summary="vision transformers of 12 blocks: local heads, kernel, expansion, channels of keys, MLP ratio; 3.6e27 rows",
    paper="Chen et al. 2021, https://arxiv.org/abs/2107.02960",
    size=SETTINGS**BLOCKS,
    buildable=True,
)
class GLiT(TransformerSpace):
    """GLiT's tiny space (Chen et al. 2021, https://arxiv.org/abs/2107.02960).

    A row holds for each of 12 blocks: how many of three heads are local (0 to 3), the kernel (17, 31, 45) and the expansion
    (1, 2, 4) of their convolution, the channels of queries, keys and values of three heads (96, 192, 384), and the MLP ratio
    (2, 4, 6). Without local heads kernel and expansion are inactive, hence 0, and without global ones the keys; the paper's 324
    settings of a block count these too.

    The notation is JSON, a list of ``[local, kernel, expansion, dk, ffn]`` for each block, with 0 for what is inactive.

    The network is that of the authors' code: patches of 16x16 of 192 channels with a class token and positions; blocks with norms
    before them; norm, classifier of the class token. Heads share the channels. Global ones attend and have a last linear layer;
    local ones are a linear layer, a gate, a depthwise convolution along the tokens, batch norm, a linear layer. ``width`` counts
    the channels of a head. All rows are different functions.

    Examples:
        >>> space = GLiT()
        >>> row = space.parse("[" + ", ".join(["[1, 17, 2, 192, 4]"] * 12) + "]")
        >>> space.settings(row)["dk12"].item()
        192
    """

    name = "glit"
    values = {f"{kind}{block}": values for block in range(1, BLOCKS + 1) for kind, values in CHOICES.items()}
    conditions = tuple(
        Condition(f"{kind}{block}", f"local{block}", active)
        for block in range(1, BLOCKS + 1)
        for kind, active in (("kernel", (1, 2, 3)), ("expansion", (1, 2, 3)), ("dk", (0, 1, 2)))
    )
    sizes: Mapping[str, int] = {"width": HEAD, "patch": PATCH}
    tasks: Mapping[str, Task] = {"imagenet": Task((3, 224, 224), 1000)}

    def _parse(self, text: str) -> list[int]:
        try:
            found = json.loads(text)
        except (json.JSONDecodeError, RecursionError):
            found = None
        many = len(CHOICES)
        if not isinstance(found, list) or len(found) != BLOCKS:
            raise InvalidInputError(f"expected a list of {BLOCKS} blocks, each [{', '.join(CHOICES)}]")
        known: dict[str, object] = {}
        for block, part in enumerate(found, start=1):
            if not isinstance(part, list) or len(part) != many:
                raise InvalidInputError(f"block {block} must be [{', '.join(CHOICES)}]")
            idle = {0: ("kernel", "expansion"), HEADS: ("dk",)}.get(part[0] if isinstance(part[0], int) else -1, ())
            known |= {f"{kind}{block}": v for kind, v in zip(CHOICES, part, strict=True) if kind not in idle}
        return self.row(known)

    def format(self, archs: ArrayLike) -> list[str]:
        rows = self.validate(archs)
        values = np.stack([*self.settings(rows).values()], axis=1) * self.active(rows)
        return [json.dumps(blocks) for blocks in values.reshape(-1, BLOCKS, len(CHOICES)).tolist()]

    def model(self, rows: NDArray[np.int64], task: Task) -> Model:
        sizes, known = self.image_sizes(task), self.settings(rows)
        head = sizes["width"]
        width = HEADS * head
        front = Patches(sizes["channels"], width, task.pixels, sizes["patch"], sizes["patch"])
        body: list[Item] = []
        for block in range(1, BLOCKS + 1):
            local, kernel, expansion, dk, ratio = (known[f"{kind}{block}"] for kind in CHOICES)
            keys = HEADS * np.maximum(1, dk // HEADS * head // HEAD)
            mixing = GlobalLocal(width, HEADS, local, kernel, expansion, keys)
            body += [Residual((mixing,), width), Residual((MLP(width, width * ratio),), width)]
        return Model(front, (*body, Norm(width)), Classifier(width, sizes["classes"]))
