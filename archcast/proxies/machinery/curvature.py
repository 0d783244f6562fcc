"""The number w' H g, for the weights w, the gradient g and the Hessian H of a loss, at about the price of two backward
passes.

Differentiating z = g' g(w), with the first g held fixed, gives H g, and a general double backward pass computes that
vector: for every layer two gradients of its weights, and for every batch normalisation some twenty temporaries. The
number alone needs less. A layer y = A(x, W) that is linear in both arguments, as convolutions and linear maps are, contributes

    <W, dz/dW> = <y, dz/dy> + <A(u, W), dL/dy>,        u = dz / d(dL/dx),

two inner products with what passes by anyway, so no gradient of a weight is formed. :class:`Curvature` replaces such
layers, and batch normalisation, by functions whose double backward is written out; everything else is left to autograd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from archcast.proxies.machinery.functions import CONVOLUTIONS, TRANSPOSED
from archcast.proxies.machinery.tracing import Layer

__all__ = ["Curvature", "geometry_of"]

aten = torch.ops.aten
BLOCK = 1 << 18


class Curvature:
    """Computes w' H g of a loss whose forward pass ran with :attr:`replacements`.

    Attributes:
        replacements: for :class:`~archcast.proxies.machinery.tracing.Tracer`.
    """

    def __init__(self) -> None:
        self.active = False
        self.total = 0.0
        self.replacements: dict[str, Callable[..., Any]] = {
            **dict.fromkeys((*CONVOLUTIONS, *TRANSPOSED), self._convolution),
            "linear": self._linear,
            "batch_norm": self._batch_norm,
            "avg_pool2d": _pool,
            "hardsigmoid": _hardsigmoid,
            "scaled_dot_product_attention": _attention,
        }

    def add(self, left: Tensor, right: Tensor) -> None:
        """Add an inner product."""
        self.total += _inner(left, right)

    def along(
        self, layers: list[Layer], gradients: Iterable[Tensor | None], direction: Iterable[Tensor | None]
    ) -> float:
        """Sum of w (H d) over the weights w of ``layers``.

        Args:
            gradients: of the loss with respect to the weights, with their own graph.
            direction: d.
        """
        weights = [layer.weight for layer in layers]
        pairs = [(g, d.detach()) for g, d in zip(gradients, direction) if g is not None and d is not None]
        z = torch.stack([(g * d).sum() for g, d in pairs]).sum()
        if not z.requires_grad:
            return 0.0
        self.active, self.total = True, 0.0
        try:
            others = torch.autograd.grad(z, weights, allow_unused=True)
        finally:
            self.active = False
        for weight, other in zip(weights, others):
            if other is not None:
                self.add(weight.detach(), other)
        return self.total

    def _convolution(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
        x, weight, bias, geometry = geometry_of(function, args, kwargs)
        if geometry is None or x.ndim != weight.ndim or not _follows(x, weight):
            return function(*args, **kwargs)
        return _with_bias(_apply(_Bilinear, x, weight, _Convolution(*geometry), self), bias, 1)

    def _linear(
        self, function: Callable[..., Any], input: Tensor, weight: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        if weight.ndim != 2 or not _follows(input, weight):
            return function(input, weight, bias)
        return _with_bias(_apply(_Bilinear, input, weight, _Linear(), self), bias, input.ndim - 1)

    def _batch_norm(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
        values = dict(
            zip(("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"), args)
        )
        values.update(kwargs)
        x = values["input"]
        if (
            not values.get("training")
            or function.__module__ != "torch.nn.functional"
            or torch.is_autocast_enabled(x.device.type)
        ):
            return function(*args, **kwargs)
        return _apply(_BatchNorm, x, values.get("weight"), values.get("bias"), values.get("eps", 1e-5))


def _follows(x: Tensor, weight: Tensor) -> bool:
    """Whether a layer may be replaced: a weight that is computed from others must pass on its gradient to them."""
    source = weight if weight._base is None else weight._base
    return source.is_leaf and not torch.is_autocast_enabled(x.device.type)


def _inner(left: Tensor, right: Tensor) -> float:
    """Inner product, a block at a time: no temporary of full size, and errors do not add up in single precision."""
    if left.ndim == 4 and left.is_contiguous(memory_format=torch.channels_last):
        left, right = left.permute(0, 2, 3, 1), right.permute(0, 2, 3, 1)
    a, b = left.reshape(-1), right.reshape(-1)
    return sum(float(torch.dot(a[i : i + BLOCK], b[i : i + BLOCK])) for i in range(0, len(a), BLOCK))


def _apply(function: Any, *args: Any) -> Any:
    return function.apply(*args)


class _Convolution:
    """A(x, W) of a convolution, and its gradients."""

    def __init__(
        self, stride: Any, padding: Any, dilation: Any, transposed: bool, output_padding: Any, groups: int
    ) -> None:
        self.geometry = (stride, padding, dilation, transposed, output_padding, groups)

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        return aten.convolution(x, weight, None, *self.geometry)

    def gradients(
        self, y: Tensor, x: Tensor, weight: Tensor, which: tuple[bool, bool]
    ) -> tuple[Tensor | None, Tensor | None]:
        return aten.convolution_backward(y, x, weight, None, *self.geometry, [*which, False])[:2]


class _Linear:
    """A(x, W) = x W', and its gradients."""

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        return x @ weight.t()

    def gradients(
        self, y: Tensor, x: Tensor, weight: Tensor, which: tuple[bool, bool]
    ) -> tuple[Tensor | None, Tensor | None]:
        return (
            y @ weight if which[0] else None,
            y.reshape(-1, y.shape[-1]).t() @ x.reshape(-1, x.shape[-1]) if which[1] else None,
        )


