"""What a model does with its tensors, seen at the level of torch's functions.

A :class:`Tracer` is a ``TorchFunctionMode``: while it is active every call of a torch function or tensor method passes
through it, so modules, functional and in-place activations, attention and modules that are called twice are all seen in
the same way, and nothing is registered on the model. Layers are found by what they are: a *weight* is a tensor that is
handed to a convolution, a linear map, a recurrent cell or a matrix product as its parameter operand, whatever the class
of the module that owns it.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from archcast.proxies.base import ProxyFailure

__all__ = ["NORMS", "Call", "Layer", "Tracer", "Watched", "by_sample", "leaves_of", "nodes_of"]

CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
TRANSPOSED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
PRODUCTS = ("matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "addmm", "addbmm", "baddbmm", "einsum")
RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
NORMS = ("batch_norm", "instance_norm", "layer_norm", "group_norm", "rms_norm", "local_response_norm")
DROPOUTS = tuple(
    name + suffix
    for name in (
        "dropout",
        "dropout1d",
        "dropout2d",
        "dropout3d",
        "alpha_dropout",
        "feature_dropout",
        "feature_alpha_dropout",
    )
    for suffix in ("", "_")
)
RECTIFIERS = tuple(
    name + suffix
    for name in (
        "relu",
        "relu6",
        "leaky_relu",
        "prelu",
        "rrelu",
        "elu",
        "selu",
        "celu",
        "gelu",
        "silu",
        "mish",
        "hardswish",
    )
    for suffix in ("", "_")
)
"""Activations whose output is positive exactly where their input is."""
CLAMPS = (
    "clamp",
    "clamp_",
    "clamp_min",
    "clamp_min_",
    "clip",
    "clip_",
    "hardtanh",
    "hardtanh_",
    "threshold",
    "threshold_",
    "_threshold",
)
"""Functions that are a rectifier when their lower bound is 0."""
IN_PLACE = ("__iadd__", "__isub__", "__imul__", "__itruediv__", "__ifloordiv__", "__imod__", "__ipow__", "__setitem__")


@dataclass
class Layer:
    """A weight and how it is used.

    Attributes:
        name: of the parameter; ``"computed"`` for a weight that is computed from parameters, e.g. a normalised one.
        weight: the tensor to differentiate with respect to: the parameter, or the computed weight.
        fan_in: number of weights that one output value sums over.
    """

    name: str
    weight: Tensor
    fan_in: int


@dataclass
class Call:
    """One call of a function that uses parameters.

    Attributes:
        tracer: that saw it.
        layer: the weight it uses; ``None`` for a normalisation.
        channels: axis of ``output`` that holds the output features.
        bias: the bias operand.
        sequence_first: whether the samples are on the second axis, or vary fastest on the first, as within attention.
    """

    tracer: Tracer
    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    output: Tensor
    layer: Layer | None
    channels: int
    bias: Tensor | None
    sequence_first: bool


class Watched:
    """The value a tensor has now, kept even if the model goes on to overwrite the tensor in place."""

    def __init__(self, tensor: Tensor) -> None:
        self.value = tensor.detach()
        self.version = tensor._version

    def keep(self) -> None:
        """Called before the tensor is overwritten."""
        if self.value._version == self.version:
            self.value = self.value.clone()
            self.version = self.value._version

    def get(self) -> Tensor:
        """The value.

        Raises:
            ProxyFailure: if it was overwritten unseen.
        """
        if self.value._version != self.version:
            raise ProxyFailure("a layer's output was overwritten in place in a way that cannot be followed")
        return self.value


class Tracer(TorchFunctionMode):
    """Records the layers of a model, and calls back, while the model runs.

    Dropout is switched off (its input is returned), so that a score does not depend on a mask.

    Args:
        parameters: name -> parameter of the model.
        inputs: leaves that stand for the model's inputs; a weight may not depend on them.
        on_call: called after each use of a weight and each normalisation.
        on_rectifier: called with the output of each rectifier.
        on_output: called with every tensor that any function returns.
        replace: name of a torch function -> what to call instead, with the function, its arguments and keyword
            arguments; the call is recorded as if it were the original.

    Attributes:
        layers: in the order of first use.
        macs: multiply-accumulates of convolutions, linear maps, recurrent cells, matrix products and attention.
        scales, shifts: ids of the parameters that normalisations multiply by, and that layers and normalisations add.
        coupled: whether a batch normalisation used the statistics of the batch, so that samples depend on each other.
        embedded: outputs of embeddings, which stand for the inputs where those are integers.
        sequences: whether a 1-d convolution was seen, so that 3-d tensors are (batch, channels, length).
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        inputs: Iterable[Tensor] = (),
        *,
        on_call: Callable[[Call], None] | None = None,
        on_rectifier: Callable[[Tensor], None] | None = None,
        on_output: Callable[[Tensor], None] | None = None,
        replace: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        super().__init__()
        self._names = {id(parameter): name for name, parameter in parameters.items()}
        self._inputs = {id(leaf) for leaf in inputs}
        self._on_call = on_call
        self._on_rectifier = on_rectifier
        self._on_output = on_output
        self._replace = dict(replace or {})
        self._layers: dict[int, Layer] = {}
        self._watched: dict[int, list[Watched]] = {}
        self.macs = 0
        self.scales: set[int] = set()
        self.shifts: set[int] = set()
        self.coupled = False
        self.embedded: list[Tensor] = []
        self.sequences = False
        self._inside_attention = False

    @property
    def layers(self) -> list[Layer]:
        return list(self._layers.values())

    def watch(self, tensor: Tensor) -> Watched:
        """Keep the present value of ``tensor`` for later; a copy is made only if it is about to be overwritten."""
        watched = Watched(tensor)
        self._watched.setdefault(tensor.untyped_storage().data_ptr(), []).append(watched)
        return watched

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in DROPOUTS:
            return _argument(args, kwargs, 0, "input")
        if name == "multi_head_attention_forward":
            self._inside_attention = True
            try:
                with self:
                    return _transparent(func)(*args, **kwargs)
            finally:
                self._inside_attention = False
        if name == "scaled_dot_product_attention":
            causal = {"is_causal": args[5]} if len(args) > 5 else {}
            args, kwargs = args[:4], {**kwargs, **causal, "dropout_p": 0.0}
        if self._watched and _in_place(name, args, kwargs) and isinstance(args[0], Tensor):
            for watched in self._watched.pop(args[0].untyped_storage().data_ptr(), ()):
                watched.keep()
        replacement = self._replace.get(name)
        output = func(*args, **kwargs) if replacement is None else replacement(func, *args, **kwargs)
        observe = _OBSERVERS.get(name)
        if observe is not None:
            observe(self, name, func, args, kwargs, output)
        if self._on_output is not None and isinstance(output, Tensor):
            self._on_output(output)
        return output

    # -- observers ----------------------------------------------------------------------------------------------------

    def _convolution(
        self, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor
    ) -> None:
        x, weight = _argument(args, kwargs, 0, "input"), _argument(args, kwargs, 1, "weight")
        self.sequences |= name in ("conv1d", "conv_transpose1d")
        channels = output.ndim - weight.ndim + 1
        dense = x.numel() if name in TRANSPOSED else output.numel()
        self.macs += dense * weight.numel() // weight.shape[0]
        self._layer(name, func, args, kwargs, output, weight, weight.numel() // output.shape[channels], channels)

    def _linear(self, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor) -> None:
        weight = _argument(args, kwargs, 2 if name == "bilinear" else 1, "weight")
        fan_in = weight[0].numel() if weight.ndim > 1 else weight.numel()
        self.macs += output.numel() * fan_in
        if weight.ndim > 1:
            self._layer(name, func, args, kwargs, output, weight, fan_in, output.ndim - 1)

    def _product(self, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor) -> None:
        operands = [a for a in (*_flat(args), *_flat(tuple(kwargs.values()))) if isinstance(a, Tensor)]
        if name in ("addmm", "addbmm", "baddbmm"):
            self.shifts.add(id(operands[0]))
            operands = operands[1:]
        if name == "__rmatmul__":
            operands = operands[::-1]
        if len(operands) != 2 or min(operand.ndim for operand in operands) < 2:
            return
        inner = operands[0].shape[-1]
        if name == "einsum":
            inner = _einsum_size(args[0], operands) // max(output.numel(), 1)
        self.macs += output.numel() * inner
        for weight in operands:
            if self._parameter(weight) is not None:
                self._layer(name, func, args, kwargs, output, weight, inner, output.ndim - 1)

    def _recurrent(self, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        x = args[0]
        steps = x.numel() // x.shape[-1]
        for weight in _flat(args[2:]):
            if isinstance(weight, Tensor) and weight.ndim == 2 and self._parameter(weight) is not None:
                self.macs += steps * weight.numel()
                self._remember(weight, weight.shape[1])
            elif isinstance(weight, Tensor) and self._parameter(weight) is not None:
                self.shifts.add(id(weight))

    def _attention(
        self, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor
    ) -> None:
        query, key, value = (_argument(args, kwargs, i, n) for i, n in enumerate(("query", "key", "value")))
        self.macs += query.numel() * key.shape[-2] + output.numel() * value.shape[-2]

    def _norm(self, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor) -> None:
        found = [a for a in args[1:] if isinstance(a, Tensor) and id(a) in self._names]
        scale = kwargs.get("weight", found[0] if found else None)
        shift = kwargs.get("bias", found[1] if len(found) > 1 else None)
        if scale is not None:
            self.scales.add(id(scale))
        if shift is not None:
            self.shifts.add(id(shift))
        if name == "batch_norm":
            self.coupled |= bool(_argument(args, kwargs, 5, "training"))
        if self._on_call is not None:
            axis = 1 if name in ("batch_norm", "instance_norm", "group_norm") else output.ndim - 1
            self._on_call(Call(self, name, func, args, kwargs, output, None, axis, shift, self._inside_attention))

    def _rectifier(
        self, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor
    ) -> None:
        if self._on_rectifier is not None:
            self._on_rectifier(output)

    def _clamp(self, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor) -> None:
        bound = next((kwargs[key] for key in ("min", "min_val", "threshold") if key in kwargs), None)
        if bound is None and len(args) > 1:
            bound = args[1]
        if self._on_rectifier is not None and not isinstance(bound, Tensor) and bound == 0:
            self._on_rectifier(output)

    def _embedding(
        self, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor
    ) -> None:
        self.embedded.append(output)

    # -- weights ------------------------------------------------------------------------------------------------------

    def _parameter(self, tensor: Tensor) -> Tensor | None:
        """The model's parameter that ``tensor`` is, or is a view of."""
        for candidate in (tensor, tensor._base):
            if candidate is not None and id(candidate) in self._names:
                return candidate
        return None

    def _layer(
        self,
        name: str,
        func: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        output: Tensor,
        weight: Tensor,
        fan_in: int,
        channels: int,
    ) -> None:
        layer = self._remember(weight, fan_in)
        bias = kwargs.get("bias")
        position = 3 if name == "bilinear" else 2
        if bias is None and len(args) > position and name not in PRODUCTS:
            bias = args[position]
        if bias is not None:
            self.shifts.add(id(bias))
        if layer is not None and self._on_call is not None:
            self._on_call(Call(self, name, func, args, kwargs, output, layer, channels, bias, self._inside_attention))

    def _remember(self, weight: Tensor, fan_in: int) -> Layer | None:
        parameter = self._parameter(weight)
        if parameter is None and (not weight.requires_grad or not leaves_of(weight).isdisjoint(self._inputs)):
            return None
        tensor = weight if parameter is None else parameter
        if id(tensor) not in self._layers:
            self._layers[id(tensor)] = Layer(self._names.get(id(tensor), "computed"), tensor, fan_in)
        return self._layers[id(tensor)]


_OBSERVERS: dict[str, Callable[..., None]] = {
    **dict.fromkeys((*CONVOLUTIONS, *TRANSPOSED), Tracer._convolution),
    **dict.fromkeys(("linear", "bilinear"), Tracer._linear),
    **dict.fromkeys(PRODUCTS, Tracer._product),
    **dict.fromkeys(RECURRENT, Tracer._recurrent),
    **dict.fromkeys(NORMS, Tracer._norm),
    **dict.fromkeys(RECTIFIERS, Tracer._rectifier),
    **dict.fromkeys(CLAMPS, Tracer._clamp),
    "scaled_dot_product_attention": Tracer._attention,
    "embedding": Tracer._embedding,
}


def by_sample(values: Tensor, samples: int, *, sequence_first: bool = False) -> Tensor | None:
    """``values`` with one row for each sample: ``(samples, ...)``, or ``None`` if its axes do not tell.

    The samples may be on the first axis, alone or with others behind them (windows, steps), or on the second.
    """
    if values.ndim > 2 and values.shape[1] == samples and (sequence_first or values.shape[0] != samples):
        return values.transpose(0, 1)
    if values.ndim == 0 or values.shape[0] % samples:
        return None
    if sequence_first:
        return values.reshape(-1, samples, *values.shape[1:]).transpose(0, 1)
    return values if values.shape[0] == samples else values.reshape(samples, -1, *values.shape[1:])


def nodes_of(tensor: Tensor) -> list[Any]:
    """Every node of the autograd graph of ``tensor``."""
    stack: list[Any] = [tensor.grad_fn]
    seen: dict[Any, None] = {}
    while stack:
        node = stack.pop()
        if node is not None and node not in seen:
            seen[node] = None
            stack.extend(following for following, _ in node.next_functions)
    return list(seen)


def leaves_of(tensor: Tensor) -> set[int]:
    """Ids of the leaves that ``tensor`` was computed from, by its autograd graph."""
    found = {id(node.variable) for node in nodes_of(tensor) if hasattr(node, "variable")}
    return found | {id(tensor)} if tensor.is_leaf else found


def _argument(args: tuple[Any, ...], kwargs: Mapping[str, Any], position: int, name: str) -> Any:
    return args[position] if len(args) > position else kwargs.get(name)


def _flat(values: tuple[Any, ...]) -> list[Any]:
    return [item for value in values for item in (value if isinstance(value, (tuple, list)) else (value,))]


def _in_place(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    if name in IN_PLACE or (name.endswith("_") and not name.endswith("__")):
        return True
    return bool(kwargs.get("inplace")) or (name in _OBSERVERS and any(a is True for a in args[1:]))


def _einsum_size(equation: Any, operands: list[Tensor]) -> int:
    """Product of the sizes of all indices; 0 if the equation has an ellipsis or is not text."""
    if not isinstance(equation, str) or "." in equation:
        return 0
    terms = equation.replace(" ", "").split("->")[0].split(",")
    sizes = {index: size for term, operand in zip(terms, operands) for index, size in zip(term, operand.shape)}
    total = 1
    for size in sizes.values():
        total *= size
    return total


@cache
def _transparent(function: Any) -> Callable[..., Any]:
    """``function``, a Python function of ``torch.nn.functional``, without its check for modes: what it calls is seen
    instead.
    """
    hidden = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")
    scope = {**vars(F), **dict.fromkeys(hidden, lambda *_: False)}
    copied = types.FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
    )
    copied.__kwdefaults__ = function.__kwdefaults__
    return copied
