"""One model, one batch, one seed: what every pass works with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from archcast.errors import InvalidInputError
from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.inputs import Batch, find_logits, find_loss
from archcast.proxies.machinery.losses import LabelsError, cross_entropy
from archcast.proxies.machinery.preservation import Generators, preserved
from archcast.proxies.machinery.tracing import Layer, Tracer, first_line
from archcast.proxies.machinery.witness import Witness

__all__ = ["Again", "ModelError", "Session", "reason"]

SEEDS = 8
"""Seeds that are tried to see whether the output depends on random numbers."""
Loss = Callable[[Tensor, Tensor], Tensor]


class ModelError(InvalidInputError):
    """The model raised an exception when it was called."""


class Again(BaseException):
    """The pass must be run again, since the model was changed: what drew random numbers is off now.

    No ``Exception``, so that a model that catches its own errors does not catch this one.
    """


def _own(tensor: Tensor) -> Tensor:
    """A copy for the model alone, which may change its inputs in place; what is differentiated is one already."""
    return tensor if tensor.requires_grad else tensor.clone()


def reason(error: BaseException) -> str:
    """Why something failed, in one line of at most 300 characters."""
    if isinstance(error, (ProxyFailure, ModelError)):
        return str(error)
    if isinstance(error, torch.OutOfMemoryError):
        return "out of memory: use a smaller batch or micro_batch="
    return f"{type(error).__name__}: {first_line(error)[:300] or 'no message'}"


class Session:
    """Holds what :func:`archcast.score` was given while its passes run; the model is one that may be changed.

    Args:
        model: in training mode, its tensors replaceable (see
            :func:`~archcast.proxies.machinery.preservation.preserved`).
        batch: inputs, on the model's device.
        targets: labels, or ``None``.
        loss: ``loss(logits, targets)``, a mean over samples; ``None`` for :func:`cross_entropy`.
        ignore_index: label that the default loss leaves out.
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
        loss: Loss | None = None,
        ignore_index: int = -100,
        output: Callable[[Any], Tensor] = find_logits,
        seed: int = 0,
        micro_batch: int | None = None,
        autocast: torch.dtype | None = None,
    ) -> None:
        self.model = model
        self.batch = batch
        self.targets = targets
        self.own_loss = loss is not None and loss is not cross_entropy
        self.ignore_index = ignore_index
        real = targets is not None and targets.is_floating_point()
        binary = not real or bool(((targets == 0) | (targets == 1)).all())  # type: ignore[union-attr]
        standard = partial(cross_entropy, ignore_index=ignore_index, binary=binary)
        self.loss: Loss = loss if loss is not None and self.own_loss else standard
        self.output = output
        self.seed = seed
        self.micro_batch = micro_batch
        self.autocast = autocast
        self.parameters: dict[str, Tensor] = dict(model.named_parameters())
        plain = (v for module in model.modules() for v in vars(module).values() if isinstance(v, Tensor))
        self.constants: list[Tensor] = [*model.buffers(), *plain]
        first = next((t for t in (*model.parameters(), *model.buffers())), torch.zeros(()))
        self.device = first.device
        self.memory_format = torch.contiguous_format
        self.generators = Generators(model)
        self.quiet: list[nn.Module] = []
        self.returned: Tensor | None = None
        """The loss that the model returned in its last forward pass, if it returned one."""
        self._settled_randomness = False
        self._random = ""
        self._samples = False
        """Whether the model draws what its own loss looks at; then each pass draws the same."""

    def tracer(self, leaves: Iterable[Tensor] = (), **options: Any) -> Tracer:
        """A tracer that knows the model's parameters and buffers."""
        return Tracer(self.parameters, leaves, constants=self.constants, sequence_first=self.batch.axis == 1, **options)

    def train(self) -> None:
        """Set the model to training mode, but for modules that would draw random numbers in it."""
        self.model.train()
        for module in self.quiet:
            module.training = False

    def settle(self) -> None:
        """Find out how many samples the batch holds where the shapes alone do not tell."""
        turned = any(
            isinstance(m, (nn.RNNBase, nn.MultiheadAttention)) and not m.batch_first for m in self.model.modules()
        )
        if not (self.batch.needs_settling or (turned and self.batch.guessed)):
            return
        tracer = Tracer(self.parameters, constants=self.constants)
        rows = None
        try:
            with torch.no_grad(), preserved(self.model):
                logits = self._call(self.batch, tracer)
                rows = int(logits.shape[0]) if logits.ndim > 0 else None
        except InvalidInputError:  # the passes say what is wrong
            if tracer.batches is None:
                return
        self.batch.settle(tracer.batches, rows)

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
        if self._random:
            raise ProxyFailure(self._random)
        if self._settled_randomness:
            if self._samples:
                self.reseed()
            return self._call(batch, tracer)
        before = self.generators.state()
        logits = self._call(batch, tracer)
        if self.generators.differ(before):
            self.generators.restore(before)
            self._silence()
            raise Again
        return logits

    def _call(self, batch: Batch, tracer: Tracer | None = None) -> Tensor:
        with ExitStack() as stack:
            if self.memory_format == torch.channels_last:
                stack.enter_context(Witness(careful=True))
            if self.autocast is not None:
                stack.enter_context(torch.autocast(self.device.type, dtype=self.autocast, cache_enabled=False))
            stack.enter_context(tracer if tracer is not None else Tracer({}))
            try:
                output = batch.map(_own).call(self.model)
            except (ProxyFailure, torch.OutOfMemoryError):
                raise
            except (Exception, SystemExit, GeneratorExit) as error:
                raise ModelError(
                    f"{type(self.model).__name__} failed on inputs of shape {batch.shapes()}: "
                    f"{type(error).__name__}: {first_line(error)}"
                ) from error
        if tracer is not None and tracer.raised is not None:
            raise tracer.raised
        self.returned = find_loss(output) if self.targets is None else None
        return self.output(output)

    def once(self) -> Tensor:
        """Logits of the whole batch from a single pass, whatever it draws: enough to see what a model returns.

        Raises:
            ModelError: if the model raises.
        """
        return self._call(self.batch)

    def check_inputs(self) -> None:
        """Raise ``ModelError`` if the model rejects the inputs as they were given."""
        with torch.no_grad():
            self.forward(next(self.pieces())[1])

    # -- randomness --------------------------------------------------------------------------------------------------

    def _silence(self) -> None:
        """Switch off what draws random numbers in the forward pass: modules that do so in training mode alone.

        Draws that remain are harmless if the logits are the same for other seeds; else every score would depend on
        them, and the passes fail. A part that has no loss without its draws, as a detector that samples regions, keeps them:
        each pass draws the same.
        """
        self._settled_randomness = True
        drawing, logits, coupled = self._diagnose(0)
        own_loss = self.returned is not None
        for module in drawing:
            module.training = False
        try:
            remaining, quiet, coupled_now = self._diagnose(0)
        except (InvalidInputError, ModelError):
            if not own_loss:
                raise
            self.returned = None
        if own_loss and self.returned is None:
            self._samples = True
            self.train()
            return
        if drawing and coupled_now == coupled:
            self.quiet, logits = drawing, quiet
        else:
            self.train()
            remaining = drawing
        others = (self._diagnose(seed)[1] for seed in range(1, SEEDS))
        if any(not torch.equal(logits.nan_to_num(), other.nan_to_num()) for other in others):
            names = sorted({type(module).__name__ for module in remaining}) or [type(self.model).__name__]
            self._random = (
                f"{', '.join(names)} draws random numbers in the forward pass, and the output depends on them"
            )

    def _diagnose(self, seed: int) -> tuple[list[nn.Module], Tensor, int]:
        """Modules that draw random numbers themselves, the logits, and how many normalisations use the batch."""
        found: dict[nn.Module, None] = {}
        stack: list[nn.Module] = [self.model]
        last = self.generators.state()

        def moved() -> None:
            nonlocal last
            if self.generators.differ(last):
                found[stack[-1]] = None
                last = self.generators.state()

        def enter(module: nn.Module, _args: Any) -> None:
            moved()
            stack.append(module)

        def leave(_module: nn.Module, _args: Any, _output: Any) -> None:
            moved()
            stack.pop()

        before = self.generators.state()
        tracer = self.tracer()
        try:
            with torch.no_grad(), preserved(self.model):
                self.generators.seed(seed)
                last = self.generators.state()
                for module in self.model.modules():
                    module.register_forward_pre_hook(enter)
                    module.register_forward_hook(leave)
                logits = self._call(self.batch, tracer)
                moved()
        finally:
            self.generators.restore(before)
        return list(found), logits, tracer.coupled

    # -- the batch and its pieces ------------------------------------------------------------------------------------

    @cached_property
    def has_loss(self) -> bool:
        """Whether there are targets, or the model returns a loss by itself, as one that is given its labels does."""
        if self.targets is not None:
            return True
        with torch.no_grad(), preserved(self.model):
            self.forward(self.batch)
        self.reseed()
        return self.returned is not None

    def check_labels(self) -> None:
        """Raise ``ProxyFailure`` if there is no loss."""
        if not self.has_loss:
            raise ProxyFailure("needs labels: pass targets=")

    def labels(self, rows: slice | None = None) -> Tensor:
        """The targets.

        Raises:
            ProxyFailure: if there are none.
        """
        if self.targets is None:
            raise ProxyFailure("needs labels: pass targets=")
        if rows is None:
            return self.targets
        second = self.batch.axis == 1 and self.targets.ndim > 1 and self.targets.shape[1] == self.batch.size
        return self.targets[:, rows] if second else self.targets[rows]

    def loss_of(self, logits: Tensor, rows: slice) -> Tensor:
        """The loss of some samples, of which ``logits`` are the last that the model returned.

        Raises:
            InvalidInputError: labels that fit no output of the model.
            ProxyFailure: labels that do not fit the logits of these samples alone, as where the model mixes samples.
        """
        if rows != slice(0, self.batch.size) and self.share(rows) == 0:  # none of these labels counts
            return (logits * 0).sum()
        if self.targets is None and self.returned is not None:
            return self.returned
        try:
            return self.loss(logits, self.labels(rows))
        except LabelsError as error:
            if len(range(*rows.indices(self.batch.size))) == self.batch.size:
                raise
            raise ProxyFailure(f"the model cannot be given some samples alone: {error}") from None

    def share(self, rows: slice) -> float:
        """Share of the samples of ``rows`` in the mean over the batch: labels that are ignored do not count."""
        labels = self.targets
        if labels is None or self.own_loss or labels.is_floating_point():
            return len(range(*rows.indices(self.batch.size))) / self.batch.size
        counted = int((labels != self.ignore_index).sum())
        return int((self.labels(rows) != self.ignore_index).sum()) / max(counted, 1)

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
        if self.batch.unclear:
            raise ProxyFailure(self.doubt)
        batch = self.batch
        if limit is not None and batch.divisible and batch.size > limit:
            batch = batch[slice(0, limit)]
        if self.micro_batch is not None and batch.size > self.micro_batch:
            raise ProxyFailure(f"needs {batch.size} samples at once and cannot be split into micro-batches")
        return batch

    @property
    def doubt(self) -> str:
        """Why the number of samples is not known; empty if it is."""
        why = self.batch.unclear
        return f"cannot tell how many samples the inputs hold: {why}. Pass batch_dim=" if why else ""

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
            tracer = self.tracer(leaves)
            self.forward(inputs, tracer)
        self.reseed()
        return tracer

    @property
    def layers(self) -> list[Layer]:
        """The layers, in the order of the model's parameters."""
        order = {name: position for position, name in enumerate(self.parameters)}
        return sorted(self.layout.layers, key=lambda layer: order.get(layer.name, len(order)))
