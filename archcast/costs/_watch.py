"""Watches the operators that torch runs and adds up what they cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from archcast.costs.conventions import Convention

__all__ = ["Watch"]

PRODUCTS = {"mm": 0, "bmm": 0, "mv": 0, "addmm": 1, "baddbmm": 1, "addmv": 1, "addbmm": 1}
"""Product of matrices -> position of its first factor among the arguments."""

DOTS = ("dot", "vdot")
CONSTANTS = ("zeros_like", "ones_like", "full_like", "empty_like", "new_zeros", "new_ones", "new_full", "new_empty")
NORMS = ("batch_norm", "layer_norm", "group_norm", "rms_norm")
UNREACHED = -(10**6)
"""Depth of a constant: no path from the input leads there, nor to what is computed from constants alone."""
RECTIFIERS = ("relu", "relu_", "leaky_relu", "leaky_relu_", "hardtanh", "hardtanh_")
POOLS = ("avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool2d_with_indices", "max_pool3d_with_indices")


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sums over the operators that run inside its context, for the whole batch.

    A tensor that was not made by an operator on the way counts as input where it is no parameter: it has depth 0.

    Args:
        rule: how operations are counted.

    Attributes:
        macs, activations: sums so far.
    """

    def __init__(self, rule: Convention) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.rule = rule
        self.macs = self.activations = 0.0
        self._depths = WeakTensorKeyDictionary()
        self._weights = WeakTensorKeyDictionary()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        operands = list(_tensors((args, kwargs or {})))
        depth = self.depth(operands)
        outputs = list(_tensors(out))
        if outputs and operands and all(self._is_weight(tensor) for tensor in operands):
            for tensor in outputs:  # a view or a function of weights, such as their transpose
                self._weights[tensor] = True
        elif outputs:
            depth = UNREACHED if name in CONSTANTS else depth + self._layer(name, args, outputs[0])
        for tensor in outputs:
            self._depths[tensor] = depth
        return out

    def depth(self, outputs: Any) -> int:
        """Layers on the longest path to any tensor of a tree; below 0 where none leads there from the input."""
        return max((self._depths[tensor] for tensor in _tensors(outputs) if tensor in self._depths), default=0)

    def _is_weight(self, tensor: Tensor) -> bool:
        return isinstance(tensor, torch.nn.Parameter) or tensor in self._weights

    def _layer(self, name: str, args: tuple[Any, ...], out: Tensor) -> int:
        """Add what an operator costs; 1 if it is a layer with weights, else 0."""
        rule = self.rule
        if name == "convolution":
            given, weight, bias, transposed = args[0], args[1], args[2], args[6]
            if rule.transposed or not transposed:
                self.macs += (given if transposed else out).numel() * weight[0].numel()
                self.macs += rule.bias * out.numel() * (bias is not None)
        elif name in PRODUCTS:
            first, second = args[PRODUCTS[name]], args[PRODUCTS[name] + 1]
            self.macs += out.numel() * first.shape[-1] * (first.shape[0] if name == "addbmm" else 1)
            if not (self._is_weight(first) or self._is_weight(second)):
                return 0
        elif name in DOTS:
            self.macs += args[0].numel()
            return 0
        elif name == "mkldnn_rnn_layer":
            given, weights = args[0], args[1:3]
            self.macs += math.prod(given.shape[:2]) * sum(weight.numel() for weight in weights)
        else:
            self._pointwise(name, args, out)
            return 0
        self.activations += out.numel()
        return 1

    def _pointwise(self, name: str, args: tuple[Any, ...], out: Tensor) -> None:
        """Add what an operator without weights costs."""
        rule = self.rule
        if name.startswith("_scaled_dot_product"):
            query, key = args[0], args[1]
            self.macs += (query.numel() + out.numel()) * key.shape[-2]
        elif any(norm in name for norm in NORMS):
            self.macs += rule.norm * out.numel()
        elif name in RECTIFIERS:
            self.macs += rule.rectifier * out.numel()
        elif name in POOLS:
            sides = args[1] if isinstance(args[1], (list, tuple)) else [args[1]]
            window = sides[0] ** (out.ndim - 2) if len(sides) == 1 else math.prod(sides)
            self.macs += rule.window * window * out.numel()
        elif _is_global_pool(name, args, out):
            height, width = args[0].shape[-2:]
            self.macs += math.prod(args[0].shape[:2]) * rule.global_pool(height, width)


def _is_global_pool(name: str, args: tuple[Any, ...], out: Tensor) -> bool:
    """Whether an operator averages each channel of images over all pixels."""
    if not args or not isinstance(args[0], Tensor) or args[0].ndim != 4:
        return False
    if name == "mean":
        return len(args) > 1 and args[1] is not None and sorted(axis % 4 for axis in args[1]) == [2, 3]
    return name == "_adaptive_avg_pool2d" and tuple(out.shape[-2:]) == (1, 1)


def _tensors(tree: Any) -> Iterator[Tensor]:
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from _tensors(value)
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            yield from _tensors(value)
