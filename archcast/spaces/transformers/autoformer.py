"""AutoFormer: vision transformers of elastic width and depth, heads and MLP ratio in each layer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.graphs import ABSENT, ATTENTION, CONVOLUTION, Operation
from archcast.spaces.base import Task, register
from archcast.spaces.chains import ChainSpace
from archcast.spaces.transformers.layers import MLP, Attention, scaled
from archcast.spaces.transformers.model import Classifier, Item, Model, Norm, Patches, Residual
from archcast.spaces.transformers.space import (
    TransformerSpace,
    by_depth,
    dictionary,
    layer_values,
    per_layer,
    size_by_depth,
)

__all__ = ["AutoFormer", "AutoFormerBase", "AutoFormerSmall", "AutoFormerTiny"]

PAPER = "Chen et al. 2021, https://arxiv.org/abs/2107.00651"
HEAD, PATCH, SIDE = 64, 16, 14
"""Channels of a head, side of a patch, patches along a side of an image."""
EXAMPLE = '{"hidden_dim": 192, "depth": 12, "mlp_ratio": [12 ratios], "num_heads": [12 numbers]}'


class AutoFormer(ChainSpace, TransformerSpace):
    """The space of AutoFormer (Chen et al. 2021, https://arxiv.org/abs/2107.00651), in one of its sizes.

    A row holds the channels, the depth, then the MLP ratio and then the number of heads of each layer, inactive, hence 0,
    beyond the depth. The notation is that of ViT-Bench-101, ``{"hidden_dim": 192, "depth": 12, "mlp_ratio": [...],
    "num_heads": [...]}``; ``embed_dim`` is read for ``hidden_dim``, and lists may be longer than the depth.

    The network: patches of 16x16 with a class token and learned positions; layers of attention and MLP with norms before them;
    norm, mean of all patches, classifier. Heads have 64 channels (``width``) whatever the channels of a token are, and relative
    positions in keys and values. All rows are different functions.
    """

    has_graph = True
    sizes: Mapping[str, int] = {"width": HEAD, "patch": PATCH}
    tasks: Mapping[str, Task] = {"imagenet": Task((3, 224, 224), 1000)}
    dims: ClassVar[tuple[int, ...]] = (192,)
    depths: ClassVar[tuple[int, ...]] = (12,)
    heads: ClassVar[tuple[int, ...]] = (3,)
    ratios: ClassVar[tuple[float, ...]] = (4.0,)

    def __init_subclass__(cls, **arguments: Any) -> None:
        most = max(cls.depths)
        cls.values = {
            "hidden_dim": cls.dims,
            "depth": cls.depths,
            **per_layer("mlp_ratio", cls.ratios, most),
            **per_layer("num_heads", cls.heads, most),
        }
        cls.conditions = by_depth(("mlp_ratio", "num_heads"), "depth", cls.depths)
        middle = cls.dims[len(cls.dims) // 2]
        cls.operations = {
            **{f"embed{dim}": Operation(CONVOLUTION, weight=dim / middle, reach=PATCH) for dim in cls.dims},
            **{
                f"heads{heads}_mlp{ratio:g}": Operation(
                    ATTENTION, weight=4 * HEAD * heads / middle + 2 * ratio, reach=2 * SIDE - 1
                )
                for heads in cls.heads
                for ratio in cls.ratios
            },
        }
        super().__init_subclass__(**arguments)

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        found = dictionary(text, EXAMPLE)
        known = {"hidden_dim": found.get("hidden_dim", found.get("embed_dim")), "depth": found.get("depth")}
        for kind in ("mlp_ratio", "num_heads"):
            known |= layer_values(found, kind, known["depth"])
        return self.row({name: known[name] for name in self.columns if name in known})

    def format(self, archs: ArrayLike) -> list[str]:
        rows = self.validate(archs)
        known = {name: values.tolist() for name, values in self.settings(rows).items()}
        return [
            json.dumps(
                {
                    "hidden_dim": known["hidden_dim"][i],
                    "depth": depth,
                    **{kind: [known[f"{kind}{k}"][i] for k in range(1, depth + 1)] for kind in ("mlp_ratio", "num_heads")},
                }
            )
            for i, depth in enumerate(known["depth"])
        ]  # fmt: skip

    # -- network ------------------------------------------------------------------------------------------------------

    def layers(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        """The embedding, then attention and MLP of each layer as one operation."""
        embed, depth, ratios, heads = np.split(archs, [1, 2, 2 + max(self.depths)], axis=1)
        there = np.arange(1, max(self.depths) + 1) <= np.array(self.depths)[depth]
        ops = len(self.dims) + heads * len(self.ratios) + ratios
        return np.concatenate([embed, np.where(there, ops, ABSENT)], axis=1)

    def model(self, rows: NDArray[np.int64], task: Task) -> Model:
        sizes, known = self.image_sizes(task), self.settings(rows)
        head = sizes["width"]
        width = scaled(known["hidden_dim"], head, HEAD)
        front = Patches(sizes["channels"], width, task.pixels, sizes["patch"], sizes["patch"])
        body: list[Item] = []
        for layer in range(1, max(self.depths) + 1):
            there, heads = known["depth"] >= layer, known[f"num_heads{layer}"]
            hidden = (width * known[f"mlp_ratio{layer}"]).astype(np.int64)
            body += [
                Residual((Attention(width, heads, heads * head, grid=front.grid),), width, there=there),
                Residual((MLP(width, hidden),), width, there=there),
            ]
        return Model(front, (*body, Norm(width)), Classifier(width, sizes["classes"], pool="patches"))


@register(
    "autoformer-tiny",
    summary="vision transformers of 192 to 240 channels, 12 to 14 layers: heads, MLP ratios; 2.8e11 rows",
    paper=PAPER,
    size=size_by_depth(3, 6, (12, 13, 14)),
    buildable=True,
)
class AutoFormerTiny(AutoFormer):
    """AutoFormer's tiny space (Chen et al. 2021): 192, 216 or 240 channels, 12 to 14 layers of 3 or 4 heads, MLP ratio 3, 3.5, 4.

    See :class:`AutoFormer`.

    Examples:
        The network that the paper found:

        >>> space = AutoFormerTiny()
        >>> row = space.parse(
        ...     '{"hidden_dim": 192, "depth": 13, "num_heads": [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 3, 3], '
        ...     '"mlp_ratio": [3.5, 3.5, 3, 3.5, 3, 3, 4, 4, 3.5, 4, 3.5, 4, 3.5]}'
        ... )
        >>> space.costs(row)["params"]
        array([5867944.])
    """

    name = "autoformer-tiny"
    dims, depths, heads, ratios = (192, 216, 240), (12, 13, 14), (3, 4), (3.0, 3.5, 4.0)


@register(
    "autoformer-small",
    summary="vision transformers of 320 to 448 channels, 12 to 14 layers: heads, MLP ratios; 7.7e13 rows",
    paper=PAPER,
    size=size_by_depth(3, 9, (12, 13, 14)),
    buildable=True,
)
class AutoFormerSmall(AutoFormer):
    """AutoFormer's small space (Chen et al. 2021): 320, 384 or 448 channels, 12 to 14 layers of 5 to 7 heads, MLP ratio 3,
    3.5, 4.

    See :class:`AutoFormer`.
    """

    name = "autoformer-small"
    dims, depths, heads, ratios = (320, 384, 448), (12, 13, 14), (5, 6, 7), (3.0, 3.5, 4.0)


@register(
    "autoformer-base",
    summary="vision transformers of 528 to 624 channels, 14 to 16 layers: heads, MLP ratios; 1.0e13 rows",
    paper=PAPER,
    size=size_by_depth(3, 6, (14, 15, 16)),
    buildable=True,
)
class AutoFormerBase(AutoFormer):
    """AutoFormer's base space (Chen et al. 2021): 528, 576 or 624 channels, 14 to 16 layers of 9 or 10 heads, MLP ratio 3,
    3.5, 4; see :class:`AutoFormer`."""

    name = "autoformer-base"
    dims, depths, heads, ratios = (528, 576, 624), (14, 15, 16), (9, 10), (3.0, 3.5, 4.0)
