"""One model, one batch, one seed: what every pass works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archcast.errors import InvalidInputError
from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.inputs import Batch, find_logits
from archcast.proxies.machinery.tracing import Layer, Tracer

__all__ = ["ModelError", "Session", "cross_entropy", "gradients_of"]

Loss = Callable[[Tensor, Tensor], Tensor]


class ModelError(InvalidInputError):
    """The model raised an exception when it was called."""


class Session:
    """Holds what :func:`archcast.score` was given while its passes run; the model is one that may be changed.

    Args:
        model: in training mode, its tensors replaceable (see
            :func:`~archcast.proxies.machinery.preservation.preserved`).
        batch: inputs, on the model's device.
        targets: labels, or ``None``.
        loss: ``loss(logits, targets)``, a mean over samples.
        output: from what the model returns to its logits.
        seed: every pass begins with its random generators in this state.
        micro_batch: samples that one forward pass may take at a time; ``None`` for all.
        autocast: reduced precision for the model's forward passes, or ``None``.
    """

    def __init__(
        self,
        model: nn.Module,
        batch: Batch,
        targets: Tensor | None = None,
        *,
        loss: Loss,
        output: Callable[[Any], Tensor] = find_logits,
        seed: int = 0,
        micro_batch: int | None = None,
        autocast: torch.dtype | None = None,
    ) -> None:
        self.model = model
        self.batch = batch
        self.targets = targets
        self.loss = loss
        self.output = output
        self.seed = seed
        self.micro_batch = micro_batch
        self.autocast = autocast
        self.parameters: dict[str, Tensor] = dict(model.named_parameters())
        first = next((t for t in (*model.parameters(), *model.buffers())), torch.zeros(()))
        self.device = first.device
        self.memory_format = torch.contiguous_format

    def arrange(self, memory_format: torch.memory_format) -> None:
        """Lay images and the weights of convolutions out in memory; this changes no value."""

        def lay_out(tensor: Tensor) -> Tensor:
            fits = tensor.ndim == 4 and tensor.is_floating_point()
            return tensor.contiguous(memory_format=memory_format) if fits else tensor

        for parameter in self.parameters.values():
            parameter.data = lay_out(parameter.data)
        self.batch = self.batch.map(lay_out)
        self.memory_format = memory_format

    def prefers_channels_last(self) -> bool:
        """Whether channels-last memory is the faster one: for 2-d convolutions in single precision on a CPU."""
        images = any(t.ndim == 4 and t.dtype == torch.float32 for t in self.batch.tensors())
        kernels = any(p.ndim == 4 and p.dtype == torch.float32 for p in self.parameters.values())
        return images and kernels and self.device.type == "cpu" and bool(torch.backends.mkldnn.enabled)

    def reseed(self) -> None:
        """Set the generators of the devices in use, so that a pass does not depend on those before it."""
        torch.default_generator.manual_seed(self.seed)
        if self.device.type == "cuda":
            index = torch.cuda.current_device() if self.device.index is None else self.device.index
            torch.cuda.default_generators[index].manual_seed(self.seed)

    def forward(self, batch: Batch, tracer: Tracer | None = None) -> Tensor:
        """Logits of ``batch``.

        Raises:
            ModelError: if the model raises.
        """
        with ExitStack() as stack:
            if self.autocast is not None:
                stack.enter_context(torch.autocast(self.device.type, dtype=self.autocast))
            stack.enter_context(tracer if tracer is not None else Tracer({}))
            try:
                output = batch.call(self.model)
            except (ProxyFailure, torch.OutOfMemoryError):
                raise
            except Exception as error:
                raise ModelError(
                    f"{type(self.model).__name__} failed on inputs of shape {batch.shapes()}: "
                    f"{type(error).__name__}: {_first_line(error)}"
                ) from error
        return self.output(output)

    def labels(self) -> Tensor:
        """The targets.

        Raises:
            ProxyFailure: if there are none.
        """
        if self.targets is None:
            raise ProxyFailure("needs labels: pass targets=")
        return self.targets

    def pieces(self) -> Iterator[tuple[slice, Batch]]:
        """The micro-batches.

        Raises:
            InvalidInputError: if the batch cannot be cut.
        """
        size = self.batch.size
        step = self.micro_batch or size
        if step >= size:
            yield slice(0, size), self.batch
            return
        if not self.batch.divisible:
            raise InvalidInputError(
                f"micro_batch is {step}, but the inputs (shapes {self.batch.shapes()}) do not all have one row for each of the "
                f"{size} samples. Use micro_batch=None."
            )
        for start in range(0, size, step):
            rows = slice(start, min(start + step, size))
            yield rows, self.batch[rows]

    def whole(self, limit: int | None = None) -> Batch:
        """The batch, or its first ``limit`` samples, for a pass that cannot be split.

        Raises:
            ProxyFailure: if it does not fit into a micro-batch.
        """
        batch = self.batch
        if limit is not None and batch.divisible and batch.size > limit:
            batch = batch[slice(0, limit)]
        if self.micro_batch is not None and batch.size > self.micro_batch:
            raise ProxyFailure(f"needs {batch.size} samples at once and cannot be split into micro-batches")
        return batch

    def one(self) -> Batch:
        """The first sample alone where the batch can be cut, else the whole batch."""
        return self.batch[slice(0, 1)] if self.batch.divisible else self.batch

    @cached_property
    def layout(self) -> Tracer:
        """The record of a forward pass on at most two samples: layers and normalisations.

        The generators are left as they are at the beginning of a pass.
        """
        batch = self.batch[slice(0, 2)] if self.batch.divisible else self.batch
        with torch.enable_grad():
            inputs, leaves = batch.leaves()
            tracer = Tracer(self.parameters, leaves)
            self.forward(inputs, tracer)
        self.reseed()
        return tracer

    @property
    def layers(self) -> list[Layer]:
        """The layers, in the order of the model's parameters."""
        order = {name: position for position, name in enumerate(self.parameters)}
        return sorted(self.layout.layers, key=lambda layer: order.get(layer.name, len(order)))