class _Bilinear(torch.autograd.Function):
    """y = A(x, W)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, rule: Any, sink: Curvature) -> Tensor:
        ctx.set_materialize_grads(False)
        y = rule.forward(x, weight)
        ctx.save_for_backward(x, weight, y)
        ctx.rule, ctx.sink = rule, sink
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None) -> tuple[Tensor | None, ...]:
        if dy is None:
            return (None,) * 4
        x, weight, y = ctx.saved_tensors
        if ctx.sink.active:
            ctx.sink.add(dy, y)
            dx, _ = ctx.rule.gradients(dy, x, weight, (ctx.needs_input_grad[0], False))
            return dx, None, None, None
        dx, dw = _apply(_BilinearBackward, dy, x, weight, ctx.rule, ctx.sink, tuple(ctx.needs_input_grad[:2]))
        return dx, dw, None, None


class _BilinearBackward(torch.autograd.Function):
    """The gradients of A as functions of dy, x and W."""

    @staticmethod
    def forward(
        ctx: Any, dy: Tensor, x: Tensor, weight: Tensor, rule: Any, sink: Curvature, which: tuple[bool, bool]
    ) -> tuple[Tensor | None, Tensor | None]:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(dy, x, weight)
        ctx.rule, ctx.sink = rule, sink
        return rule.gradients(dy, x, weight, which)

    @staticmethod
    def backward(ctx: Any, u: Tensor | None, v: Tensor | None) -> tuple[Tensor | None, ...]:
        dy, x, weight = ctx.saved_tensors
        onto_dy = onto_x = None
        if u is not None:
            onto_dy = ctx.rule.forward(u, weight)
            ctx.sink.add(onto_dy, dy)
        if v is not None:
            part = ctx.rule.forward(x, v)
            onto_dy = part if onto_dy is None else onto_dy.add_(part)
            if ctx.needs_input_grad[1]:
                onto_x, _ = ctx.rule.gradients(dy, x, v, (True, False))
        return onto_dy, onto_x, None, None, None, None


class _BatchNorm(torch.autograd.Function):
    """Batch normalisation with the statistics of the batch."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor | None, shift: Tensor | None, eps: float) -> Tensor:
        ctx.set_materialize_grads(False)
        y, mean, rstd = torch.native_batch_norm(x, scale, shift, None, None, True, 0.0, eps)
        ctx.save_for_backward(x, scale, mean, rstd)
        ctx.eps = eps
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None) -> tuple[Tensor | None, ...]:
        if dy is None:
            return (None,) * 4
        x, scale, mean, rstd = ctx.saved_tensors
        return (*_apply(_BatchNormBackward, dy, x, scale, mean, rstd, ctx.eps), None)


