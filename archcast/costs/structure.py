"""Numbers that describe how any network is built, read from one pass on the device ``meta``: nothing is computed.

What the numbers say is which operations do the work (shares of the multiply-accumulates), and the geometry: depth, width,
resolution. They were chosen for forecasting the ImageNet accuracy of models of families never seen; zero-cost proxies add
nothing to them there (docs/models.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from archcast.checks import listed, whole
from archcast.costs._watch import PRODUCTS, Watch
from archcast.costs.conventions import convention_of
from archcast.costs.structure_names import STRUCTURE
from archcast.errors import USER_ERRORS, InvalidInputError, short

__all__ = ["STRUCTURE", "structure"]

RECTIFIED = ("relu", "leaky_relu", "hardtanh", "prelu", "_prelu_kernel", "clamp_min")
SMOOTH = ("gelu", "silu", "hardswish", "mish", "elu", "softplus", "tanh", "quick_gelu")
GATES = ("sigmoid", "hardsigmoid")
KINDS = ("dense", "pointwise", "grouped", "depthwise", "linear", "attention")


class _Look(Watch):  # type: ignore[no-untyped-call]
    """A watch that also remembers what kind of layer each operator was."""

    def __init__(self) -> None:
        super().__init__(convention_of("macs"))
        self.rows: list[tuple[str, float, int, int, int]] = []  # kind, macs, output channels, positions, window
        self.heights: list[int] = []
        self.calls: dict[str, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        before = self.macs
        out = super().__torch_dispatch__(func, types, args, kwargs)
        name = func.overloadpacket.__name__.rstrip("_")
        macs = self.macs - before
        if macs > 0 and isinstance(out, (Tensor, tuple, list)):
            first = out if isinstance(out, Tensor) else next(t for t in out if isinstance(t, Tensor))
            self.rows.append(self._described(name, args, first, macs))
        if name == "add" and len(args) > 1 and _equal_maps(args[0], args[1]):
            self.calls["residual"] = self.calls.get("residual", 0) + 1
        self.calls[name] = self.calls.get(name, 0) + 1
        return out

    def _described(
        self, name: str, args: tuple[Any, ...], out: Tensor, macs: float
    ) -> tuple[str, float, int, int, int]:
        if name == "convolution":
            weight, groups = args[1], args[8]
            window, channels = max(weight.shape[2:]), out.shape[1]
            kind = "pointwise" if window == 1 else "dense"
            if groups > 1:
                kind = "depthwise" if groups == channels else "grouped"
            if out.ndim == 4:
                self.heights.append(out.shape[-2])
            return kind, macs, channels, math.prod(out.shape[2:]), window
        linear = name in PRODUCTS and any(self._is_weight(a) for a in args if isinstance(a, Tensor))
        return "linear" if linear else "attention", macs, out.shape[-1], out.numel() // out.shape[-1], 1


LARGEST_SIDE = 100_000
"""Most channels or pixels of a side."""


def structure(model: nn.Module, shape: tuple[int, ...] = (3, 224, 224)) -> dict[str, float]:
    """The numbers of :data:`STRUCTURE` for one network.

    A copy on the device ``meta`` would cost memory, so the model itself runs once, in evaluation mode, on one sample that has its
    device; build it under ``torch.device("meta")`` where only its structure is wanted.

    Args:
        model: any module that takes images.
        shape: channels, height, width of an image.

    Raises:
        InvalidInputError: the model fails on such an image, or has no layer with weights.

    Examples:
        >>> with torch.device("meta"):
        ...     model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
        >>> found = structure(model, (3, 8, 8))
        >>> round(found["share_dense"], 3), round(found["share_linear"], 3), found["smooth"]
        (0.73, 0.27, 0.0)
    """
    if not isinstance(model, nn.Module):
        raise InvalidInputError(f"model must be a torch.nn.Module, got {short(model)}.")
    shape = tuple(whole("each of shape", size, 1, LARGEST_SIDE) for size in listed("shape", shape, "whole numbers"))
    if len(shape) != 3:
        raise InvalidInputError(f"shape must be channels, height and width of an image, got {shape}.")
    tensors = [*model.parameters(), *model.buffers()]
    device = tensors[0].device if tensors else torch.device("cpu")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    image = torch.zeros(1, *shape, device=device)
    try:
        with torch.enable_grad(), _Look() as look:
            outputs = model(image)
    except USER_ERRORS as error:
        first = (str(error).strip().splitlines() or ["no message"])[0]
        raise InvalidInputError(f"{type(model).__name__} failed on an image of {shape}: {first[:200]}") from error
    finally:
        for module, mode in modes.items():
            module.training = mode
    if not look.rows:
        raise InvalidInputError(f"{type(model).__name__} has no layer with weights that its output depends on.")
    params = sum(parameter.numel() for parameter in model.parameters())
    return _numbers(look, params, shape, look.depth(outputs), _norms(model))


def _numbers(look: _Look, params: int, shape: tuple[int, ...], depth: int, norms: tuple[int, int]) -> dict[str, float]:
    macs = sum(row[1] for row in look.rows)
    share = {kind: sum(row[1] for row in look.rows if row[0] == kind) / macs for kind in KINDS}
    layers = [row for row in look.rows if row[0] != "attention"] or look.rows
    convolutions = [row for row in layers if row[0] != "linear"]
    deep = [row for row in layers if row[0] == "depthwise"]
    body = layers[:-1] or layers
    maps = [row[3] for row in layers if row[3] > 1] or [1]
    called = look.calls
    smooth, rectified = sum(called.get(n, 0) for n in SMOOTH), sum(called.get(n, 0) for n in RECTIFIED)
    gates = sum(called.get(n, 0) for n in GATES)
    log = {
        "log_params": math.log(max(params, 1)),
        "log_macs": math.log(macs),
        "log_activations": math.log(max(look.activations, 1)),
        "log_depth": math.log(max(depth, 1)),
        "log_layers": math.log(len(layers)),
        "log_width": _mean([(row[1], math.log(row[2])) for row in layers]),
        "log_width_last": math.log(max(row[2] for row in body)),
    }
    height = shape[-2] if len(shape) > 1 else 1
    found = {
        **log,
        "log_resolution": math.log(height),
        "macs_per_param": log["log_macs"] - log["log_params"],
        "activations_per_mac": log["log_activations"] - log["log_macs"],
        **{f"share_{kind}": value for kind, value in share.items()},
        "kernel": _mean([(row[1], row[4]) for row in convolutions]) if convolutions else 1.0,
        "large_kernels": sum(row[4] > 3 for row in deep) / max(len(deep), 1),
        "branching": log["log_layers"] - log["log_depth"],
        "widening": log["log_width_last"] - math.log(layers[0][2]),
        "slenderness": log["log_depth"] - log["log_width"],
        "log_pixels": _mean([(row[1], math.log(row[3])) for row in layers]),
        "log_pixels_last": math.log(min(maps)),
        "stem_stride": math.log(height / look.heights[0]) if look.heights and look.heights[0] else 0.0,
        "scales": float(len(set(look.heights))),
        "norm_layer": norms[1] / max(sum(norms), 1),
        "norms_per_layer": sum(norms) / len(layers),
        "smooth": smooth / max(smooth + rectified, 1),
        "gates": gates / len(layers),
        "residuals": called.get("residual", 0) / len(layers),
    }
    return {name: found[name] for name in STRUCTURE}


def _norms(model: nn.Module) -> tuple[int, int]:
    """Batch and group normalisations, and layer normalisations, among the modules."""
    kinds = [type(module).__name__.lower() for module in model.modules()]
    layer = sum("layernorm" in kind or "rmsnorm" in kind for kind in kinds)
    return sum("norm" in kind for kind in kinds) - layer, layer


def _mean(pairs: list[tuple[float, float]]) -> float:
    total = sum(weight for weight, _ in pairs)
    return sum(weight * value for weight, value in pairs) / total if total else 0.0


def _equal_maps(a: Any, b: Any) -> bool:
    return isinstance(a, Tensor) and isinstance(b, Tensor) and a.shape == b.shape and a.ndim >= 3