def gradients_of(loss: Tensor, layers: list[Layer], *, create_graph: bool = False) -> tuple[Tensor | None, ...]:
    """Gradients of ``loss`` with respect to the weights of ``layers``; ``None`` for one that it does not depend on.

    Raises:
        ProxyFailure: if it depends on none.
    """
    gradients: tuple[Tensor | None, ...] = ()
    if layers and loss.requires_grad:
        weights = [layer.weight for layer in layers]
        gradients = torch.autograd.grad(loss, weights, allow_unused=True, create_graph=create_graph)
    if all(gradient is None for gradient in gradients):
        raise ProxyFailure("no weight of a convolution or linear map receives a gradient")
    return gradients


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy; classes on axis 1, or on the last axis where ``targets`` has the shape of the others.

    Raises:
        InvalidInputError: labels out of range or of a shape that does not fit.
    """
    if targets.is_floating_point():
        return F.cross_entropy(logits, targets)
    if logits.ndim > 2 and targets.shape == logits.shape[:-1] and targets.shape != logits.shape[:1] + logits.shape[2:]:
        logits, targets = logits.flatten(0, -2), targets.flatten()
    if logits.ndim < 2 or targets.shape != logits.shape[:1] + logits.shape[2:]:
        raise InvalidInputError(
            f"targets has shape {tuple(targets.shape)}, which does not fit logits of shape {tuple(logits.shape)}: "
            f"one label for each sample is needed. For another task pass loss=."
        )
    classes = logits.shape[1]
    wrong = (targets < 0) | (targets >= classes)
    if bool(wrong.any()):
        label = int(targets[wrong].flatten()[0])
        raise InvalidInputError(
            f"targets holds the label {label}, but the model has {classes} outputs: 0..{classes - 1}."
        )
    return F.cross_entropy(logits, targets.long())


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