class _BatchNormBackward(torch.autograd.Function):
    """The gradients of batch normalisation as functions of dy and x.

    With h = (x - mean) rstd and the projection P(a) = a - mean(a) - h mean(a h), dx = scale rstd P(dy). P is symmetric,
    so the cotangent u of dx passes onto dy as scale rstd P(u), and onto x as

        -scale rstd² [h (mean(u dy) - mean(u) mean(dy) - 3 B C) + B (dy - mean(dy)) + C (u - mean(u))],  B = mean(u h),
        C = mean(dy h).
    """

    @staticmethod
    def forward(
        ctx: Any, dy: Tensor, x: Tensor, scale: Tensor | None, mean: Tensor, rstd: Tensor, eps: float
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        ctx.set_materialize_grads(False)
        dx, along, sums = aten.native_batch_norm_backward(
            dy, x, scale, None, None, mean, rstd, True, eps, [True, True, True]
        )
        ctx.save_for_backward(dy, x, scale, mean, rstd, along, sums)
        ctx.eps = eps
        return dx, along if scale is not None else None, sums if scale is not None else None

    @staticmethod
    def backward(ctx: Any, u: Tensor | None, *_: Tensor | None) -> tuple[Tensor | None, ...]:
        if u is None:
            return (None,) * 6
        dy, x, scale, mean, rstd, along, sums = ctx.saved_tensors
        onto_dy, along_u, sums_u = aten.native_batch_norm_backward(
            u, x, scale, None, None, mean, rstd, True, ctx.eps, [True, True, True]
        )
        n = x.numel() // x.shape[1]
        axes = [axis for axis in range(x.ndim) if axis != 1]
        b, c = along_u / n, along / n
        factor = -rstd * rstd * (1 if scale is None else scale)
        on_h = factor * ((u * dy).sum(axes) / n - sums_u * sums / n**2 - 3 * b * c)
        on_x = on_h * rstd
        constant = -on_x * mean - factor * (b * sums + c * sums_u) / n
        shape = [1, -1, *[1] * (x.ndim - 2)]
        onto_x = torch.addcmul(constant.view(shape), x, on_x.view(shape), out=torch.empty_like(x))
        onto_x.addcmul_(dy, (factor * b).view(shape)).addcmul_(u, (factor * c).view(shape))
        return onto_dy, onto_x, None, None, None, None


class _Pool(torch.autograd.Function):
    """Average pooling. Autograd's own double backward adds a map of zeros, in a memory format that slows what
    follows.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, geometry: tuple[Any, ...]) -> Tensor:
        ctx.save_for_backward(x)
        ctx.geometry = geometry
        return aten.avg_pool2d(x, *geometry)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        return _apply(_PoolBackward, dy, x.detach(), ctx.geometry), None


class _PoolBackward(torch.autograd.Function):
    """The adjoint of average pooling."""

    @staticmethod
    def forward(ctx: Any, dy: Tensor, x: Tensor, geometry: tuple[Any, ...]) -> Tensor:
        ctx.geometry = geometry
        return aten.avg_pool2d_backward(dy, x, *geometry)

    @staticmethod
    def backward(ctx: Any, u: Tensor) -> tuple[Tensor | None, ...]:
        return aten.avg_pool2d(u, *ctx.geometry), None, None


def _pool(
    _function: Callable[..., Any],
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    sizes = [
        [value] * 2 if isinstance(value, int) else list(value)
        for value in (kernel_size, stride or kernel_size, padding)
    ]
    return _apply(_Pool, input, (*sizes, ceil_mode, count_include_pad, divisor_override))


def _hardsigmoid(_function: Callable[..., Any], input: Tensor, *_: Any, **__: Any) -> Tensor:
    """From plain operations: torch's own has no second derivative."""
    return ((input + 3) / 6).clamp(0, 1)


def _attention(
    _function: Callable[..., Any], query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any
) -> Tensor:
    """Attention from plain operations: the fused kernels cannot be differentiated twice."""
    names = ("attn_mask", "dropout_p", "is_causal")
    kwargs = {**dict(zip(names, args)), **kwargs, "dropout_p": 0.0}
    return aten._scaled_dot_product_attention_math(query, key, value, **kwargs)[0]


def geometry_of(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Operands of a convolution and its stride, padding, dilation, transposed, output padding and groups, or
    ``None``.
    """
    transposed = function.__name__ in TRANSPOSED
    names = ["input", "weight", "bias", "stride", "padding"]
    names += ["output_padding", "groups", "dilation"] if transposed else ["dilation", "groups"]
    values: dict[str, Any] = {"bias": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1, "output_padding": 0}
    values.update(zip(names, args))
    values.update(kwargs)
    x, weight, bias = values["input"], values["weight"], values["bias"]
    if isinstance(values["padding"], str):
        return x, weight, bias, None
    dimensions = weight.ndim - 2
    stride, padding, dilation, extra = (
        [value] * dimensions if isinstance(value, int) else list(value)
        for value in (values["stride"], values["padding"], values["dilation"], values["output_padding"])
    )
    return x, weight, bias, (stride, padding, dilation, transposed, extra, values["groups"])


def _with_bias(y: Tensor, bias: Tensor | None, axis: int) -> Tensor:
    if bias is None:
        return y
    return y + bias.view([-1 if i == axis else 1 for i in range(y.ndim)])
