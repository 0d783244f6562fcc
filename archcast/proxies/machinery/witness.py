"""What a model does below torch's functions: the operations that torch's dispatcher carries out.

A :class:`Witness` is a ``TorchDispatchMode``. It sees the same few operations whatever function asked for them: ``einsum``,
``tensordot``, ``inner`` and ``linalg.multi_dot`` all become matrix products here. It is used for two things:

- the multiply-accumulates of functions that have no formula of their own in
  :mod:`archcast.proxies.machinery.tracing`;
- memory: torch has kernels that write where they must not in channels-last memory, which ends the process (group
  normalisation whose input needs no gradient, in torch 2.13; strided 1x1 convolutions of few channels, in torch 2.14).
  An operation that is not known to be safe is refused *before* it runs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["UnsafeLayoutError", "Witness", "aside"]

SAFE = frozenset({
    "convolution", "_convolution", "native_batch_norm", "_native_batch_norm_legit",
    "_native_batch_norm_legit_no_training", "_batch_norm_with_update", "relu", "relu_", "hardtanh", "hardtanh_",
    "leaky_relu", "leaky_relu_", "elu", "elu_", "gelu", "silu", "silu_", "sigmoid", "sigmoid_", "tanh", "tanh_",
    "hardswish", "hardswish_", "hardsigmoid", "hardsigmoid_", "clamp", "clamp_", "clamp_min", "clamp_min_",
    "threshold", "threshold_", "add", "add_", "sub", "sub_", "mul", "mul_", "div", "div_", "neg", "cat", "stack",
    "split", "split_with_sizes", "chunk", "max_pool2d", "max_pool2d_with_indices", "avg_pool2d",
    "adaptive_avg_pool2d", "_adaptive_avg_pool2d", "mean", "sum", "view", "_unsafe_view", "reshape",
    "_reshape_alias", "flatten", "permute", "transpose", "t", "expand", "unsqueeze", "squeeze", "slice", "select",
    "alias", "clone", "copy_", "detach", "lift_fresh", "contiguous", "_to_copy", "empty", "empty_like", "zeros",
    "zeros_like", "ones", "ones_like", "full", "full_like", "fill_", "zero_", "new_empty", "new_zeros", "new_ones",
    "arange", "scalar_tensor", "constant_pad_nd", "linear", "addmm", "mm", "softmax", "_softmax", "log_softmax",
    "_log_softmax", "eq", "ne", "gt", "ge", "lt", "le",
})  # fmt: skip
"""Operations that were tried in channels-last memory, forward and backward, on torch 2.13 and 2.14."""


class UnsafeLayoutError(BaseException):
    """An operation that is not known to be safe in channels-last memory was about to run.

    No ``Exception``, so that a model that catches its own errors does not catch this one.
    """


_thread = threading.local()


@contextmanager
def aside() -> Iterator[None]:
    """Within the context operations are archcast's own, not the model's: no witness looks at them."""
    before = getattr(_thread, "aside", False)
    _thread.aside = True
    try:
        yield
    finally:
        _thread.aside = before


class Witness(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the multiply-accumulates of products, and refuses what is unsafe.

    Args:
        careful: refuse operations that are not known to be safe in channels-last memory.

    Attributes:
        macs: multiply-accumulates so far.

    Raises:
        UnsafeLayoutError: before an operation that is refused.
    """

    def __init__(self, *, careful: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.careful = careful
        self.macs = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if getattr(_thread, "aside", False):
            return func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if self.careful and not _is_safe(func.namespace, name, args):
            raise UnsafeLayoutError(name)
        output = func(*args, **(kwargs or {}))
        if name in PRODUCTS:
            self.macs += PRODUCTS[name](args, output)
        return output


def _is_safe(namespace: str, name: str, args: tuple[Any, ...]) -> bool:
    if namespace != "aten" or name not in SAFE:
        return False
    if name not in ("convolution", "_convolution"):
        return True
    weight, stride, transposed = args[1], args[3], bool(args[6])
    pointwise = weight.shape[2:].numel() == 1
    return weight.ndim == 4 and not transposed and not (pointwise and max(stride) > 1)


def _entries(matrix: Tensor) -> int:
    """Number of entries that a product looks at: those that a sparse matrix holds."""
    return int(matrix._nnz()) if matrix.layout is not _STRIDED else matrix.numel()


def _matrix(position: int) -> Any:
    """(..., n, k) times (..., k, m), the first factor at ``position``."""
    return lambda args, _output: _entries(args[position]) * int(args[position + 1].shape[-1])


def _vector(position: int) -> Any:
    """(n, k) times (k,)."""
    return lambda args, _output: _entries(args[position])


def _convolution(args: tuple[Any, ...], output: Tensor) -> int:
    x, weight = args[0], args[1]
    dense = x.numel() if bool(args[6]) else output.numel()
    return int(dense * weight.numel() // max(weight.shape[0], 1))


def _attention(args: tuple[Any, ...], output: Any) -> int:
    query, key, value = args[:3]
    out = output[0] if isinstance(output, tuple) else output
    return int(query.numel() * key.shape[-2] + out.numel() * value.shape[-2])


_STRIDED = Tensor().layout
PRODUCTS: dict[str, Any] = {
    **dict.fromkeys(("mm", "bmm", "_sparse_mm", "_int_mm", "_scaled_mm"), _matrix(0)),
    **dict.fromkeys(("addmm", "baddbmm", "addbmm", "_addmm_activation", "_sparse_addmm"), _matrix(1)),
    "linear": lambda args, output: int(output.numel() * args[1].shape[-1]),
    "mv": _vector(0),
    "dot": _vector(0),
    "vdot": _vector(0),
    "addmv": _vector(1),
    "addr": lambda _args, output: int(output.numel()),
    "convolution": _convolution,
    "_convolution": _convolution,
    "_trilinear": lambda args, _output: int(max(args[0].numel(), 1) * args[1].shape[0] * args[1].shape[-1]),
    **dict.fromkeys(
        (
            "_scaled_dot_product_flash_attention_for_cpu",
            "_scaled_dot_product_flash_attention",
            "_scaled_dot_product_efficient_attention",
            "_scaled_dot_product_cudnn_attention",
            "_scaled_dot_product_fused_attention_overrideable",
        ),
        _attention,
    ),
}
"""Operation -> its multiply-accumulates, from its arguments and its output."""
