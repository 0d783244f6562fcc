"""What a model does with its tensors, seen at the level of torch's functions.

A :class:`Tracer` is a ``TorchFunctionMode``: while it is active every call of a torch function or tensor method passes
through it, so modules, functional and in-place activations, attention and modules that are called twice are all seen in
the same way, and nothing is registered on the model. Layers are found by what they are: a *weight* is a tensor that is
handed to a convolution, a linear map, a recurrent cell, attention or a product as its parameter operand, whatever the
class of the module that owns it. A product is any function that multiplies and adds, by whatever name: what a function
does is seen below it, by a :class:`~archcast.proxies.machinery.witness.Witness`. An embedding is no layer: it looks up.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.arguments import argument, bound, flat, tensors_of, transparent, without_randomness
from archcast.proxies.machinery.functions import (
    CLAMPS,
    CONVOLUTIONS,
    DROPOUTS,
    IN_PLACE,
    NORMS,
    OUTER,
    PLAIN,
    RECTIFIERS,
    RECURRENT,
    SEQUENTIAL,
    TRANSPOSED,
    WITH_SHIFT,
)
from archcast.proxies.machinery.products import role_of
from archcast.proxies.machinery.witness import Witness, aside

__all__ = ["Call", "Layer", "Step", "Tracer", "Watched", "by_sample", "first_line"]


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
        channels: axis of ``output`` that holds the output features; ``None`` if there is one feature, without an axis.
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
    channels: int | None
    bias: Tensor | None
    sequence_first: bool


@dataclass
class Step:
    """One call of any torch function.

    Attributes:
        name: of the function.
        args, kwargs: its arguments.
        output: what it returned.
        data: tensors among the arguments that depend on the model's inputs.
        product: whether it multiplied and added.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    output: Any
    data: list[Tensor]
    product: bool


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

    Dropout is switched off (its input is returned), that between the layers of a recurrent network and the random slopes
    of ``rrelu`` too, so that a score does not depend on a mask.

    Args:
        parameters: name -> parameter of the model.
        inputs: leaves that stand for the model's inputs; a weight may not depend on them.
        constants: tensors of the model that are no parameters, such as buffers; a weight may depend on them.
        sequence_first: whether the samples are on the second axis of the model's inputs.
        on_call: called after each use of a weight and each normalisation.
        on_rectifier: called with the output of each rectifier.
        on_output: called with every tensor that any function returns.
        on_step: called after each torch function, after the others.
        replace: name of a torch function -> what to call instead, with the function, its arguments and keyword
            arguments; the call is recorded as if it were the original.

    Attributes:
        layers: in the order of first use.
        macs: multiply-accumulates of convolutions, linear maps, recurrent cells, matrix products and attention.
        scales, shifts: ids of the parameters that normalisations multiply by, and that layers and normalisations add.
        coupled: how many batch normalisations used the statistics of the batch: if any, samples depend on each other.
        embedded: outputs of embeddings, which stand for the inputs where those are integers.
        sequences: whether a 1-d convolution was seen, so that 3-d tensors are (batch, channels, length).
        batches: what the first convolution, recurrent network or attention took for the batch: (samples, whether they are
            on the second axis of its input, number of axes of its input).
        raised: the first exception of a callback; the model does not see it.
        fault: why the layers and multiply-accumulates cannot be trusted, if a call could not be understood.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        inputs: Iterable[Tensor] = (),
        *,
        constants: Iterable[Tensor] = (),
        sequence_first: bool = False,
        on_call: Callable[[Call], None] | None = None,
        on_rectifier: Callable[[Tensor], None] | None = None,
        on_output: Callable[[Tensor], None] | None = None,
        on_step: Callable[[Step], None] | None = None,
        replace: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        super().__init__()
        self._names = {id(parameter): name for name, parameter in parameters.items()}
        self._inputs = {id(leaf) for leaf in inputs}
        self._constants = {id(tensor) for tensor in constants}
        self._sequence_first = sequence_first
        self._rooted = bool(self._inputs) and torch.is_grad_enabled()
        self._origin: dict[int, tuple[weakref.ref[Tensor], bool]] = {}
        self._on_call = self._guarded(on_call)
        self._on_rectifier = self._guarded(on_rectifier)
        self._on_output = self._guarded(on_output)
        self._on_step = self._guarded(on_step)
        self._replace = dict(replace or {})
        self._layers: dict[int, Layer] = {}
        self._watched: dict[int, list[Watched]] = {}
        self.macs = 0
        self.scales: set[int] = set()
        self.shifts: set[int] = set()
        self.coupled = 0
        self.embedded: list[Tensor] = []
        self.sequences = False
        self.batches: tuple[int, bool, int] | None = None
        self.fault: str | None = None
        self.raised: Exception | None = None
        self._inside_attention = False

    def _guarded(self, callback: Callable[[Any], None] | None) -> Callable[[Any], None] | None:
        """``callback``, its exceptions kept in :attr:`raised`."""
        if callback is None:
            return None

        def guarded(value: Any) -> None:
            try:
                callback(value)
            except Exception as error:
                self.raised = self.raised or error

        return guarded

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
            return argument(args, kwargs, 0, "input")
        if name == "native_dropout":
            x = argument(args, kwargs, 0, "input")
            return x, torch.ones_like(x, dtype=torch.bool)
        if name == "multi_head_attention_forward":
            self._inside_attention = True
            try:
                query = argument(args, kwargs, 0, "query")
                if query.ndim == 3:
                    self._batch(query, second=True)
                with self:
                    return transparent(func)(*args, **kwargs)
            finally:
                self._inside_attention = False
        args, kwargs = without_randomness(name, args, kwargs)
        if self._watched and _in_place(name, args, kwargs) and isinstance(args[0], Tensor):
            for watched in self._watched.pop(args[0].untyped_storage().data_ptr(), ()):
                watched.keep()
        replacement = self._replace.get(name)
        call = func if replacement is None else bound(replacement, func)
        observe = _OBSERVERS.get(name)
        macs = 0
        if observe is not None or name in PLAIN:
            output = call(*args, **kwargs)
        else:
            with Witness() as witness:
                output = call(*args, **kwargs)
            macs = witness.macs
        try:
            with aside():
                self._follow(name, args, kwargs, output)
                if observe is not None:
                    observe(self, name, func, args, kwargs, output)
                elif isinstance(output, Tensor) and (macs or name in OUTER):
                    self._product(name, func, args, kwargs, output, macs)
        except Exception as error:  # the model's own call went well: only what is counted is lost
            self.fault = f"a call of {name} could not be followed: {type(error).__name__}: {first_line(error)}"
        if self._on_output is not None and isinstance(output, Tensor):
            with aside():
                self._on_output(output)
        if self._on_step is not None:
            with aside():
                data = [tensor for tensor in tensors_of(args, kwargs) if self._is_data(tensor)]
                self._on_step(Step(name, args, kwargs, output, data, bool(macs) or name in OUTER))
        return output

    # -- where tensors come from --------------------------------------------------------------------------------------

    def _follow(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        """Note whether what a function returns depends on the data."""
        results = [value for value in flat((output,)) if isinstance(value, Tensor)]
        if not results:
            return
        depends = any(map(self._is_data, tensors_of(args, kwargs)))
        if depends and args and isinstance(args[0], Tensor) and _in_place(name, args, kwargs):
            results.append(args[0])
        for tensor in results:
            if id(tensor) not in self._names:
                self._origin[id(tensor)] = (weakref.ref(tensor), depends)

    def _is_data(self, tensor: Tensor) -> bool:
        """Whether ``tensor`` depends on the model's inputs; one of unknown origin does."""
        if id(tensor) in self._names or id(tensor) in self._constants:
            return False
        reference, depends = self._origin.get(id(tensor), (None, True))
        if reference is not None and reference() is tensor:
            return depends
        if id(tensor) in self._inputs or tensor.requires_grad or not tensor.is_leaf:
            return True
        return not (self._rooted and tensor.is_floating_point())

    # -- observers ----------------------------------------------------------------------------------------------------

    def _convolution(
        self, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor
    ) -> None:
        x, weight = argument(args, kwargs, 0, "input"), argument(args, kwargs, 1, "weight")
        self.sequences |= name in ("conv1d", "conv_transpose1d")
        if x.ndim == weight.ndim:
            self._batch(x, second=False)
        channels = output.ndim - weight.ndim + 1
        dense = x.numel() if name in TRANSPOSED else output.numel()
        self.macs += dense * weight.numel() // weight.shape[0]
        self._layer(name, func, args, kwargs, output, weight, weight.numel() // output.shape[channels], channels)

    def _linear(self, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor) -> None:
        weight = argument(args, kwargs, 2 if name == "bilinear" else 1, "weight")
        fan_in = weight[0].numel() if weight.ndim > 1 else weight.numel()
        self.macs += output.numel() * fan_in
        if weight.ndim > 1:
            self._layer(name, func, args, kwargs, output, weight, fan_in, output.ndim - 1)

    def _product(
        self, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor, macs: int
    ) -> None:
        """A function that multiplies and adds; each operand that is a weight is a layer."""
        operands = tensors_of(args, kwargs)
        if name in WITH_SHIFT:
            self.shifts.add(id(operands[0]))
            operands = operands[1:]
        if name == "__rmatmul__":
            operands = operands[::-1]
        if not any(map(self._is_data, operands)):
            return
        if not macs:
            shapes = [operand.shape for operand in operands]
            macs = output.numel()
            if "vecdot" in name:
                macs = torch.broadcast_shapes(*shapes).numel()  # type: ignore[no-untyped-call]
        self.macs += macs
        for position, weight in enumerate(operands):
            if not self._is_data(weight):
                fan_in, channels = role_of(name, args, operands, position, output, macs)
                self._layer(name, func, args, kwargs, output, weight, fan_in, channels, bias=False)

    def _recurrent(self, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        x = args[0]
        steps = x.numel() // x.shape[-1]
        if name in SEQUENTIAL and x.ndim == 3 and isinstance(args[2], (list, tuple)):
            self._batch(x, second=not argument(args, kwargs, 8, "batch_first"))
        for weight in flat(args[2:]):
            if isinstance(weight, Tensor) and weight.ndim == 2 and self._parameter(weight) is not None:
                self.macs += steps * weight.numel()
                self._remember(weight, weight.shape[1])
            elif isinstance(weight, Tensor) and self._parameter(weight) is not None:
                self.shifts.add(id(weight))

    def _attention(
        self, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor
    ) -> None:
        query, key, value = (argument(args, kwargs, i, n) for i, n in enumerate(("query", "key", "value")))
        self.macs += query.numel() * key.shape[-2] + output.numel() * value.shape[-2]
        for weight, fan_in in ((query, query.shape[-1]), (key, key.shape[-1]), (value, value.shape[-2])):
            if not self._is_data(weight):
                self._layer(name, func, args, kwargs, output, weight, fan_in, output.ndim - 1, bias=False)

    def _norm(self, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor) -> None:
        found = [a for a in args[1:] if isinstance(a, Tensor) and id(a) in self._names]
        scale = kwargs.get("weight", found[0] if found else None)
        shift = kwargs.get("bias", found[1] if len(found) > 1 else None)
        if scale is not None:
            self.scales.add(id(scale))
        if shift is not None:
            self.shifts.add(id(shift))
        if name == "batch_norm":
            self.coupled += bool(argument(args, kwargs, 5, "training"))
        if self._on_call is not None:
            second = self._inside_attention or self._sequence_first
            axis = 1 if name in ("batch_norm", "instance_norm", "group_norm") else output.ndim - 1
            self._on_call(Call(self, name, func, args, kwargs, output, None, axis, shift, second))

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

    def _batch(self, x: Tensor, *, second: bool) -> None:
        """Note what the first layer that knows takes for the samples."""
        if self.batches is None and self._is_data(x):
            self.batches = (int(x.shape[1 if second else 0]), second, x.ndim)

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
        channels: int | None,
        *,
        bias: bool = True,
    ) -> None:
        layer = self._remember(weight, fan_in)
        shift = argument(args, kwargs, 3 if name == "bilinear" else 2, "bias") if bias else None
        if shift is not None:
            self.shifts.add(id(shift))
        second = self._inside_attention or self._sequence_first
        if layer is not None and self._on_call is not None:
            self._on_call(Call(self, name, func, args, kwargs, output, layer, channels, shift, second))

    def _remember(self, weight: Tensor, fan_in: int) -> Layer | None:
        parameter = self._parameter(weight)
        if parameter is None and (not weight.requires_grad or self._is_data(weight)):
            return None
        tensor = weight if parameter is None else parameter
        if id(tensor) not in self._layers:
            self._layers[id(tensor)] = Layer(self._names.get(id(tensor), "computed"), tensor, fan_in)
        return self._layers[id(tensor)]


_OBSERVERS: dict[str, Callable[..., None]] = {
    **dict.fromkeys((*CONVOLUTIONS, *TRANSPOSED), Tracer._convolution),
    **dict.fromkeys(("linear", "bilinear"), Tracer._linear),
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


def _in_place(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    if name in IN_PLACE or (name.endswith("_") and not name.endswith("__")):
        return True
    return bool(kwargs.get("inplace")) or (name in _OBSERVERS and any(a is True for a in args[1:]))


def first_line(error: BaseException) -> str:
    """The first line of what an error says, which may be empty."""
    return str(error).strip().split("\n")[0]
