"""What a network costs on the machine at hand: seconds and memory, for inference and for a step of training, and layer by layer.

Counts come from :func:`~archcast.costs.count`. Seconds are medians of repeated runs after a warm-up. Memory is the peak of all
tensors that are alive at once: on a GPU as its allocator counts it, elsewhere by watching every tensor that torch makes.
"""

from __future__ import annotations

import contextlib
import copy
import math
import statistics
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from archcast.costs._watch import Watch
from archcast.costs.arguments import as_arguments
from archcast.costs.conventions import convention_of
from archcast.costs.modules import count
from archcast.errors import USER_ERRORS, InvalidInputError, short

__all__ = ["OPTIMIZERS", "Layer", "Profile", "profile"]

OPTIMIZERS = {"none": 0, "sgd": 1, "adam": 2}
"""Optimizer -> numbers that it keeps for each parameter (the momentum; Adam's two averages)."""
WARMUP, FEWEST, MOST = 2, 5, 50
"""Runs that are not counted, and the fewest and most that are."""
SECONDS = 2.0
"""After so many seconds no further run begins."""


@dataclass(frozen=True)
class Layer:
    """What one module costs by itself, its children left out, for one sample.

    Attributes:
        name: as in ``model.named_modules()``; ``""`` is the model itself.
        kind: its class.
        shape: of its output, without the batch; ``None`` if that is no tensor.
        params, macs, activations: as :func:`~archcast.costs.count` counts them.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None
    params: int
    macs: float
    activations: float


@dataclass(frozen=True)
class Profile:
    """What a network costs; see :func:`profile`.

    Attributes:
        costs: params, macs, activations, depth, resolution, for one sample.
        layers: in the order in which they first ran.
        batch_size: samples of a batch.
        inference_seconds, training_seconds: median for a batch; NaN for training that is not possible.
        inference_spread, training_spread: half the distance of the quartiles.
        inference_bytes, training_bytes: peak memory for a batch, weights and optimizer included.
        sample_bytes: what one more sample adds to the memory of training.
        failure: why it could not be trained; empty if it could.
    """

    costs: Mapping[str, float]
    layers: tuple[Layer, ...]
    batch_size: int
    inference_seconds: float
    inference_spread: float
    training_seconds: float
    training_spread: float
    inference_bytes: int
    training_bytes: int
    sample_bytes: float
    failure: str = ""

    def epoch_seconds(self, samples: int) -> float:
        """Seconds of training for one pass over so many samples."""
        return math.ceil(samples / self.batch_size) * self.training_seconds

    def largest_batch(self, memory: float) -> int:
        """Samples of the largest batch whose training fits into ``memory`` bytes; 0 if none does."""
        if self.sample_bytes <= 0:
            return self.batch_size if self.training_bytes <= memory else 0
        fixed = self.training_bytes - self.batch_size * self.sample_bytes
        return max(0, math.floor((memory - fixed) / self.sample_bytes))


def profile(model: nn.Module, batch: Callable[[int], Any], batch_size: int = 32, *, optimizer: str = "sgd") -> Profile:
    """Measure a network. The model that is given is left as it was: a copy is measured, where it can be copied.

    Args:
        model: any module, on the device on which it is to be measured.
        batch: number of samples -> inputs on that device: a tensor, a tuple of positional arguments, or a mapping of arguments
            by name.
        batch_size: samples.
        optimizer: ``"none"``, ``"sgd"`` (with momentum) or ``"adam"``: what its memory is counted for.

    Raises:
        InvalidInputError: the model fails on its inputs, or the optimizer is unknown.

    Examples:
        >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
        >>> found = profile(model, lambda samples: torch.zeros(samples, 8), 4)
        >>> [layer.kind for layer in found.layers], found.costs["macs"]
        (['Linear', 'ReLU', 'Linear'], 160.0)
    """
    if optimizer not in OPTIMIZERS:
        raise InvalidInputError(f"optimizer must be one of {', '.join(OPTIMIZERS)}, got {short(optimizer)}.")
    with contextlib.suppress(Exception):  # a model that cannot be copied is measured itself
        model = copy.deepcopy(model)
    inputs = as_arguments(model, batch(batch_size))
    costs = count(model, inputs, samples=batch_size)
    layers = _layers(model, inputs, batch_size)
    model.eval()

    def infer() -> None:
        with torch.no_grad():
            _call(model, inputs)

    bytes_, _ = _peak(infer, model)
    seconds, spread = _time(infer, model)
    state = OPTIMIZERS[optimizer] * _bytes_of(p for p in model.parameters() if p.requires_grad)
    training, trained, each, failure = (math.nan, math.nan), 0, 0.0, ""
    model.train()
    try:
        trained = _peak(lambda: _step(model, inputs), model)[0] + state
        fewer = max(batch_size // 2, 1)
        if fewer < batch_size:
            half = as_arguments(model, batch(fewer))
            less = _peak(lambda: _step(model, half), model)[0] + state
            each = (trained - less) / (batch_size - fewer)
        training = _time(lambda: _step(model, inputs), model)
    except USER_ERRORS as error:  # a detector asserts that it is given targets
        failure = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return Profile(costs, layers, batch_size, seconds, spread, *training, bytes_, trained, each, failure)


def _call(model: nn.Module, inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return model(**inputs)
    return model(*inputs) if isinstance(inputs, (tuple, list)) else model(inputs)


def _step(model: nn.Module, inputs: Any) -> None:
    """Forward, backward, and the update of every parameter."""
    outputs = [value for value in _tensors(_call(model, inputs)) if value.requires_grad]
    if not outputs:
        raise ValueError("no output depends on a parameter that can be trained")
    sum(
        (value.float().square().mean() for value in outputs), start=torch.zeros((), device=outputs[0].device)
    ).backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.add_(parameter.grad, alpha=-1e-6)
                parameter.grad = None


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        return [tensor for item in value.values() for tensor in _tensors(item)]
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in _tensors(item)]
    return []


def _time(run: Callable[[], None], model: nn.Module) -> tuple[float, float]:
    """Median seconds of a run and half the distance of its quartiles."""
    wait = torch.cuda.synchronize if _on_gpu(model) else lambda: None
    for _ in range(WARMUP):
        run()
    found: list[float] = []
    begin = time.perf_counter()
    while len(found) < FEWEST or (len(found) < MOST and time.perf_counter() - begin < SECONDS):
        wait()  # type: ignore[no-untyped-call]
        start = time.perf_counter()
        run()
        wait()  # type: ignore[no-untyped-call]
        found.append(time.perf_counter() - start)
    low, middle, high = statistics.quantiles(found, n=4)
    return middle, (high - low) / 2


def _on_gpu(model: nn.Module) -> bool:
    return any(parameter.is_cuda for parameter in model.parameters())


def _bytes_of(tensors: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _peak(run: Callable[[], None], model: nn.Module) -> tuple[int, int]:
    """Most bytes that are alive at once during a run, and before it."""
    fixed = _bytes_of(model.parameters()) + _bytes_of(model.buffers())
    if _on_gpu(model):
        torch.cuda.reset_peak_memory_stats()
        run()
        torch.cuda.synchronize()
        return int(torch.cuda.max_memory_allocated()), fixed
    with _Alive() as alive:
        run()
    return fixed + alive.peak, fixed


class _Alive(TorchDispatchMode):
    """Bytes of the tensors that were made inside and are alive.

    Attributes:
        now, peak: bytes.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = {tensor.untyped_storage()._cdata for tensor in _tensors((args, dict(kwargs or {})))}
        out = func(*args, **(kwargs or {}))
        for tensor in _tensors(out):
            storage = tensor.untyped_storage()
            key = storage._cdata
            if key in self._seen or key in given:
                continue
            size = storage.nbytes()
            self._seen.add(key)
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._freed, key, size)
        return out

    def _freed(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size


def _layers(model: nn.Module, inputs: Any, samples: int) -> tuple[Layer, ...]:
    """Costs of each module by itself, for one sample."""
    names = {module: name for name, module in model.named_modules()}
    found: dict[str, list[float]] = {}
    shapes: dict[str, tuple[int, ...] | None] = {}
    stack: list[list[float]] = []
    watch = Watch(convention_of("macs"))

    def enter(*_: Any) -> None:
        stack.append([watch.macs, watch.activations, 0.0, 0.0])

    def leave(module: nn.Module, _: Any, out: Any) -> None:
        macs, activations, inner_macs, inner_activations = stack.pop()
        whole = watch.macs - macs, watch.activations - activations
        if stack:
            stack[-1][2] += whole[0]
            stack[-1][3] += whole[1]
        own = found.setdefault(names[module], [0.0, 0.0])
        own[0] += (whole[0] - inner_macs) / samples
        own[1] += (whole[1] - inner_activations) / samples
        shapes[names[module]] = tuple(out.shape[1:]) if isinstance(out, Tensor) else None

    handles = [module.register_forward_pre_hook(enter) for module in names]
    handles += [module.register_forward_hook(leave) for module in names]
    try:
        model.eval()
        with torch.enable_grad(), watch:
            _call(model, inputs)
    finally:
        for handle in handles:
            handle.remove()
    layers = []
    for name, (macs, activations) in sorted(found.items(), key=lambda item: _position(names.values(), item[0])):
        module = model.get_submodule(name)
        params = sum(parameter.numel() for parameter in module.parameters(recurse=False))
        if params or macs or activations or not list(module.children()):
            layers.append(Layer(name, type(module).__name__, shapes[name], params, macs, activations))
    return tuple(layers)


def _position(names: Any, name: str) -> int:
    return list(names).index(name)
