"""MnasNet: seven stages, each with a kind of layer, a kernel, a gate, a skip, a width and a number of layers of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import ABSENT, CONVOLUTION, Operation
from archcast.spaces.base import register
from archcast.spaces.conditional import Condition, ConditionalSpace
from archcast.spaces.mbconv.layers import Block, Chain, Conv, Full, Layer, scaled
from archcast.spaces.mbconv.space import MBConvSpace, gathered

__all__ = ["MnasNet"]

STEM, WIDTHS, STRIDES = 32, (16, 24, 40, 80, 112, 160, 320), (1, 2, 2, 2, 1, 2, 1)
USUAL = (1, 2, 3, 4, 3, 3, 1)
"""Layers of each stage of MobileNetV2; a stage may have one fewer, at least one, or one more."""
LAYERS = tuple(tuple(n for n in (usual - 1, usual, usual + 1) if n) for usual in USUAL)
STAGES = len(USUAL)
OPS, KERNELS, GATES = ("conv", "sep", "mb3", "mb6"), (3, 5), (0, 1)
SKIPS, FILTERS = ("none", "id", "pool"), (0.75, 1, 1.25)
KINDS = ("op", "k", "se", "skip", "filters", "layers")
PART = re.compile(r"(conv|sep|mb3|mb6)_k([35])(_se)?_(none|id|pool)_f(0\.75|1|1\.25)_n([1-9])")
WEIGHTS = {"conv": 0.0, "sep": 0.5, "mb3": 3.0, "mb6": 6.0}


@register(
    "mnasnet",
    summary="7 stages: convolution or MBConv, kernel, gate, skip, filters, layers; 4.3e17 rows",
    paper="Tan et al. 2019, https://arxiv.org/abs/1807.11626",
    size=(48 * (1 + 3)) ** 2 * (48 * (1 + 3 + 3)) * (48 * (3 + 3 + 3)) ** 4,
    buildable=True,
)
class MnasNet(MBConvSpace, ConditionalSpace):
    """MnasNet's factorised space (Tan et al. 2019, https://arxiv.org/abs/1807.11626) on ImageNet.

    A row holds for each of seven stages: the kind of its layers (a full convolution, a depthwise separable one, MBConv of
    expansion 3 or 6), the kernel (3, 5), whether there is squeeze and excitation, the skip (none, identity, average
    pooling), the filters (.75, 1 or 1.25 times the usual), and the number of layers (one fewer than MobileNetV2, as many,
    one more). These are the 432 settings of a stage in the paper. A skip needs a second layer; in a stage of one it is
    inactive, hence 0.

    The notation has a part for each stage, ``mb3_k5_se_id_f1_n3``, with ``|`` between them. The usual filters are those of
    MnasNet-A1, so that it is a row: 16, 24, 40, 80, 112, 160, 320. The gate has a quarter of the channels of the layer's
    input. All rows are different functions.

    Examples:
        MnasNet-A1:

        >>> space = MnasNet()
        >>> row = space.parse(
        ...     "sep_k3_none_f1_n1|mb6_k3_id_f1_n2|mb3_k5_se_id_f1_n3|mb6_k3_id_f1_n4|mb6_k3_se_id_f1_n2|"
        ...     "mb6_k5_se_id_f1_n3|mb6_k3_none_f1_n1"
        ... )
        >>> space.costs(row)["params"]
        array([3887038.])
    """

    name = "mnasnet"
    operations: Mapping[str, Operation] = {
        f"{op}_k{k}{'_se' if gate else ''}": Operation(CONVOLUTION, weight=WEIGHTS[op] or k**2, reach=k)
        for op in OPS
        for k in KERNELS
        for gate in GATES
    }
    cardinalities = tuple(
        c for layers in LAYERS for c in (len(OPS), len(KERNELS), len(GATES), len(SKIPS), len(FILTERS), len(layers))
    )
    columns = tuple(f"block{stage}_{kind}" for stage in range(STAGES) for kind in KINDS)
    numbers = tuple(values for layers in LAYERS for values in (None, KERNELS, GATES, None, FILTERS, layers))
    conditions = tuple(
        Condition(f"block{stage}_skip", f"block{stage}_layers", tuple(k for k, n in enumerate(layers) if n > 1))
        for stage, layers in enumerate(LAYERS)
        if min(layers) == 1
    )
    sizes: Mapping[str, int] = {"width": STEM, "head": 1280}

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        parts = text.split("|")
        if len(parts) != STAGES:
            raise InvalidInputError(f"expected {STAGES} stages with | between them, got {len(parts)}")
        row: list[int] = []
        for stage, part in enumerate(parts):
            found = PART.fullmatch(part)
            if not found:
                raise InvalidInputError(f"stage {stage + 1} must be like mb3_k5_se_id_f1_n3, got {part[:40]!r}")
            op, k, gate, skip, filters, layers = found.groups()
            if int(layers) not in LAYERS[stage]:
                raise InvalidInputError(f"stage {stage + 1} has {layers} layers, not one of {LAYERS[stage]}")
            row += [OPS.index(op), KERNELS.index(int(k)), int(gate is not None), SKIPS.index(skip)]
            row += [FILTERS.index(float(filters)), LAYERS[stage].index(int(layers))]
        return row

    def format(self, archs: ArrayLike) -> list[str]:
        return [
            "|".join(
                f"{OPS[op]}_k{KERNELS[k]}{'_se' * gate}_{SKIPS[skip]}_f{FILTERS[filters]:g}_n{LAYERS[stage][layers]}"
                for stage, (op, k, gate, skip, filters, layers) in enumerate(np.reshape(row, (STAGES, -1)).tolist())
            )
            for row in self.validate(archs)
        ]

    # -- network ------------------------------------------------------------------------------------------------------

    def layers(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        ops, kernels, gates, _, _, layers = archs.reshape(-1, STAGES, len(KINDS)).transpose(2, 0, 1)
        many = np.stack([np.array(LAYERS[stage])[layers[:, stage]] for stage in range(STAGES)], axis=1)
        most = [max(values) for values in LAYERS]
        within = np.concatenate([np.arange(n) for n in most])
        codes = (ops * len(KERNELS) + kernels) * len(GATES) + gates
        return gathered(np.where(within < np.repeat(many, most, axis=1), np.repeat(codes, most, axis=1), ABSENT))

    def chain(self, rows: NDArray[np.int64], *, channels: int, classes: int, width: int, head: int) -> Chain:
        stem = scaled(STEM, width, STEM)
        chain: list[Layer | tuple[Layer, ...]] = [Conv(channels, stem, 3, 2, "relu")]
        c = np.full(len(rows), stem)
        for stage, values in enumerate(LAYERS):
            op, kernels, gates, skips, filters, layers = rows.reshape(-1, STAGES, len(KINDS))[:, stage].T
            wide = np.array([scaled(int(WIDTHS[stage] * factor), width, STEM) for factor in FILTERS])[filters]
            kernel = np.array(KERNELS)[kernels]
            for k in range(max(values)):
                there = k < np.array(values)[layers]
                stride, skip = (STRIDES[stage], 0) if k == 0 else (1, skips)
                squeeze = np.maximum(c // 4, 1) * gates
                expand = op >= OPS.index("mb3")
                mid = c * np.array([1, 1, 3, 6])[op]
                full, deep = there & (op == 0), there & (op > 0)
                chain.append(
                    (
                        Full(c, wide, kernel, stride, squeeze=squeeze, skip=skip, there=full),
                        Block(c, mid, wide, kernel, stride, expand=expand, squeeze=squeeze, skip=skip, there=deep),
                    )
                )
                c = wide
        return Chain((*chain, Conv(c, head, activation="relu")), (), classes)
