"""Functions of torch by what they do: which multiply, normalise, bend or drop."""

from __future__ import annotations


def _both(*names: str) -> tuple[str, ...]:
    """The functions and their in-place forms."""
    return tuple(name + suffix for name in names for suffix in ("", "_"))


CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
TRANSPOSED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
WITH_SHIFT = ("addmm", "addbmm", "baddbmm", "addmv", "addr", "_addmm_activation")
"""Products that add their first operand."""
OUTER = ("outer", "ger", "addr", "kron", "einsum", "vecdot", "linalg_vecdot")
"""Functions that are products even where nothing is summed over, as in an outer product."""
SEQUENTIAL = ("lstm", "gru", "rnn_tanh", "rnn_relu")
RECURRENT = (*SEQUENTIAL, "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
NORMS = ("batch_norm", "instance_norm", "layer_norm", "group_norm", "rms_norm", "local_response_norm")
DROPOUTS = _both(
    "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"
)
RECTIFIERS = _both(
    "relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish", "hardswish"
)
"""Activations whose output is positive exactly where their input is."""
CLAMPS = (*_both("clamp", "clamp_min", "clip", "hardtanh", "threshold"), "_threshold")
"""Functions that are a rectifier when their lower bound is 0."""
ACTIVATIONS = (
    *RECTIFIERS,
    *_both("tanh", "sigmoid", "hardsigmoid", "hardtanh", "threshold", "erf"),
    *("softplus", "softsign", "logsigmoid", "tanhshrink", "softshrink", "hardshrink"),
)
"""Functions that bend each value alone; ``clamp`` at 0 is another."""
PLAIN = frozenset({
    "__get__", "__set__", "size", "dim", "numel", "add", "sub", "mul", "div", "__add__", "__radd__", "__sub__",
    "__rsub__", "__mul__", "__rmul__", "__truediv__", "__iadd__", "__imul__", "add_", "mul_", "__getitem__", "view",
    "reshape", "permute", "transpose", "flatten", "contiguous", "cat", "chunk", "split", "unsqueeze", "squeeze",
    "expand", "mean", "sum", "clone", "detach", "to", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "softmax",
    "sigmoid", "tanh", "requires_grad_", "stride", "is_floating_point", "data_ptr",
})  # fmt: skip
"""Functions that are called often and multiply nothing: they are not looked into."""
IN_PLACE = ("__iadd__", "__isub__", "__imul__", "__itruediv__", "__ifloordiv__", "__imod__", "__ipow__", "__setitem__")
